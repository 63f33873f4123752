"""JSON as dataclasses and TypedDicts, checked key by key; errors name the file and the place in it.

A key that is a word of Python has a name with an underscore behind it: ``from_`` is ``from``.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import types
import typing
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar, get_args, get_origin

from modalities.errors import InputError

_Value = TypeVar("_Value")
FINITE: Final = "finite"
LATER: Final = "later"
REST: Final = "rest"
Finite = Annotated[float, FINITE]
Later = Annotated[_Value | None, LATER]
"""None in files of older versions, which have no such key."""
Rest = Annotated[dict[str, Any], REST]
"""Whatever else stands beside the other keys, in its order."""

_NAMES: dict[Any, str] = {
    **{list: "a list", dict: "a JSON object", str: "text", bool: "true or false"},
    **{int: "a whole number", float: "a number"},
}


def parse_record(
    path: str | Path | None,
    where: str,
    value: Any,
    expected: Any,
    *,
    strict: bool = True,
    remedy: str = "make the file again",
) -> Any:
    """``value`` from JSON as ``expected``.

    Args:
        path: for errors.
        where: the place of the value, likewise.
        expected: a dataclass or TypedDict, ``NDArray[np.int64]``, list, dict, Literal, union or
            plain type; ``Annotated[list[float], 2]`` is a list of that length. What
            ``__post_init__`` of a dataclass has against it, as ValueError, is told with its place.
        strict: whether unknown keys are refused, and keys asked for that have a default or are
            :data:`Later`.
        remedy: of what is missing or against an invariant.

    Raises:
        InputError: a key is missing, or a value is of another type or against an invariant.
    """
    return _Reader(path, strict, remedy).value(where, "", value, expected)


def as_json(value: Any) -> Any:
    """The inverse: dataclasses and columns as plain values.

    A field that is None by default is left out where it is None.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        found: dict[str, Any] = {}
        for field in dataclasses.fields(value):
            own = getattr(value, field.name)
            if _has(_types(type(value))[field.name], REST):
                found |= own
            elif own is not None or field.default is not None:
                found[field.name.rstrip("_")] = as_json(own)
        return found
    if hasattr(value, "tolist"):  # a NumPy array
        return value.tolist()
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    return value


@dataclasses.dataclass(frozen=True)
class _Reader:
    path: str | Path | None
    strict: bool
    remedy: str

    def value(self, where: str, key: str, value: Any, expected: Any) -> Any:
        """The value of ``key`` of the object at ``where``."""
        origin, arguments = get_origin(expected), get_args(expected)
        if expected is Any:
            return value
        if origin is Annotated:
            found, mark = self.value(where, key, value, arguments[0]), arguments[1]
            if mark is FINITE and not math.isfinite(found):
                raise self._wrong(where, key, value, "a finite number")
            if isinstance(mark, int) and len(found) != mark:
                raise self._wrong(where, key, value, f"{mark} values")
            return found
        if origin is typing.NotRequired:
            return self.value(where, key, value, *arguments)
        if origin in (typing.Union, types.UnionType):
            return self._one_of(where, key, value, arguments)
        if origin is Literal:
            if value not in arguments:
                raise self._wrong(where, key, value, " or ".join(map(str, arguments)))
            return value
        if _is_record(expected):
            return self._object(_join(where, key), value, expected)
        if origin is list and isinstance(value, list):
            return [
                self.value(where, f"{key}[{index}]", item, *arguments)
                for index, item in enumerate(value)
            ]
        if origin is dict and isinstance(value, dict):
            inside = _join(where, key)
            return {
                name: self.value(inside, name, own, arguments[1]) for name, own in value.items()
            }
        if getattr(origin, "__name__", "") == "ndarray":
            if not isinstance(value, list) or not all(map(_is_int64, value)):
                raise self._wrong(where, key, value, "whole numbers of 64 bits")
            import numpy as np  # most records have none, and are read before it has come

            return np.array(value, np.int64)
        if origin is None and _is(value, expected):
            return value
        if expected is int and type(value) is float and value.is_integer() and not self.strict:
            return int(value)
        raise self._wrong(where, key, value, _NAMES.get(origin or expected, "null"))

    def _one_of(self, where: str, key: str, value: Any, kinds: tuple[Any, ...]) -> Any:
        if value is None and types.NoneType in kinds:
            return None
        *others, last = [kind for kind in kinds if kind is not types.NoneType]
        for kind in others:
            try:
                return self.value(where, key, value, kind)
            except InputError:
                continue
        return self.value(where, key, value, last)

    def _object(self, where: str, value: Any, expected: type) -> Any:
        if not isinstance(value, dict):
            raise self._wrong(where, "", value, _NAMES[dict])
        found, rest = {}, dict(value)
        for name, kind in _types(expected).items():
            if (key := name.rstrip("_")) in rest and not _has(kind, REST):
                found[name] = self.value(where, key, rest.pop(key), kind)
        for name, kind in _types(expected).items():
            if name in found:
                continue
            if _has(kind, REST):
                found[name], rest = rest, {}
            elif self.strict or not _may_be_missing(expected, name, kind):
                message = f"no {name.rstrip('_')!r}; {self.remedy}"
                raise InputError(self.path, message, where=where or None)
            elif _has(kind, LATER):
                found[name] = None
        if rest and self.strict:
            raise InputError(self.path, "unknown key", where=_join(where, next(iter(rest))))
        try:
            return expected(**found)
        except ValueError as error:
            message = f"{error}; {self.remedy}"
            raise InputError(self.path, message, where=where or None) from None

    def _wrong(self, where: str, key: str, value: Any, expected: str) -> InputError:
        message = f"{key!r} is {_shown(value)}; expected {expected}"
        if not key:  # the whole of it
            message = f"expected {expected}, found {_shown(value)}"
        return InputError(self.path, message, where=where or None)


@functools.cache
def _types(record: type) -> dict[str, Any]:
    return typing.get_type_hints(record, include_extras=True)


def _is(value: Any, expected: Any) -> bool:
    # bool is an int to Python, and never meant as one here; NumPy's floats are floats.
    if isinstance(value, bool):
        return expected is bool
    return isinstance(value, (int, float) if expected is float else expected)


def _is_int64(value: Any) -> bool:
    return type(value) is int and -(1 << 63) <= value < 1 << 63


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and (dataclasses.is_dataclass(kind) or typing.is_typeddict(kind))


def _has(kind: Any, mark: str) -> bool:
    return get_origin(kind) is Annotated and mark in kind.__metadata__


def _may_be_missing(record: type, name: str, kind: Any) -> bool:
    if _has(kind, LATER) or get_origin(kind) is typing.NotRequired:
        return True
    field = getattr(record, "__dataclass_fields__", {}).get(name)
    missing = dataclasses.MISSING
    return field is not None and not field.default is field.default_factory is missing


def _shown(value: Any) -> str:
    text = f"{value}" if isinstance(value, float) else json.dumps(value, default=str)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _join(where: str, key: str) -> str:
    if not (where and key):
        return where or key
    return f"{where}, {key}" if where.startswith("line ") and "," not in where else f"{where}.{key}"
