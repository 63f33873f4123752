"""Processes for tests, forked from one that has imported torch: each start of it takes seconds."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["tests.forked_imports"])
#: Seconds after which something hangs, however busy the machine is.
LIMIT = 1800
#: Seconds after which those of a group who were asked to end are killed, as torchrun does.
PATIENCE = 30


@dataclass(frozen=True)
class Ended:
    """Exit code, minus the signal that ended it; and what was written to both outputs."""

    code: int | None
    out: str
    err: str


class Forked:
    """A process that calls a function and exits with the code that it returns or exits with.

    Args:
        folder: what it writes to its outputs lies there, in ``NAME.out`` and ``NAME.err``.
        environment: variables that it has beside those of the tests.
        held: lives as long as this does.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        folder: Path,
        name: str = "process",
        environment: Mapping[str, str] | None = None,
        held: object = None,
    ) -> None:
        self.held = held
        self.out, self.err = folder / f"{name}.out", folder / f"{name}.err"
        given = dict(os.environ) | dict(environment or {})
        told = (function, arguments, given, f"{self.out}", f"{self.err}")
        self.process = SERVER.Process(target=_call, args=told)
        self.process.start()

    def end(self) -> Ended:
        """Wait for it."""
        self.process.join(LIMIT)
        code = self.process.exitcode
        self.process.kill()
        return Ended(code, self.out.read_text(), self.err.read_text())


def a_store() -> dist.TCPStore:
    """Kept by this process, on a port that is free."""
    return dist.TCPStore("localhost", 0, is_master=True, wait_for_workers=False)


def ranks(
    count: int,
    function: Callable[..., Any],
    *arguments: Any,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    store: dist.TCPStore | None = None,
) -> list[Forked]:
    """Processes of one group, as torchrun starts them on one machine.

    Their store is kept here, as torchrun keeps it: nobody else can take a port meanwhile.

    Args:
        store: where they meet, over restarts too; one of their own if absent.
    """
    store = store or a_store()
    place = {
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": f"{store.port}",
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "TORCHELASTIC_RESTART_COUNT": "0",
        "WORLD_SIZE": f"{count}",
        "LOCAL_WORLD_SIZE": f"{count}",
    }
    found = []
    for rank in range(count):
        own = place | {"RANK": f"{rank}", "LOCAL_RANK": f"{rank}"} | dict(environment or {})
        told: dict[str, Any] = {
            "folder": folder,
            "name": f"rank-{rank}",
            "environment": own,
            "held": store,
        }
        found.append(Forked(function, *arguments, **told))
    return found


def end_all(processes: Sequence[Forked]) -> list[Ended]:
    """Wait for all; where one fails, the others, who would wait for it, are asked to end."""
    deadline, asked = time.monotonic() + LIMIT, False
    left = [own.process for own in processes]
    while left and time.monotonic() < deadline:
        wait([process.sentinel for process in left], 1)
        left = [process for process in left if process.exitcode is None]
        if not asked and any(own.process.exitcode for own in processes):
            deadline, asked = time.monotonic() + PATIENCE, True
            for process in left:
                process.terminate()
    for process in left:
        process.kill()
    return [own.end() for own in processes]


def under_agent(
    function: Callable[..., Any], *arguments: Any, folder: Path, restarts: int = 0
) -> Ended:
    """How torchrun's own agent ended, whose two processes are forked to start soon."""
    return Forked(_agent, restarts, function, arguments, folder=folder, name="agent").end()


def _agent(restarts: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """What torchrun does with ``--standalone --nproc-per-node=2 --max-restarts=RESTARTS``."""
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=2,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=restarts,
        monitor_interval=0.1,
        start_method="fork",
    )
    elastic_launch(config, _of_agent)(function, arguments)


def _of_agent(function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """As a script that ends with the code that a function returns."""
    begin_threads()  # the agent has forked once more
    sys.exit(function(*arguments))


def begin_threads() -> None:
    """What a forked process does before autograd has threads.

    The pool of threads that a fork leaves behind is made anew by whoever asks for it first, without
    a lock (torch 2.13.0). Where several threads of autograd are the first, one may find none, and
    ends the process: "Invalid thread pool!", seen once.
    """
    torch.set_num_threads(1)


def _call(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    environment: dict[str, str],
    out: str,
    err: str,
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    # Those of another way would not be this process's children, and not see its end.
    multiprocessing.set_start_method("fork", force=True)
    for descriptor, name in ((1, out), (2, err)):
        with open(name, "w") as file:
            os.dup2(file.fileno(), descriptor)
    begin_threads()
    sys.exit(function(*arguments))
