"""What tests of runs share: small shards, a tiny experiment, and what a run leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hnet_seq.cli import main
from hnet_seq.config import ExperimentConfig
from hnet_seq.experiments import load_experiment
from hnet_seq.tasks.pretrain import pretrain
from hnet_seq.train.loop import Trainer

TINY = [
    "model.arch_layout=[m1,[m1],m1]",
    "model.d_model=[64,64]",
    "model.ssm_cfg.d_state=16",
    "data.context=128",
    "data.batch_tokens=512",
    "train.steps=6",
    "train.log_every=2",
    "train.validate_every=3",
    "train.checkpoint_every=3",
]


def make_shards(folder: Path, bases: str, name: str = "shards") -> Path:
    """Shards of one record, its last tenth held out."""
    (folder / "genome.fa").write_text(f">chr1 random\n{bases}\n")
    out = folder / name
    arguments = ["--out", str(out), "--validation", "last:0.1", "--guard", "100"]
    assert main(["shard", str(folder / "genome.fa"), *arguments]) == 0
    return out


def tiny(experiment: str, shards: Path, *overrides: str) -> ExperimentConfig:
    """An experiment of seconds on these shards."""
    data = f"data.sources=[{{path: '{shards}'}}]"
    return load_experiment(experiment, [*TINY, data, *overrides])


def train_until_killed(
    config: ExperimentConfig, out: Path, step: int, *, resume: bool = False
) -> None:
    """Begin a run, or go on, in a process that dies, without a word, before it takes ``step``."""

    class Killed(BaseException):
        pass

    unharmed = Trainer._train_step

    def take(self: Trainer, batches: list[Any]) -> None:
        if self.step == step:
            raise Killed
        unharmed(self, batches)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_train_step", take)
        with pytest.raises(Killed):
            pretrain(config, out, resume=resume, device="cpu")


def metrics(run: Path) -> list[dict[str, Any]]:
    """The lines of a run's log without times."""
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    for record in records:
        record.pop("seconds")
        record.pop("tokens_per_second", None)
        record.pop("processes", None)
    return records


def weights(run: Path) -> bytes:
    """The last checkpoint's."""
    return sorted(run.glob("checkpoints/step-*/model.safetensors"))[-1].read_bytes()
