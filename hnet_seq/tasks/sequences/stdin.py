"""Standard input as a file, which can be read twice."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from pipelines.storage.files import named_errors


def copy_of_stdin() -> Path:
    """A file in a folder of its own."""
    path = Path(tempfile.mkdtemp(prefix="hnet-seq-")) / "stdin"
    try:
        with named_errors(path), path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
    except BaseException:
        shutil.rmtree(path.parent)
        raise
    return path
