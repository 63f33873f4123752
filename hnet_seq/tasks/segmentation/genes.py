"""What ``segment --annotation`` adds: genes by record, and the stretch that has most of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from itertools import pairwise

from hnet_seq.analysis.annotation import RecordAnnotation
from hnet_seq.analysis.gene_region import REGION_BASES, describe_window, gene_richest_window
from hnet_seq.analysis.genes import CodingSequence, spans_inside
from hnet_seq.analysis.record_boundaries import RecordBoundaries
from hnet_seq.report.part_of_region import AROUND
from hnet_seq.results.boundaries import Region
from hnet_seq.tasks.annotations import Annotation, read_annotation
from modalities.errors import InputError, UsageError
from pipelines.formats.genome import Genome
from pipelines.formats.regions import Span, parse_region, region_spans

MOST = 4 * REGION_BASES  # bases that a page draws
_SHOWN = 3  # places or names in an error


class GenePicture:
    """The stretch that is asked for, or that with the most genes among the records seen so far."""

    def __init__(self, place: Span | None = None) -> None:
        self._place = place
        self._score = (0, 0)
        self.content: Region | None = None

    def consider(self, record: RecordBoundaries, annotation: RecordAnnotation, stage: int) -> None:
        """Look at one more record."""
        if self._place is None:
            score, start = gene_richest_window(annotation.coding, record.start, record.end)
            if self.content is None or score > self._score:
                self._score = score
                self._draw(record, annotation, stage, start, start + REGION_BASES)
        elif record.name == self._place[0]:
            self._draw(record, annotation, stage, *self._place[1:])

    def _draw(
        self,
        record: RecordBoundaries,
        annotation: RecordAnnotation,
        stage: int,
        start: int,
        end: int,
    ) -> None:
        inside = slice(start - record.start, end - record.start)
        self.content = describe_window(
            record.name,
            start,
            record.tokens[inside],
            record.boundary_prob[inside],
            record.cuts(stage).positions,
            annotation.coding,
        )


def find_picture(
    asked: str,
    annotation: Annotation,
    genome: Genome,
    region: str | None,
    parameter: str = "picture",
) -> Span:
    """What ``--picture`` names: a gene, with some bases around it, or a region.

    Args:
        region: what is cut of the genome; None: all.
        parameter: named in errors.

    Raises:
        UsageError: it is longer than a page draws, not within what is cut, or at several places.
        InputError: no CDS and no record has that name, or the record does not go that far.
    """
    places, around = list(_places(asked, annotation)), AROUND
    if not places:
        if not {asked, asked.rpartition(":")[0]} & genome.lengths.keys():
            raise _unknown(asked, annotation, genome, parameter)
        places, around = [parse_region(asked, genome.lengths, genome.path, parameter)], 0
    cut = {name: (start, end) for name, start, end in region_spans(genome, region)}
    inside = [own for own in places if own[0] in cut and _is_within(own[1:], cut[own[0]])]
    if not inside:
        of_region = f", --region {region}" if region else ""
        raise UsageError(parameter, f"{asked} is not within what is cut{of_region}")
    if len(inside) > 1:
        shown = ", ".join(_written(own) for own in inside[:_SHOWN])
        more = f" and {len(inside) - _SHOWN:,} more" if len(inside) > _SHOWN else ""
        raise UsageError(parameter, f"{asked} lies at {shown}{more}; give one as NAME:START-END")
    name, start, end = inside[0]
    first, last = cut[name]
    if end - start <= MOST:  # the gene is more than what lies around it
        around = min(around, (MOST - (end - start)) // 2)
    start, end = max(start - around, first), min(end + around, last)
    return check_drawn(asked, (name, start, end), parameter)


def check_drawn(asked: str, place: Span, parameter: str) -> Span:
    """The place; UsageError where it is longer than a page draws."""
    name, start, end = place
    if end - start > MOST:
        raise UsageError(
            parameter,
            f"{asked} has {end - start:,} bases; {MOST:,} are drawn at most: give a part, such as "
            f"{_written((name, start, start + MOST))}",
        )
    return place


def _places(gene: str, annotation: Annotation) -> Iterator[Span]:
    """Where CDS of a name lie: isoforms at one place, copies and parts at an origin at several."""
    for record, genes in annotation.genes.records.items():
        spans = sorted(span for own in genes.coding if own.name == gene for span in _spans(own))
        joined: list[tuple[int, int]] = []
        for start, end in spans:
            if joined and start <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            else:
                joined.append((start, end))
        yield from ((record, start, end) for start, end in joined)


def _spans(coding: CodingSequence) -> Iterator[tuple[int, int]]:
    """From the first to the last base of a CDS; of each transcript that it is joined from."""
    parts, stops = coding.chain.parts, sorted(coding.chain.breaks)
    for first, last in pairwise([0, *(joint + 1 for joint in stops), len(parts)]):
        own = parts[first:last]
        start, end = min(part.start for part in own), max(part.end for part in own)
        length = coding.chain.length
        # A chain may have come round the origin before these parts.
        round_ = 0 if length is None else start // length * length
        yield from spans_inside(start - round_, end - round_, length)


def _is_within(span: tuple[int, int], cut: tuple[int, int]) -> bool:
    return cut[0] <= span[0] < span[1] <= cut[1]


def _written(place: Span) -> str:
    name, start, end = place
    return f"{name}:{start + 1}-{end}"


def _unknown(asked: str, annotation: Annotation, genome: Genome, parameter: str) -> InputError:
    names = {own.name: 0 for genes in annotation.genes.records.values() for own in genes.coding}
    near = difflib.get_close_matches(asked, names, _SHOWN, 0.5) or list(names)[:_SHOWN]
    return InputError(
        annotation.path,
        f"no CDS is called {asked!r}, and no record of {genome.path}; CDS are {', '.join(near)}"
        f"{', ...' if len(names) > len(near) else ''}",
        where=f"--{parameter}",
    )


def read_genes(path: str, genome: Genome) -> Annotation:
    """Genes of a GFF3, GTF or GenBank file.

    Raises:
        InputError: as `hnet_seq.tasks.annotations.read_annotation`; a CDS has no phase, or there is
            none with a strand.
    """
    found = read_annotation(path, genome)
    found.check_phases()
    if not any(genes.coding for genes in found.genes.records.values()):
        raise InputError(path, "no CDS with a strand; the statistics need reading frames")
    return found
