"""Regions of a genome from BED, GFF3, GTF or GenBank: sorted, merged, 0-based, half-open."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from modalities.errors import InputError, UsageError
from pipelines.formats.annotation import attribute_style, check_record, feature_lines
from pipelines.formats.annotation_file import read_features
from pipelines.formats.bed import bed_columns, bed_rows, is_bed_header, looks_like_bed
from pipelines.formats.sequence_files import sequence_format

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
        features: types wanted of a GFF3, GTF or GenBank (``gene``, ``CDS``); None takes all but
            ``LANDMARKS``, which span whole records. One across a circular origin is two intervals.
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
        found = _read_features(path, features, lengths, kind)
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
    """``BED``, ``GFF3``, ``GTF`` or ``GenBank``, by the file's first lines.

    Raises:
        InputError: the file is unreadable, or none of these.
    """
    if sequence_format(path) == "genbank":
        return "GenBank"
    found = ""
    for number, line in feature_lines(path, until_fasta=True):
        columns = bed_columns(line)
        if is_bed_header(columns):
            continue
        if not found and looks_like_bed(line):
            return "BED"
        columns = line.split("\t")
        if len(columns) >= 8:
            if style := attribute_style(line):
                return style
            found = "GFF3"  # unless a line that says more is GTF
        elif found:
            break
        elif len(columns) >= 3:
            return "BED"  # with a start or end that is no number: its reader says which
        else:
            raise InputError(
                path,
                f"found {line[:40]!r}, expected BED (record, start, end), GFF3, GTF or GenBank, "
                "with tabs between columns",
                where=f"line {number}",
            )
    if found:
        return found
    raise InputError(path, "no intervals; expected BED, GFF3, GTF or GenBank", where="whole file")


def _read_bed(path: Path, lengths: Mapping[str, int] | None) -> Intervals:
    found: Intervals = {}
    for row in bed_rows(path, lengths):
        found.setdefault(row.record, []).append(Interval(row.start, row.end, row.name))
    return found


def _read_features(
    path: Path, types: Collection[str] | None, lengths: Mapping[str, int] | None, kind: str
) -> Intervals:
    found: Intervals = {}
    for feature in read_features(path, kind, types=types, lengths=lengths)[0]:
        if types is None and feature.type in LANDMARKS:
            continue
        name = next((feature.attributes[key] for key in _NAMES if key in feature.attributes), "")
        start, end = feature.start, feature.end
        own = found.setdefault(feature.sequence, [])
        length = end if lengths is None else lengths[feature.sequence]
        own.append(Interval(start, min(end, length), name))
        if end > length:  # of a circular record: it goes on at the first base
            own.append(Interval(0, end - length, name))
    if not found:
        there = ", ".join(sorted(LANDMARKS))
        raise InputError(
            path,
            f"only features that span whole records ({there}); name the types to take",
            where="whole file",
        )
    return found
