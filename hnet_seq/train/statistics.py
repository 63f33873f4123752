"""What the routers do: ratio, mean probability and chunk lengths per stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hnet_seq.model.hnet import StageBoundaries

_LONGEST = 64  # tokens: longer chunks share the last bin of the histogram
_STEPS = 2.0**26  # of one, in which losses and probabilities are counted


def sum_in_any_order(values: Tensor) -> float:
    """To the nearest 2^-26 of each value: sums of such sums are exact up to 2^27, 134 million.

    So it is the same which of them are computed at once, and by which process. What is lost lies
    below the last digit of an fp32 number from a quarter on.
    """
    return float((values.double() * _STEPS).round().sum()) / _STEPS


def chunk_lengths(boundaries: list[StageBoundaries]) -> list[Tensor]:
    """Per stage the length of every chunk in raw tokens, (T_{s+1},) int64."""
    lengths = []
    positions = torch.arange(boundaries[0].boundary_mask.numel())
    end = positions.new_tensor([positions.numel()])
    for stage in boundaries:
        # The first token of a sequence is always a boundary, so no chunk crosses a sequence.
        positions = positions[stage.boundary_mask.cpu()]
        lengths.append(torch.diff(positions, append=end))
    return lengths


def grouped_counts(
    lengths: Sequence[Sequence[int]], groups: np.ndarray | None, number: int
) -> Tensor:
    """Positions and boundaries of each stage and group of sequences, (stages, groups, 2) fp64.

    Args:
        lengths: of the S sequences at every resolution, see
            :func:`hnet_seq.train.chunk_budget.chunks_of_sequences`.
        groups: (S,) group of each; None: all are in the first.
        number: of groups; with one, all are in it.
    """
    own = np.zeros(len(lengths[0]), np.int64) if groups is None or number == 1 else groups
    sums = [np.bincount(own, weights=row, minlength=number) for row in lengths]
    if len(sums) == 1:
        return torch.zeros(0, number, 2, dtype=torch.float64)
    return torch.from_numpy(np.stack([np.stack(pair, -1) for pair in pairwise(sums)]))


def sequence_lengths(boundaries: list[StageBoundaries]) -> list[list[int]]:
    """Positions of each packed sequence at every resolution, of a batch that was computed."""
    rows = [stage.cu_seqlens.diff().tolist() for stage in boundaries]
    for stage in boundaries[-1:]:
        counted = stage.boundary_mask.cumsum(0)[stage.cu_seqlens[1:].long() - 1]
        rows.append(counted.diff(prepend=counted.new_zeros(1)).tolist())
    return rows


@dataclass
class BoundaryStatistics:
    """Sums over batches, in training and in validation; nothing is kept per token.

    Attributes:
        tokens: raw tokens.
        positions, chunks, probability: per stage its positions, its boundaries, and the sum of
            their probabilities.
        histogram: per stage the number of chunks of each length in raw tokens.
    """

    tokens: int
    positions: list[int]
    chunks: list[int]
    probability: list[float]
    histogram: list[list[int]]

    @classmethod
    def of_stages(cls, stages: int) -> BoundaryStatistics:
        """Nothing seen yet."""
        empty = [[0] * (_LONGEST + 1) for _ in range(stages)]
        return cls(0, [0] * stages, [0] * stages, [0.0] * stages, empty)

    def values(self) -> list[float]:
        """All sums in a row; :meth:`from_values` reads them."""
        rows: list[Sequence[float]] = [self.positions, self.chunks, self.probability]
        rows += self.histogram
        return [self.tokens, *(value for row in rows for value in row)]

    @classmethod
    def from_values(cls, values: list[float]) -> BoundaryStatistics:
        """What :meth:`values` gave, or the sum of several."""
        stages = (len(values) - 1) // (3 + _LONGEST + 1)
        sums = cls.of_stages(stages)
        sums.tokens = int(values[0])
        sums.positions, sums.chunks = (
            [int(value) for value in values[1 + i * stages : 1 + (i + 1) * stages]] for i in (0, 1)
        )
        sums.probability = values[1 + 2 * stages : 1 + 3 * stages]
        bins = [int(value) for value in values[1 + 3 * stages :]]
        size = _LONGEST + 1
        sums.histogram = [bins[s * size : (s + 1) * size] for s in range(stages)]
        return sums

    @torch.no_grad()
    def update(self, boundaries: list[StageBoundaries]) -> None:
        """Add one batch."""
        if not boundaries:
            return
        self.tokens += boundaries[0].boundary_mask.numel()
        for s, (stage, lengths) in enumerate(
            zip(boundaries, chunk_lengths(boundaries), strict=True)
        ):
            self.positions[s] += stage.boundary_mask.numel()
            self.chunks[s] += lengths.numel()
            self.probability[s] += sum_in_any_order(stage.boundary_prob)
            counts = torch.bincount(lengths.clamp(max=_LONGEST), minlength=_LONGEST + 1)
            self.histogram[s] = [
                before + new for before, new in zip(self.histogram[s], counts.tolist(), strict=True)
            ]

    def summary(self) -> list[dict[str, Any]]:
        """Per stage: its positions and raw tokens per chunk, mean probability, chunk lengths."""
        return [
            {
                "tokens_per_chunk": positions / max(1, chunks),
                "bases_per_chunk": self.tokens / max(1, chunks),
                "mean_boundary_prob": probability / max(1, positions),
                "chunk_length_histogram": {
                    str(length): count for length, count in enumerate(histogram) if count
                },
            }
            for positions, chunks, probability, histogram in zip(
                self.positions, self.chunks, self.probability, self.histogram, strict=True
            )
        ]


def ratio_warnings(
    stages: list[dict[str, Any]], targets: list[float], source: str = ""
) -> list[str]:
    """A line for each stage whose chunks are over twice or under half the target in force.

    Args:
        source: whose chunks they are; of all sources if empty.
    """
    of, apart = (f" of {source}", ", with statistics=source") if source else ("", "")
    return [
        f"stage {s}{of}: {record['tokens_per_chunk']:.2f} tokens per chunk against a target of "
        f"{target:g}; set train.ratio_loss.hold=true{apart}, or raise train.ratio_loss.weights[{s}]"
        for s, (record, target) in enumerate(zip(stages, targets, strict=True))
        if not 0.5 <= record["tokens_per_chunk"] / target <= 2
    ]
