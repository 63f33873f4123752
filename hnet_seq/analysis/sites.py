"""Sites of an annotation as places between two bases: starts, stops, splice sites, edges.

A site is a cut, as a chunk boundary is: cut c lies between the bases c - 1 and c of the forward
strand. So a site of the - strand and its mirror image on the + strand are the same distance from
the same boundaries, whichever way the model reads.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hnet_seq.analysis.annotation import Feature, coding_parts, complete_ends

LEAST_INTRON = 10  # bases: a shorter gap is a frameshift of the ribosome, not an intron
TRANSCRIPT_TYPES = frozenset(
    (
        *("mRNA", "transcript", "primary_transcript", "nc_primary_transcript", "lnc_RNA", "lncRNA"),
        *("ncRNA", "tRNA", "rRNA", "tmRNA", "snRNA", "snoRNA", "miRNA", "pre_miRNA"),
    )
)
START, STOP = "start codon", "stop codon"
DONOR, ACCEPTOR = "splice donor", "splice acceptor"
TRANSCRIPTION = "transcription start"
GENE_SITES = (START, STOP, DONOR, ACCEPTOR, TRANSCRIPTION)

Cut = tuple[int, int]  # place, and the sign of its strand


@dataclass(frozen=True)
class Sites:
    """Sites of one kind on one record, sorted, each once.

    Attributes:
        cuts: (K,) places, 0 to the record's length.
        signs: (K,) +1 where upstream lies to the left, -1 where it lies to the right. What has no
            strand is read as on the + strand.
    """

    cuts: NDArray[np.int64]
    signs: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.cuts)

    @classmethod
    def of(cls, cuts: Iterable[Cut]) -> Sites:
        """From places and signs in any order."""
        found = np.array(sorted(set(cuts)), np.int64).reshape(-1, 2)
        return cls(found[:, 0], found[:, 1].astype(np.int8))


def gene_sites(features: Iterable[Feature], *, gtf: bool = False) -> dict[str, Sites]:
    """Sites of genes on one record, by kind; a kind that does not occur is left out.

    - A start or stop codon is the cut before its first base, in the direction of translation. It
      counts where the CDS is complete there. GFF3 has the stop codon in the CDS; of GTF the
      stop_codon lines are added to it.
    - A splice donor is the cut between an exon and the intron after it, an acceptor the one
      between an intron and the exon after it; introns are gaps of ``LEAST_INTRON`` bases and more
      between the exon lines, or the CDS lines, of one transcript.
    - A transcription start is the 5' end of a transcript line; where there is none, of the exons
      of a transcript; so bacteria that list only genes and CDS have none.
    """
    kept = list(features)
    found: dict[str, list[Cut]] = defaultdict(list)
    for start, stop in _codons(kept, gtf):
        found[START] += [] if start is None else [start]
        found[STOP] += [] if stop is None else [stop]
    exons = _by_transcript(f for f in kept if f.type == "exon")
    for parts in (*exons, *_by_transcript(f for f in kept if f.type == "CDS")):
        for donor, acceptor in _introns(parts):
            found[DONOR].append(donor)
            found[ACCEPTOR].append(acceptor)
    spans = [(f.start, f.end, _sign(f)) for f in kept if f.type in TRANSCRIPT_TYPES]
    if not spans:
        spans = [(parts[0].start, parts[-1].end, _sign(parts[0])) for parts in exons]
    found[TRANSCRIPTION] = [(end if sign < 0 else start, sign) for start, end, sign in spans]
    return {kind: Sites.of(found[kind]) for kind in GENE_SITES if found[kind]}


def edge_sites(
    features: Iterable[Feature], types: Collection[str], label: str | None = None
) -> dict[str, Sites]:
    """Both edges of every feature of these types, by kind: ``TYPE 5' edge`` and ``TYPE 3' edge``.

    Args:
        types: as the file names them; every feature where empty.
        label: one name for all of them.
    """
    found: dict[str, list[Cut]] = defaultdict(list)
    for feature in features:
        if types and feature.type not in types:
            continue
        sign = _sign(feature)
        ends = (feature.start, feature.end)[::sign]
        for edge, cut in zip(("5' edge", "3' edge"), ends, strict=True):
            found[f"{label or feature.type} {edge}"].append((cut, sign))
    return {kind: Sites.of(cuts) for kind, cuts in found.items()}


def _sign(feature: Feature) -> int:
    return -1 if feature.strand == "-" else 1


def _codons(features: list[Feature], gtf: bool) -> Iterator[tuple[Cut | None, Cut | None]]:
    """The cuts before the start and the stop codon of each CDS; None where it is not complete."""
    coding = sorted((f for f in features if _is_coding(f)), key=lambda f: (f.start, f.end))
    if not gtf:
        for indices in coding_parts(coding):
            parts = [coding[index] for index in indices]
            start, stop = complete_ends(parts)
            yield (
                _before_first(parts) if start else None,
                _before_last_codon(parts) if stop else None,
            )
        return
    starts, stops, transcripts = (
        _by_name(found)
        for found in (
            [f for f in features if f.type == "start_codon"],
            [f for f in features if f.type == "stop_codon"],
            coding,
        )
    )
    for name, parts in transcripts.items():
        # Where a file marks no start codon at all, only the phase can tell.
        start = name in starts if starts else complete_ends(parts)[0]
        yield (
            _before_first(parts) if start else None,
            _before_last_codon([*parts, *stops[name]]) if name in stops else None,
        )


def _is_coding(feature: Feature) -> bool:
    pseudo = feature.attributes.get("pseudo", "false").lower() == "true"
    return feature.type == "CDS" and feature.strand in "+-" and not pseudo


def _by_name(features: Iterable[Feature]) -> dict[str, list[Feature]]:
    """Lines of GTF by their transcript."""
    found: dict[str, list[Feature]] = defaultdict(list)
    for feature in features:
        names = feature.attributes
        found[names.get("transcript_id") or names.get("gene_id", "")].append(feature)
    return found


def _by_transcript(features: Iterable[Feature]) -> list[list[Feature]]:
    """Exons or CDS parts of each transcript, sorted; a part with several parents is in each."""
    found: dict[str, list[Feature]] = defaultdict(list)
    for feature in features:
        names = feature.attributes
        parents = names.get("Parent") or names.get("transcript_id") or names.get("ID")
        for parent in parents.split(",") if parents else ():
            found[parent].append(feature)
    return [sorted(parts, key=lambda part: part.start) for parts in found.values()]


def _introns(parts: list[Feature]) -> Iterator[tuple[Cut, Cut]]:
    """Donor and acceptor of each gap between sorted exons."""
    reach, sign = parts[0].end, _sign(parts[0])
    for part in parts[1:]:
        if part.start - reach >= LEAST_INTRON:
            left, right = (reach, sign), (part.start, sign)
            yield (left, right) if sign > 0 else (right, left)
        reach = max(reach, part.end)


def _first(rows: list[Feature]) -> Feature:
    """The row where translation begins."""
    if _sign(rows[0]) > 0:
        return min(rows, key=lambda row: row.start)
    return max(rows, key=lambda row: row.end)


def _before_first(rows: list[Feature]) -> Cut:
    first, sign = _first(rows), _sign(rows[0])
    return (first.start if sign > 0 else first.end, sign)


def _before_last_codon(rows: list[Feature]) -> Cut | None:
    """The cut three translated bases before the end, across introns where it must."""
    sign, left = _sign(rows[0]), 3
    covered: set[int] = set()
    for row in sorted(rows, key=lambda row: -row.end if sign > 0 else row.start):
        bases = range(row.start, row.end)
        for base in reversed(bases) if sign > 0 else bases:
            if base in covered:
                continue
            covered.add(base)
            left -= 1
            if not left:
                return (base if sign > 0 else base + 1, sign)
    return None
