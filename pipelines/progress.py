"""Progress of long work: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from tqdm import tqdm

_LOG_SECONDS = 30.0


def progress_bar(
    label: str,
    total: int | None,
    *,
    unit: str,
    progress: bool = True,
    initial: int = 0,
    leave: bool = True,
) -> tqdm[Any]:
    """Work done, with a rate and the time left, on standard error.

    Where that is no terminal, such as a batch job's log, it is a line every 30 seconds, and none
    for work that takes less.

    Args:
        total: None where it is not known.
        unit: what is counted: ``base``, ``B``, ``variant``, ...
        progress: False for no bar.
        initial: done before.
        leave: whether a terminal still shows it when all is done.
    """
    is_terminal = sys.stderr.isatty()
    return tqdm(
        total=total,
        desc=label,
        unit=unit,
        unit_scale=True,
        disable=not progress,
        initial=initial,
        leave=leave,
        file=sys.stderr if is_terminal else _Lines(sys.stderr),
        mininterval=0.1 if is_terminal else _LOG_SECONDS,
        delay=0 if is_terminal else _LOG_SECONDS,
        ncols=None if is_terminal else 90,
    )


class _Lines:
    """A stream to which a bar that is drawn over itself is written as lines."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        line = text.strip()
        if line:
            self._stream.write(f"{line}\n")
        return len(text)

    def flush(self) -> None:
        self._stream.flush()
