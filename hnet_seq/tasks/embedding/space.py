"""Whether a disk has room for the vectors, asked before and while they are computed."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from hnet_seq.jobs.shared_run import shared_folder
from hnet_seq.tasks.embedding.plan import Plan
from hnet_seq.tasks.sequences.inputs import SequenceSource
from modalities.errors import UsageError


class Space:
    """Asks again with each part: how many chunks a base has is known only from those."""

    def __init__(self, out: Path, sequences: SequenceSource, plan: Plan) -> None:
        assert sequences.count is not None
        assert sequences.total_bases is not None
        self._out = out
        self._count, self._bases = sequences.count, sequences.total_bases
        self._level, self._width = plan.options.level, plan.layer.width
        self._rows = self._of_bases = 0

    def add(self, rows: int, bases: int) -> None:
        """Count what is computed."""
        self._rows += rows
        self._of_bases += bases

    def check(self) -> None:
        """Raise UsageError where the disk has less free than all rows take.

        Rows and the output made from them lie there at one time.
        """
        rows = {"sequence": self._count, "base": self._bases}.get(self._level)
        if rows is None:  # before the first, a chunk a sequence is counted
            known = self._of_bases
            rows = round(self._rows * self._bases / known) if known else self._count
        needed = 2 * 4 * rows * self._width - _written(shared_folder(self._out))
        there = next(folder for folder in self._out.absolute().parents if folder.exists())
        free = shutil.disk_usage(there).free
        if needed > free:
            raise UsageError(
                "out",
                f"{self._out} needs {_told(needed)} more while it is written, and its disk has "
                f"{_told(free)} free; make room and start again, or name a file on another disk",
            )


def _written(folder: Path) -> int:
    """Bytes of the files below a folder, where other processes rename what they have finished."""
    found = 0
    for where, _, names in os.walk(folder):  # which passes over a folder that has gone meanwhile
        for name in names:
            with suppress(FileNotFoundError):
                found += os.stat(os.path.join(where, name)).st_size
    return found


def _told(size: int) -> str:
    return f"{size / 1e9:,.2f} GB" if size >= 1e9 else f"{size / 1e6:,.3f} MB"
