"""The ratio loss of a step, made up of what its micro-batches and their pieces give.

Given F, the share of boundaries, the loss is linear in the probabilities. So only counts are needed
of all that it is taken over; parts of the loss are then computed apart and add up to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hnet_seq.model.hnet import StageBoundaries
from hnet_seq.model.ratio_loss import document_ratio_losses, group_ratio_losses, ratio_loss
from hnet_seq.ops.packing import Packing
from hnet_seq.train.extent import Extent
from hnet_seq.train.ranks import summed_over_ranks
from hnet_seq.train.tensors import on_device
from pipelines.batches.token_batches import PackedBatch


@dataclass(frozen=True)
class WholeBatch:
    """What the pieces of a micro-batch need to know of the whole.

    Attributes:
        totals: (stages, groups, 2) positions and boundaries that F of the ratio loss is taken over.
        sequences: of the micro-batch.
        share: of its ratio loss in the step's.
    """

    totals: Tensor
    sequences: int
    share: float


class RatioTerms:
    """Parts of the ratio loss.

    Args:
        statistics: what the shares are taken over, see
            :class:`hnet_seq.ratio_config.RatioLossConfig`.
        groups: of sequences whose loss is taken apart, with ``source``.

    Attributes:
        over_steps: whether the shares are over all that a step reads.
    """

    def __init__(self, statistics: str, groups: int = 1) -> None:
        self.statistics = statistics
        self.over_steps = statistics in ("step", "source")
        self.groups = groups if statistics == "source" else 1

    def nothing(self, stages: int) -> Tensor:
        """Counts of no sequences, (stages, groups, 2)."""
        return torch.zeros(stages, self.groups, 2, dtype=torch.float64)

    def totals(self, counts: Tensor, known: Tensor | None) -> Tensor:
        """What F of a micro-batch is taken over; all processes take part.

        Args:
            counts: of the micro-batch.
            known: of the whole step, where it was counted before.
        """
        if known is not None or not len(counts) or self.statistics in ("batch", "document"):
            return counts if known is None else known
        return summed_over_ranks(counts)

    def whole(
        self, batch: PackedBatch, counts: Tensor, step: Extent, known: Tensor | None
    ) -> WholeBatch:
        """What the pieces of a micro-batch need to know; as for :meth:`totals`."""
        own = Extent.of([batch])
        if self.statistics == "document":
            return WholeBatch(counts, own.sequences, own.sequences / step.sequences)
        totals = self.totals(counts, known)
        if self.over_steps:
            return WholeBatch(totals, own.sequences, 1.0)
        tokens: float = own.tokens
        if self.statistics == "ranks" and len(counts):
            tokens = totals[0, 0, 0].item()
        return WholeBatch(totals, own.sequences, tokens / step.tokens)

    def terms(
        self,
        stage: StageBoundaries,
        piece: PackedBatch,
        target: float,
        whole: WholeBatch,
        number: int,
    ) -> Sequence[Tensor]:
        """A piece's part of the ratio loss of each group."""
        prob, mask = stage.boundary_prob, stage.boundary_mask
        if self.statistics == "document":
            losses = document_ratio_losses(prob, mask, target, stage.cu_seqlens)
            return [losses.sum() / whole.sequences]
        if self.over_steps:
            return self._of_groups(stage, piece, target, whole.totals, number)
        ((positions, boundaries),) = whole.totals[number].tolist()
        part = mask.numel() / positions
        return [part * ratio_loss(prob, mask, target, selected=boundaries / positions)]

    def _of_groups(
        self,
        stage: StageBoundaries,
        piece: PackedBatch,
        target: float,
        totals: Tensor,
        number: int,
    ) -> Sequence[Tensor]:
        """A token pulls as hard as if its group were all that is trained on."""
        prob = stage.boundary_prob
        positions, boundaries = totals[number].T.float().to(prob.device)
        selected = boundaries / positions.clamp(min=1)
        groups = torch.zeros_like(prob, dtype=torch.long)
        if self.groups > 1 and piece.sources is not None:
            sequence = Packing(stage.cu_seqlens, prob.numel()).sequence_index
            groups = on_device(piece.sources, prob.device)[sequence]
        losses = group_ratio_losses(prob, groups, target, selected, positions)
        tokens = totals[0, :, 0]
        return (losses * (tokens / tokens.sum()).float().to(prob.device)).unbind()
