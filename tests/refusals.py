"""Commands of several processes, one of which cannot write."""

from __future__ import annotations

import errno
import importlib
import os
from collections.abc import Sequence
from typing import Any

from hnet_seq.cli import main
from pipelines.storage.files import DiskError
from tests.forked import Forked, end_all


def refused(rank: int, module: str, path: str, arguments: list[str]) -> int:
    """The command; in one process a function finds the disk full."""

    def refuse(*_arguments: Any, **_options: Any) -> Any:
        raise DiskError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a file")

    if rank == int(os.environ["RANK"]):
        owner: Any = importlib.import_module(module)
        *owners, name = path.split(".")
        for part in owners:
            owner = getattr(owner, part)
        setattr(owner, name, refuse)
    return main(arguments)


def assert_each_tells(processes: Sequence[Forked]) -> None:
    """All end with a line that tells the cause, and none by what another one's end looks like."""
    for ended in end_all(processes):
        assert ended.code == 1, ended
        assert "Traceback" not in ended.err, ended.err
        (said,) = [line for line in ended.err.splitlines() if line.startswith("hnet-seq")]
        assert "No space left on device" in said
