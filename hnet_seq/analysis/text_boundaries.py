"""Where boundaries fall in text and code: at spaces, word starts, line starts, inside characters.

Only counts per kilobyte are kept, so any amount of text fits. The structure of the summary is
documented in ``docs/boundaries.md``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hnet_seq.analysis.characters import CLASSES, KINDS, PLACES, classify
from hnet_seq.resampling import enough, jackknife, quotient
from hnet_seq.results.boundaries import ByteClass, LabelBoundaries

BLOCK = 1000  # bytes: what is resampled where there are few documents
MIN_DOCUMENTS = 30  # with fewer, blocks are resampled
MIN_UNITS = 10  # fewer say too little about how much they differ
_SPAN = 1000 * BLOCK  # bytes classified at a time
_BEFORE, _AFTER = 8, 4  # bytes: the character before, and the rest of the last one
_MULTI_BYTE = PLACES[-2:]

Counts = NDArray[np.int64]


class TextBoundaries:
    """Sums over documents of where one stage's boundaries fall, by label."""

    def __init__(self) -> None:
        self._of_label: dict[str, list[Counts]] = {}

    def add(self, label: str, tokens: NDArray[np.uint8], mask: NDArray[np.bool_]) -> None:
        """Count one document.

        Args:
            tokens: (n,) UTF-8, with or without markers.
            mask: (n,) True where a chunk begins. The first is not counted: every document begins
                with a chunk, whatever the router thinks.
        """
        parts = [np.zeros((0, 2, len(CLASSES) + 1), np.int64)]
        for start in range(0, len(tokens), _SPAN):
            stop = min(start + _SPAN, len(tokens))
            first = max(0, start - _BEFORE)
            found, counted = classify(tokens[first : stop + _AFTER])
            of_span = np.column_stack([found, counted])[start - first : stop - first]
            if start == 0:
                of_span[:1] = False
            blocks = np.arange(0, stop - start, BLOCK)
            at_boundaries = of_span & mask[start:stop, None]
            parts.append(
                np.stack(
                    [
                        np.add.reduceat(table, blocks, axis=0, dtype=np.int64)
                        for table in (of_span, at_boundaries)
                    ],
                    axis=1,
                )
            )
        self._of_label.setdefault(label, []).append(np.concatenate(parts))

    def summary(self) -> dict[str, Any]:
        """``all`` documents, and ``labels`` in their order where there are several."""
        everything = [counts for of_label in self._of_label.values() for counts in of_label]
        labels = sorted(self._of_label)
        return {
            "all": _describe(None, everything),
            "labels": [_describe(label, self._of_label[label]) for label in labels],
        }


def _describe(label: str | None, documents: list[Counts]) -> LabelBoundaries:
    """Every row of one label.

    Args:
        documents: of each (blocks, 2, classes + 1): bytes and boundaries, all of them last.
    """
    by_blocks = len(documents) < MIN_DOCUMENTS
    empty = np.zeros((0, 2, len(CLASSES) + 1), np.int64)
    units = (
        np.concatenate([empty, *documents])
        if by_blocks
        else np.stack([counts.sum(axis=0) for counts in documents])
    )
    units = units[units[:, 0, -1] > 0]
    totals = units.sum(axis=0)
    used = np.count_nonzero(units[:, 0], axis=0)
    rows = [
        _row(name, column, totals, units, int(used[column])) for column, name in enumerate(CLASSES)
    ]
    size, boundaries = totals[:, -1].tolist()
    return LabelBoundaries(
        label=label,
        documents=len(documents),
        bytes=size,
        boundaries=boundaries,
        bytes_per_boundary=size / boundaries if boundaries else None,
        resampled=f"blocks of {BLOCK} bytes" if by_blocks else "documents",
        units=len(units),
        kinds=rows[: len(KINDS)],
        places=[row for row in rows[len(KINDS) :] if row.class_ not in _MULTI_BYTE],
        multi_byte=[row for row in rows if row.class_ in _MULTI_BYTE],
    )


def _row(name: str, column: int, totals: Counts, units: Counts, used: int) -> ByteClass:
    among: Iterable[int] = (len(CLASSES),)
    if name in _MULTI_BYTE:
        among = [CLASSES.index(other) for other in _MULTI_BYTE]
    size, boundaries = totals[:, column].tolist()
    expected, share, ratio = _shares(totals[None], column, among).tolist()[0]
    low = high = ratio_low = ratio_high = None
    others = int(totals[1, list(among)].sum()) - boundaries
    if used >= MIN_UNITS and enough(boundaries):
        ratio_low, ratio_high = _interval(units, column, among, 2, used)
        if enough(others):
            low, high = _interval(units, column, among, 1, used)
    share, expected, ratio = map(_or_none, (share, expected, ratio))
    ends = (ratio, ratio_low, ratio_high)
    return ByteClass(name, size, boundaries, share, low, high, expected, *ends)


def _shares(
    counts: NDArray[np.int64] | NDArray[np.float64], column: int, among: Iterable[int]
) -> NDArray[np.float64]:
    """(R, 3) share of the bytes, share of the boundaries, and their ratio; NaN without any."""
    shares = quotient(counts[:, :, column], counts[:, :, list(among)].sum(axis=2))
    return np.column_stack([shares, quotient(shares[:, 1], shares[:, 0])])


def _interval(
    units: Counts, column: int, among: Iterable[int], which: Literal[1, 2], used: int
) -> tuple[float | None, float | None]:
    """Of the share of the boundaries (1), or of the ratio (2)."""
    low, high = jackknife(
        units,
        lambda sums: _shares(sums, column, among)[:, [which]],
        scale="share" if which == 1 else "ratio",
        units=used,
    )
    return _or_none(float(low[0])), _or_none(float(high[0]))


def _or_none(value: float) -> float | None:
    return None if value != value else value
