"""How a run begins, by the words of ``hnet-seq pretrain``; told wrong before torch is imported."""

from __future__ import annotations

import argparse
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hnet_seq.commands.checks import check_checkpoint, is_here, manifest_here, shape_here
from hnet_seq.config import ExperimentConfig
from hnet_seq.experiments import load_experiment
from hnet_seq.model.config import HNetConfig
from hnet_seq.model.locate import locate, read_config
from hnet_seq.tasks.pretrain_sources import (
    assign_data,
    check_sources,
    check_still_there,
    reassign_data,
    recall_data,
)
from hnet_seq.train.continuation import check_same, check_steps, find_run, flat_values
from hnet_seq.train.run_folder import RunFolder, step_of
from modalities.errors import UsageError
from pipelines.storage.files import check_folder

# What a kernel is told, which changes no result; and what the data say.
_NOT_SHAPE = ("ssm_cfg.chunk_size", "ngram_counts.tokens")


@dataclass(frozen=True)
class Start:
    """How a run begins.

    Attributes:
        resume: there is one in ``folder``, or will be.
        branch: a checkpoint of another run, and that run, which ``folder`` is made from first.
    """

    config: ExperimentConfig
    folder: RunFolder
    resume: bool
    branch: tuple[Path, RunFolder] | None = None


def start_from_arguments(args: argparse.Namespace) -> Start:
    """What is asked for.

    Raises:
        UsageError, InputError: a name, key, source or folder that cannot be meant.
    """
    start = (_resumed if args.resume else _asked)(args)
    check_folder(start.folder.path)
    if start.branch or not start.resume:
        start.folder.check_free()
    check_sources(start.config)
    _check_shards(start.config)
    if not start.resume and (init := start.config.train.init) and is_here(init):
        found = locate(init)
        check_shape(start.config.model, read_config(found.config), found.config)
    return start


def _asked(args: argparse.Namespace) -> Start:
    """A run of an experiment, or the one that is there of it."""
    folder = RunFolder(args.out)
    found = load_experiment(folder.config) if args.go_on and folder.config.is_file() else None
    shape = None
    if args.init:
        check_checkpoint(args.init)
        shape = found.model if found else shape_here(args.init) or _shape_of(args.init)
    config = load_experiment(args.config, args.overrides, shape)
    config.train.init = absolute_init(args.init or config.train.init)
    if args.data:
        assign_data(config, args.data)
    if found:
        recall_data(config, found)
        check_same(config, dataclasses.asdict(found), folder.path)
    return Start(config, folder, resume=found is not None)


def _resumed(args: argparse.Namespace) -> Start:
    """A run that there is, with what changes; in a folder of its own where one is given."""
    overrides = [*([args.config] if args.config else []), *args.overrides]
    run, checkpoint = find_run(Path(args.resume))
    config = load_experiment(run.config, overrides)
    check_same(config, dataclasses.asdict(load_experiment(run.config)), run.path)
    if args.data:
        reassign_data(config, args.data)
    else:
        check_still_there(config, run.path)
    if args.out is None:
        if checkpoint is not None and checkpoint != run.latest():
            raise UsageError(
                "--resume", f"{checkpoint} is not the last one of its run; give --out for a new run"
            )
        if run.complete():
            check_steps(config, step_of(run.latest()), run)
        return Start(config, run, resume=True)
    folder = RunFolder(args.out)
    if args.go_on and folder.config.is_file():
        return Start(config, folder, resume=True)
    checkpoint = checkpoint or run.latest()
    check_steps(config, step_of(checkpoint), run)
    return Start(config, folder, resume=True, branch=(checkpoint, run))


def _shape_of(init: str) -> HNetConfig:
    from hnet_seq.model.pretrained import read_checkpoint  # of the hub, and of a .pt file

    return read_checkpoint(init).config


def check_shape(asked: HNetConfig, there: HNetConfig, file: Path) -> None:
    """Raise UsageError where the weights that a run begins with are of another shape.

    Args:
        there: of the weights, as ``file`` has it.
    """
    given, wanted = _shape(there), _shape(asked)
    for key in [*given, *(key for key in wanted if key not in given)]:
        if key not in _NOT_SHAPE and given.get(key) != wanted.get(key):
            raise UsageError(
                f"model.{key}",
                f"is {wanted.get(key)}, and {given.get(key)} in {file}, whose "
                "weights this run shall begin with; make them equal, or leave `model` out",
            )


def _shape(config: HNetConfig) -> dict[str, Any]:
    values = config.to_dict()
    for rule in values.get("boundary_policies", ()):
        rule["counted"] = []  # as ngram_counts.tokens, of the data
    return flat_values(values)


def _check_shards(config: ExperimentConfig) -> None:
    """Raise for shards on this machine that are none, or have more tokens than the model."""
    for source in config.data.sources:
        manifest = manifest_here(source.path)
        # What else there are tokens for is known when the batches are made.
        if manifest is not None and config.data.tokenizer == "none":
            check_vocabulary(config, manifest.vocab_size)


def check_vocabulary(config: ExperimentConfig, vocabulary: int, added: str = "") -> None:
    """Raise UsageError where the model has fewer tokens than the data.

    Args:
        added: what there are tokens for beside letters, in words.
    """
    if config.model.vocab_size < vocabulary:
        raise UsageError(
            config.data.sources[0].path,
            f"has a vocabulary of {vocabulary}{added}; model.vocab_size is "
            f"{config.model.vocab_size}",
        )


def absolute_init(init: str) -> str:
    """``train.init`` so that weights on this machine are found from everywhere."""
    return f"{Path(init).resolve()}" if init and Path(init).exists() else init
