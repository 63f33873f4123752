"""The JSON beside a file of scores: what was scored, with which model, and what came out."""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hnet_seq.evidence.measures.spearman import spearman
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.results.scores import Agreement, BaselineScores, KindScores, VariantScores
from hnet_seq.tasks.run_identity import about_twin, weights_sha256
from hnet_seq.tasks.scoring.variant_score import VariantScore
from hnet_seq.tasks.scoring.variant_windows import KINDS

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BASELINES = ("edits", "length_change", "gc_change", "transition", "markov_llr")
_POINTS = 400  # pairs of strands that are drawn


def described(args: argparse.Namespace, model: HNetLanguageModel, strands: str) -> dict[str, Any]:
    """Model, input and options, as every kind of scores keeps them."""
    return {
        "checkpoint": f"{args.checkpoint}",
        "weights": weights_sha256(args.checkpoint),
        **about_twin(model),
        "input": None if args.input is None else Path(args.input).name,
        "genome": None if args.genome is None else Path(args.genome).name,
        "strands": strands,
    }


class VariantSummary:
    """Takes scores as they are written, and keeps their numbers."""

    def __init__(self) -> None:
        self._kinds: list[str] = []
        self._skipped: Counter[str] = Counter()
        self._values: dict[str, list[float]] = {
            name: [] for name in ("llr", "llr_forward", "llr_reverse", *BASELINES)
        }

    def add(self, scores: Sequence[VariantScore]) -> None:
        """The next ones."""
        self._skipped.update(score.skipped for score in scores if score.skipped)
        scored = [score for score in scores if not score.skipped]
        self._kinds += [score.kind for score in scored]
        for name, values in self._values.items():
            values += [getattr(score, name) for score in scored]

    @property
    def scored(self) -> int:
        """Alleles that have a score."""
        return len(self._kinds)

    def record(self, about: dict[str, Any]) -> VariantScores:
        """Counts, distribution by kind, agreement of strands, correlation with the baselines."""
        values = {name: np.array(column) for name, column in self._values.items()}
        kinds = np.array(self._kinds)
        return VariantScores(
            **about,
            alleles=self.scored + sum(self._skipped.values()),
            scored=self.scored,
            skipped=dict(sorted(self._skipped.items())),
            by_kind=[
                _distribution(kind, values["llr"][kinds == kind])
                for kind in KINDS
                if (kinds == kind).any()
            ],
            strand_agreement=_agreement(values["llr_forward"], values["llr_reverse"]),
            baselines=[
                BaselineScores(name, *_correlation(values[name], values["llr"]))
                for name in BASELINES
            ],
        )


def _distribution(kind: str, values: np.ndarray) -> KindScores:
    sd = float(values.std(ddof=1)) if len(values) > 1 else None
    quantiles = np.quantile(values, QUANTILES).tolist()
    return KindScores(kind, len(values), float(values.mean()), sd, quantiles)


def _agreement(forward: np.ndarray, reverse: np.ndarray) -> Agreement | None:
    if not len(forward) or np.isnan(reverse).all():
        return None
    chosen = np.linspace(0, len(forward) - 1, min(_POINTS, len(forward))).round().astype(int)
    points = np.stack([forward[chosen], reverse[chosen]], 1).round(4).tolist()
    return Agreement(*_correlation(forward, reverse), points)


def _correlation(one: np.ndarray, two: np.ndarray) -> tuple[float | None, int]:
    known = ~np.isnan(one) & ~np.isnan(two)
    found = spearman(one[known], two[known], interval=False)
    return found["rho"], found["n"]


def table(rows: Sequence[Sequence[str]]) -> str:
    """Lines of text in columns; the first is set flush left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def shown(value: float | None, digits: int = 3) -> str:
    """A number, or a dash for none."""
    return "-" if value is None or math.isnan(value) else f"{value:+.{digits}f}"
