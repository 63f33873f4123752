"""Pretrain an H-Net on shards: next-token or masked-token prediction, and the ratio loss.

In several processes: torchrun --nproc-per-node=N -m hnet_seq.cli pretrain ...

Options, the experiment and key=value may stand in any order.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hnet_seq.commands.later import later
from hnet_seq.experiment_files import find_experiment
from hnet_seq.tasks.arguments import CHECKPOINT, add_device_argument
from hnet_seq.train.run_folder import RunFolder
from modalities.errors import UsageError
from pipelines.storage.files import check_folder

EXAMPLE = (
    "hnet-seq shard genome.fna.gz --out shards --validation last:0.1 && "
    "hnet-seq pretrain dna_small --data shards --out run"
)

MEANT = {"": {"": "data out resume device", "!resume": "init", "out": "go_on"}}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq pretrain``."""
    parser.add_argument("config", nargs="?", help="experiment by name, or a .yaml file")
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="key=value",
        help="change configuration; `hnet-seq info EXPERIMENT` lists the keys",
    )
    parser.add_argument(
        "--data",
        metavar="[NAME=]FOLDER",
        action="append",
        help="shards, or their URL; once for each source of the experiment",
    )
    parser.add_argument("--out", metavar="RUN", help="run folder to create")
    parser.add_argument(
        "--init",
        metavar="CHECKPOINT",
        help=f"weights to begin with: {CHECKPOINT}; step, schedule and optimiser begin anew",
    )
    parser.add_argument(
        "--resume",
        metavar="RUN",
        help="go on with a run, with more train.steps=N if it shall be longer; with --out, or from "
        "RUN/checkpoints/STEP, in a new folder",
    )
    parser.add_argument(
        "--continue",
        dest="go_on",
        action="store_true",
        help="go on with the run in --out if there is one, else begin it: the same command for "
        "every restart",
    )
    add_device_argument(parser)


def main(args: argparse.Namespace) -> int:
    """Run the verb, once its words can be meant."""
    sort_words(args)
    if not args.resume and (not args.config or not args.out):
        name = "out" if args.config else "config"
        raise UsageError(name, "is missing; give an experiment and --out RUN, or --resume RUN")
    if args.init and any(word.startswith("train.init=") for word in args.overrides):
        raise UsageError("init", "says what train.init would; leave one of them out")
    if args.out:
        check_folder(args.out)
    if not args.resume:
        find_experiment(args.config)
        if not args.go_on:
            RunFolder(args.out).check_free()
    if args.resume:
        for word in ([args.config] if args.config else []) + args.overrides:
            if "=" not in word:
                said = f"the run knows its experiment and its weights; leave out {word}"
                raise UsageError("resume", said)
    from hnet_seq.tasks.pretrain_start import start_from_arguments  # OmegaConf takes its time, too

    args.start = start_from_arguments(args)
    return later("hnet_seq.tasks.pretrain")(args)


def sort_words(args: argparse.Namespace) -> None:
    """Of words in any order, ``config`` is the first without a ``=`` or that is a file."""
    words = [*([] if args.config is None else [args.config]), *args.overrides]
    config = next((word for word in words if "=" not in word or Path(word).is_file()), None)
    if config is not None:
        words.remove(config)
    args.config, args.overrides = config, words
