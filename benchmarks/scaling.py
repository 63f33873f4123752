"""How much of twice the speed two processes have, one thread each, on the same global batch.

    OMP_NUM_THREADS=1 python benchmarks/scaling.py

One process and two take turns, so that a noisy machine disturbs both. Tokens a second are those of
the log, without start, validation and checkpoints; the first interval of each run is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

GENOME = Path(__file__).parents[1] / "examples/data/ecoli_536/genome.fna.gz"


def tokens_per_second(shards: Path, out: Path, processes: int, settings: list[str]) -> float:
    """Of one run."""
    command = ["-m", "hnet_seq.cli", "pretrain", "ecoli_demo", *settings]
    command += ["--data", str(shards), "--out", str(out), "--device", "cpu"]
    if processes > 1:
        launcher = ["-m", "torch.distributed.run", "--standalone"]
        command = [*launcher, f"--nproc-per-node={processes}", *command]
    subprocess.run(
        [sys.executable, *command],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    speeds = [r["tokens_per_second"] for r in lines if r["event"] == "train"]
    return statistics.median(speeds[1:])


def main() -> None:
    """Print tokens per second of each strategy, and its efficiency."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--batch-tokens", type=int, default=16384)
    args = parser.parse_args()
    settings = [
        f"train.steps={args.steps}",
        "train.log_every=1",
        "train.validate_every=0",
        "train.checkpoint_every=0",
        f"data.batch_tokens={args.batch_tokens}",
        f"data.micro_batch_tokens={args.batch_tokens // 2}",
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shard = ["-m", "hnet_seq.cli", "shard", str(GENOME), "--out", str(folder / "shards")]
        subprocess.run([sys.executable, *shard], check=True, stdout=subprocess.DEVNULL)
        found: dict[str, list[float]] = {"none": [], "ddp": [], "fsdp2": []}
        for number in range(args.rounds):
            for strategy, speeds in found.items():
                out = folder / f"{strategy}-{number}"
                chosen = [*settings, f"train.parallel.strategy={strategy}"]
                processes = 1 if strategy == "none" else 2
                speeds.append(tokens_per_second(folder / "shards", out, processes, chosen))
    print(f"one process   {statistics.median(found['none']):8.0f} tokens/s")
    for strategy in ("ddp", "fsdp2"):
        shares = [two / one / 2 for one, two in zip(found["none"], found[strategy], strict=True)]
        print(
            f"two, {strategy:8} {statistics.median(found[strategy]):8.0f} tokens/s, efficiency "
            f"{statistics.median(shares):.1%} ({min(shares):.1%} to {max(shares):.1%})"
        )


if __name__ == "__main__":
    main()
