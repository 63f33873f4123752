"""Only as much of a model as one of its layers needs: what comes after it is left out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from torch import nn


@dataclass(eq=False)
class _Limit:
    """What is asked of one model.

    Attributes:
        modules: all that it is made of.
        holds: until its block ends; a generator may be closed by another thread than began it.
    """

    modules: frozenset[nn.Module]
    resolution: int
    encoder: bool
    holds: bool = True


# Of each thread its own: others may use the same model meanwhile.
_limits: ContextVar[tuple[_Limit, ...]] = ContextVar("limits", default=())


@contextmanager
def only_up_to(model: nn.Module, resolution: int, *, encoder: bool = False) -> Iterator[None]:
    """Inside the block, an output holds nothing that lies outside a resolution.

    Levels that are coarser than the one that is asked for work as ever; of those outside it, the
    encoders and routers alone do. Their decoders are most of a model whose outer stages are its
    larger part. What is computed has the same bits. The model itself is not changed, and calls from
    other threads compute everything.

    Args:
        model: around an H-Net.
        resolution: 0 for vectors of tokens, which is everything; else r: the chunks of stage r - 1.
        encoder: of that resolution the encoder's vectors will do; decisions of stages inside it are
            not there then.
    """
    limit = _Limit(frozenset(model.modules()), resolution, encoder)
    _limits.set((*_limits.get(), limit))
    try:
        yield
    finally:
        limit.holds = False
        _limits.set(tuple(own for own in _limits.get() if own.holds))


def parts(level: nn.Module, stage: int) -> tuple[bool, bool]:
    """Whether a level of an H-Net decodes, and whether it goes inside; of blocks the inmost counts.

    A level reads this once a call.
    """
    for limit in reversed(_limits.get()):
        if limit.holds and level in limit.modules:
            outside = stage < limit.resolution
            return not (outside or limit.encoder), outside or not limit.encoder
    return True, True
