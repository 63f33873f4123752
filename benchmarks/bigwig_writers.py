"""A bigWig of a value at every base, written by pyBigWig and by pybigtools.

    python benchmarks/bigwig_writers.py [--bases 4938920]

CPU seconds, size of the file and largest memory of a process each, in turns.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_PIECE = 1 << 18  # values given to pyBigWig at once, as `segment --bigwig` does


def by_pybigwig(path: str, values: NDArray[np.float32]) -> None:
    import pyBigWig

    file = pyBigWig.open(path, "w")
    file.addHeader([("record", len(values))])
    for start in range(0, len(values), _PIECE):
        file.addEntries("record", start, values=values[start : start + _PIECE], span=1, step=1)
    file.close()


def by_pybigtools(path: str, values: NDArray[np.float32]) -> None:
    import pybigtools

    rows = (("record", at, at + 1, value) for at, value in enumerate(values.tolist()))
    pybigtools.open(path, "w").write({"record": len(values)}, rows)


WRITERS: dict[str, Callable[[str, NDArray[np.float32]], None]] = {
    "pyBigWig": by_pybigwig,
    "pybigtools": by_pybigtools,
}


def measured(name: str, bases: int) -> tuple[float, int, int]:
    """CPU seconds, bytes of the file, and bytes of memory at the most."""
    values = np.random.default_rng(0).random(bases, dtype=np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "track.bw"
        began = time.process_time()
        WRITERS[name](f"{path}", values)
        seconds = time.process_time() - began
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return seconds, path.stat().st_size, most


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bases", type=int, default=4_938_920)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    found: dict[str, list[tuple[float, int, int]]] = {name: [] for name in WRITERS}
    for _ in range(args.rounds):
        for name in WRITERS:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
                found[name].append(fresh.submit(measured, name, args.bases).result())
    for name, rows in found.items():
        seconds = statistics.median(row[0] for row in rows)
        _, size, memory = rows[0]
        print(f"{name}: {seconds:.1f} CPU s, {size / 1e6:.1f} MB, {memory / 1e6:.0f} MB of memory")


if __name__ == "__main__":
    main()
