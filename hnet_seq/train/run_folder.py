"""The run folder: configuration, metrics, checkpoints. A kill leaves the last complete checkpoint.

config.yaml  run.json  metrics.jsonl  checkpoints/step-000500/{model.safetensors, config.json,
trainer.pt}; of a run with FSDP2, also optimizer/, a part from each process.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hnet_seq.results.run import Log, Run
from hnet_seq.train.trackers import Trackers
from modalities.errors import InputError, UsageError
from pipelines.storage.files import append_line, replaced_stream, sync

_TRAINER = "trainer.pt"
_DROPPED = ".dropped"


class RunFolder:
    """Paths and atomic writes of one run."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config = self.path / "config.yaml"
        self.metrics = self.path / "metrics.jsonl"
        self.provenance_file = self.path / "run.json"
        self.checkpoints = self.path / "checkpoints"
        self.trackers = Trackers()  # what hears each line of the metrics, after it was written

    def create(self) -> None:
        """Make the folder; UsageError as :meth:`check_free`."""
        self.check_free()
        self.path.mkdir(parents=True, exist_ok=True)

    def check_free(self) -> None:
        """Raise UsageError where there is a run in it already."""
        if self.config.exists():
            raise UsageError(self.path, "holds a run already; --resume it, or give another --out")
        if self.path.exists() and not self.path.is_dir():
            raise UsageError(self.path, "exists and is not a folder")

    def write_provenance(self, values: dict[str, Any]) -> None:
        """Write ``run.json``, whole or not at all."""
        Run.of(values).write(self.provenance_file)

    def provenance(self) -> dict[str, Any]:
        """What the run was begun with; nothing where that was not written.

        Raises:
            InputError: it cannot be read.
        """
        path = self.provenance_file
        return Run.read(path).content() if path.is_file() else {}

    def log(self, event: dict[str, Any]) -> None:
        """Append one line to ``metrics.jsonl``, all of it or nothing."""
        append_line(self.metrics, Log.line(event))
        self.trackers.note(event)

    def begin(self, step: int) -> Path:
        """A folder to write a checkpoint to; :meth:`finish` makes it one."""
        # What a kill left of writing or dropping another.
        for stale in self.checkpoints.glob(".step-*"):
            shutil.rmtree(stale)
        partial = self.checkpoints / f".step-{step:06d}.partial"
        partial.mkdir(parents=True)
        return partial

    @staticmethod
    def target(partial: Path) -> Path:
        """The checkpoint that a folder of :meth:`begin` becomes."""
        return partial.with_name(partial.name.removeprefix(".").removesuffix(".partial"))

    def write_state(self, partial: Path, state: dict[str, Any]) -> None:
        """The trainer state; the last thing to write, by the first process."""
        import torch  # a run is found, and found wrong, without it

        with replaced_stream(partial / _TRAINER) as file:
            torch.save(_interned(state), file)

    def finish(self, partial: Path) -> Path:
        """Give a checkpoint its name, all of it being written."""
        target = self.target(partial)
        sync(partial)
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
        return target

    def drop(self, keep: int, stays: Callable[[int], bool]) -> None:
        """Drop the oldest checkpoints.

        Args:
            keep: how many of the last stay.
            stays: whether that of a step stays too.
        """
        for old in self.complete()[:-keep]:
            if not stays(step_of(old)):
                # Renamed first: what is half dropped must not look like a checkpoint.
                old.rename(old.with_name(f".{old.name}{_DROPPED}"))
        for dropped in self.checkpoints.glob(f".step-*{_DROPPED}"):
            shutil.rmtree(dropped)

    def latest(self) -> Path:
        """The last complete checkpoint.

        Raises:
            InputError: there is none.
        """
        complete = self.complete()
        if not complete:
            raise InputError(
                self.checkpoints,
                "no complete checkpoint to resume from; remove the run folder and begin again",
            )
        return complete[-1]

    @staticmethod
    def has_state(checkpoint: Path) -> bool:
        """Whether a folder of weights has a trainer's state, as checkpoints of runs do."""
        return (checkpoint / _TRAINER).is_file()

    def load_state(self, checkpoint: Path) -> dict[str, Any]:
        """The trainer state beside the weights; tensors and plain values only."""
        import torch

        try:
            state: dict[str, Any] = torch.load(checkpoint / _TRAINER, weights_only=True)
        except Exception as error:
            message = " ".join(str(error).split())[:200]
            raise InputError(checkpoint / _TRAINER, f"not a readable state: {message}") from error
        return state

    def complete(self) -> list[Path]:
        """The checkpoints that are whole, oldest first."""
        # Past a million steps the names no longer sort as their numbers do.
        return sorted(
            (path.parent for path in self.checkpoints.glob(f"step-*/{_TRAINER}")),
            key=step_of,
        )


def step_of(checkpoint: Path) -> int:
    """The step of a checkpoint of a run, from its name."""
    return int(checkpoint.name.removeprefix("step-"))


def _interned(value: Any) -> Any:
    """The same state, with each word as one object, and each list and dict as one of its own.

    Pickle refers to an object that it has met and writes an equal one again: a run that goes on
    would write another file of the same values.
    """
    if type(value) is str:
        return sys.intern(value)
    if type(value) is dict:
        return {_interned(key): _interned(own) for key, own in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(_interned, value))
    return value
