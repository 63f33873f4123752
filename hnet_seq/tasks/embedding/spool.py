"""Rows on their way to a file: appended to a folder, committed a part at a time.

A run that was killed goes on from its last commit: what was written after it is cut off, so the
rows are those of a run that was never stopped. The folder says what it was made from, and refuses
to go on with anything else.

The folder ``OUT.partial`` holds ``identity.json``, ``state.json`` (sequences and rows committed),
``vectors.npy`` (a header of fixed size, then rows) and a file for each further column: numbers end
to end, text one value a line.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from hnet_seq.tasks.embedding.spooled_rows import (
    STATE,
    TEXT,
    VECTORS,
    Column,
    SpooledRows,
    write_header,
)
from hnet_seq.tasks.run_identity import keep_identity
from modalities.errors import UsageError
from pipelines.files import named_errors, replaced_file

__all__ = ["TEXT", "VECTORS", "Column", "Spool", "open_spool"]

_IDENTITY, _LOCK = "identity.json", "lock"


class Spool(SpooledRows):
    """Rows of D float32 with further columns, in a folder; see :func:`open_spool`.

    Attributes:
        sequences, rows: committed so far.
        seconds: of computing, over all runs that wrote here.
    """

    def __init__(self, folder: Path, width: int, columns: Mapping[str, str]) -> None:
        super().__init__(folder, width, columns)
        self.sequences = 0
        self.seconds = 0.0
        self._files: dict[str, IO[bytes]] = {}
        self._open()

    def append(self, columns: Mapping[str, Column], vectors: NDArray[np.float32]) -> None:
        """Add R rows: a value of every column for each, and vectors (R, D)."""
        assert columns.keys() == self.columns.keys()
        assert vectors.shape[1] == self.width
        with named_errors(self.folder):
            self._append(columns, vectors)
        self.rows += len(vectors)

    def _append(self, columns: Mapping[str, Column], vectors: NDArray[np.float32]) -> None:
        self._files[VECTORS].write(np.ascontiguousarray(vectors, "<f4").data)
        for name, values in columns.items():
            assert len(values) == len(vectors)
            if self.columns[name] == TEXT:
                text = "".join(f"{value}\n" for value in values)
                self._files[name].write(text.encode())
            else:
                self._files[name].write(np.ascontiguousarray(values, self.columns[name]).data)

    def commit(self, sequences: int, seconds: float) -> None:
        """All rows so far belong to the first ``sequences``; from here a killed run goes on."""
        self.sequences = sequences
        self.seconds += seconds
        sizes = {}
        with named_errors(self.folder):
            for name, file in self._files.items():
                file.flush()
                os.fsync(file.fileno())
                sizes[name] = file.tell()
        with replaced_file(self.folder / STATE) as stream:
            json.dump(
                {
                    "sequences": sequences,
                    "rows": self.rows,
                    "seconds": self.seconds,
                    "sizes": sizes,
                },
                stream,
            )

    def finish(self) -> None:
        """Write the number of rows in the header; nothing is appended afterwards."""
        self._files[VECTORS].seek(0)
        write_header(self._files[VECTORS], self.rows, self.width)
        self.close()

    def close(self) -> None:
        """Close the files."""
        files, self._files = self._files, {}
        with named_errors(self.folder), ExitStack() as opened:
            for file in files.values():
                opened.enter_context(file)

    def _open(self) -> None:
        state = self.folder / STATE
        sizes: dict[str, int] = {}
        if state.exists():
            known = json.loads(state.read_bytes())
            sizes = known["sizes"]
            paths = {name: self.folder / name for name in sizes}
            if all(p.exists() and p.stat().st_size >= sizes[n] for n, p in paths.items()):
                self.sequences, self.rows = known["sequences"], known["rows"]
                self.seconds = known["seconds"]
            else:  # a file was taken away already: begin again
                sizes = {}
        for name in (VECTORS, *self.columns):
            path = self.folder / name
            path.touch()
            file = path.open("r+b")
            file.truncate(sizes.get(name, 0))
            file.seek(0, os.SEEK_END)
            self._files[name] = file
        if not sizes:
            write_header(self._files[VECTORS], 0, self.width)


@contextmanager
def open_spool(
    folder: Path, identity: Mapping[str, Any], width: int, columns: Mapping[str, str]
) -> Iterator[Spool]:
    """The spool of that folder: new, or where a killed run stopped.

    The folder goes when the block ends well, or badly before anything was committed.

    Args:
        identity: what the rows are made from, JSON values; a folder of another one is refused.
        width: D.
        columns: the kind of each further column: ``text``, or a numpy type such as ``<i8``.

    Raises:
        UsageError: the folder is of another model, input or options, and the message says which
            differ; or another process writes to it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        if not (folder / _IDENTITY).exists():
            _refuse_strangers(folder)
        keep_identity(folder / _IDENTITY, identity)
        spool = Spool(folder, width, columns)
        try:
            yield spool
        except BaseException:
            if not spool.sequences:
                shutil.rmtree(folder)
            raise
        finally:
            spool.close()
        shutil.rmtree(folder)


def _refuse_strangers(folder: Path) -> None:
    others = [own.name for own in folder.iterdir() if own.name != _LOCK]
    # What was killed before it wrote its identity left at most the file's temporary name.
    if any(not name.startswith(".") for name in others):
        raise UsageError("out", f"{folder} is in the way and no unfinished run; move it")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    import fcntl  # absent on Windows

    with (folder / _LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                "out", f"another process is writing {folder}; wait for it, or name another --out"
            ) from None
        yield
