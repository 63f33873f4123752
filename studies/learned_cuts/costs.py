"""What a step of each arm costs: CPU seconds of this machine, and operations.

Clocks tell nothing on a machine with other work, so CPU seconds of the process are taken, with one
thread, from training steps of the very trainer; and of ten steps the lower quartile, because other
work only ever makes a step dearer. An untrained router makes more chunks than a trained one, so
learned boundaries are measured with the likeliest of each window (policy ``top_k``), which are as
many as the target asks for, and cost the router as much.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hnet_seq.config import ExperimentConfig
from hnet_seq.model.counted_text import counted_texts
from hnet_seq.model.matched import flops_per_letter
from hnet_seq.tasks.pretrain_data import (
    complement,
    everything_once,
    run_tokenizer,
    training_batches,
)
from hnet_seq.tasks.pretrain_weights import first_model
from hnet_seq.train.counting import Counting
from hnet_seq.train.feed import Feed
from hnet_seq.train.loop import Trainer
from hnet_seq.train.memory import keep_freed_memory
from hnet_seq.train.run_folder import RunFolder
from hnet_seq.train.tokenised import TokenisedBatches, letters_per_token
from modalities.errors import UsageError
from pipelines.batches.token_batches import PackedBatch

from .design import Arm, DataSet, Study
from .held_out import shards

STEPS = 12
_WARM_UP = 2
_CHUNKS = 4  # of a window


@dataclass(frozen=True)
class Cost:
    """Of an arm on a data set.

    Attributes:
        seconds: CPU seconds of a training step.
        flops: forward operations a letter, at ``chunks``.
        chunks: positions of a chunk, of each stage.
        letters_per_token: 1 without a tokenizer.
        batch: letters of a step.
    """

    seconds: float
    flops: float
    chunks: list[float]
    letters_per_token: float
    batch: int


def measure(study: Study, data: DataSet, arm: Arm, state: Path, given: Path | None) -> Cost:
    """Train a few steps, and take the time."""
    learn = shards(data, state, given)["learn"]
    more: dict[str, Any] = {"train.steps": STEPS, "train.log_every": STEPS}
    more["data.sources"] = [{"path": f"{learn}"}]
    config = study.config(data, arm, more)
    timed = study.config(data, arm, more | _as_many_chunks(config))
    train = training_batches(timed, run_tokenizer(timed, None))
    model, _ = first_model(timed, train, "cpu")
    counted = counted_texts(model)
    both_strands = complement(timed, train) if counted else None
    counting = Counting(counted, train, STEPS, both_strands)
    counting.count(everything_once(timed))
    feed = _Timed(train)
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(timed, model, feed, [], RunFolder(folder), counting)
        if not trainer.run():
            raise SystemExit(128 + (trainer.stopped_by or 0))
        line = json.loads((Path(folder) / "metrics.jsonl").read_text().splitlines()[0])
    chunks = [stage["tokens_per_chunk"] for stage in line["stages"]]
    letters = letters_per_token(train) if isinstance(train, TokenisedBatches) else 1.0
    return Cost(
        seconds=float(np.quantile(feed.seconds[_WARM_UP:], 0.25)),
        flops=flops_per_letter(config.model, config.data.context, chunks, letters),
        chunks=chunks,
        letters_per_token=letters,
        batch=config.data.batch_tokens,
    )


def need_one_thread() -> None:
    """Raise UsageError unless one thread computes: several wait for each other, and that counts."""
    if torch.get_num_threads() != 1:
        raise UsageError("OMP_NUM_THREADS", "set it to 1: a study counts CPU seconds of one thread")


def _as_many_chunks(config: ExperimentConfig) -> dict[str, Any]:
    """Keys with which learned boundaries are as many as a trained router makes."""
    stages, targets = range(config.model.num_stages), config.train.ratio_loss.targets
    if not stages or any(config.model.boundary_policy(s).policy != "learned" for s in stages):
        return {}
    rules = [
        {"policy": "top_k", "every": round(_CHUNKS * targets[s]), "top": _CHUNKS} for s in stages
    ]
    return {"model.boundary_policies": rules}


class _Timed(Feed):
    """Notes the CPU seconds of each step, with the making of its batch."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.seconds: list[float] = []

    def steps(self, start: int, stop: int) -> Iterator[list[PackedBatch]]:
        began = time.process_time()
        for batches in super().steps(start, stop):
            yield batches
            now = time.process_time()
            self.seconds.append(now - began)
            began = now
