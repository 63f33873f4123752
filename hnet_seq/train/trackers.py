"""Metrics in other people's viewers: TensorBoard, Weights & Biases, trackio.

``metrics.jsonl`` is the truth and is written first. A tracker hears the same events, and what it
cannot do never ends a training: it is told once, and asked no more.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import secrets
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from hnet_seq.config import TRACKER_NAMES
from modalities.errors import UsageError
from pipelines.storage.files import replaced_file

_ID = "tracker_run.json"
_PROJECT = "hnet-seq"
_NOT_MEASURED = ("step", "event")


class Tracker(ABC):
    """What hears the events of a run. A subclass is all that another viewer needs."""

    @abstractmethod
    def log(self, values: dict[str, float], step: int) -> None:
        """Numbers by name (``train/bits_per_token``), after so many optimiser steps."""

    def finish(self) -> None:  # noqa: B027 - most have nothing to do
        """The training has ended, or is left to be gone on with."""


class TensorBoard(Tracker):
    """Event files in ``tensorboard/`` of the run; what a kill took back is purged on resuming."""

    def __init__(self, folder: Path, step: int, config: dict[str, Any]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def log(self, values: dict[str, float], step: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def finish(self) -> None:
        self._writer.close()


class WandB(Tracker):
    """A run of Weights & Biases; its own variables say where (``WANDB_MODE=offline``)."""

    def __init__(self, folder: Path, step: int, config: dict[str, Any]) -> None:
        wandb = importlib.import_module("wandb")
        self._run = wandb.init(
            project=_PROJECT,
            name=folder.resolve().name,
            id=_run_id(folder),
            resume="allow",
            dir=str(folder),
            config=config,
            allow_val_change=True,  # `train.steps`, where a run goes on longer
        )

    def log(self, values: dict[str, float], step: int) -> None:
        self._run.log(values, step=step)

    def finish(self) -> None:
        self._run.finish()


class Trackio(Tracker):
    """A run of trackio, in its own local store."""

    def __init__(self, folder: Path, step: int, config: dict[str, Any]) -> None:
        self._library = importlib.import_module("trackio")
        name = f"{folder.resolve().name}-{_run_id(folder)}"
        self._library.init(project=_PROJECT, name=name, resume="allow", config=config)

    def log(self, values: dict[str, float], step: int) -> None:
        self._library.log(values, step=step)

    def finish(self) -> None:
        self._library.finish()


_Opened = Callable[[Path, int, dict[str, Any]], Tracker]
TRACKERS: dict[str, _Opened] = dict(zip(TRACKER_NAMES, (TensorBoard, WandB, Trackio), strict=True))


class Trackers:
    """All that hear a run.

    Args:
        trackers: by the name that a warning gives.

    Attributes:
        hearing: those that have not failed.
    """

    def __init__(self, trackers: dict[str, Tracker] | None = None) -> None:
        self.hearing = dict(trackers or {})

    @classmethod
    def open(
        cls, names: Sequence[str], folder: Path, step: int, config: dict[str, Any]
    ) -> Trackers:
        """Begin, or go on with, the run in a folder.

        Args:
            step: optimiser steps that have been taken.
            config: of the experiment; shown beside the numbers.
        """
        found = cls()
        for name in names:
            try:
                with redirect_stdout(sys.stderr):  # what they say is no result
                    found.hearing[name] = TRACKERS[name](folder, step, config)
            except Exception as error:
                _warn(name, error)
        return found

    def note(self, event: dict[str, Any]) -> None:
        """Tell an event of ``metrics.jsonl``."""
        values = {f"{event['event']}/{k}": v for k, v in numbers(event)}
        self._each(lambda tracker: tracker.log(values, event["step"]))

    def finish(self) -> None:
        """The training has ended."""
        self._each(lambda tracker: tracker.finish())
        self.hearing.clear()

    def _each(self, call: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self.hearing.items()):
            try:
                with redirect_stdout(sys.stderr):
                    call(tracker)
            except Exception as error:
                del self.hearing[name]
                _warn(name, error)


def numbers(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Every number of an event by its name; of lists by place, of sources by their names."""
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from numbers(value, f"{name}/")
        elif isinstance(value, list):
            for place, entry in enumerate(value):
                if isinstance(entry, dict):
                    yield from numbers(entry, f"{name}/{entry.get('source', place)}/")
                elif isinstance(entry, int | float):
                    yield f"{name}/{place}", entry
        elif isinstance(value, int | float) and (prefix or key not in _NOT_MEASURED):
            yield name, value


def check_trackers(names: Sequence[str]) -> None:
    """Raise UsageError for a tracker that is not installed."""
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise UsageError(
                "train.trackers",
                f"names {name}, which is not installed: pip install 'hnet-seq[{name}]'",
            )


def _run_id(folder: Path) -> str:
    """The same each time that a run is gone on with."""
    file = folder / _ID
    if not file.is_file():
        with replaced_file(file) as stream:
            stream.write(json.dumps({"id": secrets.token_hex(4)}) + "\n")
    found: str = json.loads(file.read_text())["id"]
    return found


def _warn(name: str, error: Exception) -> None:
    said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    print(
        f"warning: train.trackers: {name} failed, and hears no more of this run ({said}); "
        "metrics.jsonl has everything",
        file=sys.stderr,
    )
