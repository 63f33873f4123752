"""The genes of one record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from hnet_seq.analysis.genes.coding import Group, coding_groups, coding_name, ends_of
from hnet_seq.analysis.genes.codons import (
    RecordBases,
    bases_after,
    distance_to_stop,
    ends_in_stop,
    extended_over,
    genetic_code,
    is_whole,
    marks_start,
    stop_codons,
    with_stop,
)
from hnet_seq.analysis.genes.draft import Draft, StopPlace
from hnet_seq.analysis.genes.introns import (
    coding_introns,
    exon_introns,
    untranslated_introns,
    written_introns,
)
from hnet_seq.analysis.genes.model import (
    Chain,
    CodingSequence,
    Cut,
    Intron,
    RecordGenes,
    Span,
    spans_inside,
)
from hnet_seq.analysis.genes.order import Circle, Ordered, in_order
from hnet_seq.analysis.genes.row_types import is_exon, is_genic, is_pseudogenic, is_transcript
from hnet_seq.analysis.genes.rows import Feature, Row, Rows


class RecordResolver:
    """Rows of one record to its genes.

    Attributes:
        without_phase: rows of CDS that have no frame.
        notes: what was left out or guessed, by its words.
    """

    def __init__(self, rows: Rows, circle: Circle, bases: RecordBases) -> None:
        self.rows = rows
        self.without_phase: list[Feature] = []
        self.notes: Counter[str] = Counter()
        self._circle = circle
        self._bases = bases
        self._exons: dict[str, Chain] = {}

    def drafts(self, *, own_ids: bool) -> list[Draft]:
        """Its coding sequences that have a frame."""
        found: list[Draft] = []
        self._groups = coding_groups(
            self.rows,
            own_ids=own_ids,
            in_order=self._rows_in_order,
            is_stop=self._is_stop,
        )
        self._exons = self._exon_chains()
        chains = [self._ordered(group) for group in self._groups]
        marked = self._marked_stops(chains)
        for group, chain, with_codon in zip(self._groups, chains, marked, strict=True):
            if any(row.feature.phase is None for row in group):
                self.without_phase += [r.feature for r in group if r.feature.phase is None]
                continue
            found.append(self._draft(group, chain, with_codon))
        return found

    def _draft(self, group: Group, chain: Chain, marked: Chain | None) -> Draft:
        by_index = {row.index: row for row in group}
        in_order = [by_index[part.row] for part in chain.parts]
        above = list(self.rows.above(parent for row in group for parent in row.parents))
        exons = [self._exons[p] for row in group for p in row.parents if p in self._exons]
        after = tuple(bases_after(chain, exons, 3))
        table = genetic_code(group)
        return Draft(
            group,
            chain,
            ends_of(in_order, above),
            marked,
            after,
            ends_in_stop(chain, self._bases, table),
            self._bases.spelled(after) in stop_codons(table),
            marks_start(chain, self._codon_lines(group, "start_codon")),
        )

    def genes(
        self,
        drafts: Sequence[Draft],
        *,
        has_transcripts: bool,
        marks_starts: bool,
        stop_place: StopPlace,
    ) -> RecordGenes:
        """All genes of the record."""
        found = RecordGenes()
        found.coding = [self._coding(draft, marks_starts, stop_place) for draft in drafts]
        found.introns = [*self._introns(drafts)]
        found.transcription_starts = self._transcription_starts(has_transcripts=has_transcripts)
        for row in self.rows.rows:
            pseudo = self.rows.is_pseudo(row)
            if (row.type == "CDS" and (pseudo or not row.sign)) or is_genic(row.type):
                found.genic += self._inside(row.start, row.end)
            if pseudo and (row.type in ("CDS", "gene") or is_pseudogenic(row.type)):
                found.pseudo += self._inside(row.start, row.end)
            if row.type == "CDS" and not pseudo:
                found.coding_spans += self._inside(row.start, row.end)
                if not row.sign:
                    self.notes["CDS rows without a strand, so without codons"] += 1
        return found

    def _inside(self, start: int, end: int) -> list[Span]:
        return spans_inside(start, end, self._circle.length)

    def _in_order(self, group: Sequence[Row]) -> Ordered:
        above = self.rows.above(parent for row in group for parent in row.parents)
        table = genetic_code(group)
        return in_order(
            group,
            self._circle,
            above,
            is_whole=lambda chain: is_whole(chain, self._bases, table),
        )

    def _ordered(self, group: Sequence[Row]) -> Chain:
        found = self._in_order(group)
        if not found.is_sure:
            self.notes["features in parts whose order or junction was guessed"] += 1
        return found.chain

    def _rows_in_order(self, group: Sequence[Row]) -> list[Row]:
        by_index = {row.index: row for row in group}
        return [by_index[part.row] for part in self._in_order(group).chain.parts]

    def _is_stop(self, rows: Sequence[Row]) -> bool:
        """Whether rows of one CDS end in a stop codon in their frame."""
        chain = self._in_order(rows).chain
        phase = chain.parts[0].phase or 0
        if (chain.bases() - phase) % 3:
            return False
        return ends_in_stop(chain, self._bases, genetic_code(rows))

    def _codon_lines(self, group: Group, kind: str) -> list[Row]:
        """Lines of a kind under the transcripts of a CDS."""
        parents = dict.fromkeys(parent for row in group for parent in row.parents)
        return [row for p in parents for row in self.rows.children[p] if row.type == kind]

    def _marked_stops(self, chains: Sequence[Chain]) -> list[Chain | None]:
        """Each chain with the stop_codon lines of its transcript; of several it takes the next."""
        of_line: dict[Row, list[int]] = {}
        for number, group in enumerate(self._groups):
            for row in self._codon_lines(group, "stop_codon"):
                of_line.setdefault(row, []).append(number)
        found: list[Chain | None] = [None] * len(chains)
        near: dict[int, list[tuple[int, Row]]] = {}
        for row, numbers in of_line.items():
            away = {
                number: distance
                for number in numbers
                if (distance := distance_to_stop(chains[number], row)) is not None
            }
            least = min((abs(d) for d in away.values()), default=0)
            for number, distance in away.items():
                if abs(distance) == least or self._isoforms(number, numbers):
                    near.setdefault(number, []).append((distance, row))
        for number, rows in near.items():
            chain = chains[number]
            for _, row in sorted(rows, key=lambda pair: pair[0]):
                chain = with_stop(chain, row)
            found[number] = chain
        return found

    def _isoforms(self, number: int, others: Sequence[int]) -> bool:
        """Whether no other CDS of the same transcript could own a line as well."""
        parents = {parent for row in self._groups[number] for parent in row.parents}
        return not any(
            other != number
            and parents & {parent for row in self._groups[other] for parent in row.parents}
            for other in others
        )

    def _coding(self, draft: Draft, marks_starts: bool, place: StopPlace) -> CodingSequence:
        """A CDS with its stop codon, and the cuts at its ends where it is complete."""
        chain, stop = draft.chain, False
        if draft.ends.guessed:
            self.notes["CDS marked partial without saying where, so without codons"] += 1
        if place is StopPlace.MARKED:
            if draft.marked is not None:
                chain, stop = draft.marked, True
        elif place is not StopPlace.UNKNOWN and draft.may_stop:
            stop = place is not StopPlace.BEHIND or draft.stops_behind or draft.stops_inside
            if place is not StopPlace.INSIDE and draft.stops_behind and not draft.stops_inside:
                chain = extended_over(chain, draft.after)
        start = draft.starts if marks_starts else not draft.ends.open5 and draft.phase == 0
        return CodingSequence(
            chain,
            coding_name(draft.rows),
            chain.first_cut() if start else None,
            chain.last_codon_cut() if stop else None,
            genetic_code(draft.rows),
            self._gene(draft.rows),
        )

    def _gene(self, group: Group) -> str:
        """What tells its gene from others; empty where nothing does."""
        parents = [parent for row in group for parent in row.parents]
        above = [row.key for row in self.rows.above(parents) if row.type.endswith("gene")]
        named = [row.get(key) for key in ("locus_tag", "gene_id", "gene") for row in group]
        return next(filter(None, (*above, *named)), "")

    def _exon_chains(self) -> dict[str, Chain]:
        """Exons of each transcript; and transcripts that are written in several rows."""
        groups: dict[str, list[Row]] = {}
        for row in filter(lambda row: is_exon(row.type), self.rows.rows):
            for parent in row.parents or (row.key,):
                if not self.rows.is_pseudo(row, parent if row.parents else None):
                    groups.setdefault(parent, []).append(row)
        for key, rows in self.rows.of_key.items():
            in_rows = len(rows) > 1 and is_transcript(rows[0].type)
            if in_rows and key not in groups and not self.rows.is_pseudo(rows[0]):
                groups[key] = rows
        chains = {}
        for key, rows in groups.items():
            if all(row.sign for row in rows):
                chains[key] = self._ordered(rows).merged()
            elif len(rows) > 1:
                self.notes["transcripts without a strand, so without splice sites"] += 1
        return chains

    def _introns(self, drafts: Sequence[Draft]) -> Iterator[Intron]:
        extended = {draft.rows: draft.marked or draft.chain for draft in drafts}
        chains = [extended.get(group) or self._ordered(group) for group in self._groups]
        yield from exon_introns(self._exons.values())
        yield from coding_introns(self._groups, chains, self._exons, self._circle.length)
        yield from untranslated_introns(self.rows, self._exons, self._groups, self._ordered)
        yield from written_introns(self.rows, self._exons, self._circle)

    def _transcription_starts(self, *, has_transcripts: bool) -> list[Cut]:
        found = []
        if not has_transcripts:
            return [chain.first_cut() for chain in self._exons.values()]
        for rows in self.rows.of_key.values():
            first = rows[0]
            if not is_transcript(first.type) or self.rows.is_product(first):
                continue
            if not all(row.sign for row in rows):
                self.notes["transcripts without a strand, so without a start"] += 1
                continue
            chain = self._ordered(rows)
            by_index = {row.index: row for row in rows}
            if not ends_of([by_index[part.row] for part in chain.parts], tag="mRNA").open5:
                found.append(chain.first_cut())
        return found
