"""Steps whose gradient is not to be trusted; and settings of parallel runs that cannot be meant."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hnet_seq.cli import main
from hnet_seq.config import ExperimentConfig
from hnet_seq.experiments import load_experiment
from hnet_seq.model.masked_lm import language_model
from hnet_seq.parallel_config import GuardConfig, ParallelConfig
from hnet_seq.tasks.pretrain import pretrain
from hnet_seq.train import loop, step
from hnet_seq.train.guard import Guard
from hnet_seq.train.parallel import parallelize
from modalities import dna
from modalities.errors import UsageError
from tests.train.runs import TINY, make_shards, metrics, tiny, train_until_killed, weights


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guard")
    return make_shards(folder, dna.decode(np.random.default_rng(0).integers(0, 4, 5000, np.uint8)))


@pytest.fixture
def bad_steps(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Steps, from 1, at which the gradient shall not be finite."""
    steps: set[int] = set()
    unharmed = loop.Trainer._train_step
    now = [0]

    def train_step(self: loop.Trainer, batches: list[Any]) -> None:
        now[0] = self.step + 1
        unharmed(self, batches)

    def clip(model: torch.nn.Module, limit: float) -> float:
        norm = loop_clip(model, limit)
        return math.nan if now[0] in steps else norm

    loop_clip = step.clip_gradients
    monkeypatch.setattr(loop.Trainer, "_train_step", train_step)
    monkeypatch.setattr(step, "clip_gradients", clip)
    return steps


def _guarded(shards: Path, *overrides: str) -> ExperimentConfig:
    return tiny("ecoli_demo", shards, "train.guard.stop_after=3", *overrides)


def test_a_step_that_is_left_out_changes_no_weight_and_is_counted(
    shards: Path, tmp_path: Path, bad_steps: set[int]
) -> None:
    bad_steps |= {4}
    checkpoints = ["train.checkpoint_every=1", "train.keep_checkpoints=9"]
    assert pretrain(_guarded(shards, *checkpoints), tmp_path / "run", device="cpu")
    training = [r for r in metrics(tmp_path / "run") if r["event"] == "train"]
    assert [record["skipped_steps"] for record in training] == [0, 1, 0]
    saved = [
        (tmp_path / f"run/checkpoints/step-{step:06d}/model.safetensors").read_bytes()
        for step in (3, 4, 5)
    ]
    # The step's number is in the file's metadata, before the weights.
    assert saved[0][-10_000:] == saved[1][-10_000:] != saved[2][-10_000:]


def test_too_many_in_a_row_end_the_run(shards: Path, tmp_path: Path, bad_steps: set[int]) -> None:
    bad_steps |= {1, 3, 4, 5}
    with pytest.raises(FloatingPointError, match=r"step 5: .* for 3 steps in a row; lower"):
        pretrain(_guarded(shards), tmp_path / "run", device="cpu")


def test_a_resumed_run_leaves_out_the_same_steps(
    shards: Path, tmp_path: Path, bad_steps: set[int]
) -> None:
    bad_steps |= {3, 4}
    assert pretrain(_guarded(shards), tmp_path / "whole", device="cpu")
    train_until_killed(_guarded(shards), tmp_path / "cut", 4)
    assert pretrain(_guarded(shards), tmp_path / "cut", resume=True, device="cpu")
    assert metrics(tmp_path / "cut") == metrics(tmp_path / "whole")
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")


def test_a_spike_is_a_norm_far_over_its_average() -> None:
    guard = Guard(GuardConfig(spike=3.0, stop_after=2))
    assert all(guard.takes(norm, 1) for norm in [9.0, *[1.0] * 29])  # the first ones may be large
    before = guard.state()
    assert not guard.takes(3.1 * guard.average, 31)
    assert guard.average == before["average"]
    assert guard.takes(2.9 * guard.average, 32)
    assert not guard.takes(math.inf, 33)
    with pytest.raises(FloatingPointError, match="1000 against"):
        guard.takes(1000.0, 34)


def test_without_a_limit_there_are_no_spikes() -> None:
    guard = Guard(GuardConfig())
    assert all(guard.takes(10.0**power, 1) for power in range(30))


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("train.parallel.strategy=fsdp", "not one of auto, none, ddp, fsdp2"),
        ("train.parallel.activation_checkpointing=every:0", "k from 1"),
        ("train.parallel.activation_checkpointing=some", "k from 1"),
        ("train.guard.spike=0.5", "expected 0, or above 1"),
        ("train.guard.stop_after=0", "at least 1"),
        ("train.keep_every=-1", "at least 0"),
    ],
)
def test_what_cannot_be_meant_is_refused(setting: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        load_experiment("ecoli_demo", [setting])


@pytest.mark.parametrize("value", ["layers", "every:2"])
def test_layers_that_are_computed_again_give_the_same_gradients(shards: Path, value: str) -> None:
    config = tiny("ecoli_demo", shards)
    ids = torch.randint(0, 4, (100,), generator=torch.Generator().manual_seed(0))
    found = []
    for kind in ("none", value):
        model = language_model(config.model, seed=0)
        parallelize(model, ParallelConfig(activation_checkpointing=kind))
        model(ids).logits.logsumexp(-1).sum().backward()
        found.append({name: p.grad for name, p in model.named_parameters()})
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=0)


def test_old_checkpoints_stay_at_every_so_many_steps(shards: Path, tmp_path: Path) -> None:
    settings = ["train.checkpoint_every=1", "train.keep_checkpoints=1", "train.keep_every=2"]
    assert pretrain(tiny("ecoli_demo", shards, *settings), tmp_path / "run", device="cpu")
    left = sorted(path.name for path in (tmp_path / "run/checkpoints").iterdir())
    assert left == ["step-000002", "step-000004", "step-000006"]


def test_continue_begins_a_run_and_goes_on_with_the_same_only(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*overrides: str) -> int:
        arguments = ["--data", str(shards), "--out", str(tmp_path / "run"), "--device", "cpu"]
        return main(["pretrain", "ecoli_demo", *TINY, *overrides, *arguments, "--continue"])

    assert run() == 0
    whole = metrics(tmp_path / "run")
    assert run("data.workers=0", "train.parallel.strategy=ddp", "train.keep_every=3") == 0
    assert metrics(tmp_path / "run") == whole
    capsys.readouterr()
    assert run("train.mask_rate=0.2") == 2
    assert "holds a run with train.mask_rate 0.15, and 0.2 was asked for" in capsys.readouterr().err
