"""A sequence in pieces has the vector of the sequence."""

from __future__ import annotations

import pytest
import torch

from hnet_seq.heads.pieces import PooledPieces
from hnet_seq.heads.pooling import POOLINGS, pool
from hnet_seq.ops.packing import Packing
from tests.conftest import make_model


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("stage", [0, 1])
@torch.no_grad()
def test_pieces_pool_to_what_the_whole_pools_to(pooling: str, stage: int) -> None:
    model = make_model("two stages, MLPs outside, tied").eval()
    ids = torch.randint(0, 4, (300,), generator=torch.Generator().manual_seed(0))
    packing = Packing.from_lengths([300])
    whole = pool(model.encode(ids, packing), packing.cu_seqlens, pooling, stage)[0]
    pieces = PooledPieces(pooling, stage)
    state = model.new_state(1)
    for piece in ids.split([1, 2, 100, 1, 60, 136]):
        out = model(piece, state=state)
        pieces.add(out, len(piece))
    torch.testing.assert_close(pieces.vector(), whole, atol=1e-5, rtol=1e-5)


def test_an_unknown_pooling_is_named() -> None:
    with pytest.raises(ValueError, match="mode"):
        PooledPieces("mode")
