"""A list of genomes: paths, a line each, or a table with a header and tabs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from modalities.errors import InputError
from pipelines.corpus.assembly import LEVELS, Assembly

SUFFIXES = (".txt", ".tsv", ".list", ".lst")
_COLUMNS = ("path", "accession", "taxon", "tax_id", "level", "weight")


def read_listing(path: Path) -> list[Assembly]:
    """The genomes of a list, in its order; paths are relative to its folder.

    Lines that are empty or begin with ``#`` are skipped. A first line with the word ``path`` among
    its columns is a header, behind a ``#`` too; without one, the columns are path, accession, taxon
    and weight, as far as there are any.

    Raises:
        InputError: a line that says something else, or a file that is not there.
    """
    found = []
    columns: list[str] = ["path", "accession", "taxon", "weight"]
    first = True
    for number, line in _lines(path):
        fields = [field.strip() for field in line.split("\t")]
        where = f"line {number}"
        if first and "path" in fields:
            unknown = next((field for field in fields if field not in _COLUMNS), None)
            if unknown is not None:
                raise InputError(
                    path, f"no column is called {unknown!r}; there are {', '.join(_COLUMNS)}",
                    where=where,
                )  # fmt: skip
            columns, first = fields, False
            continue
        first = False
        if len(fields) > len(columns):
            raise InputError(
                path,
                f"has {len(fields)} columns, expected {', '.join(columns)}; write them apart "
                "with tabs",
                where=where,
            )
        found.append(_assembly(path, where, dict(zip(columns, fields, strict=False))))
    if not found:
        raise InputError(path, "lists no genomes; write a path on each line")
    return found


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        for number, line in enumerate(path.read_text("utf-8-sig").split("\n"), 1):
            names = line.lstrip("# ").rstrip().split("\t")
            if line.startswith("#") and names[1:] and {"path"} <= {*names} <= {*_COLUMNS}:
                line = "\t".join(names)
            if line.strip() and not line.lstrip().startswith("#"):
                yield number, line
    except UnicodeDecodeError:
        raise InputError(
            path, "is no list of paths: it is not UTF-8; give the genome itself another suffix"
        ) from None


def _assembly(path: Path, where: str, row: dict[str, str]) -> Assembly:
    file = path.parent / row.get("path", "")
    if not row.get("path") or not file.is_file():
        raise InputError(path, f"no such file: {file}; paths are relative to the list", where=where)
    level = row.get("level", "")
    if level not in LEVELS:
        raise InputError(
            path, f"level is {level!r}, expected {' or '.join(LEVELS[:-1])}", where=where
        )
    tax_id = row.get("tax_id", "")
    if tax_id and not tax_id.isdecimal():
        raise InputError(path, f"tax_id is {tax_id!r}, expected a whole number", where=where)
    return Assembly(
        row.get("accession") or name_of_file(file),
        (str(file),),
        file.stat().st_size,
        taxon=row.get("taxon", ""),
        tax_id=int(tax_id) if tax_id else None,
        level=level,
        weight=_weight(path, where, row.get("weight", "")),
    )


def _weight(path: Path, where: str, text: str) -> float:
    try:
        weight = float(text or 1)
    except ValueError:
        weight = math.nan
    if not 0 < weight <= 1000:
        raise InputError(
            path, f"weight is {text!r}, expected a number above 0 and up to 1000", where=where
        )
    return weight


def name_of_file(path: Path) -> str:
    """What a genome is called without an accession: its file without what tells the format."""
    name = path.name
    for suffix in (*COMPRESSED, *SEQUENCES):
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            name = name[: -len(suffix)]
    return name


COMPRESSED = (".gz", ".bgz", ".zst", ".zstd")
SEQUENCES = (
    *(".fna", ".fa", ".fasta", ".fas", ".fsa"),
    *(".gbff", ".gbk", ".gb", ".genbank", ".2bit"),
)
