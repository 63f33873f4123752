"""Processes that die, are asked to stop, or find a gradient that is not to be trusted."""

from __future__ import annotations

import importlib
import os
import signal
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch.distributed as dist

from hnet_seq.cli import main
from hnet_seq.experiments import load_experiment
from hnet_seq.tasks.pretrain import pretrain
from modalities import dna
from tests.forked import a_store, end_all, ranks, under_agent
from tests.train.runs import TINY, make_shards, metrics, weights

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (dist.is_available() and dist.is_gloo_available()), reason="torch has no gloo"
    ),
]

STEPS = 6
EVERY = ("train.checkpoint_every=2", "train.validate_every=2")
TRY_AGAIN = 75
STEP = ("hnet_seq.train.loop", "Trainer._train_step")
BACKWARD = ("hnet_seq.train.objective", "Objective._add")
RENAME = ("pathlib", "Path.rename")
PARTS = ("hnet_seq.train.checkpoints", "save_parts")
KILLED = b"killed on purpose\n"
#: (restart, rank, where, before which call)
Kill = tuple[int, int, str, str, int]
KILLS: dict[str, list[Kill]] = {
    "ddp": [(0, 1, *STEP, 4), (1, 0, *RENAME, 1), (2, 1, *BACKWARD, 3)],
    "fsdp2": [(0, 1, *PARTS, 3), (1, 0, *BACKWARD, 2)],
}


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stops")
    bases = np.random.default_rng(0).integers(0, 4, 3000).astype(np.uint8)
    return make_shards(folder, dna.decode(bases))


def command(shards: Path, out: Path, *overrides: str) -> list[str]:
    settings = [*TINY, "data.micro_batch_tokens=256", f"train.steps={STEPS}", *EVERY, *overrides]
    data = ["--data", str(shards), "--out", str(out), "--device", "cpu"]
    return ["pretrain", "ecoli_demo", *settings, *data, "--continue"]


def run_killed(kills: list[Kill], arguments: list[str]) -> int:
    """The command, in a process that is killed before a call where that is meant for it."""
    now = int(os.environ["TORCHELASTIC_RESTART_COUNT"]), int(os.environ["RANK"])
    for restart, rank, module, path, call in kills:
        if now == (restart, rank):
            owner = importlib.import_module(module)
            *owners, name = path.split(".")
            for part in owners:
                owner = getattr(owner, part)
            setattr(owner, name, _killing(getattr(owner, name), call))
    return main(arguments)


def _killing(unharmed: Callable[..., Any], left: int) -> Callable[..., Any]:
    def killing(*arguments: Any, **options: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            os.write(2, KILLED)
            os.kill(os.getpid(), signal.SIGKILL)
        return unharmed(*arguments, **options)

    return killing


def restarted(kills: list[Kill], arguments: list[str], folder: Path) -> int:
    """Start two processes until they end well, as torchrun does; how many were killed."""
    store = a_store()
    for restart in count():
        attempt = {"TORCHELASTIC_RESTART_COUNT": f"{restart}"}
        told: dict[str, Any] = {"folder": folder, "environment": attempt, "store": store}
        ended = end_all(ranks(2, run_killed, kills, arguments, **told))
        codes = [own.code for own in ended]
        if codes == [0, 0]:
            return restart
        (left,) = [own for own in ended if own.code != -signal.SIGKILL]
        assert left.code in (1, -signal.SIGTERM), ended  # it is asked to end meanwhile
        assert "Traceback" not in left.err, left.err
        if left.code == 1:
            (said,) = [line for line in left.err.splitlines() if line.startswith("hnet-seq")]
            assert "another process of this run has ended" in said
    raise AssertionError


def under_torchrun(kills: list[Kill], arguments: list[str], folder: Path) -> int:
    """As :func:`restarted`, by torchrun's own agent, whose processes are forked to start soon."""
    done = under_agent(run_killed, kills, arguments, folder=folder, restarts=3)
    assert done.code == 0, done.err
    # The agent names whichever process it finds ended first: the killed one, or one that missed it.
    return done.err.count(KILLED.decode())


@pytest.mark.parametrize(("strategy", "run"), [("ddp", restarted), ("fsdp2", under_torchrun)])
def test_killed_processes_leave_no_trace(
    shards: Path, tmp_path: Path, strategy: str, run: Callable[..., int]
) -> None:
    kills = KILLS[strategy]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    chosen = f"train.parallel.strategy={strategy}"
    for ended in end_all(ranks(2, main, command(shards, whole, chosen), folder=tmp_path)):
        assert ended.code == 0, ended.err
    assert run(kills, command(shards, killed, chosen), tmp_path) == len(kills)
    assert metrics(killed) == metrics(whole)
    assert weights(killed) == weights(whole)
    left = sorted(path.name for path in (killed / "checkpoints").iterdir())
    assert left == ["step-000004", "step-000006"]


def test_all_stop_at_the_same_step_when_one_is_asked_to(shards: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    many = command(shards, out, "train.steps=100000", "train.validate_every=0")
    processes = ranks(2, main, many, folder=tmp_path)
    while not (out / "checkpoints/step-000002").exists():
        assert all(own.process.is_alive() for own in processes), end_all(processes)
        time.sleep(0.05)
    other = processes[1].process
    # Launchers pass on what was sent to all already.
    for _ in range(2):
        os.kill(other.pid or 0, signal.SIGTERM)
    ended = [own.end() for own in processes]
    assert [own.code for own in ended] == [TRY_AGAIN, TRY_AGAIN], ended
    assert "stopped; go on with: hnet-seq pretrain --resume" in ended[0].err
    assert ended[1].err == ""
    assert not list((out / "checkpoints").glob(".step-*"))
    # What is left goes on, here in one process, to a nearer end.
    step = max(int(path.name[5:]) for path in (out / "checkpoints").iterdir())
    config = load_experiment(out / "config.yaml", [f"train.steps={step + 1}"])
    assert pretrain(config, out, resume=True, device="cpu")
    assert metrics(out)[-1]["step"] == step + 1
