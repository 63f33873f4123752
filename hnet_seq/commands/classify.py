"""Train, apply and evaluate a classifier on a model, beside trivial baselines.

  train     fits probes on frozen vectors, and baselines, and scores both on the test split
  finetune  trains the model too, with several seeds, and scores it beside probes and baselines;
            in several processes: torchrun --nproc-per-node=N -m hnet_seq.cli classify finetune ...
  predict   labels and probabilities of sequences
  evaluate  scores of a kept classifier on labelled sequences

Guides: docs/classification.md, docs/fine_tuning.md
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from hnet_seq.commands.checks import (
    check_at_least,
    check_checkpoint,
    check_dna_model,
    check_not_replaced,
    check_outputs,
    check_seed,
    check_sequences,
    check_there,
    check_tsv,
    is_small,
    stages_of,
)
from hnet_seq.commands.classify_data import (
    add_column_arguments,
    add_probe_argument,
    add_separator_argument,
    add_task_arguments,
    add_training_arguments,
    add_twin_option,
    check_task_arguments,
)
from hnet_seq.commands.embed import add_embedding_arguments
from hnet_seq.commands.later import later
from hnet_seq.commands.meaning import check_meant
from hnet_seq.heads.names import CHUNK_POOLINGS, HEAD_POOLINGS, POOLINGS
from hnet_seq.tasks.arguments import CHECKPOINT, add_batch_arguments, add_input_arguments
from hnet_seq.tasks.choices import EMBED_BATCH_TOKENS, PROBES
from hnet_seq.tasks.classification.kept_classifier import MODEL, finetuned_folder
from hnet_seq.train.finetune_config import FinetuneConfig
from modalities.dna import DNA
from modalities.errors import UsageError
from pipelines.storage.files import check_file, check_folder

EXAMPLE = (
    "hnet-seq classify finetune run --data enhancers.csv --out enhancers && "
    "hnet-seq classify predict enhancers windows.fa.gz"
)

RESULTS, PROBE = "classification.json", "probe.npz"
HISTORY = "finetune.jsonl"
_SEEDS = 3
_APPLY = "hnet_seq.tasks.classification.apply"
_CLASSIFIER = "probe.npz of classify train, or the folder of classify finetune"
_BOTH = "out data genome pooling probe strands batch_tokens device seed"
_TASK = {
    "data": "label sequence_column where task problem split group_by test_fraction limit_train "
    "label_separator",
    "genome": "annotation test_region length max_train max_test guard",
    "problem=multi-label": "label_separator",
    "of=a drawn split": "test_fraction",
}
MEANT = {
    "train": {"": f"{_BOTH} twin stage", **_TASK},
    "finetune": {
        "": f"{_BOTH} twin seeds markers lora epochs head_rate patience precision "
        "micro_batch_tokens max_chunks guard_spike guard_stop_after save_every",
        **_TASK,
        f"pooling={'|'.join((*CHUNK_POOLINGS, 'attention'))}": "stage",
        "lora": "lora_targets",
        "!lora": "part",
        "part!=head": "learning_rate",
        # No router learns, and nothing below one.
        "part!=head|inner|1": "ratio_weight",
        "stops_by=data without a validation split": "validation_fraction",
    },
    # Where the classifier lies, and what INPUT is, is asked when they are read.
    "predict": {"": "genome blocks haplotypes samples where out checkpoint batch_tokens device"},
    "evaluate": {
        "": "label sequence_column where task split checkpoint batch_tokens device",
        "knows=several labels": "label_separator",
    },
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq classify``."""
    actions = parser.add_subparsers(dest="action", metavar="action", required=True)

    train = actions.add_parser("train", help="fit probes and baselines, and score them")
    train.set_defaults(act=later("hnet_seq.tasks.classify", "train"))
    train.add_argument("checkpoint", metavar="CHECKPOINT", help=CHECKPOINT)
    train.add_argument("--out", required=True, metavar="FOLDER", help=f"for {RESULTS} and {PROBE}")
    add_task_arguments(train)
    train.add_argument(
        "--pooling",
        choices=POOLINGS,
        help=f"of the probe that is kept (default {CHUNK_POOLINGS[0]}; bases where there are none)",
    )
    add_probe_argument(train)
    add_twin_option(
        train, "a row of the untrained twin, for one more pass over the sequences (default)"
    )
    add_embedding_arguments(train)

    finetune = actions.add_parser("finetune", help="train a model's weights too, and score it")
    _add_finetune(finetune)
    finetune.set_defaults(act=later("hnet_seq.tasks.classification.finetune"))

    _add_actions(actions)


def main(args: argparse.Namespace) -> int:
    """Run the action, once its words can be meant."""
    if args.action in ("train", "finetune"):
        check_folder(args.out)
        check_task_arguments(args)
        check_checkpoint(args.checkpoint)
        check_dna_model(args.checkpoint)
        if args.action == "finetune":
            check_not_replaced(args.checkpoint, Path(args.out) / MODEL)
        _read_task(args)
    elif args.action == "predict":
        if args.out:
            check_file(args.out)
            check_tsv(args.out, also=(".parquet",))
        check_there(args.classifier, args.input, args.genome, args.haplotypes)
        check_outputs({"out": args.out}, args.input, args.genome, args.haplotypes, args.classifier)
        finetuned_folder(args.classifier, args.checkpoint)
        check_sequences(args.input, DNA, args)
    else:
        check_there(args.classifier, args.data)
        finetuned_folder(args.classifier, args.checkpoint)
        _check_labelled(args)
    code: int = args.act(args)
    return code


def _read_task(args: argparse.Namespace) -> None:
    """Read what is learned from, as ``args.read_task``, once what is wrong without it is told."""
    from hnet_seq.tasks.classification.arguments import check_probes, task_from_arguments
    from hnet_seq.tasks.classification.task import check_known

    stages = stages_of(args.checkpoint)
    chunks = args.pooling is None or args.pooling in (*CHUNK_POOLINGS, "attention")
    if stages and chunks and not -stages <= args.stage < stages:
        raise UsageError("stage", f"is {args.stage}; the model has stages 0 to {stages - 1}")
    if args.action == "finetune":
        from hnet_seq.tasks.classification.settings import finetune_config

        check_at_least(1, seeds=args.seeds)
        check_seed(args.seed + args.seeds - 1)
        if stages is not None:
            finetune_config(args, stages)
    task = task_from_arguments(args)
    check_probes(task.problem, list(PROBES) if args.probe == "all" else [args.probe])
    if args.action == "finetune":
        if task.validation is not None:
            check_meant(args, f"{args.data} has one", stops_by="data with a validation split")
        check_known(args.data or args.genome, task)
    args.read_task = task


def _check_labelled(args: argparse.Namespace) -> None:
    """Raise for small tables that cannot be read; what its labels are, the classifier knows."""
    from hnet_seq.tasks.classification.arguments import columns_from_arguments
    from hnet_seq.tasks.classification.labelled_data import read_labelled

    columns = replace(columns_from_arguments(args), empty_labels=True)
    if is_small(args.data):
        read_labelled(args.data, columns)


def _add_finetune(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help=CHECKPOINT)
    parser.add_argument(
        "--out", required=True, metavar="FOLDER", help=f"for {MODEL}/, {RESULTS} and {HISTORY}"
    )
    add_task_arguments(parser)
    parser.add_argument(
        "--seeds",
        type=int,
        default=_SEEDS,
        metavar="N",
        help="runs, with --seed and the numbers after it; scores are means (%(default)s)",
    )
    add_probe_argument(parser)
    add_twin_option(
        parser,
        "fine-tune the untrained twin too, which doubles the time; without either word its frozen "
        "vectors have a row, and --no-twin leaves it out",
    )
    head = parser.add_argument_group("the head")
    head.add_argument(
        "--pooling",
        choices=HEAD_POOLINGS,
        default="attention_bases",
        help="how positions become one vector (%(default)s)",
    )
    head.add_argument(
        "--stage", type=int, default=-1, help="whose chunks; 0 outermost, -1 innermost (default)"
    )
    head.add_argument(
        "--markers", action="store_true", help="read each sequence between begin and end tokens"
    )
    add_training_arguments(parser)
    add_batch_arguments(parser, FinetuneConfig().batch_tokens)


def _add_actions(actions: Any) -> None:
    """``predict`` and ``evaluate`` of ``hnet-seq classify``."""
    child = actions.add_parser("predict", help="labels and probabilities of sequences")
    child.set_defaults(act=later(_APPLY, "predict"))
    child.add_argument("classifier", metavar="CLASSIFIER", help=_CLASSIFIER)
    child.add_argument(
        "input",
        metavar="INPUT",
        help="FASTA, GenBank, 2bit, BED with --genome, a table with a sequence column, or -",
    )
    add_input_arguments(child)
    child.add_argument(
        "--out", metavar="FILE", help="TSV, or Parquet if it ends in .parquet (standard output)"
    )
    _add_common(child)

    child = actions.add_parser("evaluate", help="scores on labelled sequences")
    child.set_defaults(act=later(_APPLY, "evaluate"))
    child.add_argument("classifier", metavar="CLASSIFIER", help=_CLASSIFIER)
    child.add_argument("data", metavar="PATH", help="a table or folder as --data of train has it")
    add_column_arguments(child)
    add_separator_argument(child)
    child.add_argument(
        "--split",
        choices=("train", "validation", "test", "all"),
        help="these rows only (test, where there is a split)",
    )
    _add_common(child)


def _add_common(child: argparse.ArgumentParser) -> None:
    child.add_argument(
        "--checkpoint", help="where the model of a probe, or the base of an adapter, lies now"
    )
    add_batch_arguments(child, EMBED_BATCH_TOKENS)
