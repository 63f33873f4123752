"""Train, apply and evaluate a classifier on a model, beside trivial baselines.

  train     fits probes on frozen vectors, and baselines, and scores both on the test split
  finetune  trains the model too, and scores it beside probe and baselines
  predict   labels and probabilities of the sequences of a FASTA file or a table
  evaluate  scores of a kept classifier on a labelled table

Guides: docs/downstream.md, docs/fine_tuning.md
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np

from hnet_seq.baselines.duplicates import describe_duplicates
from hnet_seq.baselines.metrics import format_table, score_row
from hnet_seq.heads.pooling import CHUNK_POOLINGS, POOLINGS
from hnet_seq.model.pretrained import load_pretrained
from hnet_seq.tasks import classify_finetune
from hnet_seq.tasks.arguments import add_batch_arguments
from hnet_seq.tasks.classification import (
    MODEL_ROWS,
    Classification,
    Task,
    classify,
    default_poolings,
)
from hnet_seq.tasks.classifiers import load_classifier
from hnet_seq.tasks.embed import (
    BATCH_TOKENS,
    PART_TOKENS,
    add_embedding_arguments,
    check_modality,
    check_pooling,
)
from hnet_seq.tasks.labelled_table import read_table
from hnet_seq.tasks.probe_file import Embedding, Probe, save_probe, weights_hash
from hnet_seq.tasks.sequences import Named, in_parts, read_fasta_sequences
from hnet_seq.tasks.task_arguments import add_task_arguments, task_facts, task_from_arguments
from modalities.errors import InputError
from pipelines.compression import read_chunks
from pipelines.files import check_file, check_folder, replaced_file

__all__ = ["add_arguments", "classify", "main"]

EXAMPLE = (
    "hnet-seq classify train run --genome genome.fna.gz --annotation genes.gff.gz "
    "--test-region last:0.1 --out run && "
    "hnet-seq classify predict run/probe.npz windows.fa.gz"
)

RESULTS, PROBE = "classification.json", "probe.npz"
_CLASSIFIER = f"{PROBE} of classify train, or the folder of classify finetune"


def _train(args: argparse.Namespace) -> int:
    out = check_folder(args.out)
    model = load_pretrained(args.checkpoint, args.device)
    check_modality(model)
    poolings = default_poolings(model)
    kept = args.pooling or poolings[0]
    poolings = [kept, *(pooling for pooling in poolings if pooling != kept)]
    for pooling in poolings:
        check_pooling(model, pooling, args.stage)
    task = task_from_arguments(args)
    outcome = classify(
        model,
        task,
        poolings=poolings,
        stage=args.stage,
        strands=args.strands,
        batch_tokens=args.batch_tokens,
        device=args.device,
        seed=args.seed,
        progress=True,
    )
    probe = Probe(
        task.classes,
        outcome.probes[kept],
        Embedding(kept, args.stage, args.strands),
        str(args.checkpoint),
        weights_hash(args.checkpoint),
    )
    save_probe(probe, out / PROBE)
    with replaced_file(out / RESULTS) as stream:
        json.dump(_results(task, outcome, kept, args), stream, indent=2)
        stream.write("\n")
    print(f"{task.name}: {', '.join(task.classes)}")
    print(f"{len(task.train.labels):,} training and {len(task.test.labels):,} test sequences")
    print(describe_duplicates(outcome.duplicates))
    print(format_table(outcome.rows))
    print(f"{out / RESULTS}; {out / PROBE} reads {MODEL_ROWS[kept]}", file=sys.stderr)
    return 0


def _results(
    task: Task, outcome: Classification, kept: str, args: argparse.Namespace
) -> dict[str, Any]:
    return {
        **task_facts(task, args.seed),
        "strands": args.strands,
        "stage": args.stage,
        "probe_pooling": kept,
        "duplicates": outcome.duplicates,
        "rows": outcome.rows,
    }


def _predict(args: argparse.Namespace) -> int:
    out = check_file(args.out) if args.out else None
    classifier = load_classifier(
        args.classifier,
        checkpoint=args.checkpoint,
        batch_tokens=args.batch_tokens,
        device=args.device,
    )
    for _ in _sequences(args.input):
        pass  # the first pass finds what is wrong, before a line of the result is written
    with replaced_file(out) if out else nullcontext(sys.stdout) as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(["id", "label", *classifier.classes])
        for part in in_parts(_sequences(args.input), PART_TOKENS):
            probabilities = classifier.predict_proba([tokens for _, tokens in part])
            for (name, _), row in zip(part, probabilities, strict=True):
                label = classifier.classes[int(row.argmax())]
                writer.writerow([name, label, *(f"{value:.6f}" for value in row)])
    return 0


def _evaluate(args: argparse.Namespace) -> int:
    classifier = load_classifier(
        args.classifier,
        checkpoint=args.checkpoint,
        batch_tokens=args.batch_tokens,
        device=args.device,
    )
    rows = read_table(args.table)
    number = {name: index for index, name in enumerate(classifier.classes)}
    for row in rows:
        if row.label not in number:
            raise InputError(
                args.table,
                f"the {classifier.kind} does not know the label {row.label!r}; it knows "
                f"{', '.join(classifier.classes)}",
                where=f"line {row.line}",
            )
    # A table with a split is most likely the one that the probe was trained on.
    split = args.split or ("test" if rows[0].split else None)
    if split:
        rows = [row for row in rows if row.split == split]
        if not rows:
            raise InputError(args.table, f"no row is in {split}; see --split", where="column split")
    labels = np.array([number[str(row.label)] for row in rows])
    shares = np.bincount(labels, minlength=len(number)) / len(labels)
    probabilities = classifier.predict_proba([row.tokens for row in rows])
    scores = score_row(classifier.name, "model", probabilities, labels)
    majority = score_row("majority class", "baseline", np.tile(shares, (len(rows), 1)), labels)
    which = f"{split} sequences" if split else "sequences"
    print(f"{len(rows):,} {which}: {', '.join(classifier.classes)}")
    print(format_table([scores, majority]))
    return 0


def _sequences(path: str) -> Iterator[Named]:
    """Of a FASTA file by name, of a table by line number."""
    head = next(read_chunks(path), b"")
    if head.lstrip().startswith(b">"):
        yield from read_fasta_sequences(path)
    else:
        for row in read_table(path, labelled=False):
            yield str(row.line), row.tokens


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq classify``."""
    actions = parser.add_subparsers(dest="action", metavar="action", required=True)
    train = actions.add_parser("train", help="fit probes and baselines, and score them")
    train.set_defaults(act=_train)
    train.add_argument("checkpoint", metavar="CHECKPOINT", help="checkpoint folder or run folder")
    train.add_argument("--out", required=True, metavar="FOLDER", help=f"for {RESULTS} and {PROBE}")
    add_task_arguments(train)
    train.add_argument(
        "--pooling",
        choices=POOLINGS,
        help=f"of the probe that is kept (default {CHUNK_POOLINGS[0]}; bases where there are none)",
    )
    add_embedding_arguments(train)

    finetune = actions.add_parser("finetune", help="train a model's weights too, and score it")
    classify_finetune.add_arguments(finetune)
    finetune.set_defaults(act=classify_finetune.main)

    predict = actions.add_parser("predict", help="labels and probabilities as TSV")
    predict.set_defaults(act=_predict)
    predict.add_argument("classifier", metavar="CLASSIFIER", help=_CLASSIFIER)
    predict.add_argument("input", metavar="INPUT", help="FASTA, or a table with a sequence column")
    predict.add_argument("--out", metavar="TSV", help="default: standard output")

    evaluate = actions.add_parser("evaluate", help="scores on a labelled table")
    evaluate.set_defaults(act=_evaluate)
    evaluate.add_argument("classifier", metavar="CLASSIFIER", help=_CLASSIFIER)
    evaluate.add_argument("table", metavar="TABLE", help="sequence,label[,split]")
    evaluate.add_argument(
        "--split", choices=("train", "test"), help="these rows only (test, where there is a split)"
    )
    for child in (predict, evaluate):
        child.add_argument("--checkpoint", help="where the model of a probe lies now")
        add_batch_arguments(child, BATCH_TOKENS)


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    code: int = args.act(args)
    return code
