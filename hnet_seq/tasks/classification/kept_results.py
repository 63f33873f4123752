"""Finished parts of a long command: kept in its output folder, found again by their settings.

A part lies under a name that holds a hash of everything it depends on. With other settings another
part is sought, so that nothing stale is read and nothing finished is lost.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.storage.files import named_errors, replaced_stream, sync, take_place
from pipelines.storage.leftovers import remove

_HASH_LETTERS = 16

Arrays = dict[str, NDArray[Any]]


def settings_hash(settings: dict[str, Any]) -> str:
    """Of JSON values; the order of the keys does not matter."""
    text = json.dumps(settings, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_LETTERS]


def kept_path(folder: Path, name: str, settings: dict[str, Any]) -> Path:
    """Where the part ``name`` lies that was made with these settings."""
    return folder / f"{name}-{settings_hash(settings)}.npz"


def read_kept(path: Path) -> tuple[Arrays, dict[str, Any]] | None:
    """Arrays and JSON values of a finished part; None where it is not there or damaged."""
    try:
        # Opened here, because NumPy leaves a file open that turns out to be damaged.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
        return found, json.loads(found.pop("about").item())
    except (OSError, zipfile.BadZipFile, ValueError, KeyError, EOFError):
        return None


def write_kept(path: Path, arrays: Mapping[str, NDArray[Any]], about: dict[str, Any]) -> None:
    """Keep a finished part: complete or not at all."""
    with replaced_stream(path) as file:
        values: dict[str, Any] = {"about": np.array(json.dumps(about)), **arrays}
        np.savez(file, **values)


@contextmanager
def unfinished_folder(out: Path) -> Iterator[Path]:
    """Where to write a folder that holds finished parts.

    That is ``out`` where it is there. Else it is ``<out>.partial``, which gets its name when the
    block ends well, and after a failure stays for the next call if a part in it is finished.
    """
    if out.exists():
        yield out
        return
    folder = out.with_name(f"{out.name}.partial")
    try:
        with named_errors(out, folder):
            yield folder
    except BaseException:
        if not any(folder.glob("*/*.npz")):
            remove(folder)
        raise
    sync(folder)
    take_place(folder, out)
