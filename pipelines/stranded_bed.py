"""BED with its names and strands, as features; what is merged elsewhere stays apart here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from modalities.errors import InputError
from pipelines.annotation import Feature, check_record, feature_lines
from pipelines.intervals import bed_columns, bed_interval, is_bed_header

_STRANDS = ("+", "-", ".")


def bed_strand(columns: list[str]) -> str:
    """Column 6 of a line of BED, ``.`` where there is none; ValueError for one that is none."""
    strand = columns[5].strip() if len(columns) > 5 else "."
    if strand not in _STRANDS:
        raise ValueError(f"the strand is {strand!r}, expected {', '.join(_STRANDS)}")
    return strand


def read_bed_features(
    path: str | Path, *, lengths: Mapping[str, int] | None = None
) -> list[Feature]:
    """Each line of a plain, gzip or bgzip BED file, in its order, as a feature.

    ``type`` is the name of column 4 (empty where there is none), ``strand`` that of column 6
    (``.`` where there is none); blocks (BED12) are not looked at.

    Args:
        lengths: bases of each record, to check names and ends against.

    Raises:
        InputError: the file is unreadable or empty; a start or end is no number, the interval
            empty, its strand unknown, its record unknown or too short; with file and line.
    """
    path = Path(path)
    found = []
    for number, line in feature_lines(path):
        columns = bed_columns(line)
        if is_bed_header(columns):
            continue
        try:
            interval = bed_interval(columns)
            strand = bed_strand(columns)
            if lengths is not None:
                check_record(columns[0], interval.end, lengths)
        except ValueError as error:
            raise InputError(path, str(error), where=f"line {number}") from None
        found.append(
            Feature(
                sequence=columns[0],
                source="",
                type=interval.name,
                start=interval.start,
                end=interval.end,
                strand=strand,
                phase=None,
                attributes={},
                line=number,
            )
        )
    if not found:
        raise InputError(path, "no intervals; expected BED", where="whole file")
    return found
