"""Where zero-shot tests get their sequences: windows of documents, genes of an annotation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hnet_seq.analysis.genes import CodingSequence
from hnet_seq.analysis.genes.isoforms import one_a_gene
from hnet_seq.tasks.annotations import read_annotation
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError
from pipelines.formats.genome import Genome
from pipelines.shards.split import plan_split


def draw_windows(
    documents: Sequence[Tokens], bases: int, count: int, *, seed: int, where: str
) -> list[Tokens]:
    """Windows (bases,) of documents, without unknown bases, drawn from those that do not overlap.

    Args:
        where: what the documents are called, for errors.

    Raises:
        InputError: there is not one such window.
    """
    places = [
        (index, start)
        for index, document in enumerate(documents)
        for start in range(0, len(document) - bases + 1, bases)
        if document[start : start + bases].max() < dna.UNKNOWN
    ]
    if not places:
        raise InputError(
            None, f"has no {bases} bases in a row that are all known; give more", where=where
        )
    order = np.random.default_rng(seed).permutation(len(places))[:count]
    return [
        documents[index][start : start + bases] for index, start in map(places.__getitem__, order)
    ]


def known_bases(documents: Iterable[Tokens]) -> int:
    """How many bases of documents are known."""
    return sum(int((own < dna.UNKNOWN).sum()) for own in documents)


def longest_known(documents: Sequence[Tokens]) -> int:
    """Bases of the longest window that :func:`draw_windows` is sure to find."""
    found = 0
    for document in documents:
        ends = np.flatnonzero(document >= dna.UNKNOWN)
        runs = np.diff(np.concatenate([[-1], ends, [len(document)]])) - 1
        # Behind an unknown base windows begin at a multiple of their length.
        found = max(found, int(runs[0]), int(runs.max()) // 2)
    return found


@dataclass(frozen=True)
class ZeroShotData:
    """Arguments of :func:`hnet_seq.zero_shot` from files.

    Attributes:
        train, held_out: bases of the stretches of records that are either.
        genes: coding sequences in the held-out stretches; None without an annotation.
    """

    train: list[Tokens]
    held_out: list[Tokens]
    genes: list[Tokens] | None


def zero_shot_data(
    genome: str | Path, validation: str, features: str | Path | None = None, *, guard: int = 1000
) -> ZeroShotData:
    """A genome as ``shard --validation`` splits it, and the genes of what it holds out.

    Args:
        validation, guard: as there; those that a model was trained with hold out what it never saw.
        features: GFF3, GTF or GenBank.

    Raises:
        InputError: an unreadable file, or an annotation of another genome.
        UsageError: a split that cannot be made.
    """
    opened = Genome(genome)
    plan = plan_split(opened.lengths, validation, guard=guard)
    found: dict[str, list[Tokens]] = {"train": [], "validation": []}
    spans: dict[str, list[tuple[int, int]]] = {}
    for name, regions in plan.items():
        for region in regions:
            found[region.split].append(opened.fetch(name, region.start, region.end))
            if region.split == "validation":
                spans.setdefault(name, []).append((region.start, region.end))
    genes = None if features is None else coding_sequences(opened, features, spans)
    return ZeroShotData(found["train"], found["validation"], genes)


def coding_sequences(
    genome: Genome, features: str | Path, spans: Mapping[str, Sequence[tuple[int, int]]]
) -> list[Tokens]:
    """Coding sequences in frame, from their start codon, spliced, in the order of the annotation.

    Left out are those that are open at their beginning, out of frame, or not inside one span. Of
    those that share over 60 bases on a strand, as the isoforms of a gene do, the longest is taken.

    Args:
        spans: of records, 0-based and half-open.

    Raises:
        InputError: an unreadable annotation, or one of another genome.
    """
    genes = read_annotation(features, genome).genes.records
    return [
        _spliced(genome, name, coding)
        for name, inside in spans.items()
        if name in genes
        for coding in one_a_gene(
            [
                coding
                for coding in genes[name].coding
                if any(_is_inside(coding, start, end) for start, end in inside)
            ]
        )
    ]


def _is_inside(coding: CodingSequence, start: int, end: int) -> bool:
    chain = coding.chain
    whole = coding.start is not None and chain.bases() % 3 == 0 and chain.is_in_frame()
    return whole and all(start <= part.start and part.end <= end for part in chain.parts)


def _spliced(genome: Genome, record: str, coding: CodingSequence) -> Tokens:
    parts = []
    for part in coding.chain.parts:
        bases = genome.fetch(record, part.start, part.end)
        parts.append(bases if part.sign > 0 else dna.reverse_complement(bases))
    return np.concatenate(parts)
