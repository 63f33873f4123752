"""What a run may go on with otherwise than it began, and a run that begins at another's checkpoint.

Every checkpoint records the configuration that it was trained with. Whatever asks to go on from it,
a command line, an edited ``config.yaml`` or a function, is held against that.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hnet_seq.config import ExperimentConfig
from hnet_seq.schedule_config import ScheduleChange
from hnet_seq.train.run_folder import RunFolder, step_of
from hnet_seq.train.schedule import before_the_fall, course_in_words
from modalities.errors import InputError, UsageError
from pipelines.storage.files import replaced_file

#: Keys that change no step, or what ``train.steps`` means for those that were taken.
MAY_CHANGE = (
    "data.cache_gb",
    "data.micro_batch_tokens",
    "data.validation_tokens",
    "data.workers",
    "train.checkpoint_every",
    "train.guard.",
    "train.keep_",
    "train.log_every",
    "train.max_chunks",
    "train.parallel.",
    "train.schedule.changes",
    "train.steps",
    "train.trackers",
    "train.validate_every",
)


def flat_values(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values by dotted key; lists as they are."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        inner = isinstance(value, dict)
        found |= flat_values(value, f"{prefix}{key}.") if inner else {prefix + key: value}
    return found


def _comparable(config: dict[str, Any]) -> dict[str, Any]:
    """By dotted key; sources without the place where they lie, as data have a fingerprint."""
    keys = flat_values(config)
    keys["data.sources"] = [source | {"path": ""} for source in keys["data.sources"]]
    return keys


def check_same(asked: ExperimentConfig, found: dict[str, Any], folder: Path) -> None:
    """Hold a configuration against the one of a run.

    Args:
        found: the run's, as ``asdict`` gives it.

    Raises:
        UsageError: they differ in a key that may not change.
    """
    wanted = _comparable(asdict(asked))
    # Keys that are younger than the run had their defaults then.
    there = _comparable(asdict(ExperimentConfig())) | _comparable(found)
    for key, value in wanted.items():
        if value != there[key] and not key.startswith(MAY_CHANGE):
            raise UsageError(
                folder,
                f"holds a run with {key} {there[key]}, and {value} was asked for; a run does not "
                f"go on with another: give another --out, with --init {folder} for its weights",
            )


def check_steps(config: ExperimentConfig, step: int, folder: RunFolder) -> None:
    """Raise UsageError where a run has taken more steps than are asked for."""
    if config.train.steps < step:
        raise UsageError(
            "train.steps", f"is {config.train.steps}, and the run in {folder.path} has taken {step}"
        )


def settle(
    config: ExperimentConfig, found: dict[str, Any], step: int, folder: RunFolder
) -> str | None:
    """Let a run go on with the configuration that is asked for.

    Where ``train.steps`` has changed, ``train.schedule.changes`` tells it from here on: the steps
    that were taken keep their rates.

    Args:
        config: asked for; its ``train.schedule.changes`` are set.
        found: of the checkpoint, as ``asdict`` gives it.
        step: how many were taken until the checkpoint.

    Returns:
        what changes, for people; None if nothing does.

    Raises:
        UsageError: a key differs that may not, or more steps were taken than are asked for.
    """
    check_same(config, found, folder.path)
    train, planned = config.train, found["train"]["steps"]
    schedule = train.schedule
    changes = found["train"]["schedule"].get("changes", [])
    schedule.changes = [ScheduleChange(**change) for change in changes]
    check_steps(config, step, folder)
    if train.steps == planned:
        return None
    schedule.changes.append(ScheduleChange(step, planned))
    stable = before_the_fall(train, step, list(map(step_of, folder.complete())))
    rates = course_in_words(step, train.steps, train.optimizer.learning_rate, schedule)
    said = f"train.steps is {train.steps}, was {planned}; learning rate: {rates}"
    if stable is None:
        return said
    return (
        f"{said}. To go on from before it fell: pretrain --resume "
        f"{folder.checkpoints / f'step-{stable:06d}'} train.steps={train.steps} --out NEW"
    )


def find_run(path: Path) -> tuple[RunFolder, Path | None]:
    """A run, and its checkpoint where the path is one.

    Raises:
        InputError: it is neither.
    """
    if (run := RunFolder(path)).config.is_file():
        return run, None
    around = RunFolder(path.parent.parent)
    if path.parent == around.checkpoints and around.config.is_file() and run.has_state(path):
        return around, path
    raise InputError(run.config, "not a run folder: no configuration to resume with")


def branch(checkpoint: Path, run: RunFolder, out: RunFolder) -> None:
    """Make a run folder that goes on from a checkpoint of another run, which stays as it is.

    Args:
        checkpoint: of ``run``, complete.

    Raises:
        UsageError: there is a run in ``out``.
    """
    out.create()
    step = step_of(checkpoint)
    if run.metrics.is_file():
        shutil.copyfile(run.metrics, out.metrics)
    out.write_provenance(run.provenance() | {"branch_of": f"{run.path}", "at_step": step})
    partial = out.begin(step)
    shutil.copytree(checkpoint, partial, dirs_exist_ok=True)
    out.finish(partial)
    # Last: from here on there is a run to go on with.
    with replaced_file(out.config) as file:
        file.write(run.config.read_text())
