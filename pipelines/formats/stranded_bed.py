"""BED with its names and strands, as features; what is merged elsewhere stays apart here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from modalities.errors import InputError
from pipelines.formats.annotation import Feature
from pipelines.formats.bed import bed_rows


def read_bed_features(
    path: str | Path, *, lengths: Mapping[str, int] | None = None, strands: bool = True
) -> list[Feature]:
    """Each line of a BED file, however compressed, in its order, as a feature.

    ``type`` is the name of column 4 (empty where there is none), ``strand`` that of column 6
    (``.`` where there is none); blocks (BED12) are not looked at.

    Args:
        lengths: bases of each record, to check names and ends against.
        strands: read them; else all are ``.``.

    Raises:
        InputError: as :func:`pipelines.formats.bed.bed_rows`; a strand that is none, with its line;
            or the file is empty.
    """
    path = Path(path)
    found = []
    for row in bed_rows(path, lengths, strands=strands):
        try:
            strand = row.strand if strands else "."
        except ValueError as error:
            raise InputError(path, str(error), where=f"line {row.line}") from None
        found.append(
            Feature(
                sequence=row.record,
                source="",
                type=row.name,
                start=row.start,
                end=row.end,
                strand=strand,
                phase=None,
                attributes={},
                line=row.line,
            )
        )
    if not found:
        raise InputError(path, "no intervals; expected BED", where="whole file")
    return found
