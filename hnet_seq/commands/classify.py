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
from typing import Any

from hnet_seq.commands.checks import check_checkpoint, check_there, check_tsv
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
from hnet_seq.heads.head_config import CHUNK_POOLINGS, HEAD_POOLINGS, POOLINGS
from hnet_seq.tasks.arguments import CHECKPOINT, add_batch_arguments, add_input_arguments
from hnet_seq.tasks.choices import EMBED_BATCH_TOKENS
from hnet_seq.train.finetune_config import FinetuneConfig
from pipelines.storage.files import check_file, check_folder

EXAMPLE = (
    "hnet-seq classify finetune run --data enhancers.csv --out enhancers && "
    "hnet-seq classify predict enhancers windows.fa.gz"
)

RESULTS, PROBE = "classification.json", "probe.npz"
HISTORY, MODEL = "finetune.jsonl", "model"
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
        "": f"{_BOTH} twin seeds markers part epochs head_rate patience precision "
        "micro_batch_tokens max_chunks guard_spike guard_stop_after save_every",
        **_TASK,
        f"pooling={'|'.join((*CHUNK_POOLINGS, 'attention'))}": "stage",
        "part!=head": "learning_rate",
        # No router learns, and nothing below one.
        "part!=head|inner|1": "ratio_weight",
        "stops_by=data without a validation split": "validation_fraction",
    },
    # Where the classifier lies, and what INPUT is, is asked when they are read.
    "predict": {"": "genome blocks where out checkpoint batch_tokens device"},
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
    elif args.action == "predict":
        if args.out:
            check_file(args.out)
            check_tsv(args.out, also=(".parquet",))
        check_there(args.classifier, args.input, args.genome)
    else:
        check_there(args.classifier, args.data)
    code: int = args.act(args)
    return code


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
    child.add_argument("--checkpoint", help="where the model of a probe lies now")
    add_batch_arguments(child, EMBED_BATCH_TOKENS)
