"""A batch of rows with padding on either side, packed and unpacked again."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hnet_seq.ops.packing import Packing


def rows_of(input_ids: Tensor, attention_mask: Tensor | None, read: int = 0) -> Tensor:
    """(B, L) bool, True at tokens: the mask of the columns that ``input_ids`` (B, L) are.

    Args:
        read: columns that a cache has read, which the mask may have before them.

    Raises:
        ValueError: the shapes do not fit, or a row has padding between its tokens.
    """
    if input_ids.dim() != 2:
        raise ValueError(f"input_ids must be (B, L); got {tuple(input_ids.shape)}")
    if attention_mask is None:
        return torch.ones_like(input_ids, dtype=torch.bool)
    columns = input_ids.shape[1]
    if attention_mask.dim() != 2 or attention_mask.shape[0] != input_ids.shape[0]:
        raise ValueError(
            f"attention_mask {tuple(attention_mask.shape)} does not fit input_ids "
            f"{tuple(input_ids.shape)}; it is (B, L), one number a token"
        )
    if attention_mask.shape[1] not in (columns, read + columns):
        before = f" behind {read} that the cache has read" if read else ""
        raise ValueError(
            f"attention_mask has {attention_mask.shape[1]} columns, input_ids {columns}{before}"
        )
    mask = attention_mask.bool()
    begins = mask[:, 1:] & ~mask[:, :-1]
    gaps = mask[:, 0].int() + begins.sum(1) > 1
    if bool(gaps.any()):
        row = int(gaps.nonzero()[0])
        raise ValueError(f"attention_mask: row {row} has padding between its tokens")
    return mask[:, -columns:]


def packed_rows(mask: Tensor, *, goes_on: bool) -> tuple[Packing, Tensor, Tensor]:
    """The packing of rows (B, L).

    Args:
        goes_on: a row may be without tokens, as where a cache has read it to its end.

    Returns:
        the packing, the flat index (T,) of its tokens, and which rows (S,) they are of.

    Raises:
        ValueError: a row, or the batch, is without tokens.
    """
    lengths = mask.sum(1)
    rows = lengths.nonzero().squeeze(1)
    if rows.numel() < len(lengths) and not goes_on:
        row = int((lengths == 0).nonzero()[0])
        raise ValueError(f"attention_mask: row {row} has no tokens; leave it out")
    cu_seqlens = F.pad(lengths[rows].cumsum(0), (1, 0)).to(torch.int32)
    places = mask.flatten().nonzero().squeeze(1)
    if not places.numel():
        raise ValueError("the batch has no tokens")
    return Packing(cu_seqlens, places.numel()), places, rows
