"""Errors about what a person handed in: they name the file, the place in it, and the remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class InputError(ValueError):
    """Bad input. The message is one line: ``path: place: what was found; what to do``.

    The command line prints it without a traceback and exits with 1.
    """

    def __init__(self, path: str | Path | None, message: str, *, where: str | None = None) -> None:
        parts = [str(part) for part in (path, where) if part is not None]
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
