"""Paths as a caller hands them to a function, and how errors name what is none."""

from __future__ import annotations

import os
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

from modalities.errors import InputError, UsageError, printable


def given_path(given: str | PathLike[str], parameter: str) -> Path:
    """A path as a caller hands it to a function.

    Raises:
        InputError: it is something else, or empty. Names ``parameter``.
    """
    if isinstance(given, str | PathLike) and str(given):
        return Path(given)
    found = "an empty string" if isinstance(given, str) else a_kind_of(given)
    raise InputError(None, f"is {found}; give the path of a file or folder", where=parameter)


def check_once(paths: Iterable[str | PathLike[str]], parameter: str = "inputs") -> None:
    """Raise UsageError for a path that is given twice, however it is spelled; links are others."""
    seen = set()
    for path in map(os.path.abspath, paths):
        if path in seen:
            raise UsageError(parameter, f"{printable(path)} is given twice")
        seen.add(path)


def a_kind_of(value: Any) -> str:
    """The type of a value with its article."""
    if value is None:
        return "None"
    kind = kind_of(value)
    return f"{'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind}"


def kind_of(value: Any) -> str:
    """The type of a value."""
    return type(value).__name__
