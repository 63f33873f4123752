"""How to fine-tune."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from hnet_seq.model.low_rank_targets import DEFAULT_TARGETS, check_targets
from hnet_seq.optimizer_config import MATRICES, OptimizerConfig
from hnet_seq.parallel_config import GuardConfig
from hnet_seq.train.precision import PRECISIONS
from modalities.errors import UsageError

Part = Literal["all", "head", "inner"] | int
Strands = Literal["none", "augment", "average"]
STRANDS: tuple[Strands, ...] = get_args(Strands)
_CHANGE_NO_STEP = ("micro_batch_tokens", "max_chunks", "guard", "save_every")


@dataclass(frozen=True)
class FinetuneConfig:
    """How to fine-tune.

    Attributes:
        part: what is trained, see :func:`hnet_seq.train.trainable.trainable_names`.
        epochs: passes over the training sequences at most.
        batch_tokens: of one optimiser step; a longer sequence is a step by itself.
        optimizer: AdamW; ``stage_multipliers`` of its rate as in pretraining, empty for the
            paper's rule at the ratio targets.
        head_rate: peak learning rate of the head.
        warmup: share of the steps over which rates rise; then they fall by half a cosine.
        validation_fraction: of the training sequences, held out to stop early; 0 trains all
            epochs on everything and keeps the last weights.
        patience: epochs without a lower validation loss before training stops.
        ratio_targets: tokens per chunk to hold at each stage, from the outside in; empty for
            those that the model has on the training sequences before fine-tuning.
        ratio_weights: of the ratio loss of each stage; empty for 1. A stage of weight 0 is let go.
        strands: ``none``; ``augment`` reads half of the training sequences, drawn anew in each
            epoch, as their reverse complement; ``average`` also averages the logits of both
            strands wherever the model predicts.
        seed: of the order, the held-out sequences and the strands.
        precision: ``fp32``, or ``bf16`` for GPUs: weights, residual stream, router, smoothing and
            loss stay in fp32.
        micro_batch_tokens: computed at once, at most, whole sequences of a step; gradients are
            accumulated. It bounds memory and changes no step. 0: all of a step.
        max_chunks: per stage, from the outside in, the most chunks computed at once: what has more
            is computed in pieces of whole sequences. 0 or absent: no bound.
        guard: steps that are left out because their gradient is not to be trusted.
        lora: rank of the matrices that learn beside the weights, which then stay as they are, see
            :mod:`hnet_seq.model.low_rank`; 0: the weights learn. The head always learns.
        lora_targets: what is adapted so: ``attention``, ``mamba2``, ``mlp``, ``router``.
        save_every: optimiser steps between two writings of what :func:`finetune` resumes from; it
            is also written after each epoch.
    """

    part: Part = "all"
    epochs: int = 10
    batch_tokens: int = 4096
    optimizer: OptimizerConfig = field(
        default_factory=lambda: OptimizerConfig(learning_rate=1e-3, weight_decay=0.1)
    )
    head_rate: float = 3e-3
    warmup: float = 0.1
    validation_fraction: float = 0.1
    patience: int = 3
    ratio_targets: list[float] = field(default_factory=list)
    ratio_weights: list[float] = field(default_factory=list)
    strands: Strands = "none"
    seed: int = 0
    precision: str = "fp32"
    micro_batch_tokens: int = 0
    max_chunks: list[int] = field(default_factory=list)
    guard: GuardConfig = field(default_factory=GuardConfig)
    save_every: int = 100
    lora: int = 0
    lora_targets: list[str] = field(default_factory=lambda: list(DEFAULT_TARGETS))

    def settings(self) -> dict[str, Any]:
        """What decides the result, to rounding; JSON values."""
        values = {k: v for k, v in asdict(self).items() if k not in _CHANGE_NO_STEP}
        if not self.lora:
            del values["lora"], values["lora_targets"]
        # Of the guard, what may leave a step out of a run that comes to its end.
        return values | ({"guard_spike": self.guard.spike} if self.guard.spike else {})

    def validate(self, stages: int) -> None:
        """Raise UsageError unless the values fit a model of this many levels of chunking."""
        for name, value, least in (
            ("epochs", self.epochs, 1),
            ("batch_tokens", self.batch_tokens, 1),
            ("patience", self.patience, 1),
            ("micro_batch_tokens", self.micro_batch_tokens, 0),
            ("save_every", self.save_every, 1),
            ("guard_stop_after", self.guard.stop_after, 1),
        ):
            if value < least:
                raise UsageError(name, f"is {value}; expected {least} or more")
        if self.lora:
            check_targets(self.lora, self.lora_targets)
            if self.part != "all":
                raise UsageError("part", f"is {self.part}; with lora the head and adapters learn")
        if self.precision not in PRECISIONS:
            raise UsageError("precision", f"is {self.precision!r}; expected fp32 or bf16")
        if len(self.max_chunks) > stages or any(bound < 0 for bound in self.max_chunks):
            raise UsageError(
                "max_chunks", f"is {self.max_chunks}; expected up to {stages} bounds, 0 or more"
            )
        if not (self.guard.spike == 0 or 1 < self.guard.spike < math.inf):
            raise UsageError("guard_spike", f"is {self.guard.spike}; expected 0, or above 1")
        if self.optimizer.matrices not in MATRICES:
            raise UsageError(
                "optimizer", f"has matrices {self.optimizer.matrices!r}; {' or '.join(MATRICES)}"
            )
        for name, rate in (
            ("learning_rate", self.optimizer.learning_rate),
            ("head_rate", self.head_rate),
        ):
            if not rate > 0:
                raise UsageError(name, f"is {rate}; expected above 0")
        if not 0 <= self.warmup < 1:
            raise UsageError("warmup", f"is {self.warmup}; expected a share of the steps, 0 to 1")
        for name, values, expected in (
            ("stage_multipliers", self.optimizer.stage_multipliers, stages + 1),
            ("ratio_targets", self.ratio_targets, stages),
            ("ratio_weights", self.ratio_weights, stages),
        ):
            if values and len(values) != expected:
                raise UsageError(name, f"has {len(values)} values; the model needs {expected}")
        if any(not target > 1 for target in self.ratio_targets):
            raise UsageError("ratio_targets", f"is {self.ratio_targets}; expected above 1")
        if any(not weight >= 0 for weight in self.ratio_weights):
            raise UsageError("ratio_weights", f"is {self.ratio_weights}; expected 0 or more")
