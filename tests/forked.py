"""Processes for tests, forked from one that has imported torch: each start of it takes seconds."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["tests.forked_imports"])
#: Seconds after which something hangs, however busy the machine is.
LIMIT = 600


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
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        folder: Path,
        name: str = "process",
        environment: Mapping[str, str] | None = None,
    ) -> None:
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


def ranks(
    count: int,
    function: Callable[..., Any],
    *arguments: Any,
    folder: Path,
    environment: Mapping[str, str] | None = None,
) -> list[Forked]:
    """Processes of one group, as torchrun starts them on one machine.

    Their store is kept here, as torchrun keeps it: nobody else can take a port meanwhile.
    """
    store = dist.TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    place = {
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": f"{store.port}",
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "WORLD_SIZE": f"{count}",
        "LOCAL_WORLD_SIZE": f"{count}",
    }
    found = []
    for rank in range(count):
        own = place | {"RANK": f"{rank}", "LOCAL_RANK": f"{rank}"} | dict(environment or {})
        found.append(
            Forked(function, *arguments, folder=folder, name=f"rank-{rank}", environment=own)
        )
        found[-1].store = store  # type: ignore[attr-defined]
    return found


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
    torch.set_num_threads(1)
    sys.exit(function(*arguments))
