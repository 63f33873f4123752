"""Whether a disk has room for the vectors, asked before and while they are computed."""

from __future__ import annotations

import shutil
from pathlib import Path

from hnet_seq.tasks.embedding.files import bytes_needed
from hnet_seq.tasks.embedding.plan import Plan
from hnet_seq.tasks.sequences.inputs import SequenceSource
from modalities.errors import UsageError


def expected_rows(sequences: SequenceSource, plan: Plan, rows: int = 0, bases: int = 0) -> int:
    """Rows of the output.

    Args:
        rows, bases: committed so far: how many chunks a base has is known only from these. Before
            the first, a chunk a sequence is counted.
    """
    assert sequences.count is not None
    assert sequences.total_bases is not None
    if plan.options.level == "chunk":
        return round(rows * sequences.total_bases / bases) if bases else sequences.count
    return sequences.count if plan.options.level == "sequence" else sequences.total_bases


def check_space(out: Path, folder: Path, kind: str, rows: int, width: int, written: int) -> None:
    """Raise UsageError where the disk has less free than all rows take.

    Args:
        folder: on the disk of ``out``, and there.
        kind: of the output, which decides how much is needed at a time.
        written: bytes that lie there already.
    """
    needed = bytes_needed(kind, rows, width) - written
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UsageError(
            "out",
            f"{out} needs {_told(needed)} more while it is written, and its disk has "
            f"{_told(free)} free; make room and start again, or name a file on another disk",
        )


def _told(size: int) -> str:
    return f"{size / 1e9:,.2f} GB" if size >= 1e9 else f"{size / 1e6:,.3f} MB"
