"""Regions of a genome from BED, GFF3 or GTF: sorted, merged, 0-based, half-open."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from modalities.errors import InputError, UsageError
from pipelines.annotation import check_record, feature_lines, read_gff
from pipelines.bed import bed_columns, bed_rows, is_bed_header, looks_like_bed

# Features that are the record itself; between them and "outside" there would be nothing left.
LANDMARKS = frozenset(
    ("assembly", "chromosome", "contig", "plasmid", "region", "scaffold", "source", "supercontig")
)
# Attributes that name a feature, in GFF3 and GTF, the most readable first.
_NAMES = ("Name", "gene_name", "gene", "locus_tag", "gene_id", "ID")

Intervals = dict[str, list["Interval"]]


@dataclass(frozen=True)
class Interval:
    """Bases ``start`` (0-based) to ``end`` (exclusive) of a record."""

    start: int
    end: int
    name: str = ""


def read_intervals(
    path: str | Path,
    features: Collection[str] | None = None,
    flank: int = 0,
    *,
    lengths: Mapping[str, int] | None = None,
) -> Intervals:
    """Intervals by record of a plain, gzip or bgzip file; its first line tells the format.

    Those that overlap or touch are merged, and keep the name of the first. BED is read as 3 or
    more columns, separated by tabs or blanks, with the name in the fourth; blocks (BED12) are not
    looked at.

    Args:
        features: types wanted of a GFF3 or GTF (``gene``, ``CDS``); None takes all but
            ``LANDMARKS``, which span whole records.
        flank: bases added on both sides, as far as the record goes.
        lengths: bases of each record, to check names and ends against and clip flanks to; None
            checks neither, and leaves clipping to `clip`.

    Raises:
        InputError: the file is unreadable or none of these; a start or end is no number, the
            interval empty, its record unknown or too short (with file and line); or there are no
            intervals.
        UsageError: a negative ``flank``; or ``features`` of a BED file, which has no types.
    """
    path = Path(path)
    if flank < 0:
        raise UsageError("flank", f"is {flank}; give 0 or more bases")
    kind = annotation_format(path)
    if kind == "BED":
        if features is not None:
            raise UsageError("features", f"{path} is BED, which has no types; leave them out")
        found = _read_bed(path, lengths)
    else:
        found = _read_features(path, features, lengths, gtf=kind == "GTF")
    merged = {
        record: _merged(
            [Interval(max(0, i.start - flank), i.end + flank, i.name) for i in intervals]
        )
        for record, intervals in found.items()
    }
    return merged if lengths is None else clip(merged, lengths, path)


def clip(
    intervals: Intervals, lengths: Mapping[str, int], path: str | Path | None = None
) -> Intervals:
    """Intervals within records of these lengths (bases); what lies beyond an end is cut off.

    Args:
        path: where they come from, for errors.

    Raises:
        InputError: a record that ``lengths`` does not have.
    """
    clipped: Intervals = {}
    for record, found in intervals.items():
        try:
            check_record(record, 0, lengths)
        except ValueError as error:
            raise InputError(path, str(error)) from None
        length = lengths[record]
        clipped[record] = [
            Interval(max(0, i.start), min(i.end, length), i.name)
            for i in found
            if i.start < length and i.end > 0
        ]
    return clipped


def complement(intervals: Intervals, lengths: Mapping[str, int]) -> Intervals:
    """What lies outside the intervals, for every record of ``lengths``, in its order.

    Raises:
        InputError: as `clip`.
    """
    inside = clip(intervals, lengths)
    outside: Intervals = {}
    for record, length in lengths.items():
        gaps, position = [], 0
        for interval in _merged(inside.get(record, [])):
            if interval.start > position:
                gaps.append(Interval(position, interval.start))
            position = interval.end
        if position < length:
            gaps.append(Interval(position, length))
        outside[record] = gaps
    return outside


def _merged(intervals: list[Interval]) -> list[Interval]:
    merged: list[Interval] = []
    for interval in sorted(intervals, key=lambda i: (i.start, i.end)):
        last = merged[-1] if merged else None
        if last is not None and interval.start <= last.end:
            merged[-1] = Interval(last.start, max(last.end, interval.end), last.name)
        else:
            merged.append(interval)
    return merged


def annotation_format(path: Path) -> str:
    """``BED``, ``GFF3`` or ``GTF``, by the file's first line.

    Raises:
        InputError: the file is unreadable, or none of these.
    """
    for number, line in feature_lines(path, until_fasta=True):
        columns = bed_columns(line)
        if is_bed_header(columns):
            continue
        if looks_like_bed(line):
            return "BED"
        columns = line.split("\t")
        if len(columns) >= 8:
            # Column 9 of GFF3 has "=" before any quote.
            key = columns[8].partition('"')[0] if len(columns) > 8 else ""
            return "GTF" if '"' in line and "=" not in key else "GFF3"
        if len(columns) >= 3:
            return "BED"  # with a start or end that is no number: its reader says which
        raise InputError(
            path,
            f"found {line[:40]!r}, expected BED (record, start, end), GFF3 or GTF, with tabs "
            "between columns",
            where=f"line {number}",
        )
    raise InputError(path, "no intervals; expected BED, GFF3 or GTF", where="whole file")


def _read_bed(path: Path, lengths: Mapping[str, int] | None) -> Intervals:
    found: Intervals = {}
    for row in bed_rows(path, lengths):
        found.setdefault(row.record, []).append(Interval(row.start, row.end, row.name))
    return found


def _read_features(
    path: Path, types: Collection[str] | None, lengths: Mapping[str, int] | None, *, gtf: bool
) -> Intervals:
    found: Intervals = {}
    wanted = None if types is None else set(types)
    for feature in read_gff(path, types=wanted, lengths=lengths, gtf=gtf):
        if wanted is None and feature.type in LANDMARKS:
            continue
        name = next((feature.attributes[key] for key in _NAMES if key in feature.attributes), "")
        found.setdefault(feature.sequence, []).append(Interval(feature.start, feature.end, name))
    if not found:
        there = ", ".join(sorted(LANDMARKS))
        raise InputError(
            path,
            f"only features that span whole records ({there}); name the types to take",
            where="whole file",
        )
    return found
