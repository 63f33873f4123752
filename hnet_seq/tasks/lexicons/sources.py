"""What a lexicon is made of: a genome and parts of it shuffled, or documents, cut as a job."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from hnet_seq.analysis.cutting import Stretch
from hnet_seq.analysis.lexicon.cut_text import SLICE, Alphabet, CutText, Letters, sizes_of
from hnet_seq.analysis.lexicon.text_pieces import Depth, in_pieces
from hnet_seq.analysis.shuffle import SHUFFLE_BLOCK, shuffle_record
from hnet_seq.jobs.job import Computed, Job
from hnet_seq.jobs.spool import Columns
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.tasks.segmentation.compute import DEPTH, genome_job, records
from hnet_seq.tasks.segmentation.records import region_stretches
from hnet_seq.tasks.segmentation.text import TextStretch
from modalities import dna, text
from modalities.base import Tokens
from pipelines.formats.genome import Genome

BASES = Alphabet(4, 5, 3, dna.COMPLEMENT)
BYTES = Alphabet(text.BEGIN, 256, 2)

PIECE = SLICE  # letters that are held at once, whole slices
_SPAN = 250 * SHUFFLE_BLOCK  # bases of a part that is shuffled
LEAST_SPAN = 1_000
_BEFORE = 5 * SHUFFLE_BLOCK  # bases that the model reads, shuffled too, before it is looked at
_TOGETHER = 1 << 18  # bytes of documents that are counted end to end

Spans = dict[str, list[tuple[int, int]]]


@dataclass(frozen=True)
class ShuffledStretch(Stretch):
    """A part of a record, shuffled; its name is not the record's."""

    record: str


@dataclass(frozen=True)
class Source:
    """What is cut, and how it is read again once it is.

    Attributes:
        job: gives its boundaries.
        sampled: of each record the parts that are also shuffled.
        lengths: of records; empty of documents.
    """

    job: Job[Stretch] | Job[TextStretch]
    alphabet: Alphabet
    sampled: Spans
    lengths: dict[str, int]

    @property
    def shuffled_letters(self) -> int:
        """Of all parts."""
        return sum(end - start for spans in self.sampled.values() for start, end in spans)

    def texts(
        self, computed: Computed[Stretch], behind: int = 1, closed: int = 0
    ) -> Iterator[CutText]:
        """All that was cut, as it is: records in pieces, documents several at a time.

        Args:
            behind, closed: see :func:`hnet_seq.analysis.lexicon.text_pieces.in_pieces`.
        """
        if not self.lengths:
            yield from _joined(computed)
            return
        before = max(self.alphabet.context - 1, 1)
        for own, parts in _parts(computed):
            if isinstance(own, ShuffledStretch):
                return  # they come last
            ends = own.end == self.lengths[own.name]
            text = _text(own.name, own, ends=ends)
            yield from in_pieces(text, parts, before=before, behind=behind, closed=closed)

    def shuffled(self, computed: Computed[Stretch]) -> Iterator[CutText]:
        """The shuffled parts, in the places of what they are made of."""
        if not self.sampled:
            return
        for own, parts in _parts(computed):
            if isinstance(own, ShuffledStretch):
                ((letters, depth),) = parts
                text = _text(own.record, own, ends=False)
                yield replace(text, letters=letters, depth=depth)


def genome_source(
    model: HNetLanguageModel, args: argparse.Namespace, genome: Genome, outputs: Sequence[Path]
) -> Source:
    """A genome, or a region of it, and about ``--shuffled-bases`` of it shuffled."""
    uncut = region_stretches(genome, args.region, args.left_context, model.bidirectional)
    spans = [(own.name, own.start, own.end) for own in uncut]
    sampled = sampled_spans(spans, args.shuffled_bases)
    job = genome_job(
        model,
        outputs,
        args,
        genome,
        uncut,
        list(_shuffled_stretches(genome, sampled, args.seed)),
        noun="records and parts",
        identity={"seed": args.seed, "shuffled_bases": args.shuffled_bases},
    )
    return Source(job, BASES, sampled, dict(genome.lengths))


def sampled_spans(spans: Sequence[tuple[str, int, int]], wanted: int) -> Spans:
    """Parts from all over some spans, about ``wanted`` bases, in multiples of what is shuffled."""
    parts = [
        (name, max(start, first), min(end, first + _SPAN))
        for name, start, end in spans
        for first in range(start // _SPAN * _SPAN, end, _SPAN)
    ]
    parts = [own for own in parts if own[2] - own[1] >= LEAST_SPAN] if wanted else []
    every = round(sum(end - start for _, start, end in parts) / max(wanted, 1))
    every = max(1, min(every, len(parts)))  # one part at least
    found: Spans = defaultdict(list)
    for name, start, end in parts[every // 2 :: every]:
        found[name].append((start, end))
    return dict(found)


def _shuffled_stretches(genome: Genome, sampled: Spans, seed: int) -> Iterator[ShuffledStretch]:
    count = 0
    for name, spans in sampled.items():
        for start, end in spans:
            origin = max(start - _BEFORE, 0)
            read = partial(_shuffle, genome, name, origin, end, seed, count)
            said = f"{name}:{start + 1}-{end}, shuffled"
            yield ShuffledStretch(said, start, origin, end - origin, read, name)
            count += 1


def _shuffle(genome: Genome, name: str, start: int, end: int, seed: int, number: int) -> Tokens:
    random = np.random.default_rng([seed, number])
    return shuffle_record(genome.fetch(name, start, end), random)


def _text(name: str, own: Stretch, *, ends: bool) -> CutText:
    nothing = np.empty(0, np.uint8)
    return CutText(name, own.start, nothing, nothing, own.start == own.origin, ends)


def _parts(
    computed: Computed[Stretch],
) -> Iterator[tuple[Stretch, Iterator[tuple[Letters, Depth]]]]:
    """Each stretch with its letters and depth, in parts; one that is shuffled whole."""

    def sizes(own: Stretch) -> Iterable[int]:
        if isinstance(own, ShuffledStretch):
            return [own.end - own.start]
        return sizes_of(own.start, own.end, PIECE)

    def parts(own: Stretch, blocks: Iterable[Columns]) -> Iterator[tuple[Letters, Depth]]:
        first = own.start
        for columns in blocks:
            depth = np.asarray(columns[DEPTH])
            yield own.bases(first, first + len(depth)), depth
            first += len(depth)

    for own, blocks in computed.blocks(sizes, [DEPTH]):
        yield own, parts(own, blocks)


def _joined(computed: Computed[Stretch]) -> Iterator[CutText]:
    """Documents end to end: their markers part them."""
    letters, depth, size = [], [], 0
    for _, record in records(computed, progress=False):
        letters.append(record.tokens)
        depth.append(record.depth)
        size += len(record.tokens)
        if size >= _TOGETHER:
            yield CutText("", 0, np.concatenate(letters), np.concatenate(depth))
            letters, depth, size = [], [], 0
    if size:
        yield CutText("", 0, np.concatenate(letters), np.concatenate(depth))
