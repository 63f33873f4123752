"""What processes of the tests of fine-tuning do: one call of ``finetune`` together."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from hnet_seq.heads.head_config import HeadConfig
from hnet_seq.heads.sequence_classification import HNetForSequenceClassification
from hnet_seq.optimizer_config import OptimizerConfig
from hnet_seq.train.finetune import FinetuneConfig, finetune
from hnet_seq.train.launch import process_group
from hnet_seq.train.ranks import rank
from tests.conftest import make_model

TWO_STAGES = "two stages, MLPs outside, tied"
CONFIG = FinetuneConfig(
    epochs=2,
    batch_tokens=200,
    optimizer=OptimizerConfig(learning_rate=1e-2),
    validation_fraction=0.25,
    strands="augment",
)
LABELS = ["second", "first", "first", "second"] * 6
#: Layout, pooling and settings of each run; with a pooling of chunks no decoder learns.
CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "chunks": (TWO_STAGES, "attention", {"ratio_weights": [0.0, 1.0]}),
    "a part": (TWO_STAGES, "bases", {"part": 2, "micro_batch_tokens": 60}),
    # The last process has nothing to do where a step has one sequence.
    "short steps": ("one stage", "bases", {"batch_tokens": 40, "epochs": 1}),
}


def sequences() -> list[np.ndarray]:
    """24 of 10 to 40 bases."""
    generator = np.random.default_rng(0)
    return [generator.integers(0, 4, n, np.uint8) for n in generator.integers(10, 41, 24)]


def tuned(
    layout: str = "one stage",
    pooling: str = "bases",
    resume: Path | None = None,
    folder: Path | None = None,
    **settings: Any,
) -> tuple[list[dict[str, Any]], dict[str, Tensor], dict[str, Tensor]]:
    """History without times, the last weights, and the first step's clipped gradients."""
    head = HeadConfig("single_label", ["first", "second"], pooling)
    model = HNetForSequenceClassification.from_causal_lm(make_model(layout), head)
    gradients: dict[str, Tensor] = {}
    step = torch.optim.AdamW.step

    def noted(self: torch.optim.AdamW, *arguments: Any) -> Any:
        if not gradients:
            for name, parameter in model.named_parameters():
                if parameter.grad is not None:
                    gradients[name] = parameter.grad.clone()
        return step(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", noted)
        config = dataclasses.replace(CONFIG, **settings)
        run = finetune(model, sequences(), LABELS, config, resume=resume, folder=folder)
    history = [record | {"tokens_per_second": 0} for record in run.history]
    return history, model.state_dict(), gradients


def main(folder: Path) -> None:
    """Of each process."""
    with process_group("cpu"):
        found = {
            name: tuned(layout, pooling, **settings)
            for name, (layout, pooling, settings) in CASES.items()
        }
        torch.save(found, folder / f"tuned-{rank()}.pt")
