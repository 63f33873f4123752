"""JSON as dataclasses, checked key by key; errors name the file and the place in it."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from modalities.errors import InputError

Column = NDArray[np.int64]
"""A list of whole numbers in JSON, (n,) int64 here."""


def parse_record(path: str | Path, where: str, value: Any, expected: Any) -> Any:
    """``value`` from JSON as ``expected``: a dataclass, ``Column``, list, dict or plain type.

    Raises:
        InputError: a key is missing or unknown, or a value of another type.
    """
    if dataclasses.is_dataclass(expected) and isinstance(expected, type):
        return _object(path, where, value, expected)
    if get_origin(expected) is np.ndarray:
        return _column(path, where, value)
    origin = get_origin(expected)
    if origin is list and isinstance(value, list):
        (inner,) = get_args(expected)
        return [parse_record(path, f"{where}[{i}]", item, inner) for i, item in enumerate(value)]
    if origin is dict and isinstance(value, dict):
        _, inner = get_args(expected)
        return {
            key: parse_record(path, _join(where, key), item, inner) for key, item in value.items()
        }
    if expected is Any:
        return value
    options = get_args(expected) if isinstance(expected, UnionType) else (expected,)
    # bool is an int to Python, and never meant as one here.
    if any(type(value) is option for option in options):
        return value
    names = " or ".join(getattr(option, "__name__", str(option)) for option in options)
    raise InputError(path, f"{_kind(value)}, expected {names}", where=where)


def as_json(value: Any) -> Any:
    """The inverse: dataclasses and columns as plain values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: as_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    return value


def _object(path: str | Path, where: str, value: Any, expected: type) -> Any:
    if not isinstance(value, dict):
        raise InputError(path, f"{_kind(value)} where an object belongs", where=where or None)
    types = _types(expected)
    for key in value:
        if key not in types:
            raise InputError(path, "unknown key", where=_join(where, key))
    arguments = {}
    for name, kind in types.items():
        if name not in value:
            raise InputError(path, "missing key", where=_join(where, name))
        arguments[name] = parse_record(path, _join(where, name), value[name], kind)
    return expected(**arguments)


def _column(path: str | Path, where: str, value: Any) -> Column:
    if not isinstance(value, list) or not all(type(item) is int for item in value):
        raise InputError(path, f"{_kind(value)}, expected a list of whole numbers", where=where)
    try:
        return np.array(value, np.int64)
    except OverflowError:
        raise InputError(path, "holds a number beyond 64 bits", where=where) from None


@functools.cache
def _types(record: type) -> dict[str, Any]:
    return get_type_hints(record)


def _kind(value: Any) -> str:
    return f"is {type(value).__name__} {str(value)[:40]!r}"


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
