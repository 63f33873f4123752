"""A whole annotation to genes: what a file says of itself is asked of all of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hnet_seq.analysis.genes.codons import Fetch as OfRecord
from hnet_seq.analysis.genes.codons import RecordBases, genetic_code, is_whole
from hnet_seq.analysis.genes.draft import Draft, StopPlace
from hnet_seq.analysis.genes.gtf import gtf_rows, shows_circle
from hnet_seq.analysis.genes.model import RecordGenes
from hnet_seq.analysis.genes.order import Circle, in_order
from hnet_seq.analysis.genes.record import RecordResolver
from hnet_seq.analysis.genes.row_types import is_transcript
from hnet_seq.analysis.genes.rows import Feature, Row, Rows, gff_rows

Fetch = Callable[[str, int, int], NDArray[np.uint8]]
"""Tokens of a record's bases from one place to another, 0-based and half-open."""


@dataclass
class Genes:
    """What an annotation says.

    Attributes:
        records: genes by record.
        without_phase: CDS rows that have no reading frame because their phase is missing.
        notes: what could not be decided, or was decided by the sequence; each a few words.
    """

    records: dict[str, RecordGenes] = field(default_factory=dict)
    without_phase: list[Feature] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Habits:
    """How a file writes genes.

    Attributes:
        own_ids: rows of one CDS share an ID, so different IDs are different CDS.
        marks_starts, marks_stops: it has lines of start and stop codons, so that a CDS without
            one is incomplete there.
        has_transcripts: it has lines of transcripts, so that exons alone do not begin one.
        stop_place: where the stop codon is that no line marks.
    """

    own_ids: bool
    marks_starts: bool
    marks_stops: bool
    has_transcripts: bool
    stop_place: StopPlace


def resolve(
    features: Mapping[str, Sequence[Feature]],
    *,
    kind: str = "GFF3",
    lengths: Mapping[str, int] | None = None,
    circular: Collection[str] = (),
    fetch: Fetch | None = None,
) -> Genes:
    """Genes of every record of an annotation.

    Args:
        features: rows of each record, in the file's order.
        kind: ``GFF3``, ``GTF`` or ``GenBank``.
        lengths: bases of each record.
        circular: records that go on from their last base to their first.
        fetch: the genome, to look where stop codons are and where one CDS ends and another
            begins, if no line says so.
    """
    resolvers: dict[str, RecordResolver] = {}
    for record, own in features.items():
        length = None if lengths is None else lengths.get(record)
        rows = gtf_rows(own, length) if kind == "GTF" else gff_rows(own)
        is_circular = record in circular or (
            length is not None and _shows_circle(rows, length, kind, _of_record(fetch, record))
        )
        bases = RecordBases(_of_record(fetch, record), length, is_circular)
        resolvers[record] = RecordResolver(Rows(rows), Circle(length, is_circular), bases)
    habits = _habits(list(resolvers.values()), kind)
    drafts = {record: each.drafts(own_ids=habits.own_ids) for record, each in resolvers.items()}
    genes = Genes()
    notes: Counter[str] = Counter()
    if not habits.marks_stops and kind != "GenBank":
        found = [draft for of_record in drafts.values() for draft in of_record]
        habits = replace(habits, stop_place=_stop_place(found, kind, notes, fetch is not None))
    for record, each in resolvers.items():
        genes.records[record] = each.genes(
            drafts[record],
            has_transcripts=habits.has_transcripts,
            marks_starts=habits.marks_starts,
            stop_place=habits.stop_place,
        )
        genes.without_phase += each.without_phase
        notes.update(each.notes)
    genes.notes = [f"{count:,} {what}" for what, count in notes.items()]
    return genes


def _of_record(fetch: Fetch | None, record: str) -> OfRecord | None:
    if fetch is None:
        return None
    return lambda start, end: fetch(record, start, end)


def _shows_circle(rows: Sequence[Row], length: int, kind: str, fetch: OfRecord | None) -> bool:
    """Whether a record is circular though the file does not say so: a CDS reads round its origin.

    Rows at both ends could as well be a gene that fills a contig, so the codons must show it.
    """
    if kind == "GTF" and shows_circle(rows, length):
        return True
    of_key: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.type == "CDS" and row.sign:
            of_key[row.key].append(row)
    bases = RecordBases(fetch, length, circular=True)
    for own in of_key.values():
        at_ends = min(row.start for row in own) == 0 and max(row.end for row in own) == length
        if len(own) > 1 and at_ends and len({row.sign for row in own}) == 1:
            chain = in_order(own, Circle(length, True)).chain
            phase = chain.parts[0].phase
            if phase == 0 and is_whole(chain, bases, genetic_code(own)):
                return True
    return False


def _habits(resolvers: Sequence[RecordResolver], kind: str) -> Habits:
    types = {row.type for each in resolvers for row in each.rows.rows}
    marks_stops = "stop_codon" in types
    return Habits(
        own_ids=kind != "GFF3" or _has_own_ids(resolvers),
        marks_starts="start_codon" in types,
        marks_stops=marks_stops,
        has_transcripts=any(map(is_transcript, types)),
        stop_place=StopPlace.MARKED if marks_stops else StopPlace.INSIDE,
    )


def _has_own_ids(resolvers: Sequence[RecordResolver]) -> bool:
    """Whether rows of one CDS share an ID in a file, rather than that each part has its own."""
    shared = apart = 0
    for each in resolvers:
        of_parent: dict[str, set[str]] = defaultdict(set)
        rows = [row for row in each.rows.of_type("CDS") if row.is_named]
        for row in rows:
            for parent in row.parents:
                of_parent[parent].add(row.key)
        of_key = Counter(row.key for row in rows)
        shared += sum(count > 1 for count in of_key.values())
        # What begins inside a codon is the part of something, and these share no ID with it.
        apart += sum(
            row.feature.phase in (1, 2)
            and of_key[row.key] == 1
            and any(len(of_parent[parent]) > 1 for parent in row.parents)
            for row in rows
        )
    return shared > apart


def _stop_place(
    drafts: Sequence[Draft], kind: str, notes: Counter[str], is_at_hand: bool
) -> StopPlace:
    """Where the stop codons of a file are that has no lines of them: its majority decides."""
    whole = [draft for draft in drafts if draft.may_stop]
    inside = sum(draft.stops_inside for draft in whole)
    behind = sum(draft.stops_behind and not draft.stops_inside for draft in whole)
    if behind > inside and 2 * behind >= len(whole):
        notes["CDS end before their stop codon, as most of this file; it was added"] += behind
        if others := len(whole) - behind:
            notes["CDS do not, and were taken as they are"] += others
        return StopPlace.BEHIND
    left = len(whole) - inside
    if kind == "GTF" and (inside <= behind or 2 * inside < len(whole)):
        if whole:
            notes["CDS without a stop codon that can be told: no line marks it"] += len(whole)
        return StopPlace.UNKNOWN
    # By chance one in twenty of the others would be followed by one.
    is_mixed = 2 * behind > left
    if is_mixed:
        notes["CDS end before their stop codon, unlike most of this file; it was added"] += behind
        left -= behind
    if is_at_hand and left:
        notes["CDS do not end in a stop codon, and were taken as they are"] += left
    return StopPlace.MIXED if is_mixed else StopPlace.INSIDE
