"""How the threads of CPU operations wait for each other; decided before torch is imported.

Threads that sleep between operations cost a third of a training step on an idle machine; threads
that spin cost many times a step beside one busy neighbour on the same cores. So: spin for a moment
where nothing else wants the cores when the process starts, sleep otherwise.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

_SPINS = "2000"  # tens of microseconds: longer gains nothing and costs beside neighbours
_LOAD = Path("/proc/loadavg")


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
    """Threads that want a core at this moment beside this one; None where that is not known."""
    try:
        running, _, _ = _LOAD.read_text().split()[3].partition("/")
        return max(0, int(running) - 1)
    except (OSError, ValueError, IndexError):
        return None
