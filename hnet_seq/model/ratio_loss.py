"""The ratio loss: holds the share of boundaries near 1 / N."""

from __future__ import annotations

import torch
from torch import Tensor

from hnet_seq.ops.packing import Packing


def ratio_loss(
    boundary_prob: Tensor,
    boundary_mask: Tensor,
    target: float,
    *,
    selected: float | None = None,
) -> Tensor:
    """N / (N - 1) * ((N - 1) F G + (1 - F)(1 - G)); Hwang, Wang, Gu 2025, equation 10.

    F is the share of boundaries (no gradient), G the mean probability. It is 1 where both are
    1 / N, its least value along F = G.

    Given F, the loss is linear in G. So if F is known over more positions than these (a batch
    computed in pieces, other processes), the mean of the pieces' losses, weighted by their
    positions, is the loss of all, and so are the gradients.

    Args:
        boundary_prob: (T,).
        boundary_mask: (T,) bool.
        target: N, tokens per chunk, above 1.
        selected: F, where it is not that of ``boundary_mask``.

    Raises:
        ValueError: ``target`` is not above 1.
    """
    share = boundary_mask.float().mean() if selected is None else selected
    return _penalty(share, boundary_prob.float().mean(), target)


def document_ratio_losses(
    boundary_prob: Tensor, boundary_mask: Tensor, target: float, cu_seqlens: Tensor
) -> Tensor:
    """The ratio loss of each packed sequence by itself, (S,).

    Their mean asks every document for the target, where the loss of the batch lets one document
    have more chunks for another.

    Args:
        boundary_prob, boundary_mask, target: as for :func:`ratio_loss`.
        cu_seqlens: (S + 1,).
    """
    packing = Packing(cu_seqlens, boundary_prob.numel())
    sums = boundary_prob.new_zeros(2, packing.num_sequences, dtype=torch.float32)
    both = torch.stack([boundary_mask.float(), boundary_prob.float()])
    shares = sums.index_add(1, packing.sequence_index, both) / cu_seqlens.diff()
    return _penalty(shares[0], shares[1], target)


def group_ratio_losses(
    boundary_prob: Tensor, groups: Tensor, target: float, selected: Tensor, positions: Tensor
) -> Tensor:
    """Of each group of positions, this batch's part of the ratio loss over all of the group, (G,).

    The parts of all batches that a group lies in add up to its ratio loss.

    Args:
        boundary_prob: (T,).
        groups: (T,) int64 the group of each position.
        target: N, tokens per chunk, above 1.
        selected: (G,) F of each group.
        positions: (G,) of each group, over all batches; 0 where it has none.
    """
    prob = boundary_prob.float()
    own = torch.stack([prob, torch.ones_like(prob)])
    sums, here = own.new_zeros(2, len(selected)).index_add(1, groups, own)
    part = here / positions.clamp(min=1)
    return part * _penalty(selected, sums / here.clamp(min=1), target)


def _penalty(selected: Tensor | float, expected: Tensor, target: float) -> Tensor:
    if target <= 1:
        raise ValueError(f"the target must be above 1 token per chunk; got {target}")
    return (
        target
        / (target - 1)
        * ((target - 1) * selected * expected + (1 - selected) * (1 - expected))
    )
