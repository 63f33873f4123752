"""The door for batches: what comes in is packed, and padded ones are unpacked on the way out."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hnet_seq.ops.packing import Packing


def packed_ids(
    input_ids: Tensor, cu_seqlens: Tensor | None, mask: Tensor | None
) -> tuple[Tensor, Packing, Tensor | None]:
    """Packed or padded ids as a caller hands them in.

    Args:
        input_ids: (T,) packed with ``cu_seqlens``, or (B, L).
        cu_seqlens: (S + 1,) where the packed sequences begin and end; one sequence if absent.
        mask: (B, L) bool, True at tokens; each row's tokens must come before its padding.

    Returns:
        ids (T,), their packing, and the flat index (T,) of a padded batch's tokens or None.

    Raises:
        ValueError: the shapes do not fit, or a sequence is empty.
    """
    if input_ids.dim() == 2:
        if cu_seqlens is not None:
            raise ValueError("cu_seqlens goes with packed (T,) ids, not with (B, L)")
        packing, tokens = padded_packing(input_ids, mask)
        return input_ids.flatten().index_select(0, tokens), packing, tokens
    if input_ids.dim() != 1:
        raise ValueError(f"input_ids must be (T,) or (B, L); got {tuple(input_ids.shape)}")
    if mask is not None:
        raise ValueError("mask goes with (B, L) ids; packed ids take cu_seqlens")
    if cu_seqlens is None:
        cu_seqlens = torch.tensor([0, input_ids.numel()], device=input_ids.device)
    return input_ids, Packing.from_user(cu_seqlens, input_ids.numel()), None


def padded_packing(input_ids: Tensor, mask: Tensor | None) -> tuple[Packing, Tensor]:
    """The packing of a padded batch, and the flat index (T,) of its tokens.

    Args:
        input_ids: (B, L).
        mask: (B, L), True at tokens, padding on the right; None if there is no padding.

    Raises:
        ValueError: a row is empty, or has padding before a token.
    """
    if mask is None:
        mask = torch.ones_like(input_ids, dtype=torch.bool)
    if mask.shape != input_ids.shape:
        raise ValueError(f"mask {tuple(mask.shape)} does not fit ids {tuple(input_ids.shape)}")
    mask = mask.bool()
    if mask.shape[1] == 0 or not bool(mask[:, 0].all()):
        raise ValueError("every row of a padded batch needs a token at its first position")
    if bool((mask[:, 1:] & ~mask[:, :-1]).any()):
        raise ValueError("padding must follow a row's tokens, not stand before or between them")
    cu_seqlens = F.pad(mask.sum(1).cumsum(0), (1, 0)).to(torch.int32)
    tokens = mask.flatten().nonzero().squeeze(1)
    return Packing(cu_seqlens, tokens.numel()), tokens


def pad(x: Tensor, tokens: Tensor, shape: torch.Size) -> Tensor:
    """(T, D) back to (B, L, D), zero at padding."""
    flat = x.new_zeros(shape.numel(), x.shape[-1])
    return flat.index_copy(0, tokens, x).unflatten(0, shape)
