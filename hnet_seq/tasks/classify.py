"""Train, apply and evaluate a classifier on a model's frozen vectors, beside trivial baselines.

  train     fits probes and baselines, scores both on the test split, keeps one probe
  predict   labels and probabilities of the sequences of a FASTA file or a table
  evaluate  scores of a kept probe on a labelled table

Guide: docs/downstream.md
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from hnet_seq.baselines.duplicates import describe_duplicates
from hnet_seq.baselines.metrics import format_table, score_row
from hnet_seq.heads.pooling import CHUNK_POOLINGS, POOLINGS
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.tasks.arguments import add_batch_arguments
from hnet_seq.tasks.classification import (
    MODEL_ROWS,
    Classification,
    Task,
    classify,
    default_poolings,
    task_from_table,
    task_from_windows,
)
from hnet_seq.tasks.embed import (
    BATCH_TOKENS,
    PART_TOKENS,
    add_embedding_arguments,
    check_modality,
    check_pooling,
    embed,
)
from hnet_seq.tasks.labelled_table import read_table
from hnet_seq.tasks.probe_file import Embedding, Probe, load_probe, save_probe, weights_hash
from hnet_seq.tasks.sequences import Named, in_parts, read_fasta_sequences
from hnet_seq.tasks.windows import GUARD, coding_and_intergenic
from modalities.base import Tokens
from modalities.errors import InputError, UsageError
from pipelines.compression import read_chunks
from pipelines.files import check_file, check_folder, replaced_file

__all__ = ["add_arguments", "classify", "main"]

EXAMPLE = (
    "hnet-seq classify train run --genome genome.fna.gz --annotation genes.gff.gz "
    "--test-region last:0.1 --out run && "
    "hnet-seq classify predict run/probe.npz windows.fa.gz"
)

RESULTS, PROBE = "classification.json", "probe.npz"


def _train(args: argparse.Namespace) -> int:
    out = check_folder(args.out)
    if not 0 <= args.seed < 1 << 32:
        raise UsageError("--seed", f"is {args.seed}; expected 0 to {(1 << 32) - 1}")
    model = HNetForCausalLM.from_pretrained(args.checkpoint, args.device)
    check_modality(model)
    poolings = default_poolings(model)
    kept = args.pooling or poolings[0]
    poolings = [kept, *(pooling for pooling in poolings if pooling != kept)]
    for pooling in poolings:
        check_pooling(model, pooling, args.stage)
    task = _task(args)
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


def _task(args: argparse.Namespace) -> Task:
    genome_options = (args.genome, args.annotation, args.test_region)
    if args.table:
        if any(genome_options):
            raise UsageError(
                "--table", "has its own sequences; leave --genome, --annotation, --test-region out"
            )
        if not 0 < args.test_fraction < 1:
            raise UsageError("--test-fraction", f"is {args.test_fraction}; expected 0 to 1")
        return task_from_table(args.table, test_fraction=args.test_fraction, seed=args.seed)
    if not all(genome_options):
        raise UsageError(
            "classify train", "give --genome, --annotation and --test-region, or --table"
        )
    windows = coding_and_intergenic(
        args.genome,
        args.annotation,
        test_region=args.test_region,
        length=args.length,
        max_train=args.max_train,
        max_test=args.max_test,
        guard=args.guard,
        seed=args.seed,
    )
    for split, found in windows.found.items():
        counts = ", ".join(f"{count:,} {label}" for label, count in found.items())
        print(f"{split}: {counts} windows of {args.length} bases found", file=sys.stderr)
    about = {
        "genome": Path(args.genome).name,
        "annotation": Path(args.annotation).name,
        "window": args.length,
        "guard": args.guard,
    }
    return task_from_windows(windows, about)


def _results(
    task: Task, outcome: Classification, kept: str, args: argparse.Namespace
) -> dict[str, Any]:
    lengths = {len(s) for examples in (task.train, task.test) for s in examples.sequences}
    return {
        "task": task.name,
        "classes": task.classes,
        "n_train": len(task.train.labels),
        "n_test": len(task.test.labels),
        "regions": None,
        # Bases of every sequence; null where lengths differ.
        "window": lengths.pop() if len(lengths) == 1 else None,
        **task.about,
        "seed": args.seed,
        "strands": args.strands,
        "stage": args.stage,
        "probe_pooling": kept,
        "duplicates": outcome.duplicates,
        "rows": outcome.rows,
    }


def _predict(args: argparse.Namespace) -> int:
    out = check_file(args.out) if args.out else None
    probe = load_probe(args.probe)
    predict_proba = _predictor(probe, args)
    for _ in _sequences(args.input):
        pass  # the first pass finds what is wrong, before a line of the result is written
    with replaced_file(out) if out else nullcontext(sys.stdout) as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(["id", "label", *probe.classes])
        for part in in_parts(_sequences(args.input), PART_TOKENS):
            probabilities = predict_proba([tokens for _, tokens in part])
            for (name, _), row in zip(part, probabilities, strict=True):
                label = probe.classes[int(row.argmax())]
                writer.writerow([name, label, *(f"{value:.6f}" for value in row)])
    return 0


def _evaluate(args: argparse.Namespace) -> int:
    probe = load_probe(args.probe)
    rows = read_table(args.table)
    number = {name: index for index, name in enumerate(probe.classes)}
    for row in rows:
        if row.label not in number:
            raise InputError(
                args.table,
                f"the probe does not know the label {row.label!r}; it knows "
                f"{', '.join(probe.classes)}",
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
    probabilities = _predictor(probe, args)([row.tokens for row in rows])
    scores = score_row(MODEL_ROWS[probe.embedding.pooling], "model", probabilities, labels)
    majority = score_row("majority class", "baseline", np.tile(shares, (len(rows), 1)), labels)
    which = f"{split} sequences" if split else "sequences"
    print(f"{len(rows):,} {which}: {', '.join(probe.classes)}")
    print(format_table([scores, majority]))
    return 0


def _predictor(probe: Probe, args: argparse.Namespace) -> Callable[[list[Tokens]], np.ndarray]:
    """Sequences to probabilities (N, C), with the model that the probe was trained on."""
    checkpoint = args.checkpoint or probe.checkpoint
    try:
        found = weights_hash(checkpoint)
    except FileNotFoundError as error:
        raise InputError(
            args.probe, f"its model is not there ({error}); give it with --checkpoint"
        ) from None
    if found != probe.weights:
        raise InputError(
            args.probe,
            f"was trained on other weights than those of {checkpoint}; give its own checkpoint "
            "with --checkpoint, or train the probe again",
        )
    model = HNetForCausalLM.from_pretrained(checkpoint, args.device)

    def predict_proba(sequences: list[Tokens]) -> np.ndarray:
        vectors = embed(
            model,
            sequences,
            pooling=probe.embedding.pooling,
            stage=probe.embedding.stage,
            strands=probe.embedding.strands,
            batch_tokens=args.batch_tokens,
            device=args.device,
            progress=True,
        )
        return probe.logistic.predict_proba(vectors)

    return predict_proba


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
    genome = train.add_argument_group("coding against intergenic windows of a genome")
    genome.add_argument("--genome", metavar="FASTA", help="plain, gzip or bgzip")
    genome.add_argument("--annotation", metavar="GFF", help="GFF3 with CDS features")
    genome.add_argument(
        "--test-region",
        metavar="REGION",
        help="NAME:START-END (1-based, inclusive), last:FRACTION or records:NAME,...",
    )
    genome.add_argument("--length", type=int, default=150, help="bases of a window (%(default)s)")
    genome.add_argument(
        "--max-train", type=int, default=1000, help="training windows of a class (%(default)s)"
    )
    genome.add_argument(
        "--max-test", type=int, default=500, help="test windows of a class (%(default)s)"
    )
    genome.add_argument(
        "--guard", type=int, default=GUARD, help="bases between train and test (%(default)s)"
    )
    table = train.add_argument_group("a table of labelled sequences")
    table.add_argument("--table", metavar="CSV", help="sequence,label[,split]; CSV or TSV, or .gz")
    table.add_argument(
        "--test-fraction", type=float, default=0.2, help="without a split column (%(default)s)"
    )
    train.add_argument(
        "--pooling",
        choices=POOLINGS,
        help=f"of the probe that is kept (default {CHUNK_POOLINGS[0]}; bases where there are none)",
    )
    train.add_argument("--seed", type=int, default=0, help="of draws and folds (%(default)s)")
    add_embedding_arguments(train)

    predict = actions.add_parser("predict", help="labels and probabilities as TSV")
    predict.set_defaults(act=_predict)
    predict.add_argument("probe", metavar="PROBE", help=f"{PROBE} of classify train")
    predict.add_argument("input", metavar="INPUT", help="FASTA, or a table with a sequence column")
    predict.add_argument("--out", metavar="TSV", help="default: standard output")

    evaluate = actions.add_parser("evaluate", help="scores on a labelled table")
    evaluate.set_defaults(act=_evaluate)
    evaluate.add_argument("probe", metavar="PROBE", help=f"{PROBE} of classify train")
    evaluate.add_argument("table", metavar="TABLE", help="sequence,label[,split]")
    evaluate.add_argument(
        "--split", choices=("train", "test"), help="these rows only (test, where there is a split)"
    )
    for child in (predict, evaluate):
        child.add_argument("--checkpoint", help="where the probe's model lies now")
        add_batch_arguments(child, BATCH_TOKENS)


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    code: int = args.act(args)
    return code
