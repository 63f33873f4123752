"""Reading JSON that somebody may have edited: every complaint names file, place and remedy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from modalities.errors import InputError

_KINDS: dict[Any, str] = {list: "a list", dict: "an object", str: "text"}


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object that a file holds.

    Raises:
        InputError: it is not JSON, or not an object.
    """
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise InputError(path, f"not JSON: {error}; delete it and make it again") from error
    if not isinstance(value, dict):
        raise InputError(path, f"expected a JSON object, found {_name(value)}; make it again")
    return value


def parse_line(path: Path, count: int, line: bytes) -> dict[str, Any]:
    """The JSON object of line ``count`` (1-based) of a log.

    Raises:
        InputError: it is not JSON, or not an object.
    """
    where = f"line {count}"
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(
            path, f"not a JSON object: {error}; delete the line or resume the run", where=where
        ) from error
    if not isinstance(value, dict):
        raise InputError(
            path, f"expected a JSON object, found {_name(value)}; delete the line", where=where
        )
    return value


def fields(
    record: Any, path: Path, where: str, *keys: str, kind: type | None = None
) -> dict[str, Any]:
    """``record`` itself, once it is known to have ``keys``, of that kind.

    Raises:
        InputError: it is no object, a key is missing, or a value is of another kind.
    """
    if not isinstance(record, dict):
        raise InputError(path, f"expected a JSON object, found {_name(record)}", where=where)
    for key in keys:
        if key not in record:
            raise InputError(path, f"no {key!r}; make the file again", where=where)
        if kind is not None and not isinstance(record[key], kind):
            raise InputError(
                path, f"{key!r} is {_name(record[key])}; expected {_KINDS[kind]}", where=where
            )
    return record


def number_of(record: Any, key: str, path: Path, where: str) -> float:
    """``record[key]`` as a number.

    Raises:
        InputError: it is missing or not a number.
    """
    value = optional_number(record, key, path, where)
    if value is None:
        raise InputError(path, f"{key!r} is null; expected a number", where=where)
    return value


def optional_number(record: Any, key: str, path: Path, where: str) -> float | None:
    """``record[key]`` as a number, or None where it is null: too little data to tell.

    Raises:
        InputError: it is missing or neither.
    """
    value = fields(record, path, where, key)[key]
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    raise InputError(path, f"{key!r} is {_name(value)}; expected a number", where=where)


def count_of(record: Any, key: str, path: Path, where: str) -> int:
    """``record[key]`` as a whole number.

    Raises:
        InputError: it is missing, not a number, or not a whole one.
    """
    value = number_of(record, key, path, where)
    if isinstance(value, float) and not value.is_integer():  # nor are NaN and infinity
        raise InputError(path, f"{key!r} is {value}; expected a whole number", where=where)
    return int(value)


def _name(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
