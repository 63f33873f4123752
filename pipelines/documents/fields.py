"""The fields of a record, whichever format it stands in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from modalities.errors import InputError, printable
from pipelines.documents.options import DocumentOptions
from pipelines.documents.records import Dropped, RawDocument

_REMEDY = "; correct it, or leave such records out with --broken-lines drop"
_SHOWN_FIELDS = 8


class Broken(ValueError):
    """A record without a usable text; the message says what was found and expected."""


def raw_document(
    fields: object,
    options: DocumentOptions,
    *,
    file: str,
    name: str,
    where: Callable[[], str | None],
    text: bytes | str | None = None,
) -> RawDocument:
    """The document of a record with ``text``, ``path``, ``lang`` or ``language``, ``license``.

    Args:
        name: of the document, where the record has no path.
        text: the text, where the record holds only what is said about it.

    Raises:
        Broken: it is no mapping, or has no string as its text.
    """
    if not isinstance(fields, Mapping):
        raise Broken(f"found {_kind(fields)}, expected an object with {options.text_field!r}")
    if text is None:
        if options.text_field not in fields:
            names = ", ".join(map(str, list(fields)[:_SHOWN_FIELDS])) or "none"
            raise Broken(
                f"no field {options.text_field!r}, found {names}; name it with --text-field"
            )
        value = fields[options.text_field]
        if not isinstance(value, str | bytes):
            raise Broken(f"{options.text_field!r} is {_kind(value)}, expected a string")
        text = value
    path = _string(fields.get("path"))
    return RawDocument(
        name=printable(path) if path else name,
        file=file,
        where=where,
        text=text,
        path=path,
        language=_string(fields.get("lang")) or _string(fields.get("language")),
        license=_licenses(fields.get("license")),
    )


def broken(
    error: Broken, options: DocumentOptions, *, reason: str, file: str, name: str, where: str | None
) -> Dropped:
    """What becomes of a broken record.

    Raises:
        InputError: broken records are errors.
    """
    if options.broken_lines == "drop":
        return Dropped(name, reason)
    raise InputError(file, f"{error}{_REMEDY}", where=where)


def _string(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace").strip()
    return value.strip() if isinstance(value, str) else ""


def _licenses(value: object) -> str:
    if isinstance(value, list | tuple):
        # All that were found in one file bind.
        return " AND ".join(f"({_string(part)})" for part in value)
    return _string(value)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a truth value"}
    if value is None:
        return "null"
    return names.get(type(value), "a number" if isinstance(value, int | float) else "no string")
