"""Pretrain an H-Net on shards: next-token or masked-token prediction, and the ratio loss."""

from __future__ import annotations

import argparse
import platform
import sys
from pathlib import Path
from typing import Any

import torch

from hnet_seq import WAIT_POLICY
from hnet_seq.config import ExperimentConfig
from hnet_seq.experiments import load_experiment, save_experiment
from hnet_seq.model.masked_lm import language_model
from hnet_seq.model.pretrained import load_pretrained
from hnet_seq.tasks.arguments import add_device_argument
from hnet_seq.tasks.pretrain_data import (
    assign_data,
    check_local_shards,
    report_sources,
    training_batches,
    validation_sources,
)
from hnet_seq.train.feed import Feed
from hnet_seq.train.loop import Trainer
from hnet_seq.train.masking import MaskedBatches
from hnet_seq.train.memory import keep_freed_memory
from hnet_seq.train.run_folder import RunFolder
from modalities.errors import InputError, UsageError
from pipelines.batches import TokenBatches
from pipelines.files import check_folder

EXAMPLE = (
    "hnet-seq shard genome.fna.gz --out shards --validation last:0.1 && "
    "hnet-seq pretrain dna_small --data shards --out run"
)

_INTERRUPTED = 130  # what a shell reports of a process that Ctrl-C ended


def pretrain(
    config: ExperimentConfig,
    out: str | Path,
    *,
    resume: bool = False,
    device: str | None = None,
) -> bool:
    """Train into a run folder.

    Args:
        out: the run folder.
        resume: go on with the run in ``out``, bit for bit.
        device: a GPU if there is one, else the CPU, when None.

    Returns:
        True when the run is complete; False when a signal stopped it after a checkpoint.

    Raises:
        UsageError: ``out`` holds a run and ``resume`` was not asked for, or there are no sources.
        InputError: the shards are missing, damaged, of another vocabulary, or without training
            data.
    """
    folder = RunFolder(check_folder(out))
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    keep_freed_memory()
    train = training_batches(config)
    report_sources(config, train)
    validation = validation_sources(config, train)
    if not resume and config.data.damaged_shards == "error":
        check_local_shards(config)
    per_step = config.data.batch_tokens // train.batch_tokens
    feed = Feed(train, per_step, config.data.workers)
    vocabulary, mask = train.manifest.vocab_size, ""
    if isinstance(train, MaskedBatches):
        vocabulary, mask = train.vocab_size, " with the mask"
    if config.model.vocab_size < vocabulary:
        raise UsageError(
            config.data.sources[0].path,
            f"has a vocabulary of {vocabulary}{mask}; model.vocab_size is "
            f"{config.model.vocab_size}",
        )
    started = resume and bool(folder.complete())
    if started:
        model = load_pretrained(folder.latest(), device)
    else:
        model = language_model(
            config.model,
            seed=config.seed,
            residual_proj="identity" if config.train.residual_proj == "identity" else "zero",
        ).to(device)
        if not resume:
            folder.create()
        folder.write_json("run.json", _provenance(config, device, train))
        # Last: from here on there is a run to resume, if only from its beginning.
        save_experiment(config, folder.config)
    model.metadata |= {
        "modality": train.manifest.modality,
        "vocabulary": train.manifest.vocabulary_fingerprint,
        "data": train.fingerprint,
    }
    trainer = Trainer(config, model, feed, validation, folder)
    if started:
        trainer.restore()
    return trainer.run()


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
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq pretrain``."""
    parser.add_argument("config", nargs="?", help="experiment by name, or a .yaml file")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="change configuration")
    parser.add_argument(
        "--data",
        metavar="[NAME=]FOLDER",
        action="append",
        help="shards, or their URL; once for each source of the experiment",
    )
    parser.add_argument("--out", metavar="RUN", help="run folder to create")
    parser.add_argument("--resume", metavar="RUN", help="go on with an interrupted run")
    add_device_argument(parser)


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    if args.resume:
        if args.config or args.out or args.data or args.overrides:
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
    if pretrain(config, out, resume=bool(args.resume), device=args.device):
        print(f"finished: {out}")
        return 0
    print(f"stopped; go on with: hnet-seq pretrain --resume {out}", file=sys.stderr)
    return _INTERRUPTED
