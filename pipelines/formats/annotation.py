"""GFF3 and GTF to features: 0-based, half-open, checked line by line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from urllib.parse import unquote

from modalities.errors import InputError
from modalities.given_paths import given_path
from pipelines.formats.annotation_attributes import gff3_attributes, gtf_attributes
from pipelines.formats.bigbed import bigbed_lines, is_bigbed
from pipelines.storage.compression import read_chunks

_COLUMNS = 9
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LINE_LIMIT = 1 << 20  # bytes; a file without line ends is not read whole
_STRANDS = {"+": "+", "-": "-", ".": ".", "?": "."}
_PHASES = {".": None, "0": 0, "1": 1, "2": 2}
# Decimal digits only: int() would take "1_000", " 7 " and other alphabets' digits as well.
INTEGER = re.compile(r"[0-9]+\Z")
_CIRCULAR = re.compile(r"""(?:\A|;)\s*is_circular\s*[=\s]\s*"?(?:true|yes|1)\b""", re.IGNORECASE)
# How column 9 begins: `key=` in GFF3, `key value` in GTF, whose value may have no quotes.
_GFF3_STYLE = re.compile(r"\s*[^\s=;\"]+\s*=")
_GTF_STYLE = re.compile(r"\s*[^\s=;\"]+\s+[^\s=;]")


@dataclass(frozen=True)
class Feature:
    """One line of a GFF3 or GTF file, or one part of a feature of GenBank.

    Attributes:
        sequence: the record it lies on.
        source: the program or database that made it.
        type: CDS, gene, exon, ...
        start: 0-based.
        end: exclusive; beyond the record's length where the feature crosses the origin of a
            circular record, which then goes on at its first base.
        strand: ``+``, ``-`` or ``.``; a strand that is relevant but unknown (``?``) is ``.``.
        phase: bases from the 5' end of the feature to the first whole codon; None if not given.
        attributes: column 9; several values of one key stay joined by commas, and a comma inside
            a name of ``ID``, ``Parent`` or ``Derives_from`` stays ``%2C``.
        line: 1-based line of the file; in GenBank the number of the feature.
    """

    sequence: str
    source: str
    type: str
    start: int
    end: int
    strand: str
    phase: int | None
    attributes: dict[str, str]
    line: int


def read_gff(
    path: str | Path,
    *,
    types: set[str] | None = None,
    lengths: Mapping[str, int] | None = None,
    gtf: bool = False,
) -> list[Feature]:
    """Features of a plain, gzip or bgzip GFF3 file, in its order.

    The parts of a spliced CDS, lines that share an ID, so keep their order, each with its own
    phase. Reading stops at ``##FASTA``, or at a line that begins with ``>``.

    Args:
        types: the types wanted, as column 3 names them; all where None. Lines of other types are
            checked as well.
        lengths: bases of each record, to check names and ends against; None checks neither.
        gtf: column 9 holds ``key "value";`` pairs, as in GTF, where a CDS ends before its stop
            codon.

    Raises:
        InputError: the file is unreadable; a line has not 9 columns, or an end, strand, phase or
            attribute that GFF3 does not allow; its record is unknown, or too short and not marked
            with ``Is_circular=true``; or no feature is of the wanted types. With the line and
            what to do.
    """
    path = given_path(path, "path")
    return read_gff_and_circles(path, types=types, lengths=lengths, gtf=gtf)[0]


def read_gff_and_circles(
    path: str | Path,
    *,
    types: set[str] | None = None,
    lengths: Mapping[str, int] | None = None,
    gtf: bool = False,
) -> tuple[list[Feature], frozenset[str]]:
    """As `read_gff`; and the records that a feature over all of them marks as circular."""
    path = Path(path)
    features: list[Feature] = []
    met: dict[str, None] = {}
    circular: set[str] = set()
    beyond: list[list[str]] = []
    lines_beyond: list[int] = []
    for number, line in feature_lines(path, until_fasta=True):
        try:
            columns = _split(line)
            _check_place(columns, lengths)
            if _CIRCULAR.search(columns[8]) and _spans_record(columns, lengths):
                circular.add(unquote(columns[0]))
            if lengths is not None and int(columns[4]) > lengths[unquote(columns[0])]:
                beyond.append(columns)  # right or wrong is known at the end of the file
                lines_beyond.append(number)
            met[columns[2]] = None
            if types is None or columns[2] in types:
                features.append(_feature(columns, number, gtf))
        except ValueError as error:
            raise InputError(path, str(error), where=f"line {number}") from None
    if not features:
        wanted = "features" if types is None else f"features of type {' or '.join(sorted(types))}"
        there = f"it has {', '.join(list(met)[:8])}" if met else "is it GFF3?"
        raise InputError(path, f"no {wanted}; {there}", where="whole file")
    for columns, number in zip(beyond, lines_beyond, strict=True):
        assert lengths is not None
        try:
            _check_beyond(columns, circular, lengths, gtf)
        except ValueError as error:
            raise InputError(path, str(error), where=f"line {number}") from None
    if beyond and lengths is not None:
        features = [_from_first_base(feature, lengths) for feature in features]
    return features, frozenset(circular)


def attribute_style(line: str) -> str:
    """``GFF3`` or ``GTF``, as column 9 of a line shows; empty where it does not, or is missing."""
    columns = line.split("\t")
    attributes = columns[8] if len(columns) == _COLUMNS else ""
    if _GFF3_STYLE.match(attributes):
        return "GFF3"
    return "GTF" if _GTF_STYLE.match(attributes) else ""


def feature_lines(
    path: Path, *, until_fasta: bool = False, comments: bool = False
) -> Iterator[tuple[int, str]]:
    """Lines of a file that are not blank or comments, and their 1-based numbers; rows of bigBed.

    Args:
        comments: give these as well, in whichever encoding.
        until_fasta: end at ``##FASTA`` or a line that begins with ``>``, where GFF has sequence.

    Raises:
        InputError: the file is unreadable, not text, or has no line ends, or those of old Macs.
    """
    if is_bigbed(path):
        yield from enumerate(bigbed_lines(path), start=1)
        return
    number = 0
    rest = b""
    for chunk in chain(read_chunks(path), [b"\n"]):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > _LINE_LIMIT:
            raise InputError(
                path,
                f"the line exceeds {_LINE_LIMIT} bytes; is it GFF3?",
                where=f"line {number + len(lines) + 1}",
            )
        for raw in lines:
            number += 1
            if number == 1:
                raw = raw.removeprefix(_BYTE_ORDER_MARK)
                if b"\r" in raw.rstrip(b"\r"):
                    raise InputError(
                        path, "line ends are CR alone (old Mac text); convert them to LF"
                    )
            if until_fasta and raw.startswith((b"##FASTA", b">")):
                return
            is_comment = raw.startswith(b"#")
            if (is_comment and not comments) or not raw.strip():
                continue
            try:
                yield number, raw.decode(errors="replace" if is_comment else "strict").rstrip("\r")
            except UnicodeDecodeError as error:
                byte = raw[error.start]
                raise InputError(
                    path,
                    f"byte 0x{byte:02x} is not UTF-8; convert the file's encoding",
                    where=f"line {number}",
                ) from None


def _split(line: str) -> list[str]:
    columns = line.split("\t")
    if len(columns) != _COLUMNS:
        hint = "; separate them by tabs, not spaces" if len(columns) == 1 else ""
        raise ValueError(f"{len(columns)} tab-separated columns, expected {_COLUMNS} (GFF3){hint}")
    return columns


def _check_place(columns: list[str], lengths: Mapping[str, int] | None) -> None:
    """Check columns 1, 4, 5, 7 and 8."""
    for name, text in (("start", columns[3]), ("end", columns[4])):
        if not INTEGER.match(text):
            raise ValueError(f"the {name} is {text!r}, expected a whole number of bases")
    start, end = int(columns[3]), int(columns[4])
    if start < 1:
        raise ValueError(f"the start is {start}; GFF3 counts from 1")
    if end < start:
        raise ValueError(f"the end, {end}, lies before the start, {start}; swap them")
    if columns[6] not in _STRANDS:
        raise ValueError(f"the strand is {columns[6]!r}, expected {', '.join(_STRANDS)}")
    if columns[7] not in _PHASES:
        raise ValueError(f"the phase is {columns[7]!r}, expected 0, 1, 2 or '.'")
    if lengths is not None:
        check_record(unquote(columns[0]), 0, lengths)


def _spans_record(columns: list[str], lengths: Mapping[str, int] | None) -> bool:
    """Whether a line lies over all of its record, and so speaks of the record itself."""
    length = None if lengths is None else lengths[unquote(columns[0])]
    return columns[3] == "1" and length in (None, int(columns[4]))


def _check_beyond(
    columns: list[str], circular: set[str], lengths: Mapping[str, int], gtf: bool
) -> None:
    """Check a line whose end lies beyond its record."""
    record = unquote(columns[0])
    start, end, length = int(columns[3]), int(columns[4]), lengths[record]
    if record not in circular:
        remedy = (
            "Is_circular=true on a feature over the record"
            if not gtf
            else "the GFF3 or GenBank of these genes: GTF cannot say so"
        )
        raise ValueError(
            f"the end, {end}, lies beyond {record}, which has {length} bases; is this another "
            f"assembly? A feature across a circular origin needs {remedy}"
        )
    if end - start >= length:
        raise ValueError(
            f"{start} to {end} is more than once round {record}, which has {length} bases"
        )


def _from_first_base(feature: Feature, lengths: Mapping[str, int]) -> Feature:
    """A feature that starts within its record; one beyond it was counted on round the circle."""
    turns = feature.start // lengths[feature.sequence] * lengths[feature.sequence]
    return replace(feature, start=feature.start - turns, end=feature.end - turns)


def check_record(sequence: str, end: int, lengths: Mapping[str, int]) -> None:
    """Raise ValueError unless the genome has the record, and the record ``end`` bases."""
    if sequence not in lengths:
        close = difflib.get_close_matches(sequence, lengths, n=3, cutoff=0.4) or list(lengths)[:3]
        raise ValueError(
            f"no record {sequence!r} in the genome, which has {len(lengths)}, as "
            f"{', '.join(close)}; is this the annotation of another assembly?"
        )
    if end > lengths[sequence]:
        raise ValueError(
            f"the end, {end}, lies beyond {sequence}, which has {lengths[sequence]} bases; is this "
            "another assembly, or a feature across a circular origin (cut it in two)?"
        )


def _feature(columns: list[str], number: int, gtf: bool) -> Feature:
    return Feature(
        sequence=unquote(columns[0]),
        source=unquote(columns[1]),
        type=columns[2],
        start=int(columns[3]) - 1,
        end=int(columns[4]),
        strand=_STRANDS[columns[6]],
        phase=_PHASES[columns[7]],
        attributes=gtf_attributes(columns[8]) if gtf else gff3_attributes(columns[8]),
        line=number,
    )
