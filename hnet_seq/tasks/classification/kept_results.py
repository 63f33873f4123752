"""Finished parts of a long command: kept in its output folder, found again by their settings.

A part lies under a name that holds a hash of everything it depends on. With other settings another
part is sought, so that nothing stale is read and nothing finished is lost.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.files import replaced_path

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
    with replaced_path(path) as temporary, temporary.open("wb") as file:
        values: dict[str, Any] = {"about": np.array(json.dumps(about)), **arrays}
        np.savez(file, **values)
