"""A process of the tests of kills: a command of hnet-seq that may end itself without warning."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import signal
from pathlib import Path
from typing import Any

from hnet_seq.cli import main
from hnet_seq.train.loop import Trainer


def run(command: list[str], log: str, moment: dict[str, Any] | None) -> int:
    """Exit with the code of the command, or be killed at the moment.

    Args:
        log: gets a line for each step, with a hash of what it is trained on.
        moment: a :class:`tests.train.test_kills.Moment` as a dictionary.
    """
    os.setsid()  # whoever is left of this process is known by it
    _note_steps(log)
    if moment:
        _kill_before(**moment)
    return main(command)


def _note_steps(log: str) -> None:
    unnoted = Trainer._train_step

    def noted(self: Trainer, batches: list[Any]) -> None:
        digest = hashlib.sha256()
        for batch in batches:
            for array in (batch.input_ids, batch.targets, batch.cu_seqlens):
                digest.update(array.tobytes())
        with open(log, "a") as file:
            file.write(f"{self.step + 1} {digest.hexdigest()}\n")
        unnoted(self, batches)

    Trainer._train_step = noted  # type: ignore[method-assign]


def _kill_before(before: str, call: int, then: str) -> None:
    trainer = os.getpid()
    module, _, path = before.partition(":")
    owner = importlib.import_module(module)
    *owners, name = path.split(".")
    for part in owners:
        owner = getattr(owner, part)
    unharmed, calls = getattr(owner, name), 0

    def killing(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        if os.getpid() == trainer:
            calls += then != "half_dropped" or str(arguments[0]).endswith(".dropped")
            if calls == call:
                _BEGUN[then](*arguments)
                os.kill(trainer, signal.SIGKILL)
        return unharmed(*arguments, **options)

    setattr(owner, name, killing)


def _half_line(folder: Any, record: dict[str, Any]) -> None:
    with folder.metrics.open("a") as file:
        file.write(json.dumps(record)[:25])


def _half_dropped(folder: Path) -> None:
    next(Path(folder).iterdir()).unlink()


def _nothing(*arguments: Any) -> None:
    pass


_BEGUN = {"nothing": _nothing, "half_line": _half_line, "half_dropped": _half_dropped}
