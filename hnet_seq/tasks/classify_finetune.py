"""Fine-tune a model on labelled sequences, and score it beside a frozen probe and baselines."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable
from typing import Any, TextIO

import torch

from hnet_seq.baselines.duplicates import describe_duplicates
from hnet_seq.baselines.metrics import format_table, score_row
from hnet_seq.config import OptimizerConfig
from hnet_seq.experiments import load_experiment
from hnet_seq.heads.head_config import HEAD_POOLINGS, HeadConfig
from hnet_seq.heads.sequence_classification import HNetForSequenceClassification
from hnet_seq.model.locate import locate
from hnet_seq.model.pretrained import load_pretrained
from hnet_seq.tasks.arguments import add_batch_arguments
from hnet_seq.tasks.classification import Task, classify
from hnet_seq.tasks.classifiers import FINETUNED_ROWS, MODEL
from hnet_seq.tasks.embed import check_modality, check_pooling
from hnet_seq.tasks.task_arguments import add_task_arguments, task_facts, task_from_arguments
from hnet_seq.train.finetune import FinetuneConfig, Finetuned, finetune
from hnet_seq.train.predict import STRANDS, predict
from hnet_seq.train.trainable import Part, trainable_names
from modalities.errors import InputError
from pipelines.files import check_folder, replaced_file

RESULTS, HISTORY = "classification.json", "finetune.jsonl"

_DEFAULTS = FinetuneConfig()
_FROZEN = {"attention": "chunks", "attention_bases": "bases"}  # the nearest pooling of a probe


def main(args: argparse.Namespace) -> int:
    """Run ``hnet-seq classify finetune``."""
    out = check_folder(args.out)
    model = load_pretrained(args.checkpoint, args.device)
    check_modality(model)
    pooling = args.pooling
    frozen = _FROZEN.get(pooling, pooling)
    check_pooling(model, frozen, args.stage)
    config = finetune_config(args, model.num_stages)
    task = task_from_arguments(args)
    _check_known(args.table or args.genome, task)
    head = HeadConfig("single_label", task.classes, pooling, args.stage)
    tuned = HNetForSequenceClassification.from_causal_lm(model, head, seed=args.seed)
    trainable_names(tuned, config.part)  # a wrong part is told now, not after the probe
    # Before fine-tuning, which changes the backbone that both models share.
    outcome = classify(
        model,
        task,
        poolings=[frozen],
        stage=args.stage,
        strands="average" if config.strands == "average" else "none",
        batch_tokens=args.batch_tokens,
        device=args.device,
        seed=args.seed,
        progress=True,
    )
    out.mkdir(parents=True, exist_ok=True)
    with (out / HISTORY).open("w") as stream:
        run = finetune(
            tuned,
            task.train.sequences,
            [task.classes[number] for number in task.train.labels],
            config,
            folder=out / MODEL,
            on_epoch=_logger(stream),
            device=args.device,
            progress=True,
        )
    probabilities = predict(
        tuned, task.test.sequences, batch_tokens=args.batch_tokens, device=args.device
    )
    for row in outcome.rows:
        row["name"] = row["name"].replace("H-Net,", "H-Net, frozen,")
    tuned_row = score_row(FINETUNED_ROWS[pooling], "model", probabilities, task.test.labels)
    rows = [tuned_row, *outcome.rows]
    results = {
        **task_facts(task, args.seed),
        "strands": config.strands,
        "stage": args.stage,
        "fine_tuned": _facts(config, run, pooling),
        "duplicates": outcome.duplicates,
        "rows": rows,
    }
    with replaced_file(out / RESULTS) as stream:
        json.dump(results, stream, indent=2)
        stream.write("\n")
    print(f"{task.name}: {', '.join(task.classes)}")
    print(
        f"{len(task.train.labels):,} training sequences, {len(run.validation):,} of them to stop "
        f"early by, and {len(task.test.labels):,} test sequences"
    )
    print(_describe(run))
    print(describe_duplicates(outcome.duplicates))
    print(format_table(rows))
    print(f"{out / RESULTS}, {out / HISTORY}; the model is {out / MODEL}", file=sys.stderr)
    return 0


def finetune_config(args: argparse.Namespace, stages: int) -> FinetuneConfig:
    """The settings of the command line, and what the run folder of the checkpoint pretrained with.

    Multipliers of the stages' rates, targets and weights of the ratio loss are those of the run
    where the checkpoint lies in one.
    """
    multipliers, targets, weights = _pretraining(args.checkpoint)
    if args.ratio_weight is not None:
        weights = [args.ratio_weight] * stages
    config = FinetuneConfig(
        part=args.part,
        epochs=args.epochs,
        batch_tokens=args.batch_tokens,
        optimizer=OptimizerConfig(
            learning_rate=args.learning_rate,
            stage_multipliers=multipliers,
            weight_decay=_DEFAULTS.optimizer.weight_decay,
        ),
        head_rate=args.head_rate,
        validation_fraction=args.validation_fraction,
        patience=args.patience,
        ratio_targets=targets,
        ratio_weights=weights,
        strands=args.strands,
        seed=args.seed,
    )
    config.validate(stages)
    return config


def _pretraining(checkpoint: str) -> tuple[list[float], list[float], list[float]]:
    """Stage multipliers, ratio targets and ratio weights of a run; empty outside a run folder."""
    folder = locate(checkpoint).folder
    run = folder.parent.parent if folder.parent.name == "checkpoints" else folder
    if not (run / "config.yaml").is_file():
        return [], [], []
    train = load_experiment(run / "config.yaml").train
    ratio = train.ratio_loss
    return list(train.optimizer.stage_multipliers), list(ratio.targets), list(ratio.weights)


def _check_known(path: str, task: Task) -> None:
    for examples in (task.train, task.test):
        for sequence, name in zip(examples.sequences, examples.names, strict=True):
            if not (sequence < 4).any():
                raise InputError(
                    path,
                    f"all {len(sequence)} bases are unknown (N or another code); remove the row",
                    where=name,
                )


def _logger(stream: TextIO) -> Callable[[dict[str, Any]], None]:
    def log(record: dict[str, Any]) -> None:
        stream.write(json.dumps(record) + "\n")
        stream.flush()

    return log


def _facts(config: FinetuneConfig, run: Finetuned, pooling: str) -> dict[str, Any]:
    return {
        "pooling": pooling,
        **dataclasses.asdict(config),
        "ratio_targets": run.ratio_targets,
        "best_epoch": run.best_epoch,
        "epochs_trained": len(run.history),
        "validation": len(run.validation),
        "torch": torch.__version__,
    }


def _describe(run: Finetuned) -> str:
    best = run.history[run.best_epoch - 1]
    text = f"epoch {run.best_epoch} of {len(run.history)} is kept: loss {best['loss']:.3f}"
    if best["validation_loss"] is not None:
        text += f", {best['validation_loss']:.3f} on the sequences held out"
    for stage, (chunk, target) in enumerate(
        zip(best["tokens_per_chunk"], run.ratio_targets, strict=True)
    ):
        text += f"; stage {stage}: {chunk:.2f} per chunk, held at {target:.2f}"
    return text


def _part(text: str) -> Part:
    return int(text) if text.isdecimal() else text  # type: ignore[return-value]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq classify finetune``."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="checkpoint folder or run folder")
    parser.add_argument(
        "--out", required=True, metavar="FOLDER", help=f"for {MODEL}/, {RESULTS} and {HISTORY}"
    )
    add_task_arguments(parser)
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
    training = parser.add_argument_group("training")
    training.add_argument(
        "--part",
        type=_part,
        default=_DEFAULTS.part,
        metavar="PART",
        help="all (default), head, inner (the innermost network) or N innermost stages; "
        "the head always learns",
    )
    for option, default, kind, text in (
        ("--epochs", _DEFAULTS.epochs, int, "passes over the training split at most"),
        (
            "--learning-rate",
            _DEFAULTS.optimizer.learning_rate,
            float,
            "peak, times a stage's multiplier",
        ),
        ("--head-rate", _DEFAULTS.head_rate, float, "peak, of the head"),
        (
            "--validation-fraction",
            _DEFAULTS.validation_fraction,
            float,
            "of the training split, to stop early by",
        ),
        ("--patience", _DEFAULTS.patience, int, "epochs without a lower validation loss"),
    ):
        training.add_argument(option, type=kind, default=default, help=f"{text} (%(default)s)")
    training.add_argument(
        "--ratio-weight",
        type=float,
        metavar="WEIGHT",
        help="of the ratio loss, which holds the chunks; default that of pretraining, else 1",
    )
    training.add_argument(
        "--strands",
        choices=STRANDS,
        default=_DEFAULTS.strands,
        help="augment: also learn from reverse complements; average: predict from both strands, "
        "too (default %(default)s)",
    )
    add_batch_arguments(parser, _DEFAULTS.batch_tokens)
