"""Of the processes that torchrun started on a machine, one says what all have found wrong."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path


def speaks(message: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is the one that says it: the first that comes with it.

    Not that of rank 0: torchrun ends all others as soon as one has ended, maybe before they have
    said anything, and what only one of them has found must be said by that one.

    Args:
        message: the others are quiet about this one and no other.
    """
    folder = _shared(environment)
    if folder is None:
        return True
    name = hashlib.sha256(message.encode()).hexdigest()[:16]
    try:
        (folder / f"said-{name}").touch(exist_ok=False)
    except FileExistsError:
        return False
    except OSError:  # better said twice than not at all
        return True
    return True


def _shared(environment: Mapping[str, str]) -> Path | None:
    """A folder of this start on this machine alone: where torchrun has a folder for each rank."""
    own = environment.get("TORCHELASTIC_ERROR_FILE", os.devnull)
    if own == os.devnull or environment.get("LOCAL_WORLD_SIZE", "1") == "1":
        return None
    return Path(own).parent.parent
