"""Two processes under torchrun, one of which is killed at random moments; the end must not tell.

    OMP_NUM_THREADS=1 python benchmarks/elastic_kills.py --kills 10

Prints what was killed when, and whether metrics and weights equal those of the run that was left
alone, bit for bit.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

GENOME = Path(__file__).parents[1] / "examples/data/ecoli_536/genome.fna.gz"
SETTINGS = [
    "model.arch_layout=[m1,[m1],m1]",
    "model.d_model=[64,64]",
    "model.ssm_cfg.d_state=16",
    "data.context=256",
    "data.batch_tokens=2048",
    "data.micro_batch_tokens=512",
    "train.log_every=5",
    "train.validate_every=0",
    "train.checkpoint_every=10",
]


def start(shards: Path, out: Path, settings: list[str], restarts: int) -> subprocess.Popen[bytes]:
    """The run, in two processes."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    launcher += [f"--max-restarts={restarts}", "--monitor-interval=0.1"]
    command = ["-m", "hnet_seq.cli", "pretrain", "ecoli_demo", *settings, "--continue"]
    command += ["--data", str(shards), "--out", str(out), "--device", "cpu"]
    return subprocess.Popen(
        [sys.executable, *launcher, *command],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def workers(launcher: int) -> list[int]:
    """Its processes that have not ended, by rank."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,stat=", "--ppid", str(launcher)], capture_output=True, text=True
    )
    rows = [line.split() for line in listed.stdout.splitlines()]
    return sorted(int(pid) for pid, state in rows if not state.startswith("Z"))


def outcome(run: Path) -> Any:
    """Metrics without times, and weights."""
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    for record in records:
        for key in ("seconds", "tokens_per_second", "processes"):
            record.pop(key, None)
    last = sorted(run.glob("checkpoints/step-*/model.safetensors"))[-1]
    return records, last.read_bytes()


def main() -> int:
    """Returns 1 where the runs differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--strategy", default="ddp", choices=("ddp", "fsdp2"))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    draw = random.Random(args.seed)
    settings = [
        *SETTINGS,
        f"train.steps={args.steps}",
        f"train.parallel.strategy={args.strategy}",
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shard = ["-m", "hnet_seq.cli", "shard", str(GENOME), "--out", str(folder / "shards")]
        subprocess.run([sys.executable, *shard], check=True, stdout=subprocess.DEVNULL)
        began = time.monotonic()
        assert start(folder / "shards", folder / "whole", settings, 0).wait() == 0
        took = time.monotonic() - began
        print(f"left alone: {took:.0f} s")
        killed = start(folder / "shards", folder / "killed", settings, args.kills)
        done = 0
        while done < args.kills and killed.poll() is None:
            # From the start of the processes on: imports, steps and checkpoints are all hit.
            time.sleep(draw.uniform(0, 4 * took / args.kills))
            found = workers(killed.pid)
            if len(found) == 2:
                rank = draw.randrange(2)
                os.kill(found[rank], signal.SIGKILL)
                done += 1
                saved = sorted(folder.glob("killed/checkpoints/step-*"))
                after = saved[-1].name if saved else "the start"
                print(f"killed process {rank} after {after}")
        code = killed.wait()
        same = code == 0 and outcome(folder / "killed") == outcome(folder / "whole")
    print(f"{done} kills, exit code {code}: the end is {'the same' if same else 'ANOTHER'}")
    return int(not same)


if __name__ == "__main__":
    sys.exit(main())
