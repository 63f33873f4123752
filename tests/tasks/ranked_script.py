"""A rank of the tests: small units, several verbs in one process, and maybe an early end."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hnet_seq.cli import main
from hnet_seq.jobs import units
from hnet_seq.jobs.shared_run import SharedRun
from hnet_seq.jobs.units import Unit
from hnet_seq.tasks.embedding import plan as embed_plan
from hnet_seq.tasks.scoring import change_effects, variant_scores
from hnet_seq.tasks.scoring import sequences as score_sequences

PART = 200  # tokens


def small_units() -> None:
    """Parts and units of a few records."""
    embed_plan.PART_TOKENS, embed_plan.PART_BYTES = PART, PART * 64 * 4
    units.MIN_TOKENS = PART
    score_sequences.PART_TOKENS = variant_scores.PART_TOKENS = PART
    change_effects._PART_TOKENS = 5 * PART


def kill_after(count: int) -> None:
    """End this process in the middle of a unit, after ``count`` whole ones."""
    working, begun = SharedRun.working, 0

    @contextmanager
    def killing(self: SharedRun, unit: Unit) -> Iterator[Path]:
        nonlocal begun
        begun += 1
        with working(self, unit) as folder:
            yield folder
            if begun > count:
                os.kill(os.getpid(), signal.SIGKILL)

    SharedRun.working = killing  # type: ignore[method-assign]


def run(commands: list[list[str]], killed: int | None = None, after: int = 0) -> int:
    """Run commands of ``hnet-seq`` one after the other.

    Args:
        killed: the rank that is killed without warning while it works on the unit after so many.
    """
    small_units()
    if killed == int(os.environ["RANK"]):
        kill_after(after)
    return next((code for command in commands if (code := main(command))), 0)
