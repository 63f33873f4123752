"""A stretch of the inputs that one process reads."""

from __future__ import annotations

import os
from dataclasses import dataclass

from modalities.errors import printable


@dataclass(frozen=True)
class Unit:
    """A stretch of the inputs.

    Attributes:
        kind: ``files`` (a document each), ``jsonl`` (a record a line), ``json`` (records that may
            span lines), ``parquet`` or ``webdataset``.
        paths: one, or with ``files`` several.
        start: the first byte or row group of the one path; lines belong to the unit in which they
            begin. 0 with ``files``.
        stop: the end, exclusive.
        bytes: on disk, about; for progress.
        root: the folder that names begin in.
    """

    kind: str
    paths: tuple[str, ...]
    start: int
    stop: int
    bytes: int
    root: str = ""

    def name_of(self, path: str) -> str:
        """A path as documents are named after it: from the input on, with slashes."""
        return printable(os.path.relpath(path, self.root or os.curdir).replace(os.sep, "/"))
