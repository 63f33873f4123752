"""Pretrain an H-Net on shards: next-token or masked-token prediction, and the ratio loss.

In several processes: torchrun --nproc-per-node=N -m hnet_seq.cli pretrain ...
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import platform
import signal
import sys
from pathlib import Path
from typing import Any

import torch

from hnet_seq import WAIT_POLICY
from hnet_seq.commands.pretrain import EXAMPLE as EXAMPLE
from hnet_seq.commands.pretrain import add_arguments as add_arguments
from hnet_seq.config import ExperimentConfig
from hnet_seq.experiments import load_experiment, save_experiment
from hnet_seq.model.masked_lm import language_model
from hnet_seq.model.pretrained import load_pretrained
from hnet_seq.tasks.pretrain_data import (
    assign_data,
    check_local_shards,
    report_sources,
    training_batches,
    validation_sources,
)
from hnet_seq.train.feed import Feed
from hnet_seq.train.launch import deterministic_operations, process_group
from hnet_seq.train.loop import Trainer
from hnet_seq.train.masking import MaskedBatches
from hnet_seq.train.memory import keep_freed_memory
from hnet_seq.train.ranks import agreed, is_first, on_first, rank, world_size
from hnet_seq.train.run_folder import RunFolder
from modalities.errors import InputError, UsageError
from pipelines.batches import TokenBatches
from pipelines.files import check_folder

# Both leave a complete checkpoint. 130 is what a shell reports of a process that Ctrl-C ended, 75
# (EX_TEMPFAIL of sysexits.h) asks a job script to run the same again.
_INTERRUPTED, _TRY_AGAIN = 130, 75
# What a run may go on with otherwise than it began.
_MAY_CHANGE = ("train.parallel", "train.keep_", "data.workers", "data.cache_gb")


def pretrain(
    config: ExperimentConfig,
    out: str | Path,
    *,
    resume: bool = False,
    device: str | None = None,
) -> bool:
    """Train into a run folder, together with the processes that ``torchrun`` started.

    Args:
        out: the run folder; one for all processes.
        resume: go on with the run in ``out``, bit for bit; by another number of processes, to
            rounding.
        device: a GPU if there is one, else the CPU, when None.

    Returns:
        True when the run is complete; False when a signal stopped it after a checkpoint.

    Raises:
        UsageError: ``out`` holds a run and ``resume`` was not asked for, or there are no sources.
        InputError: the shards are missing, damaged, of another vocabulary, or without training
            data.
    """
    return _pretrain(config, out, resume, device) is None


def _pretrain(
    config: ExperimentConfig, out: str | Path, resume: bool, device: str | None
) -> int | None:
    """As :func:`pretrain`; returns the signal that stopped the run, or None."""
    with process_group(device) as own, deterministic_operations(config.train.deterministic):
        return _run(_trainer(config, RunFolder(check_folder(out)), resume, own))


def _run(trainer: Trainer) -> int | None:
    # Nothing of the trainer is left when the processes part.
    trainer.run()
    return trainer.stopped_by


def _trainer(config: ExperimentConfig, folder: RunFolder, resume: bool, device: str) -> Trainer:
    keep_freed_memory()
    train = training_batches(config)
    if is_first():
        report_sources(config, train)
    validation = validation_sources(config, train)
    if not resume and config.data.damaged_shards == "error":
        on_first(lambda: check_local_shards(config))
    per_step = config.data.batch_tokens // train.batch_tokens
    if per_step % world_size():
        raise UsageError(
            "data.micro_batch_tokens",
            f"a step has {per_step} micro-batches of {train.batch_tokens} tokens, which cannot be "
            f"dealt out to {world_size()} processes; set it to data.batch_tokens "
            f"({config.data.batch_tokens}) divided by a multiple of {world_size()}",
        )
    feed = Feed(train, per_step, config.data.workers, rank(), world_size())
    vocabulary, mask = train.manifest.vocab_size, ""
    if isinstance(train, MaskedBatches):
        vocabulary, mask = train.vocab_size, " with the mask"
    if config.model.vocab_size < vocabulary:
        raise UsageError(
            config.data.sources[0].path,
            f"has a vocabulary of {vocabulary}{mask}; model.vocab_size is "
            f"{config.model.vocab_size}",
        )
    started = agreed(resume and bool(folder.complete()))
    if started:
        model = load_pretrained(on_first(folder.latest), device)
    else:
        model = language_model(
            config.model,
            seed=config.seed,
            residual_proj="identity" if config.train.residual_proj == "identity" else "zero",
        ).to(device)
        on_first(lambda: _begin(config, folder, resume, _provenance(config, device, train)))
    model.metadata |= {
        "modality": train.manifest.modality,
        "vocabulary": train.manifest.vocabulary_fingerprint,
        "data": train.fingerprint,
    }
    trainer = Trainer(config, model, feed, validation, folder)
    if started:
        trainer.restore()
    return trainer


def _begin(
    config: ExperimentConfig, folder: RunFolder, resume: bool, provenance: dict[str, Any]
) -> None:
    if not resume:
        folder.create()
    folder.write_json("run.json", provenance)
    # Last: from here on there is a run to resume, if only from its beginning.
    save_experiment(config, folder.config)


def _provenance(config: ExperimentConfig, device: str, train: TokenBatches) -> dict[str, Any]:
    return {
        # What a token is, for whoever words the results.
        "unit": "base" if train.manifest.modality == "dna" else "byte",
        "modalities": sorted({stream.manifest.modality for stream in train.streams}),
        "command": ["hnet-seq", *sys.argv[1:]],
        "seed": config.seed,
        "device": device,
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "threads_wait": WAIT_POLICY,
        "processes": world_size(),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
    }


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    if args.resume:
        if args.config or args.out or args.data or args.overrides or args.go_on:
            raise UsageError("--resume", "the run folder knows the rest; give nothing else")
        folder = RunFolder(args.resume)
        if not folder.config.is_file():
            raise InputError(folder.config, "not a run folder: no configuration to resume with")
        config, out = load_experiment(folder.config), args.resume
    else:
        if not args.config or not args.out:
            raise UsageError("pretrain", "give an experiment and --out RUN, or --resume RUN")
        config, out = load_experiment(args.config, args.overrides), args.out
        if args.data:
            assign_data(config, args.data)
    resume = bool(args.resume) or (args.go_on and _holds_the_same(config, RunFolder(out)))
    stopped_by = _pretrain(config, out, resume, args.device)
    # The group has been left; the launcher's number is still there.
    first = os.environ.get("RANK", "0") == "0"
    if stopped_by is None:
        if first:
            print(f"finished: {out}")
        return 0
    if first:
        print(f"stopped; go on with: hnet-seq pretrain --resume {out}", file=sys.stderr)
    return _TRY_AGAIN if stopped_by == signal.SIGTERM else _INTERRUPTED


def _holds_the_same(config: ExperimentConfig, folder: RunFolder) -> bool:
    """Whether there is a run to go on with, which must be the one that is asked for.

    Raises:
        UsageError: its configuration is another.
    """
    if not folder.config.is_file():
        return False
    asked, found = (_flat(c) for c in (config, load_experiment(folder.config)))
    for key in asked.keys() | found.keys():
        if asked.get(key) != found.get(key) and not key.startswith(_MAY_CHANGE):
            raise UsageError(
                folder.path,
                f"holds a run with {key} {found.get(key)}, and {asked.get(key)} was asked for; "
                "give another --out",
            )
    return True


def _flat(config: ExperimentConfig) -> dict[str, Any]:
    """Values by dotted key; lists as they are."""

    def walk(values: dict[str, Any], prefix: str) -> dict[str, Any]:
        flat: dict[str, Any] = {}
        for key, value in values.items():
            inner = isinstance(value, dict)
            flat |= walk(value, f"{prefix}{key}.") if inner else {prefix + key: value}
        return flat

    return walk(dataclasses.asdict(config), "")
