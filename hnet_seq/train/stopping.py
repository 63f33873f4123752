"""Requests to stop a run: a step is finished and saved first."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hnet_seq.train.ranks import world_size


@contextmanager
def stop_requests() -> Iterator[list[int]]:
    """Collects SIGINT and SIGTERM, so that a step is finished and saved before the run stops."""
    received: list[int] = []

    def note(signum: int, _frame: Any) -> None:
        # Asked twice: the user does not want to wait for the step. A launcher passes on what its
        # processes may have got already, and ends them by itself if they take too long.
        if received and world_size() == 1:
            raise KeyboardInterrupt
        received.append(signum)

    try:
        before = {s: signal.signal(s, note) for s in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: the caller owns the signals
        before = {}
    try:
        yield received
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
