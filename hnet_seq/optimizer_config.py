"""Configuration of the optimiser."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

MATRICES = ("adamw", "muon")


@dataclass
class OptimizerConfig:
    """AdamW, and what goes with it.

    Attributes:
        learning_rate: its peak, before the stages' multipliers.
        stage_multipliers: of the rate, per stage from the outside in; empty: the paper's rule.
        betas: of the moving averages of the gradient and of its square.
        weight_decay: of the matrices; norms, biases, embeddings and convolutions have none.
        table_rate: how far the first sighting of an n-gram moves its row of ``model.ngram_memory``.
        clip_norm: a longer gradient is scaled down to this norm.
        matrices: what changes the matrices of the layers' mixers and MLPs: ``adamw``, or ``muon``,
            whose steps are orthogonal matrices, as large as those of AdamW at the same rate.
            Embeddings, output head, routers and all that is no matrix stay with AdamW.
    """

    learning_rate: float = 3e-3
    stage_multipliers: list[float] = field(default_factory=list)
    betas: list[float] = field(default_factory=lambda: [0.9, 0.95])
    weight_decay: float = 0.1
    table_rate: float = 0.1
    clip_norm: float = 1.0
    matrices: str = "adamw"

    def validate(self, stages: int) -> None:
        """Raise ValueError unless the values fit a model of this many stages."""
        key = "train.optimizer"
        multipliers = self.stage_multipliers
        if multipliers and len(multipliers) != stages + 1:
            raise ValueError(f"{key}.stage_multipliers: expected {stages + 1} values")
        for name, value in (
            ("learning_rate", self.learning_rate),
            ("weight_decay", self.weight_decay),
            ("table_rate", self.table_rate),
            *(("stage_multipliers", multiplier) for multiplier in multipliers),
        ):
            if not 0 <= value < math.inf:
                raise ValueError(f"{key}.{name}: expected at least 0; got {value}")
        if not self.clip_norm > 0:
            raise ValueError(f"{key}.clip_norm: expected above 0; got {self.clip_norm}")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(
                f"{key}.betas: expected two numbers from 0 to below 1; got {self.betas}"
            )
        if self.matrices not in MATRICES:
            raise ValueError(
                f"{key}.matrices: {self.matrices!r} is not one of {', '.join(MATRICES)}"
            )
