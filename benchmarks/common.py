"""What the benchmarks share: clocks, rounds in turns, medians, and the memory of a process.

A figure is a ratio of things that were measured in turns in one process, so that a noisy machine
disturbs both, or stands beside a ceiling that was. Imported before torch: it decides how threads
wait.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hnet_seq import WAIT_POLICY

import torch  # isort: skip

Clock = Callable[[], float]

MB = 1e6
PEAK_SIZE = 2048  # of a square matrix: its product runs at the machine's rate


def parser(doc: str | None, rounds: int = 5) -> argparse.ArgumentParser:
    """Arguments of every benchmark."""
    made = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    made.add_argument("--rounds", type=int, default=rounds, help="of everything (%(default)s)")
    made.add_argument("--smoke", action="store_true", help="tiny sizes: does it run?")
    made.add_argument(
        "--cpu-time",
        action="store_true",
        help="seconds that this process was running: for a busy machine, with OMP_NUM_THREADS=1",
    )
    return made


def clock_of(args: argparse.Namespace) -> Clock:
    """The clock that was asked for; says the machine's state on stderr."""
    kind = "CPU seconds" if args.cpu_time else "wall time"
    print(f"{kind}, {torch.get_num_threads()} threads, {WAIT_POLICY}", file=sys.stderr)
    return time.process_time if args.cpu_time else time.perf_counter


def seconds(function: Callable[[], object], clock: Clock = time.perf_counter) -> float:
    """Of one call."""
    began = clock()
    function()
    return clock() - began


def in_turns(
    functions: dict[str, Callable[[], object]], rounds: int, clock: Clock, warm_up: int = 1
) -> dict[str, list[float]]:
    """Seconds of each function in each round; every other round runs in the opposite order."""
    for function in functions.values():
        for _ in range(warm_up):
            function()
    taken: dict[str, list[float]] = {name: [] for name in functions}
    for number in range(rounds):
        names = list(functions)
        for name in names if number % 2 == 0 else reversed(names):
            taken[name].append(seconds(functions[name], clock))
    return taken


def quotients(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Of each round."""
    return [a / b for a, b in zip(over, under, strict=True)]


def spread(values: Sequence[float], form: str = ".2f") -> str:
    """Median, least and greatest."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:{form}} ({low:{form}} to {high:{form}})"


def row(*cells: object) -> str:
    """Of a Markdown table."""
    return f"| {' | '.join(map(str, cells))} |"


def table(*names: str) -> str:
    """The head of a Markdown table."""
    return f"{row(*names)}\n|{'---|' * len(names)}"


class MatrixPeak:
    """The rate of one large fp32 matrix product, this machine's ceiling."""

    def __init__(self, size: int = PEAK_SIZE) -> None:
        self.left, self.right = torch.randn(2, size, size)
        self.out = torch.empty(size, size)
        self.flops = 2 * size**3

    def rate(self, clock: Clock, calls: int = 5) -> float:
        """FLOP/s, the best of some calls: nothing makes a product faster than it is."""
        took = (
            seconds(lambda: torch.mm(self.left, self.right, out=self.out), clock)
            for _ in range(calls)
        )
        return self.flops / min(took)


def resident(field: str) -> int:
    """Bytes of this process: VmRSS now, VmHWM at most."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no /proc/self/status here: this benchmark needs Linux")


def in_fresh_process(script: str, *arguments: object) -> Any:
    """Run a script again with these arguments; what it prints last, as JSON."""
    command = [sys.executable, script, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])
