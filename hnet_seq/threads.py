"""How the threads of CPU operations wait for each other; decided before torch is imported.

Threads that sleep between operations cost a third of a training step on an idle machine; threads
that spin cost many times a step beside one busy neighbour on the same cores. So: spin for a moment
where nothing else wants the cores when the process starts, sleep otherwise.
"""

from __future__ import annotations

import os
import time
from collections.abc import MutableMapping
from pathlib import Path

_SPINS = "20000"  # some hundred microseconds, longer than the gap between short operations
_LOAD = Path("/proc/loadavg")
_SAMPLES, _PAUSE = 5, 0.002  # seconds: what wakes for a moment is no neighbour


def choose_wait_policy(environment: MutableMapping[str, str] = os.environ) -> str:
    """Set the policy unless the user has; returns what it is and why."""
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        if name in environment:
            return f"{name}={environment[name]}, as found in the environment"
    others = _others_running()
    if others == 0:
        environment["GOMP_SPINCOUNT"] = _SPINS
        return f"GOMP_SPINCOUNT={_SPINS}: no other process was running"
    environment["OMP_WAIT_POLICY"] = "PASSIVE"
    found = "the load is unknown" if others is None else f"{others} others were running"
    return f"OMP_WAIT_POLICY=PASSIVE: {found}"


def _others_running() -> int | None:
    """Threads that keep wanting a core beside this one; None where that is not known."""
    least = None
    for _ in range(_SAMPLES):
        try:
            running, _, _ = _LOAD.read_text().split()[3].partition("/")
            others = max(0, int(running) - 1)
        except (OSError, ValueError, IndexError):
            return None
        least = others if least is None else min(least, others)
        if least == 0:
            break
        time.sleep(_PAUSE)
    return least
