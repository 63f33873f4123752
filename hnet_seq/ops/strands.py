"""Both strands of packed sequences in one batch: places, and what passes from one to the other.

The second half of the tokens is the reverse complement of the first half as a whole, so the last
sequence comes first there. Token t and token T - 1 - t are then one place of a sequence, read on
either strand, and so are chunk k and chunk K - 1 - k where both are cut between the same places:
changing strands is ``flip(0)`` in every stage.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hnet_seq.ops.packing import Packing


def both_strands(packing: Packing) -> Packing:
    """The packing of S sequences (T tokens) and of their other strands: 2 S and 2 T."""
    assert packing.slots is None
    ends = packing.cu_seqlens
    others = 2 * packing.total - ends[:-1].flip(0)
    return Packing(torch.cat([ends, others]), 2 * packing.total, both_strands=True)


def exchange(x: Tensor) -> Tensor:
    """(2 T, D) to (2 T, D): the second half of the channels goes to the same place of the other
    strand."""
    own, other = x.tensor_split([x.shape[1] // 2], dim=1)
    return torch.cat([own, other.flip(0)], dim=1)


def mean_of_strands(x: Tensor) -> Tensor:
    """(2 T, ...) to (T, ...): of each place what the two strands have there."""
    own, other = x.tensor_split(2)
    return (own + other.flip(0)) / 2
