"""Errors about what a person handed in: they name the file, the place in it, and the remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_OPTION = re.compile(r"(?<![\w-])--([a-z][a-z0-9]*(?:-[a-z0-9]+)*)")
_PARAMETER = re.compile(r"`([a-z]\w*)`")


class InputError(ValueError):
    """Bad input. The message is one line: ``path: place: what was found; what to do``.

    The command line prints it without a traceback and exits with 1. What a caller can set goes by
    the name of its parameter, whether a message writes it as ```batch_tokens``` or, where it was
    written for the command line, as ``--batch-tokens``; :meth:`for_command_line` has the options.
    """

    def __init__(self, path: str | Path | None, message: str, *, where: str | None = None) -> None:
        shown = None if path is None else printable(str(path))
        parts = [part for part in (shown, where) if part is not None]
        self._worded = ": ".join([*parts, message])
        for index, part in enumerate((path, where) if path is not None else (where,)):
            if isinstance(part, str) and part.startswith("--"):
                parts[index] = _OPTION.sub(_name, part)
        said = _OPTION.sub(lambda found: f"`{_name(found)}`", message)
        super().__init__(": ".join([*parts, said]))
        self.path = path
        self.where = where
        self._message = message

    def for_command_line(self, options: Mapping[str, str]) -> str:
        """The message with the options of the command in place of parameters.

        Args:
            options: from the names of parameters to the options: ``{"pooling": "--pooling"}``.
        """
        worded = self._worded
        if isinstance(self, UsageError) and isinstance(self.path, str):
            name = re.match(r"[a-z]\w*(?=[: ])", worded)
            if name and name[0] in options:
                worded = options[name[0]] + worded[name.end() :]
        return _PARAMETER.sub(lambda found: options.get(found[1], found[0]), worded)

    def said_by(self, whom: str) -> InputError:
        """The same error, with whom it comes from at its end."""
        return type(self)(self.path, f"{self._message} ({whom})", where=self.where)

    def renamed(self, path: str | Path) -> InputError:
        """The same of a file that the user knows by another name."""
        return type(self)(path, self._message, where=self.where)

    def with_remedy(self, remedy: str) -> InputError:
        """The same with one more thing that can be done."""
        return type(self)(self.path, f"{self._message}; {remedy}", where=self.where)

    def __reduce__(self) -> Any:
        # Worker processes send what went wrong to the one that started them.
        return _again, (type(self), self.path, self._message, self.where)


class UsageError(InputError):
    """A request that cannot be meant: an unknown option or config key, a missing argument.

    Its ``path`` is the name of the parameter. The command line exits with 2.
    """


def _name(found: re.Match[str]) -> str:
    return found[1].replace("-", "_")


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
