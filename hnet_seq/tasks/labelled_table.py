"""Tables of labelled sequences: ``sequence,label[,split]`` as CSV or TSV, plain or gzip."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError
from pipelines.compression import read_chunks

SPLITS = ("train", "test")
_NO_LABEL = {"", "nan", "na", "n/a", "null", "<na>"}
_FIELD_LIMIT = 1 << 28  # bytes; the csv module's own limit cuts sequences at 128 KiB


@dataclass(frozen=True)
class Row:
    """One sequence. ``line`` is the line of the file that it ends on, 1-based."""

    line: int
    tokens: Tokens
    label: str | None
    split: str | None


def read_table(path: str | Path, *, labelled: bool = True) -> list[Row]:
    """The rows of a table with a header line; columns beyond the three known are ignored.

    The separator is a tab if the header line has one, else a comma. Letter case never reaches the
    model or a baseline.

    Args:
        labelled: ask for a label in each row; else labels are read where there is such a column.

    Raises:
        InputError: an unreadable file, no header, a missing column, no rows; or a row that is
            empty, not DNA, of the wrong number of fields, without a label, or of an unknown
            split; with the line and the remedy.
    """
    path = Path(path)
    text = _text(path)
    csv.field_size_limit(_FIELD_LIMIT)
    has_tabs = "\t" in text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if has_tabs else ",")
    try:
        names = [" ".join(name.lower().split()) for name in next(reader, [])]
    except csv.Error as error:
        raise InputError(path, f"not CSV: {error}", where="line 1") from None
    column = {name: number for number, name in enumerate(names)}
    for name in ("sequence", "label") if labelled else ("sequence",):
        if name not in column:
            raise InputError(
                path,
                f"no column {name!r}, but {', '.join(names) or 'nothing'}; name one so in the "
                "header line",
                where="line 1",
            )
    if len(column) != len(names):
        raise InputError(path, "two columns have one name; rename one", where="line 1")
    try:
        rows = [
            _row(path, reader.line_num, fields, column, labelled) for fields in reader if fields
        ]
    except csv.Error as error:
        raise InputError(path, f"not CSV: {error}", where=f"line {reader.line_num}") from None
    if not rows:
        raise InputError(path, "holds a header and no rows; add sequences", where="line 2")
    return rows


def _row(path: Path, line: int, fields: list[str], column: dict[str, int], labelled: bool) -> Row:
    where = f"line {line}"
    if len(fields) != len(column):
        raise InputError(
            path,
            f"{len(fields)} fields, but the header names {len(column)}; quote separators in text",
            where=where,
        )
    letters = fields[column["sequence"]].strip()
    if not letters:
        raise InputError(path, "the sequence is empty; remove the row", where=where)
    try:
        tokens = dna.encode(letters)
    except InputError as error:
        raise InputError(path, f"sequence, {error}", where=where) from None
    label = fields[column["label"]].strip() if "label" in column else None
    if labelled and (label is None or label.lower() in _NO_LABEL):
        raise InputError(
            path, f"the label is {label!r}; give the row a class, or remove it", where=where
        )
    split = fields[column["split"]].strip().lower() if "split" in column else None
    if labelled and split is not None and split not in SPLITS:
        raise InputError(
            path,
            f"the split is {split!r}, not train or test; rename it, or remove the column "
            "for a random split",
            where=where,
        )
    return Row(line, tokens, label, split)


def _text(path: Path) -> str:
    try:
        return b"".join(read_chunks(path)).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(path, "not UTF-8 text; expected CSV or TSV, plain or gzip") from None
