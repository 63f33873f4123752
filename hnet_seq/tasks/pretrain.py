"""Pretrain an H-Net on shards: next-token or masked-token prediction, and the ratio loss."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from hnet_seq import WAIT_POLICY
from hnet_seq.config import ExperimentConfig, SourceConfig
from hnet_seq.experiments import load_experiment, save_experiment
from hnet_seq.model.masked_lm import language_model
from hnet_seq.model.pretrained import load_pretrained
from hnet_seq.tasks.arguments import add_device_argument
from hnet_seq.train.feed import Feed
from hnet_seq.train.loop import Trainer
from hnet_seq.train.masking import MaskedBatches
from hnet_seq.train.memory import keep_freed_memory
from hnet_seq.train.run_folder import RunFolder
from modalities.errors import InputError, UsageError
from pipelines.batches import TokenBatches
from pipelines.files import check_folder
from pipelines.reader import check_hashes

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
    if not config.data.sources or not config.data.sources[0].path:
        raise UsageError("data.sources", "no shards given; --data FOLDER or data.sources in YAML")
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    keep_freed_memory()
    train, validation = _sources(config)
    if not resume:
        check_hashes(config.data.sources[0].path, train.manifest)
    per_step = config.data.batch_tokens // (
        config.data.micro_batch_tokens or config.data.batch_tokens
    )
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
    if resume:
        model = load_pretrained(folder.latest(), device)
    else:
        model = language_model(
            config.model,
            seed=config.seed,
            residual_proj="identity" if config.train.residual_proj == "identity" else "zero",
        ).to(device)
        folder.create()
        save_experiment(config, folder.config)
        folder.write_json("run.json", _provenance(config, device))
    model.metadata |= {
        "modality": train.manifest.modality,
        "vocabulary": train.manifest.vocabulary_fingerprint,
        "data": train.fingerprint,
    }
    trainer = Trainer(config, model, feed, validation, folder)
    if resume:
        trainer.restore()
    return trainer.run()


def _sources(config: ExperimentConfig) -> tuple[TokenBatches, TokenBatches | None]:
    data = config.data
    path = data.sources[0].path
    batches: Callable[..., TokenBatches] = TokenBatches
    if config.train.objective == "masked":
        batches = partial(MaskedBatches, mask_rate=config.train.mask_rate)
    train = batches(
        path,
        split="train",
        context=data.context,
        batch_tokens=data.micro_batch_tokens or data.batch_tokens,
        seed=config.seed,
        reverse_complement=data.strands == "augment",
        soft_mask_weight=data.soft_mask_weight,
    )
    if not train.manifest.tokens("validation"):
        return train, None
    context = data.validation_context or data.context
    validation = batches(
        path,
        split="validation",
        context=context,
        batch_tokens=max(context, data.micro_batch_tokens or data.batch_tokens),
        shuffle=False,
    )
    return train, validation


def _provenance(config: ExperimentConfig, device: str) -> dict[str, Any]:
    return {
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
    parser.add_argument("--data", metavar="FOLDER", help="shards; sets data.sources")
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
            config.data.sources = [SourceConfig(args.data)]
    if pretrain(config, out, resume=bool(args.resume), device=args.device):
        print(f"finished: {out}")
        return 0
    print(f"stopped; go on with: hnet-seq pretrain --resume {out}", file=sys.stderr)
    return _INTERRUPTED
