"""Annotated pairs of a region from a BEDPE file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hnet_seq.analysis.paired_arms import Arms
from modalities.errors import InputError
from pipelines.formats.bedpe import bedpe_rows


def check_pairs(path: str | Path) -> None:
    """Raise InputError for a file that is no BEDPE."""
    for _ in bedpe_rows(Path(path)):
        pass


def read_pairs(
    path: str | Path, lengths: Mapping[str, int], name: str, start: int, end: int
) -> dict[str, list[Arms]]:
    """By name the stretches that pair within bases ``start`` to ``end`` of a record, 0-based.

    Two stretches of equal length on opposite strands are a stem; of others each base pairs with
    each. Rows of one name are a set, and one without a name is its own. Rows that reach out of the
    region are left out.

    Raises:
        InputError: the file cannot be read, the stretches of a row overlap or are a stem with arms
            of two lengths, a set has a pair twice, or none lies in the region.
    """
    found: dict[str, list[Arms]] = {}
    lines: dict[str, list[int]] = {}
    for row in bedpe_rows(Path(path), lengths):
        (record, *one), (other, *two) = row.first, row.second
        if record != other:
            continue
        places = [(first - start, last - start) for first, last in (one, two)]
        arms = Arms(places[0], places[1], row.opposite)
        said, where = arms.fault(), f"line {row.line}"
        if said:
            raise InputError(path, said, where=where)
        low, high = arms.bounds
        if record != name or low < 0 or high > end - start:
            continue
        label = row.name
        if label in ("", "."):
            label = " with ".join(f"{first + 1}-{last}" for first, last in (one, two))
        for line, before in zip(lines.get(label, []), found.get(label, []), strict=True):
            if arms.shares(before):
                said = f"has a pair of line {line}, of the same name; name each pair once"
                raise InputError(path, said, where=where)
        found.setdefault(label, []).append(arms)
        lines.setdefault(label, []).append(row.line)
    if not found:
        region = f"{name}:{start + 1}-{end}"
        raise InputError(path, f"has no pairs within {region}; choose another region, or leave out")
    return found
