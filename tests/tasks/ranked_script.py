"""A rank of the tests: small units, several verbs in one process, and an end where it is asked for.

    python ranked_script.py KILL COMMANDS.json

KILL is ``RANK:UNITS``: that rank is killed without warning while it works on the unit after so
many; or ``-``. COMMANDS is a list of the arguments of ``hnet-seq``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from hnet_seq.cli import main
from hnet_seq.tasks.embedding import plan as embed_plan
from hnet_seq.tasks.ranked import units
from hnet_seq.tasks.ranked.shared_run import SharedRun
from hnet_seq.tasks.ranked.units import Unit
from hnet_seq.tasks.scoring import mutagenesis, variant_scores
from hnet_seq.tasks.scoring import sequences as score_sequences

PART = 200  # tokens


def small_units() -> None:
    """Parts and units of a few records."""
    embed_plan.PART_TOKENS, embed_plan.PART_BYTES = PART, PART * 64 * 4
    units.MIN_TOKENS = PART
    score_sequences.PART_TOKENS = variant_scores.PART_TOKENS = PART
    mutagenesis._PART_TOKENS = 5 * PART


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


if __name__ == "__main__":
    torch.set_num_threads(1)
    small_units()
    rank, _, after = sys.argv[1].partition(":")
    if rank == os.environ["RANK"]:
        kill_after(int(after))
    for command in json.loads(Path(sys.argv[2]).read_text()):
        code = main(command)
        if code:
            sys.exit(code)
