"""What the JSON beside scores says of haplotypes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import chain

import numpy as np

from hnet_seq.evidence.measures.spearman import spearman
from hnet_seq.results.scores import OnHaplotypesScores
from hnet_seq.tasks.scoring.on_haplotypes import HaplotypeScore, OnHaplotypes
from hnet_seq.tasks.scoring.summary import QUANTILES, shown
from hnet_seq.tasks.scoring.variant_windows import REASONS


class HaplotypeSummary:
    """Takes scores as they are written, and keeps their counts."""

    def __init__(self, on: OnHaplotypes) -> None:
        self._on = on
        self._counts: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()
        self._pairs: list[tuple[float, float]] = []

    def add(self, scores: Iterable[Iterable[HaplotypeScore]]) -> None:
        """Those of the next alleles."""
        for score in chain.from_iterable(scores):
            self._counts["rows"] += 1
            if score.skipped:
                self._skipped[score.skipped] += 1
                continue
            self._counts["scored"] += 1
            self._counts["carried"] += bool(score.carried)
            self._counts["with_neighbours"] += score.neighbours > 0
            self._counts["unphased"] += score.unphased > 0
            self._counts["missing"] += score.missing > 0
            if score.neighbours:
                self._pairs.append((score.llr, score.genome_llr))

    def record(self) -> OnHaplotypesScores:
        """All of it."""
        names = self._on.haplotypes.names
        here, genome = np.array(self._pairs).reshape(-1, 2).T
        counts = ("rows", "scored", "carried", "with_neighbours", "unphased", "missing")
        return OnHaplotypesScores(
            file=self._on.path.name,
            samples=len({sample for sample, _ in names}),
            haplotypes=len(names),
            skipped=dict(sorted(self._skipped.items())),
            told={kind: count for kind, count in self._on.haplotypes.told.items() if count},
            change=np.quantile(here - genome, QUANTILES).tolist() if len(here) else None,
            rho=spearman(here, genome, interval=False)["rho"],
            **{name: self._counts[name] for name in counts},
        )


def told(found: OnHaplotypesScores) -> list[str]:
    """Lines for people."""
    lines = [
        f"{found.rows:,} rows of {found.haplotypes:,} haplotypes of {found.samples:,} samples: "
        f"{found.carried:,} have the allele; {found.with_neighbours:,} have others beside it, "
        f"{found.unphased:,} some without a known phase; {found.missing:,} unknown genotypes"
    ]
    if found.change is not None:
        low, _, middle, _, high = map(shown, found.change)
        lines.append(
            f"LLR beside other alleles less that on the genome: 5% {low}, median {middle}, "
            f"95% {high}; Spearman of the two {shown(found.rho)}"
        )
    return lines + [f"{n:,} rows skipped: {REASONS[why]}" for why, n in found.skipped.items()]
