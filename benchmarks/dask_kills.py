"""embed on a local Dask cluster of two single-thread workers, also killed at random: bytes, CPU.

    python benchmarks/dask_kills.py genomes-tiny genome.fna.gz --kills 10

CPU seconds are those of all processes of a run, over those of one process that does the same.
"""

from __future__ import annotations

import argparse
import filecmp
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    """Three runs, one after another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("sequences")
    parser.add_argument("--genome", help="of a BED of windows")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    words = [args.checkpoint, args.sequences, "--device", "cpu"]
    words += ["--genome", args.genome] if args.genome else []
    dask = ["--dask", f"local:{args.workers}"]
    with tempfile.TemporaryDirectory() as folder:
        one, two, killed = (Path(folder) / f"{name}.npy" for name in ("one", "two", "killed"))
        alone, seconds = cpu_seconds([*words, "--out", f"{one}"])
        print(f"one process: {alone:.1f} CPU s in {seconds:.0f} s", flush=True)
        pause = seconds / args.workers / (args.kills + 1)
        for out, kills in ((two, 0), (killed, args.kills)):
            found, seconds = cpu_seconds(
                [*words, "--out", f"{out}", *dask], kills, pause, random.Random(args.seed)
            )
            same = filecmp.cmp(one, out, shallow=False)
            print(
                f"{args.workers} workers, {kills} kills: {found:.1f} CPU s in {seconds:.0f} s, "
                f"{alone / found:.1%} of one process's; {'same' if same else 'OTHER'} bytes",
                flush=True,
            )


def cpu_seconds(
    words: list[str], kills: int = 0, pause: float = 0.0, draw: random.Random | None = None
) -> tuple[float, float]:
    """CPU seconds of a run and all its processes, and seconds by the clock.

    Args:
        kills: of workers, with random pauses of ``pause`` seconds in the mean between them.
    """
    used, began = _used(), time.monotonic()
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "hnet_seq.cli", "embed", *words]
    run = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    while kills and run.poll() is None:
        assert draw is not None
        time.sleep(draw.uniform(0, 2 * pause))
        if busy := _workers(run.pid):
            os.kill(draw.choice(busy), signal.SIGKILL)
            kills -= 1
    if run.wait():
        raise SystemExit(f"{' '.join(command)} ended with {run.returncode}")
    if kills:
        raise SystemExit(f"the run was over {kills} kills too early")
    return _used() - used, time.monotonic() - began


def _workers(parent: int) -> list[int]:
    """Processes of workers below a local cluster's: they were spawned, and compute."""
    found = []
    for children in Path(f"/proc/{parent}/task").glob("*/children"):
        for child in children.read_text().split():
            words = Path(f"/proc/{child}/cmdline").read_bytes()
            if b"spawn_main" in words:
                found.append(int(child))
    return found


def _used() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


if __name__ == "__main__":
    main()
