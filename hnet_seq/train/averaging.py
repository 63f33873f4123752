"""A moving average of the weights, in their place wherever the model is not trained.

It is part of the optimiser's state, and travels with it: over kills, processes and FSDP2's parts.
While the average is in the place of the weights, they are in its: so a checkpoint holds the average
as the model, and the weights that training goes on from beside AdamW's moments.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from hnet_seq.train.tables import AdamWWithTables

AVERAGE = "average"
_WARMUP = 10.0  # steps: average t has at most (1 + t) / (10 + t) of those before


class Averaging:
    """Of the parameters that AdamW or Muon change; tables of n-grams are not averaged.

    Args:
        decay: what stays of the average in a step, in the long run; 0: there is none.
    """

    def __init__(self, optimizer: AdamWWithTables, decay: float) -> None:
        self.optimizer = optimizer
        self.decay = decay

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step, numbered from 0."""
        weight = 1 - min(self.decay, (1 + step) / (_WARMUP + step))
        for parameter, state in self._states():
            if AVERAGE in state:
                _own(state[AVERAGE]).lerp_(_own(parameter.detach()), weight)
            else:
                state[AVERAGE] = parameter.detach().clone()

    @torch.no_grad()
    def exchange(self) -> None:
        """Put the average in the place of the weights, and these in its."""
        for parameter, state in self._states():
            if AVERAGE in state:
                kept = parameter.detach().clone()
                parameter.copy_(state[AVERAGE])
                state[AVERAGE].copy_(kept)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The average in the place of the weights, inside the block."""
        self.exchange()
        try:
            yield
        finally:
            self.exchange()

    def _states(self) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
        """Of the parameters that have been changed."""
        apart = {id(table) for table in self.optimizer.tables}
        for parameter, state in self.optimizer.state.items() if self.decay else ():
            if id(parameter) not in apart:
                yield parameter, state


def _own(tensor: Tensor) -> Tensor:
    """What this process has of it."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor
