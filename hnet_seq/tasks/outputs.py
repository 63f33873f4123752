"""Where results go: a file is whole or not there, and results lie beside their run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def replaced_file(path: Path) -> Iterator[TextIO]:
    """A text file under a temporary name that takes its own when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="\n") as stream:
            yield stream
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def run_folder_of(checkpoint: str | Path) -> Path | None:
    """The run folder that a checkpoint belongs to: itself, or the one above ``checkpoints/``."""
    path = Path(checkpoint)
    if (path / "config.yaml").is_file():
        return path
    if path.parent.name == "checkpoints" and path.is_dir():
        return path.parent.parent
    return None
