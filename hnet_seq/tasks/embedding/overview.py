"""What a set of vectors looks like: norms, variance by principal component, a map of the first two.

Beside the components stands what they may be nothing but: the correlation of each with the share of
G and C, and with the length. From at most ``SAMPLE`` sequences, evenly spaced over the input.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modalities.base import Modality, Tokens

SAMPLE = 2000
_COMPONENTS = 10
_NORMS = (0, 5, 25, 50, 75, 95, 100)  # percentiles
_DIGITS = 6


@dataclass
class Sampled:
    """The sequences of a sample, as they come by in the order of the input.

    Attributes:
        places: indices of the sampled sequences, ascending.
        gc: of each, the share of G and C among its A, C, G, T; NaN where it has none.
    """

    places: list[int]
    names: list[str] = field(default_factory=list)
    labels: list[str | None] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    gc: list[float] = field(default_factory=list)

    def see(self, index: int, name: str, label: str | None, tokens: Tokens, kind: Modality) -> None:
        """Look at sequence ``index``; each is shown once, in order."""
        if len(self.names) == len(self.places) or self.places[len(self.names)] != index:
            return
        self.names.append(name)
        self.labels.append(label)
        self.lengths.append(len(tokens))
        counts = np.bincount(tokens, minlength=256)
        letters = dict(zip(kind.vocabulary, counts.tolist(), strict=False))
        known = [letters.get(letter, 0) for letter in _letters(kind)]
        self.gc.append((known[1] + known[2]) / sum(known) if any(known) else np.nan)


def sample_of(count: int) -> Sampled:
    """An empty sample of ``count`` sequences."""
    size = min(count, SAMPLE)
    return Sampled([index * count // size for index in range(size)])


def overview(sampled: Sampled, vectors: NDArray[np.float32]) -> dict[str, Any]:
    """Norms and principal components of the sampled vectors (M, D), as JSON values.

    Principal components by the eigenvectors of the covariance (D, D), in fp64; the sign of each is
    such that its largest loading is positive.

    Returns:
        ``sampled`` M; ``norm_percentiles``; ``variance_explained``, shares of the first components;
        ``correlations``, one record a component with Pearson's r to ``gc`` and ``length``, null
        where one does not vary; ``points``: ``x``, ``y``, ``names`` and ``labels`` (or null).
    """
    values = vectors.astype(np.float64)
    norms = np.linalg.norm(values, axis=1)
    centred = values - values.mean(0)
    variances, axes = np.linalg.eigh(centred.T @ centred)
    variances, axes = variances[::-1].clip(0), axes[:, ::-1]
    total = float(variances.sum())
    count = min(_COMPONENTS, values.shape[1])
    largest = np.abs(axes).argmax(0)
    axes = axes * np.sign(axes[largest, np.arange(axes.shape[1])])
    scores = centred @ axes[:, :count]
    shares = variances[:count] / total if total else np.zeros(count)
    has_labels = any(label is not None for label in sampled.labels)
    second = scores[:, 1] if count > 1 else np.zeros(len(values))
    return {
        "sampled": len(values),
        "norm_percentiles": [
            {"percentile": percentile, "norm": _rounded(np.percentile(norms, percentile))}
            for percentile in _NORMS
        ],
        "variance_explained": [_rounded(share) for share in shares],
        "correlations": [
            {
                "gc": _correlation(scores[:, component], np.array(sampled.gc)),
                "length": _correlation(scores[:, component], np.array(sampled.lengths, float)),
            }
            for component in range(min(2, count))
        ],
        "points": {
            "x": [_rounded(value) for value in scores[:, 0]],
            "y": [_rounded(value) for value in second],
            "names": sampled.names,
            "labels": sampled.labels if has_labels else None,
        },
    }


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    known = np.isfinite(other)
    one, other = one[known], other[known]
    if len(one) < 3 or np.ptp(one) < 1e-9 or np.ptp(other) == 0:
        return None
    return _rounded(np.corrcoef(one, other)[0, 1])


def _rounded(value: Any) -> float:
    return float(f"{float(value):.{_DIGITS}g}")


def _letters(kind: Modality) -> tuple[str, ...]:
    """What A, C, G and T are called in the vocabulary; nothing for text."""
    if kind.complement_table is None:
        return ()
    if "A" in kind.vocabulary:
        return ("A", "C", "G", "T")
    return tuple(f"0x{byte:02x}" for byte in b"ACGT")
