"""Fine-tuning as a row of a benchmark: what ``classify finetune`` does, one seed at a time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnet_seq.tasks.benchmarking.model import BenchmarkModel, FrozenHNet
from hnet_seq.tasks.classification.seeds import finetune_seeds, head_of
from hnet_seq.tasks.classification.task import Task
from hnet_seq.tasks.run_identity import model_hash
from hnet_seq.train.finetune_config import FinetuneConfig
from modalities.errors import UsageError
from pipelines.storage.leftovers import remove


@dataclass(frozen=True)
class Tuning:
    """How it is fine-tuned.

    Attributes:
        config: its seed is replaced.
        pooling, stage: of the head.
        seeds: how many.
    """

    config: FinetuneConfig
    pooling: str
    stage: int
    seeds: int

    def settings(self) -> dict[str, Any]:
        """What rows depend on, JSON values."""
        return {**self.config.settings(), "pooling": self.pooling, "stage": self.stage}


def tune(
    model: BenchmarkModel, task: Task, tuning: Tuning, seed: int, folder: Path, *, twin: bool
) -> NDArray[np.floating]:
    """Predictions (N, C) of the test split, of one seed.

    Args:
        folder: for what a killed run goes on from; it goes when the seed is finished.

    Raises:
        UsageError: the model is not one of ours, which alone are fine-tuned.
    """
    source = model.twin if twin else model
    if not isinstance(source, FrozenHNet):
        raise UsageError("finetune", f"is for checkpoints of hnet-seq, and {model.name} is none")
    own = folder.with_name(f"{folder.name}-{'twin' if twin else 'model'}-{seed}")
    own.mkdir(parents=True, exist_ok=True)
    (run,) = finetune_seeds(
        source.model,
        task,
        head_of(task, tuning.pooling, tuning.stage, markers=False),
        tuning.config,
        [seed],
        own,
        model_hash=model_hash(source.model),
        batch_tokens=source.batch_tokens,
        device=source.device,
    )
    remove(own)
    return run.probabilities
