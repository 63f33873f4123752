"""Which of several processes this one is, as torchrun tells it by environment variables.

No process group is made: ranks meet in a folder alone (``shared_run.py``), so that one that died
leaves no other waiting for it. One process is rank 0 of 1.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from modalities.errors import UsageError


@dataclass(frozen=True)
class Ranks:
    """This process among those of its launch.

    Attributes:
        rank: its number, from 0.
        world: how many there are.
        local: its number on this machine, which chooses its GPU.
    """

    rank: int = 0
    world: int = 1
    local: int = 0


def find_ranks(environment: Mapping[str, str] = os.environ) -> Ranks:
    """From ``RANK``, ``WORLD_SIZE`` and ``LOCAL_RANK``; one process where they are not set.

    Raises:
        UsageError: they are no numbers that fit together.
    """
    if "RANK" not in environment or "WORLD_SIZE" not in environment:
        return Ranks()
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    texts = [environment.get(name, environment["RANK"]) for name in names]
    try:
        rank, world, local = (int(text) for text in texts)
    except ValueError:
        rank, world, local = -1, 0, 0
    if not 0 <= rank < world or local < 0:
        said = ", ".join(f"{name}={text}" for name, text in zip(names, texts, strict=True))
        raise UsageError(
            "RANK", f"{said} is no rank among others; start with torchrun, or unset them"
        )
    return Ranks(rank, world, local)


def rank_device(device: str | None, ranks: Ranks) -> str | None:
    """``device`` of this rank: of several GPUs the one with its local number."""
    if ranks.world == 1 or device not in (None, "cuda"):
        return device
    import torch  # it takes seconds, and one process does not need it here

    if not torch.cuda.is_available():
        return device
    index = ranks.local % torch.cuda.device_count()
    torch.cuda.set_device(index)
    return f"cuda:{index}"


def check_meeting(source: object, outputs: Sequence[Path], ranks: Ranks) -> None:
    """Raise UsageError where several ranks cannot meet beside a file, or cannot all read."""
    if ranks.world > 1 and not is_kept(outputs):
        said = f"{outputs[0]} is no file; name one" if outputs else "give --out"
        raise UsageError(
            "WORLD_SIZE", f"is {ranks.world}, and ranks meet beside the output: {said}"
        )
    if ranks.world > 1 and f"{source}" == "-":
        raise UsageError(
            "WORLD_SIZE", f"is {ranks.world}, and standard input is read once; give a file"
        )


def is_kept(outputs: Sequence[Path]) -> bool:
    """Whether rows can wait beside the first output: there is one, and it is no device or pipe."""
    return any(out.is_file() or out.is_dir() or not out.exists() for out in outputs[:1])


def refuse_ranks(what: str) -> None:
    """Raise UsageError where several processes were started for what one does."""
    ranks = find_ranks()
    if ranks.world > 1:
        raise UsageError(
            "WORLD_SIZE",
            f"is {ranks.world}, and {what} runs in one process; start it without torchrun",
        )
