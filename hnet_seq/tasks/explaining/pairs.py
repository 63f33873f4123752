"""Annotated pairs of a region from a BEDPE file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hnet_seq.analysis.dependency_controls import Arms
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
    each. Rows that reach out of the region are left out.

    Raises:
        InputError: the file cannot be read, the stretches of a row overlap or are a stem with arms
            of two lengths, or none lies in the region.
    """
    found: dict[str, list[Arms]] = {}
    for row in bedpe_rows(Path(path), lengths):
        (record, *one), (other, *two) = row.first, row.second
        if max(one[0], two[0]) < min(one[1], two[1]) and record == other:
            said = "the two stretches overlap; a base does not pair with itself"
            raise InputError(path, said, where=f"line {row.line}")
        if row.opposite and one[1] - one[0] != two[1] - two[0]:
            raise InputError(
                path,
                "the arms of a stem, on opposite strands, have two lengths; cut it at bulges",
                where=f"line {row.line}",
            )
        inside = start <= min(one[0], two[0]) and max(one[1], two[1]) <= end
        if record == other == name and inside:
            places = [(first - start, last - start) for first, last in (one, two)]
            found.setdefault(row.name, []).append(Arms(places[0], places[1], row.opposite))
    if not found:
        region = f"{name}:{start + 1}-{end}"
        raise InputError(path, f"has no pairs within {region}; choose another region, or leave out")
    return found
