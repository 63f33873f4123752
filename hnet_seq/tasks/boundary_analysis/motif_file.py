"""Motifs as names and IUPAC patterns, or as a BED file of their occurrences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from hnet_seq.analysis.motifs import IUPAC, Occurrences, find_motif
from modalities.errors import InputError
from pipelines.formats.annotation import INTEGER, feature_lines
from pipelines.formats.bed import bed_columns, is_bed_header, names_bed_columns
from pipelines.formats.genome import Genome
from pipelines.formats.stranded_bed import read_bed_features
from pipelines.storage.compression import stem_of

Motifs = dict[str, dict[str, Occurrences]]


def read_motifs(path: str | Path, genome: Genome) -> Motifs:
    """Occurrences in a genome, by motif and record.

    The file is a BED of occurrences, whose fourth column names the motif (the file's name where
    there is none), or has lines of a name, a tab and a pattern of IUPAC letters.

    Raises:
        InputError: with file and line, what is wrong: a letter, a pattern of one letter, a name
            given twice, an unknown record, nothing at all; or no motif occurs.
    """
    path = Path(path)
    if _is_bed(path):
        motifs = _from_bed(path, genome.lengths)
    else:
        patterns = read_patterns(path)
        motifs = {name: {} for name in patterns}
        for record, length in genome.lengths.items():
            tokens = genome.fetch(record, 0, length)
            for name, pattern in patterns.items():
                motifs[name][record] = find_motif(tokens, pattern)
    if not any(len(found.start) for by_record in motifs.values() for found in by_record.values()):
        raise InputError(path, f"none of {len(motifs)} motifs occurs in {genome.path}")
    return motifs


def read_patterns(path: Path) -> dict[str, str]:
    """Patterns by name.

    Raises:
        InputError: as `read_motifs`.
    """
    patterns: dict[str, str] = {}
    for number, line in feature_lines(path):
        try:
            name, pattern = _pattern(line)
            if name in patterns:
                raise ValueError(f"{name!r} is given twice; rename one")
        except ValueError as error:
            raise InputError(path, str(error), where=f"line {number}") from None
        patterns[name] = pattern
    if not patterns:
        raise InputError(
            path, "no motifs; expected lines of a name, a tab and a pattern", where="whole file"
        )
    return patterns


def _pattern(line: str) -> tuple[str, str]:
    columns = [column.strip() for column in line.split("\t")]
    if len(columns) != 2 or not all(columns):
        raise ValueError(
            f"found {line[:40]!r}, expected a name, a tab and a pattern such as TATAAT"
        )
    name, pattern = columns[0], columns[1].upper()
    for position, letter in enumerate(pattern, 1):
        if letter not in IUPAC:
            raise ValueError(
                f"{letter!r}, letter {position} of the pattern {pattern[:40]}, is no IUPAC letter; "
                f"expected one of {''.join(sorted(IUPAC))}"
            )
    if len(pattern) < 2:
        raise ValueError(
            f"the pattern {pattern} has one letter and cannot be cut; give two or more"
        )
    return name, pattern


def _is_bed(path: Path) -> bool:
    for _, line in feature_lines(path):
        columns = bed_columns(line)
        if is_bed_header(columns) or names_bed_columns(columns):
            return True
        return len(columns) >= 3 and any(INTEGER.match(column) for column in columns[1:3])
    return False


def _from_bed(path: Path, lengths: Mapping[str, int]) -> Motifs:
    spans: dict[str, dict[str, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
    unnamed = stem_of(path.name).removesuffix(".bed")
    for feature in read_bed_features(path, lengths=lengths, strands=False):
        span = (feature.start, feature.end)
        spans[feature.type or unnamed][feature.sequence].append(span)
    return {
        name: {record: Occurrences.of(found) for record, found in by_record.items()}
        for name, by_record in spans.items()
    }
