"""``classify predict`` and ``classify evaluate``: a kept classifier on sequences."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hnet_seq.commands.meaning import check_meant
from hnet_seq.evidence.measures.score_rows import format_table, score_row
from hnet_seq.jobs.job import in_parts
from hnet_seq.tasks.classification.apply_targets import read_targets, target_table
from hnet_seq.tasks.classification.arguments import (
    columns_from_arguments,
    separator_from_arguments,
)
from hnet_seq.tasks.classification.classifiers import Classifier, load_classifier
from hnet_seq.tasks.classification.labelled_data import read_labelled
from hnet_seq.tasks.classification.labelled_rows import SPLITS, Row
from hnet_seq.tasks.classification.labels import SEPARATOR
from hnet_seq.tasks.classification.trained_on import were_trained_on
from hnet_seq.tasks.classification.unused_columns import EVERY, look_at_columns
from hnet_seq.tasks.sequences.inputs import named_length, open_sequences
from hnet_seq.tasks.sequences.reading import Reading
from modalities.errors import InputError
from pipelines.formats.table_text import plain_number
from pipelines.storage.files import check_file, replaced_file, replaced_stream

_PARQUET = ".parquet"
_PART_TOKENS = 1 << 22  # bases read, classified and written at a time

Write = Callable[[Sequence[str], NDArray[np.floating]], None]


def predict(args: argparse.Namespace) -> int:
    """Run ``hnet-seq classify predict``."""
    out = check_file(args.out) if args.out else None
    classifier = load_classifier(
        args.classifier,
        checkpoint=args.checkpoint,
        batch_tokens=args.batch_tokens,
        device=args.device,
    )
    source = open_sequences(args.input, Reading.of(args))
    for _ in source.names_and_tokens():
        pass  # the first pass finds what is wrong, before a line of the result is written
    with _writer(out, classifier) as write:
        for part in in_parts(source.names_and_tokens(), _PART_TOKENS, named_length):
            write(
                [name for name, _ in part],
                classifier.predict_proba([tokens for _, tokens in part]),
            )
    return 0


@contextmanager
def _writer(out: Path | None, classifier: Classifier) -> Iterator[Write]:
    """Writes names and predictions (N, C) as TSV, or as Parquet where the name ends so."""
    header, texts = _columns(classifier)

    def labels(row: NDArray[np.floating]) -> list[str]:
        if classifier.problem == "regression":
            return []
        if classifier.problem == "classes":
            return [classifier.classes[int(row.argmax())]]
        said = (name for name, value in zip(classifier.classes, row, strict=True) if value >= 0.5)
        return [SEPARATOR.join(said)]

    def as_text(stream: Any) -> Write:
        table = csv.writer(stream, delimiter="\t", lineterminator="\n")
        table.writerow(header)

        def write(names: Sequence[str], probabilities: NDArray[np.floating]) -> None:
            for name, row in zip(names, probabilities, strict=True):
                table.writerow([name, *labels(row), *(f"{value:.6f}" for value in row)])

        return write

    if out is None:
        yield as_text(sys.stdout)
    elif out.suffix != _PARQUET:
        with replaced_file(out) as stream:
            yield as_text(stream)
    else:
        schema = pa.schema(
            [(name, pa.string() if at < texts else pa.float32()) for at, name in enumerate(header)]
        )
        with replaced_stream(out) as raw, pq.ParquetWriter(raw, schema) as table:

            def write(names: Sequence[str], probabilities: NDArray[np.floating]) -> None:
                said = [labels(row) for row in probabilities]
                columns = [list(names), *map(list, zip(*said, strict=True))]
                values = list(probabilities.astype(np.float32).T)
                arrays = [
                    pa.array(column, field.type)
                    for column, field in zip([*columns, *values], schema, strict=True)
                ]
                table.write_batch(pa.record_batch(arrays, schema))

            yield write


def _columns(classifier: Classifier) -> tuple[list[str], int]:
    """The header, and how many of its columns are text.

    ``id``, ``label`` and a column a class, by its name unless that is taken; several labels stand
    between semicolons. A number has no column ``label``.
    """
    if classifier.problem == "regression":
        name = classifier.classes[0]
        return ["id", f"predicted {name}" if name == "id" else name], 1
    taken = ("id", "label")
    named = (f"class {name}" if name in taken else name for name in classifier.classes)
    return [*taken, *named], 2


def evaluate(args: argparse.Namespace) -> int:
    """Run ``hnet-seq classify evaluate``."""
    classifier = load_classifier(
        args.classifier,
        checkpoint=args.checkpoint,
        batch_tokens=args.batch_tokens,
        device=args.device,
    )
    if classifier.problem != "multi-label":
        check_meant(args, f"{args.classifier} knows {classifier.problem}", knows=classifier.problem)
    columns = replace(
        columns_from_arguments(args), empty_labels=classifier.problem == "multi-label"
    )
    for note in look_at_columns(args.data, columns, every_task=args.task == EVERY):
        print(f"note: {args.data}: {note}", file=sys.stderr)
    rows = read_labelled(args.data, columns)
    if classifier.problem == "classes":
        labels: NDArray[Any] = _class_numbers(rows, classifier, args.data)
    else:
        mark = separator_from_arguments(args)
        labels = read_targets(args.data, rows, classifier, args.label, mark)
    # Data with a split are most likely those that the classifier was trained on.
    split = args.split or ("test" if any(row.split for row in rows) else "all")
    if split != "all":
        members = [index for index, row in enumerate(rows) if row.split == SPLITS[split]]
        rows, labels = [rows[index] for index in members], labels[members]
        if not rows:
            raise InputError(args.data, f"no row is in {split}; see --split", where="column split")
    clean = None
    if classifier.trained_on is not None:
        trained = were_trained_on([row.tokens for row in rows], classifier.trained_on)
        clean = ~trained
        name = "clean MCC" if classifier.problem == "classes" else "clean"
        print(f"note: {_trained_on(trained, split, name)}", file=sys.stderr)
    elif split == "all":
        print(
            f"note: all rows of {args.data} are scored; those that the classifier was trained on "
            "make its score too good",
            file=sys.stderr,
        )
    if classifier.problem != "classes":
        print(f"{len(rows):,} {_which(split)}: {', '.join(classifier.classes)}")
        print(target_table(classifier, rows, labels, clean))
        return 0
    shares = np.bincount(labels, minlength=len(classifier.classes)) / len(labels)
    probabilities = classifier.predict_proba([row.tokens for row in rows])
    scores = score_row(classifier.name, "model", [probabilities], labels, clean=clean)
    constant = np.tile(shares, (len(rows), 1))
    majority = score_row("majority class", "baseline", [constant], labels, clean=clean)
    print(f"{len(rows):,} {_which(split)}: {', '.join(classifier.classes)}")
    print(format_table([scores, majority]))
    return 0


def _which(split: str) -> str:
    return "sequences" if split == "all" else f"{split} sequences"


def _trained_on(trained: NDArray[np.bool_], split: str, column: str) -> str:
    """How many were trained on, in words; ``column`` of the table is without them."""
    count = int(trained.sum())
    if not count:
        return (
            f"none of the {len(trained):,} {_which(split)} was trained on; near copies are not "
            "looked for"
        )
    which = f"{count:,} of {len(trained):,} {_which(split)} were trained on, as they are or as "
    if count == len(trained):
        return f"{which}reverse complement: the scores say nothing of new sequences"
    return f"{which}reverse complement; {column} is that of the {len(trained) - count:,} others"


def _class_numbers(rows: Sequence[Row], classifier: Classifier, path: str) -> NDArray[np.int64]:
    """(N,) of the rows' labels; 0 and 0.0 are one label, whichever the training data had.

    Raises:
        InputError: the classifier does not know a label.
    """
    known = {name: index for index, name in enumerate(classifier.classes)}
    plain = {plain_number(name): index for name, index in known.items()}
    numbers = np.zeros(len(rows), np.int64)
    for at, row in enumerate(rows):
        found = known.get(row.label, plain.get(plain_number(row.label)))
        if found is None:
            raise InputError(
                path,
                f"the {classifier.kind} does not know the label {row.label!r}; it knows "
                f"{', '.join(classifier.classes)}",
                where=row.place,
            )
        numbers[at] = found
    return numbers
