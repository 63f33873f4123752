"""Which kinds of features each base of a record lies in, and where in a codon it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hnet_seq.analysis.annotation import Intervals, RecordAnnotation, from_features
from hnet_seq.analysis.labels import REGION_NAMES, codon_labels, codon_positions, region_labels

Spans = Sequence[tuple[int, int]]


def intervals(spans: Spans) -> Intervals:
    """Spans in order."""
    bounds = np.array(sorted(spans), np.int64).reshape(-1, 2)
    return Intervals(bounds[:, 0], bounds[:, 1])


_NONE = intervals([])


@dataclass(frozen=True)
class RecordKinds:
    """The kinds, and where they are.

    Attributes:
        genes: of each record; None where no file has genes: there are no regions then.
        features: of each kind the spans (0-based, half-open) by record.
    """

    genes: Mapping[str, RecordAnnotation] | None
    features: Mapping[str, Mapping[str, Intervals]]

    @property
    def names(self) -> list[str]:
        """Of the kinds, in order."""
        return [*(REGION_NAMES if self.genes is not None else ()), *self.features]

    def between(
        self, record: str, start: int, end: int
    ) -> tuple[NDArray[np.bool_], NDArray[np.int8]]:
        """(F, n) whether a base lies in each kind; (n,) its codon position, see ``FRAMES``.

        Of a base that is coding on both strands, or in two frames, the position is -1.
        """
        size = end - start
        inside = np.zeros((len(self.names), size), bool)
        frame = np.full(size, -1, np.int8)
        first = 0
        if self.genes is not None:
            genes = self.genes.get(record) or from_features([])
            positions = codon_positions(genes.coding, start, end)
            region = region_labels(genes, positions, start)
            first = len(REGION_NAMES)
            for index in range(first):
                inside[index] = region == index
            plus, minus = codon_labels(positions)
            frame = np.where(plus >= 0, plus, np.where(minus >= 0, minus + 3, -1)).astype(np.int8)
        for kind, by_record in enumerate(self.features.values(), first):
            spans = by_record.get(record, _NONE)
            for index in spans.between(start, end):
                left, right = spans.start[index], spans.end[index]
                inside[kind, max(left - start, 0) : right - start] = True
        return inside, frame
