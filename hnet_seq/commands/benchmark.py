"""What a checkpoint is worth on labelled and zero-shot tasks, beside what needs no model.

  list   suites that come along, and their tasks
  run    rows of a checkpoint on a suite; a stopped run goes on, in any number of processes:
         torchrun --nproc-per-node=N -m hnet_seq.cli benchmark run ...
  table  runs of several models side by side, with differences on the same test rows

Rows of labelled tasks are frozen probes on all training rows and on few, beside the same probes on
the untrained twin, on words of 1 to 6 bases, on letters by position, composition and length, after
an audit of the data. Zero-shot tests ask model and twin as they are, one strand alone, beside what
counts and copies. Data lie in a folder; nothing is downloaded.

Guide: docs/benchmark.md
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hnet_seq.commands.checks import (
    check_at_least,
    check_checkpoint,
    check_dna_model,
    check_outputs,
    check_seed,
    check_there,
    stages_of,
)
from hnet_seq.commands.classify_data import add_twin_option
from hnet_seq.commands.later import later
from hnet_seq.heads.names import CHUNK_POOLINGS, POOLINGS
from hnet_seq.peers.names import peer_name
from hnet_seq.tasks.arguments import CHECKPOINT, add_batch_arguments, add_dask_argument
from hnet_seq.tasks.choices import EMBED_BATCH_TOKENS, STRANDS
from hnet_seq.train.finetune_config import FinetuneConfig
from modalities.errors import UsageError
from pipelines.storage.files import check_folder

EXAMPLE = "hnet-seq benchmark run ecoli-tiny genomes-tiny --data examples/data --out tiny"

RECORD, PAGE, PREDICTIONS = "benchmark.json", "benchmark.html", "predictions.npz"
SUBMISSION = ("submission.tsv", "submission.json")
SHOTS, SEEDS = (10, 1), 5
_TASK = "hnet_seq.tasks.benchmark"
_DEFAULTS = FinetuneConfig()
_LAST_STAGE = -1

MEANT = {
    "list": {"": ""},
    "run": {
        "": "data out tasks name shots seeds pooling stage strands twin finetune seed batch_tokens "
        "device dask",
        "finetune": "epochs learning_rate finetune_seeds",
    },
    "table": {"": "out"},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq benchmark``."""
    actions = parser.add_subparsers(dest="action", metavar="action", required=True)
    listed = actions.add_parser("list", help="suites and their tasks")
    listed.add_argument("suite", nargs="?", metavar="SUITE", help="its tasks, one a line (all)")
    _add_run(actions.add_parser("run", help="rows of a checkpoint on a suite"))
    table = actions.add_parser("table", help="several runs side by side")
    table.add_argument("runs", nargs="+", metavar="RUN", help="folder that run wrote")
    table.add_argument("--out", metavar="FILE", help="the table as TSV, too")


def _add_run(run: argparse.ArgumentParser) -> None:
    run.add_argument("suite", metavar="SUITE", help="name of benchmark list, or a .yaml")
    run.add_argument(
        "checkpoint", metavar="CHECKPOINT", help=f"{CHECKPOINT}; or transformers:FOLDER"
    )
    run.add_argument("--data", required=True, metavar="FOLDER", help="where the suite's files lie")
    run.add_argument("--out", required=True, metavar="FOLDER", help=f"for {RECORD} and {PAGE}")
    run.add_argument(
        "--tasks",
        type=_names,
        default=[],
        metavar="TASK,...",
        help="of the suite these alone (all)",
    )
    run.add_argument("--name", metavar="NAME", help="of the rows (the checkpoint's)")
    run.add_argument(
        "--shots",
        type=_shots,
        default=list(SHOTS),
        metavar="N,...",
        help="rows of each class that few-shot probes see "
        f"({','.join(map(str, SHOTS))}); none: all rows alone",
    )
    run.add_argument("--seeds", type=int, default=SEEDS, help="draws of the few rows (%(default)s)")
    run.add_argument(
        "--pooling",
        choices=POOLINGS,
        help=f"of the vectors (default {CHUNK_POOLINGS[0]}; bases where there are none)",
    )
    run.add_argument(
        "--stage", type=int, default=_LAST_STAGE, help="whose chunks are pooled (-1: the innermost)"
    )
    run.add_argument(
        "--strands",
        choices=STRANDS,
        default="none",
        help="average: the mean with the vector of the reverse complement (%(default)s)",
    )
    add_twin_option(run, "rows of the untrained twin, for one more pass over the data (default)")
    tuning = run.add_argument_group("fine-tuning")
    tuning.add_argument(
        "--finetune", action="store_true", help="rows of the fine-tuned model, and twin, too"
    )
    tuning.add_argument("--finetune-seeds", type=int, default=3, help="(%(default)s)")
    tuning.add_argument(
        "--epochs", type=int, default=_DEFAULTS.epochs, help="at most (%(default)s)"
    )
    tuning.add_argument(
        "--learning-rate",
        type=float,
        default=_DEFAULTS.optimizer.learning_rate,
        help="peak (%(default)s)",
    )
    run.add_argument(
        "--seed", type=int, default=0, help="of splits and folds, the first of draws (%(default)s)"
    )
    add_batch_arguments(run, EMBED_BATCH_TOKENS)
    add_dask_argument(run)


def _names(text: str) -> list[str]:
    found = [name.strip() for name in text.split(",")]
    if not all(found):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of names with commas between")
    return found


def _shots(text: str) -> list[int]:
    if text == "none":
        return []
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = [0]
    if min(found) < 1 or len(set(found)) < len(found):
        raise argparse.ArgumentTypeError(
            f"{text!r} is none, or different numbers of 1 or more with commas between"
        )
    return found


def main(args: argparse.Namespace) -> int:
    """Run the action, once its words can be meant."""
    if args.action == "list":
        from hnet_seq.tasks.benchmarking.listed import list_suites

        return list_suites(args.suite)
    if args.action == "table":
        for run in args.runs:
            check_there(run, Path(run) / RECORD, Path(run) / PREDICTIONS)
        read = [Path(run, name) for run in args.runs for name in (RECORD, PREDICTIONS)]
        check_outputs({"out": args.out}, *read)
        return later("hnet_seq.tasks.benchmarking.compared")(args)
    return _run(args)


def _run(args: argparse.Namespace) -> int:
    from hnet_seq.tasks.benchmarking.suite_data import check_data
    from hnet_seq.tasks.benchmarking.suite_files import read_suite

    check_folder(args.out)
    check_seed(args.seed)
    check_at_least(1, seeds=args.seeds, finetune_seeds=args.finetune_seeds, epochs=args.epochs)
    args.read_suite = read_suite(args.suite)
    args.read_tasks = args.read_suite.only(args.tasks)
    if args.finetune and all(task.zero_shot is not None for task in args.read_tasks):
        raise UsageError(
            "finetune", "is for labelled tasks, and all here are zero-shot; leave it out"
        )
    if args.finetune and (bases := [task.name for task in args.read_tasks if task.per_base]):
        raise UsageError(
            "finetune", f"is for tasks of sequences, and {bases[0]} is of bases; leave it out"
        )
    args.peer = peer_name(args.checkpoint)
    if args.peer is None:
        _check_hnet(args)
    else:
        _check_peer(args)
    check_there(args.data)
    check_data(args.read_suite, args.read_tasks, Path(args.data))
    return later(_TASK, "run")(args)


def _check_hnet(args: argparse.Namespace) -> None:
    check_checkpoint(args.checkpoint)
    check_dna_model(args.checkpoint)
    stages = stages_of(args.checkpoint)
    if stages and args.pooling in (None, *CHUNK_POOLINGS) and not -stages <= args.stage < stages:
        raise UsageError("stage", f"is {args.stage}; the model has stages 0 to {stages - 1}")


def _check_peer(args: argparse.Namespace) -> None:
    """A checkpoint of transformers has one pooling, no stages, and is not fine-tuned."""
    given = {
        "pooling": args.pooling is not None,
        "stage": args.stage != _LAST_STAGE,
        "finetune": args.finetune,
    }
    for option in (name for name, is_given in given.items() if is_given):
        raise UsageError(option, "is for checkpoints of hnet-seq; leave it out for transformers")
