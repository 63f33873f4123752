"""Where zero-shot tests get their sequences: windows of documents, genes of an annotation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hnet_seq.analysis.genes import CodingSequence
from hnet_seq.tasks.annotations import read_annotation
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError
from pipelines.formats.genome import Genome


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


def coding_sequences(
    genome: str | Path,
    features: str | Path,
    *,
    record: str | None = None,
    start: int = 0,
    end: int | None = None,
) -> list[Tokens]:
    """Coding sequences in frame, from their start codon, spliced, in the order of the annotation.

    Left out are those that are open at their beginning, out of frame, or across an origin.

    Args:
        record, start, end: only those that lie inside this stretch (0-based, half-open).

    Raises:
        InputError: an unreadable file, or no such record.
    """
    opened = Genome(genome)
    if record is not None and record not in opened.lengths:
        raise InputError(genome, "no such record; see its header lines", where=record)
    found = []
    for name, genes in read_annotation(features, opened).genes.records.items():
        if record not in (None, name):
            continue
        last = opened.lengths[name] if end is None else end
        found += [
            _spliced(opened, name, coding)
            for coding in genes.coding
            if _is_inside(coding, start, last)
        ]
    return found


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
