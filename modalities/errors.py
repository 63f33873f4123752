"""Errors about what a person handed in: they name the file, the place in it, and the remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class InputError(ValueError):
    """Bad input. The message is one line: ``path: place: what was found; what to do``.

    The command line prints it without a traceback and exits with 1.
    """

    def __init__(self, path: str | Path | None, message: str, *, where: str | None = None) -> None:
        shown = None if path is None else printable(str(path))
        parts = [part for part in (shown, where) if part is not None]
        super().__init__(": ".join([*parts, message]))
        self.path = path
        self.where = where
        self._message = message

    def __reduce__(self) -> Any:
        # Worker processes send what went wrong to the one that started them.
        return _again, (type(self), self.path, self._message, self.where)


class UsageError(InputError):
    """A request that cannot be meant: an unknown option or config key, a missing argument.

    The command line exits with 2.
    """


def _again(
    kind: type[InputError], path: str | Path | None, message: str, where: str | None
) -> InputError:
    return kind(path, message, where=where)


def printable(name: str) -> str:
    r"""A name as one line of UTF-8: control characters and bytes that are not UTF-8 as ``\x0a``."""
    try:
        text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half a surrogate pair, out of JSON
        text = name.encode("utf-8", "backslashreplace").decode()
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == " " else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else character
