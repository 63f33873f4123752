"""Configuration of a run in several processes, and of what it does with steps that go wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass

STRATEGIES = ("auto", "none", "ddp", "fsdp2")


@dataclass
class ParallelConfig:
    """How a model is spread over processes, and what it computes twice to save memory.

    Attributes:
        strategy: ``ddp``, every process has all weights; ``fsdp2``, each holds a part of weights,
            gradients and optimiser state; ``auto``, ``fsdp2`` where all of it would take more than
            a third of a GPU, else ``ddp``; ``none`` refuses several processes. One process never
            splits anything.
        activation_checkpointing: ``none``; ``layers``, the backward pass computes every layer again
            and only its input is kept; ``every:k``, every k-th layer.
        compile: pass each layer through ``torch.compile``.
        async_save: write checkpoints beside the next steps; takes memory for a copy.
    """

    strategy: str = "auto"
    activation_checkpointing: str = "none"
    compile: bool = False
    async_save: bool = False

    def validate(self) -> None:
        """Raise ValueError unless the values can be meant."""
        if self.strategy not in STRATEGIES:
            raise ValueError(
                f"train.parallel.strategy: {self.strategy!r} is not one of {', '.join(STRATEGIES)}"
            )
        _ = self.checkpoint_every

    @property
    def checkpoint_every(self) -> int:
        """Every how manieth layer is computed again; 0 for none."""
        value = self.activation_checkpointing
        name, _, number = value.partition(":")
        if value in ("none", "layers"):
            return int(value == "layers")
        if name == "every" and number.isdecimal() and int(number) > 0:
            return int(number)
        raise ValueError(
            f"train.parallel.activation_checkpointing: {value!r} is not none, layers or every:k "
            "with k from 1"
        )


@dataclass
class GuardConfig:
    """Steps that are left out because their gradient is not to be trusted.

    Attributes:
        spike: a gradient norm over this many times its moving average is left out; 0: only one
            that is not finite.
        stop_after: so many such steps in a row end the run; 1 ends it at the first.
    """

    spike: float = 0.0
    stop_after: int = 1

    def validate(self) -> None:
        """Raise ValueError unless the values can be meant."""
        if not (self.spike == 0 or 1 < self.spike < math.inf):
            raise ValueError(f"train.guard.spike: expected 0, or above 1; got {self.spike}")
        if self.stop_after < 1:
            raise ValueError(f"train.guard.stop_after: expected at least 1; got {self.stop_after}")
