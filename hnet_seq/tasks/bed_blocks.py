"""What is said of BED rows whose blocks are not looked at."""

from __future__ import annotations

import sys
from pathlib import Path

from hnet_seq.one_voice import speaks
from pipelines.formats.bed import count_with_blocks


def tell_of_blocks(path: Path, remedy: str = "") -> None:
    """Say on standard error, once for all processes, how many rows are of several blocks."""
    count = count_with_blocks(path)
    rows = "row has" if count == 1 else "rows have"
    said = (
        f"note: {path}: {count:,} BED {rows} blocks, which are ignored: the whole span is read"
        f"{remedy}"
    )
    if count and speaks(said):
        print(said, file=sys.stderr)
