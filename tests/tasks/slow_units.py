"""``hnet-seq`` with small units, of which some never end: what a signal or a kill then leaves.

python -m tests.tasks.slow_units FIRST_THAT_DOES_NOT_END shard ...
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from hnet_seq.cli import main
from hnet_seq.tasks import shard
from pipelines.shards import dna_shards
from pipelines.shards.shard_folder import UnitResult
from pipelines.shards.sharding import Job

UNIT_BYTES = 2000


def small_units(*arguments: Any) -> list[Job]:
    """As :func:`pipelines.shards.dna_shards.dna_jobs`, of about UNIT_BYTES each."""
    whole, dna_shards.UNIT_BYTES = dna_shards.UNIT_BYTES, UNIT_BYTES
    try:
        return dna_shards.dna_jobs(*arguments)
    finally:
        dna_shards.UNIT_BYTES = whole


def stop_half_way(
    make: Callable[..., UnitResult], folder: Path, number: int, tell: Callable[[int], object]
) -> UnitResult:
    """A unit of which half is written: its process waits."""
    for written in make(folder, number, tell).shards:
        os.truncate(folder / written.name, written.bytes // 2)
    (folder / "waiting").touch()
    time.sleep(600)
    raise AssertionError("nobody ended it")


def endless_units(first: int, *arguments: Any) -> Sequence[Job]:
    """Small units; those from ``first`` on never end."""
    return [
        job if number < first else replace(job, make=partial(stop_half_way, job.make))
        for number, job in enumerate(small_units(*arguments))
    ]


if __name__ == "__main__":
    # A shell in the background hands down an ignored Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    setattr(shard, "dna_jobs", partial(endless_units, int(sys.argv[1])))  # noqa: B010
    sys.exit(main(sys.argv[2:]))
