"""The text of tables: lines, separators, names of columns, numbers."""

from __future__ import annotations

import codecs
import csv
import math
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from modalities.errors import InputError
from pipelines.storage.compression import read_chunks

MOST_VALUES = 8  # of a column, in a message

_LINE_LIMIT = 1 << 28  # characters; a file without line ends is not read whole
# What else people have: how its first line begins.
_OTHERS = {
    "JSON, which holds documents for hnet-seq shard": re.compile(r"\s*(\{|\[\s*(\{|$))"),
    "FASTA, which has no columns": re.compile(r">"),
}
_WHOLE = re.compile(r"\+?(-?\d+)(?:\.0*)?")


def separator(header: str) -> str:
    """A tab where the header line has one, else whichever of semicolon and comma it has more of."""
    if "\t" in header:
        return "\t"
    return ";" if header.count(";") > header.count(",") else ","


def other_format(header: str) -> str:
    """What a file is whose first line is no header of a table; "" for a table."""
    return next((name for name, begins in _OTHERS.items() if begins.match(header)), "")


def column_names(header: str) -> list[str]:
    """The columns that a header line names, see :func:`plain_name`; [] where it is not CSV."""
    try:
        fields = next(csv.reader([header], delimiter=separator(header)), [])
    except csv.Error:
        return []
    return [plain_name(name) for name in fields]


def plain_name(name: str) -> str:
    """A column's name in lower case, blanks joined."""
    return " ".join(name.lower().split())


def as_number(text: str) -> float | None:
    """The finite number that text says; None where it says none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def number_remedy(text: str) -> str:
    """What to do about a cell that holds no number."""
    if "," in text:
        return "write a point as decimal mark and none between thousands, or remove the row"
    return "remove the row"


def plain_number(text: str) -> str:
    """``0`` for ``0.0``, which is how a column of numbers with a gap is written; else the text.

    A sign that says nothing goes too; zeros before the number stay, as those of a code do.
    """
    whole = _WHOLE.fullmatch(text)
    return text if whole is None else whole[1] if whole[1] != "-0" else "0"


def listed(values: Sequence[str]) -> str:
    """Values for a message, not too many of them."""
    rest = ", ..." if len(values) > MOST_VALUES else ""
    return ", ".join(shown(value) for value in values[:MOST_VALUES]) + rest


def shown(name: str) -> str:
    """A name for a message, cut short."""
    return name if len(name) <= 40 else f"{name[:40]}..."


def text_lines(path: Path) -> Iterator[str]:
    """The lines of a text file with their ends, however it is compressed.

    Raises:
        InputError: it is not UTF-8, holds byte 0, or has no line ends.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    rest = ""
    number = 0
    for chunk in chain(read_chunks(path), [b""]):
        try:
            rest += decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            line = number + error.object.count(b"\n", 0, error.start) + 1
            raise InputError(
                path,
                f"byte 0x{error.object[error.start]:02x} is not UTF-8; convert the file's encoding",
                where=f"line {line}",
            ) from None
        if "\0" in rest:
            line = number + rest.count("\n", 0, rest.index("\0")) + 1
            raise InputError(
                path, "byte 0x00: is it UTF-16, or no text? write UTF-8", where=f"line {line}"
            )
        *lines, rest = rest.split("\n")
        number += len(lines)
        yield from (f"{line}\n" for line in lines)
        if len(rest) > _LINE_LIMIT:
            raise InputError(path, "the line has no end; is it text?", where=f"line {number + 1}")
    if rest:
        yield rest


def cell(value: Any, digits: int = 6) -> str:
    """A value as a table of ours has it: empty where there is none."""
    if value is None or value != value:
        return ""
    return f"{value:.{digits}f}" if isinstance(value, float) else f"{value}"
