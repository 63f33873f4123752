"""Between two resolutions: keep the boundary vectors, and spread their successors back.

Hwang, Wang, Gu 2025, sections 2.1 and 2.2.2. The smoothing itself is ``hnet_seq.ops.smoothing``.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from hnet_seq.ops import smooth, smooth_continue, spread
from hnet_seq.ops.packing import Packing
from hnet_seq.ops.reversal import reverse

_MIN_PROBABILITY = 1e-4


class Chunks:
    """The chunks that one boundary mask makes.

    Attributes:
        starts: (K,) packed index of each chunk's first token.
        packing: where the sequences begin among the chunks. Of sequences that go on, only those
            with a boundary are there.
    """

    def __init__(
        self,
        boundary_mask: Tensor,
        packing: Packing,
        seen: Tensor | None = None,
        bidirectional: bool = False,
        mirrored: bool = True,
    ) -> None:
        """Cut.

        Args:
            seen: (slots,) chunks so far of sequences that go on.
            bidirectional: chunks are mixed with those after them, too.
            mirrored: both ends of a chunk are treated alike then.
        """
        self.bidirectional = bidirectional
        self.mirrored = bidirectional and mirrored
        self.starts = boundary_mask.nonzero().squeeze(1)  # the stage's one host synchronisation
        self._count = boundary_mask.cumsum(0)
        self._outer = packing
        cu_seqlens = F.pad(self._count[packing.ends], (1, 0))
        self._before = cu_seqlens[:-1]  # (S,) chunks of this batch before each sequence
        if seen is None:
            self.packing = Packing(
                cu_seqlens.to(torch.int32),
                self.starts.numel(),
                both_strands=packing.both_strands,
            )
            return
        assert packing.slots is not None
        counts = cu_seqlens.diff()
        present = counts.nonzero().squeeze(1)
        slots = packing.slots[present]
        self.packing = Packing(
            F.pad(counts[present].cumsum(0), (1, 0)).to(torch.int32),
            self.starts.numel(),
            slots=slots,
            offset=seen[slots],
            every_slot=packing.every_slot and present.numel() == packing.num_sequences,
        )

    def downsample(self, h: Tensor) -> Tensor:
        """(T, D) to (K, D): the vectors at the boundaries.

        Of a mirrored model the mean of a chunk's first and last vector, which both lie at a
        boundary and have seen the whole sequence.
        """
        first = h.index_select(0, self.starts)
        if not self.mirrored:
            return first
        ends = F.pad(self.starts[1:], (0, 1), value=self._outer.total) - 1
        return (first + h.index_select(0, ends)) / 2

    def smooth(self, z: Tensor, boundary_prob: Tensor) -> Tensor:
        """(K, D) to (K, D) fp32: each chunk mixed with those before it by its probability.

        Of a bidirectional model the mean of this and of each chunk mixed with those after it: in a
        mirrored one by the probability of the boundary at its end, else by the one at its start,
        and the last of a sequence with nothing.
        """
        p = self._probability(boundary_prob)
        forwards = smooth(z, p, self.packing)
        if not self.bidirectional:
            return forwards
        own = _of_next(p) if self.mirrored else p
        backwards = smooth(reverse(z, self.packing), reverse(own, self.packing), self.packing)
        return (forwards + reverse(backwards, self.packing)) / 2

    def upsample(self, z: Tensor, scale: Tensor) -> Tensor:
        """(K, D) to (T, D): each token takes the vector of its chunk, times its ``scale`` (T,)."""
        return spread(z, self.starts, scale)

    def smooth_and_upsample(self, z: Tensor, boundary_prob: Tensor, state: Tensor) -> Tensor:
        """Both, for sequences that go on: before its first boundary, a token's chunk is open still.

        Args:
            z: (K, D).
            state: (slots, D) fp32 the average that fills the open chunk; replaced in place.

        Returns:
            (T, D) fp32.
        """
        outer = self._outer
        still_open = outer.gather(state).clone()  # the smoothing replaces it
        if self.starts.numel():
            averages = smooth_continue(z, self._probability(boundary_prob), self.packing, state)
            still_open = torch.cat([still_open, averages])
        sequence = outer.sequence_index
        begun = self._count > self._before[sequence]
        row = torch.where(begun, outer.num_sequences + self._count - 1, sequence)
        return F.embedding(row, still_open)

    def _probability(self, boundary_prob: Tensor) -> Tensor:
        p = boundary_prob.index_select(0, self.starts)
        return p.clamp(_MIN_PROBABILITY, 1 - _MIN_PROBABILITY)


def _of_next(at_start: Tensor) -> Tensor:
    """What holds at the end of each position (or chunk), from what holds at its start.

    A sequence ends where the next begins, and there the probability is 1, as it shall be at an end;
    so it is at the first of all, which stands for the end of the last.
    """
    return at_start.roll(-1)


def confidence(boundary_prob: Tensor, boundary_mask: Tensor, mirrored: bool = False) -> Tensor:
    """(T,) probability of the decision that was taken, as a factor of value 1.

    Straight through: the value is 1, the gradient that of the probability (equation 7).

    Args:
        mirrored: the mean over the decisions before and after each position.
    """
    c = torch.where(boundary_mask, boundary_prob, 1 - boundary_prob)
    if mirrored:
        c = (c + _of_next(c)) / 2
    return c + (1 - c).detach()


def chunk_depth(boundary_masks: Sequence[Tensor], tokens: int) -> Tensor:
    """(T,) int64: how many stages begin a chunk at each token, from the outside in.

    Args:
        boundary_masks: of each stage; position t of stage s + 1 is the t-th True of stage s.
        tokens: T.
    """
    device = boundary_masks[0].device if boundary_masks else None
    depth = torch.zeros(tokens, dtype=torch.int64, device=device)
    places = torch.arange(tokens, device=device)
    for mask in boundary_masks:
        places = places[mask]
        depth[places] += 1
    return depth
