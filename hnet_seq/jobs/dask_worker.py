"""A worker of a Dask cluster: the command's own code, computing the units that tasks name.

The first task of a command starts it once more in this process, in a thread of its own: it opens
model and input as a rank does, and at its units waits for numbers. So a model is loaded once a
worker, whatever the verb. A unit goes to the folder of the run in the rank's way, under the same
lock: a worker that Dask took for dead and that lives is waited for, not written over.
"""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Callable
from contextlib import chdir
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from queue import Empty, SimpleQueue
from typing import Any

from hnet_seq.jobs.ranks import Ranks, as_ranks
from hnet_seq.jobs.shared_run import SharedRun
from hnet_seq.jobs.units import Unit
from modalities.errors import InputError, UsageError

_IDLE = 600.0  # seconds; a command whose client was killed keeps its model no longer
_PACKAGES = ("hnet-seq", "torch", "numpy")


@dataclass(frozen=True)
class Command:
    """What workers compute units of.

    Attributes:
        begin: runs the command; it can be pickled.
        token: of this start of it.
        folder: that paths in its words start from.
        versions: that bytes depend on, by name.
    """

    begin: Callable[[], object]
    token: str
    folder: str
    versions: tuple[tuple[str, str], ...]


def versions_here() -> tuple[tuple[str, str], ...]:
    """Of this process, what bytes depend on."""
    found = {name: _version(name) for name in _PACKAGES}
    return (("Python", platform.python_version()), *found.items())


def compute_unit(command: Command, run_folder: str, index: int) -> None:
    """Compute a unit, unless it is complete.

    Raises:
        UsageError: this worker has other versions, or does not see the folder of the run.
        InputError: what the command says of its input.
    """
    with _one_at_a_time, _at_home(command, run_folder):
        # Again where the command had ended for want of units, just now.
        for _ in range(2):
            if _session(command).compute(index):
                break


def call_there(
    command: Command, folder: str | None, function: Callable[..., Any], *arguments: Any
) -> Any:
    """Call a function where the command's paths start from.

    Raises:
        UsageError: as :func:`compute_unit`, of ``folder``.
    """
    with _one_at_a_time, _at_home(command, folder):
        try:
            return function(*arguments)
        except InputError as error:
            raise error.said_by(f"on the Dask worker {_name_here()}") from None


def end_command() -> None:
    """Let go of a command's model, when the unit that is under way is done."""
    if _running:
        _running[0].end()


class Session:
    """A command that has been started in this process.

    Attributes:
        has_ended: whether it computes no more units.
        failed: with what it ended, if not for want of units: no unit of it is tried again here.
    """

    writes = False

    def __init__(self, command: Command) -> None:
        self.token = command.token
        self.name = _name_here()
        self.has_ended = False
        self.failed: BaseException | None = None
        self._begin = command.begin
        self._asked: SimpleQueue[int | None] = SimpleQueue()
        self._told: SimpleQueue[bool] = SimpleQueue()
        threading.Thread(target=self._run, name="hnet-seq", daemon=True).start()

    def compute(self, index: int) -> bool:
        """Wait for a unit; False where the command has ended without it."""
        if self.failed is None:
            self._asked.put(index)
            done = self._told.get()
            if self.failed is None:
                return done
        raise self.failed

    def end(self) -> None:
        """Ask for no more units."""
        self._asked.put(None)

    def share_out(
        self, run: SharedRun, compute: Callable[[Unit], object], tell: Callable[[], object]
    ) -> None:
        """Compute the units that are asked for, in the command's own thread."""
        while (index := self._next()) is not None:
            unit = run.units[index]
            if run.claim(unit, wait=True):
                compute(unit)
            self._told.put(True)

    def _next(self) -> int | None:
        try:
            return self._asked.get(timeout=_IDLE)
        except Empty:
            return None

    def _run(self) -> None:
        local = int(self.name) if self.name.isdigit() else 0
        try:
            with as_ranks(Ranks(1, 2, local, engine=self)):
                self._begin()
        except InputError as error:
            self.failed = error.said_by(f"on the Dask worker {self.name}")
        except SystemExit as error:  # which would end the worker
            said = f"the worker {self.name} ended the command with {error.code}"
            self.failed = UsageError("dask", said)
        except BaseException as error:
            self.failed = error
        self.has_ended = True
        self._told.put(False)


_one_at_a_time = threading.Lock()  # threads of a worker would share cores, memory and the model
_running: list[Session] = []


def _session(command: Command) -> Session:
    """That of the command, new where another's is there, or none, or it ended for want of units."""
    own = _running[0] if _running and _running[0].token == command.token else None
    if own is None or (own.has_ended and own.failed is None):
        end_command()
        _running[:] = [Session(command)]
    return _running[0]


def _at_home(command: Command, folder: str | None) -> chdir[str]:
    """Where the command's paths start from.

    Raises:
        UsageError: this worker has other versions, or does not see a folder.
    """
    differing = [
        f"{name} {here} here and {there} there"
        for (name, there), (_, here) in zip(command.versions, versions_here(), strict=True)
        if here != there
    ]
    if differing:
        raise UsageError(
            "dask",
            f"the worker {_name_here()} has other versions than the command: "
            f"{', '.join(differing)}; install the same, as bytes depend on them",
        )
    for needed in (command.folder, folder):
        if needed is not None and not os.path.isdir(needed):
            raise UsageError(
                needed,
                f"is not seen by the Dask worker {_name_here()}; inputs, output and the folder "
                "that the command is started in must lie on a disk that all workers see",
            )
    return chdir(command.folder)


def _name_here() -> str:
    from distributed import get_worker

    return f"{get_worker().name}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # a checkout that is not installed
        return "unknown"
