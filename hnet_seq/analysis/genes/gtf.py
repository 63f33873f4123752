"""GTF as rows with parents: which lines are one transcript, and which are copies of it elsewhere.

GTF has no features of several lines: ``transcript_id`` stands for one. Tables made from gene names
use it for every copy of a gene, and operons for several coding sequences.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from hnet_seq.analysis.genes.order import TRANS
from hnet_seq.analysis.genes.row_types import is_transcript
from hnet_seq.analysis.genes.rows import Feature, Row

_FAR = 2_000_000  # bases: wider than any known intron
_CODON = 3
_STARTS, _STOPS = "start_codon", "stop_codon"


def gtf_rows(features: Iterable[Feature], length: int | None = None) -> list[Row]:
    """Rows with the transcript as parent, and the gene as the transcript's.

    Lines of one ``transcript_id`` on two strands are two copies, unless they are marked as
    trans-splicing or have one start and one stop codon between them. On one strand copies are
    told by their ``transcript`` lines, or without these by codons that begin again behind others
    that ended, by ``exon_number`` 1, or by a gap wider than any intron.

    Args:
        length: bases of the record; lines at both its ends may meet at its origin.
    """
    rows: list[Row] = []
    by_name: dict[str, list[Row]] = defaultdict(list)
    kept = list(features)
    shared = _shared_names(kept)
    for index, feature in enumerate(kept):
        gene = _gene(feature)
        if feature.type == "gene":
            rows.append(Row(feature, index, f"gene {gene}", ()))
            continue
        name = _transcript(feature)
        if not name or name in shared:
            name = f"{name} of {gene}" if gene else name or f"line {index}"
        key = f"transcript {name}"
        if is_transcript(feature.type):
            by_name[key].append(Row(feature, index, key, (f"gene {gene}",)))
        else:
            by_name[key].append(Row(feature, index, f"line {index}", (key,), gene=f"gene {gene}"))
    for name, own in by_name.items():
        for number, copy in enumerate(_copies(own, length), 1):
            rows += _linked(copy, name if number == 1 else f"{name} {number}")
    return sorted(rows, key=lambda row: row.index)


def shows_circle(rows: Sequence[Row], length: int) -> bool:
    """Whether a CDS begins at one end of the record and stops at the other: GTF cannot say more."""
    of_transcript: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        of_transcript[row.parents].append(row)
    for own in of_transcript.values():
        coding = [row for row in own if row.type in ("CDS", _STOPS)]
        starts, stops = _codons(own, _STARTS), _codons(own, _STOPS)
        if len(starts) == len(stops) == 1 and len({row.sign for row in coding}) == 1:
            backwards = (stops[0] < starts[0]) == (coding[0].sign > 0)
            if backwards and _at_both_ends(coding, length):
                return True
    return False


def _at_both_ends(rows: Sequence[Row], length: int | None) -> bool:
    return min(row.start for row in rows) == 0 and max(row.end for row in rows) == length


def _linked(copy: Sequence[Row], name: str) -> list[Row]:
    """The lines of one copy as children of its transcript; lines of one CDS share a key."""
    cuts = _between_cistrons(copy)
    rows = []
    for row in copy:
        if is_transcript(row.type):
            rows.append(replace(row, key=name))
        elif row.type == "CDS":
            cistron = sum(row.start >= cut for cut in cuts)
            rows.append(replace(row, key=f"CDS {cistron} of {name}", parents=(name,)))
        else:
            rows.append(replace(row, parents=(name,)))
    return rows


def _transcript(feature: Feature) -> str:
    named = feature.attributes.get("transcript_id", "")
    return named or (_bare_name(feature) if is_transcript(feature.type) else "")


def _gene(feature: Feature) -> str:
    named = feature.attributes.get("gene_id", "")
    return named or (_bare_name(feature) if feature.type == "gene" else "")


def _bare_name(feature: Feature) -> str:
    """AUGUSTUS writes nothing but the name of a gene or a transcript on its line."""
    if len(feature.attributes) != 1:
        return ""
    ((key, value),) = feature.attributes.items()
    return "" if value else key


def _shared_names(features: Sequence[Feature]) -> frozenset[str]:
    """Names of transcripts that several genes use."""
    genes: dict[str, set[str]] = defaultdict(set)
    for feature in features:
        if feature.type != "gene" and (gene := _gene(feature)):
            genes[_transcript(feature)].add(gene)
    return frozenset(name for name, found in genes.items() if len(found) > 1)


def _copies(rows: Sequence[Row], length: int | None) -> list[list[Row]]:
    """The lines of each copy of a transcript."""
    by_sign: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        by_sign[row.sign].append(row)
    if any(row.exception == TRANS for row in rows) or _is_trans_spliced(by_sign):
        return [list(rows)]
    return [copy for sign, own in by_sign.items() for copy in _along_strand(own, sign, length)]


def _is_trans_spliced(by_sign: Mapping[int, Sequence[Row]]) -> bool:
    """Whether the start codon lies on one strand and the stop codon on the other."""
    codons = [(_codons(own, _STARTS), _codons(own, _STOPS)) for own in by_sign.values()]
    starts, stops = (sum(len(found) for found in kind) for kind in zip(*codons, strict=True))
    return starts == stops == 1 and not any(start and stop for start, stop in codons)


def _along_strand(rows: list[Row], sign: int, length: int | None) -> list[list[Row]]:
    lines = sorted((row.start, row.end) for row in rows if is_transcript(row.type))
    if lines:
        apart = all(here[1] <= after[0] for here, after in pairwise(lines))
        round_origin = lines[0][0] == 0 and lines[-1][1] == length
        cuts = [after[0] for _, after in pairwise(lines)] if apart and not round_origin else []
        return _split(rows, cuts)
    pieces = _merged([(row.start, row.end) for row in rows])
    gaps = [(here[1], after[0]) for here, after in pairwise(pieces)]
    found = set()
    if not _at_both_ends(rows, length):
        found = {right for left, right in gaps if right - left > _FAR}
    for left, right in [*_between_codons(rows, sign), *_between_numbers(rows, sign)]:
        inside = [gap for gap in gaps if left <= gap[0] and gap[1] <= right]
        if inside:
            found.add(max(inside, key=lambda gap: gap[1] - gap[0])[1])
    return _split(rows, sorted(found))


def _between_codons(rows: Sequence[Row], sign: int) -> list[tuple[int, int]]:
    """Stretches in each of which one coding sequence ends and the next begins."""
    starts, stops = _codons(rows, _STARTS), _codons(rows, _STOPS)
    if len(starts) < 2 and len(stops) < 2:
        return []
    begins, ends = (starts, stops) if sign >= 0 else (stops, starts)
    events = sorted([(place, True) for place in begins] + [(place, False) for place in ends])
    return [
        (here, after)
        for (here, is_begin), (after, goes_on) in pairwise(events)
        if not (is_begin and not goes_on)
    ]


def _between_numbers(rows: Sequence[Row], sign: int) -> list[tuple[int, int]]:
    """Stretches between the last exon of one copy and the first of the next."""
    exons = sorted((row for row in rows if row.type == "exon"), key=lambda row: row.start)
    firsts = [i for i, row in enumerate(exons) if row.get("exon_number") == "1"]
    if len(firsts) < 2:
        return []
    # The first exon of a copy is its leftmost on the + strand, its rightmost on the other.
    pairs = [(i - 1, i) for i in firsts[1:]] if sign >= 0 else [(i, i + 1) for i in firsts[:-1]]
    return [(exons[left].end, exons[right].start) for left, right in pairs]


def _between_cistrons(rows: Sequence[Row]) -> list[int]:
    """Where the coding sequences after the first of a transcript begin."""
    signs = {row.sign for row in rows if row.type == "CDS"}
    if len(signs) != 1:
        return []
    return [right for _, right in _between_codons(rows, signs.pop())]


def _codons(rows: Sequence[Row], kind: str) -> list[int]:
    """Where each start or stop codon lies, by its first base; an intron may divide one."""
    found: list[int] = []
    bases = 0
    for row in sorted((row for row in rows if row.type == kind), key=lambda row: row.start):
        if not bases:
            found.append(row.start)
        bases = (bases + row.bases) % _CODON if row.bases < _CODON else 0
    return found


def _split(rows: Sequence[Row], cuts: Sequence[int]) -> list[list[Row]]:
    copies: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        copies[sum(row.start >= cut for cut in cuts)].append(row)
    return list(copies.values())


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """What spans cover, without overlaps; those that touch are one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
