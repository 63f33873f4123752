"""Processes that die, are asked to stop, or find a gradient that is not to be trusted."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch.distributed as dist

from hnet_seq.experiments import load_experiment
from hnet_seq.tasks.pretrain import pretrain
from modalities import dna
from tests.train.runs import TINY, make_shards, metrics, weights

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (dist.is_available() and dist.is_gloo_available()), reason="torch has no gloo"
    ),
]

ROOT = Path(__file__).parents[2]
STEPS = 9
TRY_AGAIN = 75
# Kills its own process before a call, in the incarnation and rank that are meant.
KILLING = """
import importlib, json, os, signal, sys
from hnet_seq.cli import main

for restart, rank, module, path, call in json.loads(sys.argv[1]):
    now = os.environ["TORCHELASTIC_RESTART_COUNT"], os.environ["RANK"]
    if now == (str(restart), str(rank)):
        owner = importlib.import_module(module)
        *owners, name = path.split(".")
        for part in owners:
            owner = getattr(owner, part)
        unharmed, left = getattr(owner, name), [call]

        def killing(*arguments, **options):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return unharmed(*arguments, **options)

        setattr(owner, name, killing)
sys.exit(main(sys.argv[2:]))
"""
STEP = ("hnet_seq.train.loop", "Trainer._train_step")
BACKWARD = ("hnet_seq.train.objective", "Objective._add")
RENAME = ("pathlib", "Path.rename")
PARTS = ("hnet_seq.train.checkpoints", "save_parts")
#: (restart, rank, where, before which call)
KILLS = {
    "ddp": [(0, 1, *STEP, 5), (1, 0, *RENAME, 1), (2, 1, *BACKWARD, 3)],
    "fsdp2": [(0, 1, *PARTS, 3), (1, 0, *BACKWARD, 2)],
}


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stops")
    bases = np.random.default_rng(0).integers(0, 4, 3000).astype(np.uint8)
    return make_shards(folder, dna.decode(bases))


def command(shards: Path, out: Path, *overrides: str) -> list[str]:
    settings = [*TINY, "data.micro_batch_tokens=256", f"train.steps={STEPS}", *overrides]
    data = ["--data", str(shards), "--out", str(out), "--device", "cpu"]
    return ["pretrain", "ecoli_demo", *settings, *data, "--continue"]


def environment(**others: str) -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)} | others


@pytest.mark.parametrize("strategy", list(KILLS))
def test_killed_processes_leave_no_trace(shards: Path, tmp_path: Path, strategy: str) -> None:
    import json

    script = tmp_path / "script.py"
    script.write_text(KILLING)
    launch = [
        *("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"),
        *("--max-restarts=3", "--monitor-interval=0.1", str(script)),
    ]
    runs = []
    for name, kills in (("whole", []), ("killed", KILLS[strategy])):
        runs.append(tmp_path / name)
        arguments = command(shards, runs[-1], f"train.parallel.strategy={strategy}")
        done = subprocess.run(
            [sys.executable, *launch, json.dumps(kills), *arguments],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("exitcode: -9") == len(kills)
    assert metrics(runs[1]) == metrics(runs[0])
    assert weights(runs[1]) == weights(runs[0])
    left = sorted(path.name for path in (runs[1] / "checkpoints").iterdir())
    assert left == ["step-000006", "step-000009"]


def start_two(arguments: list[str]) -> list[subprocess.Popen[str]]:
    """Two processes as a batch system starts them, without torchrun."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    place = {"MASTER_ADDR": "localhost", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    return [
        subprocess.Popen(
            [sys.executable, "-m", "hnet_seq.cli", *arguments],
            env=environment(RANK=rank, LOCAL_RANK=rank, **place),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in ("0", "1")
    ]


def test_all_stop_at_the_same_step_when_one_is_asked_to(shards: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    many = command(shards, out, "train.steps=100000", "train.validate_every=0")
    processes = start_two(many)
    deadline = time.monotonic() + 100
    while not (out / "checkpoints/step-000003").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    processes[1].send_signal(signal.SIGTERM)
    processes[1].send_signal(signal.SIGTERM)  # launchers pass on what was sent to all already
    asked = time.monotonic()
    said = [process.communicate(timeout=60) for process in processes]
    assert time.monotonic() - asked < 30
    assert [process.returncode for process in processes] == [TRY_AGAIN, TRY_AGAIN], said
    assert "stopped; go on with: hnet-seq pretrain --resume" in said[0][1]
    assert said[1][1] == ""
    assert not list((out / "checkpoints").glob(".step-*"))
    # What is left goes on, here in one process, to a nearer end.
    step = max(int(path.name[5:]) for path in (out / "checkpoints").iterdir())
    config = load_experiment(out / "config.yaml", [f"train.steps={step + 1}"])
    assert pretrain(config, out, resume=True, device="cpu")
    assert metrics(out)[-1]["step"] == step + 1
