"""Peak training memory against the estimate, and how even the steps are, over many seeds.

    python benchmarks/memory_seeds.py                       # 20 seeds of the demo, 20 steps each
    python benchmarks/memory_seeds.py dna_small data.batch_tokens=4096 data.micro_batch_tokens=4096

Each seed is a run of ``pretrain`` on the genome of examples/data in a process of its own, which
first trains a very small model, so that what the libraries load on first use is there. Its growth
is compared with the plan (hnet_seq/train/memory_plan.py): that for the first steps of a router that
has learned nothing, where the peak is, and that for the densest step that there was.
Two steps warm up; of the others the longest is compared with their median (wall time).
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import MB, in_fresh_process, resident, row, spread, table

from hnet_seq.config import ExperimentConfig
from hnet_seq.experiments import load_experiment
from hnet_seq.tasks.pretrain import pretrain
from hnet_seq.train.memory_plan import plan_memory, untrained

GENOME = Path(__file__).parents[1] / "examples/data/ecoli_536/genome.fna.gz"
SMALL = ["model.arch_layout=[m1,[m1],m1]", "model.d_model=[64,64]", "data.batch_tokens=1024"]
WARM_UP = 2  # steps


def settings(shards: Path, steps: int, seed: int) -> list[str]:
    """What every run has in common."""
    return [
        f"data.sources=[{{path: {shards}}}]",
        f"seed={seed}",
        f"train.steps={steps}",
        f"train.checkpoint_every={steps}",
        "train.log_every=1",
    ]


def train(config: ExperimentConfig, out: Path) -> list[dict[str, Any]]:
    """The records of the steps."""
    with contextlib.redirect_stderr(io.StringIO()):
        pretrain(config, out, device="cpu")
    lines = (out / "metrics.jsonl").read_text().splitlines()
    return [record for record in map(json.loads, lines) if record["event"] == "train"]


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Of one seed, in this process."""
    with tempfile.TemporaryDirectory() as name:
        common = settings(args.shards, args.steps, args.seed)
        small = [*common, *SMALL, "train.steps=2"]
        train(load_experiment("ecoli_demo", small), Path(name) / "small")
        before = resident("VmRSS")
        config = load_experiment(args.experiment, [*args.overrides, *common])
        records = train(config, Path(name) / "run")
    grown = resident("VmHWM") - before
    data = config.data
    tokens = data.micro_batch_tokens or data.batch_tokens
    targets = [float(target) for target in config.train.ratio_loss.targets]
    found = [[stage["tokens_per_chunk"] for stage in record["stages"]] for record in records]
    densest = min(found)

    def planned(rates: list[float]) -> float:
        micro_batches = data.batch_tokens // tokens
        plan = plan_memory(
            config.model, tokens, rates, context=data.context, micro_batches=micro_batches
        )
        return plan.resident

    return {
        "grown": grown,
        "at_first": planned(untrained(config.model, targets)),
        "at_densest": planned(densest),
        "densest": densest,
        "seconds": [record["seconds"] for record in records][WARM_UP:],
        "split": sum(record["split_micro_batches"] for record in records),
    }


def main() -> None:
    """Print a row for each seed, and the extremes."""
    made = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    made.add_argument("experiment", nargs="?", default="ecoli_demo")
    made.add_argument("overrides", nargs="*", metavar="key=value")
    made.add_argument("--seeds", type=int, default=20)
    made.add_argument("--steps", type=int, default=20, help="of each seed (%(default)s)")
    made.add_argument("--smoke", action="store_true", help="tiny sizes: does it run?")
    made.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    made.add_argument("--shards", type=Path, help=argparse.SUPPRESS)
    args = made.parse_args()
    if args.seed is not None:
        print(json.dumps(measure(args)))
        return
    if args.smoke:
        args.seeds, args.steps = 2, 4
        args.overrides = ["data.batch_tokens=1024", *args.overrides]
    print(
        table(
            "seed", "measured MB", "plan of the first steps", "plan at the densest step",
            "longest / median step", "tokens per chunk, densest",
        )
    )  # fmt: skip
    found = []
    with tempfile.TemporaryDirectory() as name:
        shards = Path(name) / "shards"
        command = [sys.executable, "-m", "hnet_seq.cli", "shard", str(GENOME), "--out", str(shards)]
        subprocess.run(command, check=True, capture_output=True)
        for seed in range(args.seeds):
            options = ["--seed", seed, "--shards", shards, "--steps", args.steps]
            one = in_fresh_process(__file__, args.experiment, *args.overrides, *options)
            grown, times = one["grown"], one["seconds"]
            one["off_first"] = one["at_first"] / grown - 1
            one["off_densest"] = one["at_densest"] / grown - 1
            one["longest"] = max(times) / statistics.median(times)
            found.append(one)
            print(
                row(
                    seed,
                    f"{grown / MB:,.0f}",
                    f"{one['at_first'] / MB:,.0f} ({one['off_first']:+.1%})",
                    f"{one['at_densest'] / MB:,.0f} ({one['off_densest']:+.1%})",
                    f"{one['longest']:.2f}",
                    ", ".join(f"{rate:.2f}" for rate in one["densest"]) or "none",
                ),
                flush=True,
            )
    print(
        f"\n{args.experiment}, {args.seeds} seeds: plan of the first steps off by "
        f"{spread([one['off_first'] for one in found], '+.1%')}, at the densest step by "
        f"{spread([one['off_densest'] for one in found], '+.1%')}; longest step / median "
        f"{spread([one['longest'] for one in found])}; micro-batches split "
        f"{sum(one['split'] for one in found)}"
    )


if __name__ == "__main__":
    main()
