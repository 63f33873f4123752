"""Which of several processes this one is, as torchrun tells it by environment variables.

No process group is made: ranks meet in a folder alone (``shared_run.py``), so that one that died
leaves no other waiting for it. One process is rank 0 of 1. Or another engine gives out the units:
then it says who is who (``dask_client.py``, ``dask_worker.py``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from modalities.errors import UsageError

if TYPE_CHECKING:
    from hnet_seq.jobs.shared_run import SharedRun
    from hnet_seq.jobs.units import Unit


class Engine(Protocol):
    """What gives out the units of a run in place of ranks that deal them among themselves.

    Attributes:
        name: of what computes here, for the record of who did what.
        writes: whether the outputs are put together here.
    """

    name: str
    writes: bool

    def share_out(
        self, run: SharedRun, compute: Callable[[Unit], object], tell: Callable[[], object]
    ) -> None:
        """Have all missing units computed, or compute those that are given to this process.

        Args:
            compute: does a unit that was claimed, here.
            tell: hears that another process has completed one.
        """
        ...


@dataclass(frozen=True)
class Ranks:
    """This process among those of its launch.

    Attributes:
        rank: its number, from 0.
        world: how many there are.
        local: its number on this machine, which chooses its GPU.
        engine: what gives out units; None where ranks do.
        pool: of the engine's side that has workers: what calls functions on those that see a
            folder, for units without rows.
    """

    rank: int = 0
    world: int = 1
    local: int = 0
    engine: Engine | None = None
    pool: Callable[[Path | None], Executor] | None = None

    @property
    def label(self) -> int | str:
        """Of this process in the record of who did what."""
        return self.rank if self.engine is None else self.engine.name


_GIVEN: ContextVar[Ranks | None] = ContextVar("ranks", default=None)


@contextmanager
def as_ranks(ranks: Ranks) -> Iterator[None]:
    """Inside the block this process, or thread, is what ``ranks`` says."""
    token = _GIVEN.set(ranks)
    try:
        yield
    finally:
        _GIVEN.reset(token)


def find_ranks(environment: Mapping[str, str] = os.environ) -> Ranks:
    """What :func:`as_ranks` says; else by ``RANK``, ``WORLD_SIZE`` and ``LOCAL_RANK``, or alone.

    Raises:
        UsageError: they are no numbers that fit together.
    """
    if (given := _GIVEN.get()) is not None:
        return given
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
    if ranks.world == 1 and ranks.engine is None:
        return
    name, many = ("WORLD_SIZE", f"is {ranks.world}, and ranks")
    if ranks.engine is not None:
        name, many = "dask", "has workers, which"
    if not is_kept(outputs):
        said = f"{outputs[0]} is no file; name one" if outputs else "give --out"
        raise UsageError(name, f"{many} meet beside the output: {said}")
    if f"{source}" == "-":
        raise UsageError(name, f"{many} all read; standard input is read once; give a file")


def is_kept(outputs: Sequence[Path]) -> bool:
    """Whether rows can wait beside the first output: there is one, and it is no device or pipe."""
    return any(out.is_file() or out.is_dir() or not out.exists() for out in outputs[:1])


def refuse_ranks(what: str) -> None:
    """Raise UsageError where several processes were started for what one does."""
    ranks = find_ranks()
    if ranks.engine is not None:
        raise UsageError("dask", f"does not reach {what}, which runs in one process; leave it out")
    if ranks.world > 1:
        raise UsageError(
            "WORLD_SIZE",
            f"is {ranks.world}, and {what} runs in one process; start it without torchrun",
        )
