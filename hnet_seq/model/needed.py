"""Only as much of a model as one of its layers needs: what comes after it is left out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from hnet_seq.model.hnet import HNet


@contextmanager
def only_up_to(model: nn.Module, resolution: int, *, encoder: bool = False) -> Iterator[None]:
    """Inside the block, an output holds nothing that lies outside a resolution.

    Levels that are coarser than the one that is asked for work as ever; of those outside it, the
    encoders and routers alone do. Their decoders are most of a model whose outer stages are its
    larger part. What is computed has the same bits.

    Args:
        model: around an H-Net.
        resolution: 0 for vectors of tokens, which is everything; else r: the chunks of stage r - 1.
        encoder: of that resolution the encoder's vectors will do; decisions of stages inside it are
            not there then.
    """
    levels = [module for module in model.modules() if isinstance(module, HNet)]
    before = [(level.decodes, level.goes_inside) for level in levels]
    try:
        for level in levels:
            level.decodes = level.stage >= resolution and not encoder
            level.goes_inside = not encoder or level.stage < resolution
        yield
    finally:
        for level, (decodes, goes_inside) in zip(levels, before, strict=True):
            level.decodes, level.goes_inside = decodes, goes_inside
