"""What an explorer looks at: records of a genome, documents of text or code, what was pasted.

A source gives stretches as :mod:`hnet_seq.analysis.cutting` cuts them: with what `segment` reads
around them.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path

from hnet_seq.analysis.annotation import from_genes
from hnet_seq.analysis.cutting import Stretch
from hnet_seq.results.explored import Arrow
from hnet_seq.tasks.annotations import Annotation
from hnet_seq.tasks.byte_documents import from_files
from hnet_seq.tasks.choices import LEFT_CONTEXT
from hnet_seq.tasks.segmentation.genes import MOST, find_picture
from hnet_seq.tasks.segmentation.records import stretch_of
from modalities import dna, text
from modalities.base import Tokens
from modalities.errors import InputError, UsageError
from pipelines.formats.genome import Genome
from pipelines.formats.regions import Span, parse_region

PASTED = "pasted"
MOST_DOCUMENTS = 1 << 26  # bytes of text that are held
WHOLE = 1 << 17  # bytes: a longer document is read from some bytes before a region, as a genome is
_NAMED = ("Name", "gene", "gene_name", "locus_tag", "product", "ID", "gene_id")


class Source(ABC):
    """Records by name.

    Attributes:
        path: the file; None for what was pasted.
        lengths: bases or bytes of each record.
    """

    path: Path | None
    lengths: dict[str, int]

    @abstractmethod
    def letters(self, span: Span) -> Tokens:
        """Tokens of a region, without markers."""

    @abstractmethod
    def stretch(self, span: Span, strand: str, *, both_sides: bool) -> Stretch:
        """A region with what is read around it; its places are those of the strand."""

    def kept(self, span: Span) -> Span:
        """What is cut, and kept, to show a region."""
        return span

    def arrows(self, span: Span) -> list[Arrow]:
        """What is annotated in a region, by start."""
        return []

    def find(self, asked: str) -> Span:
        """``NAME``, ``NAME:START-END`` (1-based, inclusive) or a gene; of a whole record what fits.

        Raises:
            UsageError, InputError: there is no such place, or it is too long to be shown.
        """
        path = self.path or PASTED
        name, start, end = parse_region(asked.strip(), self.lengths, path, "region")
        if asked.strip() in self.lengths:
            return name, start, min(end, MOST)
        return self.checked((name, start, end))

    def checked(self, span: Span) -> Span:
        """The same; InputError where the source has no such region or it is too long."""
        name, start, end = span
        if name not in self.lengths:
            raise InputError(self.path or PASTED, f"no record {name!r}", where="region")
        if not 0 <= start < end <= self.lengths[name]:
            said = f"{start + 1}-{end} is not within 1-{self.lengths[name]} of {name}"
            raise InputError(self.path or PASTED, said, where="region")
        if end - start > MOST:
            said = f"is {end - start:,} long; {MOST:,} are shown at most: give a part"
            raise UsageError("region", said)
        return span


class GenomeSource(Source):
    """A genome, read by slices, and its annotation.

    Args:
        annotation: of that genome.
    """

    def __init__(self, genome: Genome, annotation: Annotation | None = None) -> None:
        self.genome, self.path = genome, genome.path
        self.lengths = {name: length for name, length in genome.lengths.items() if length}
        self.annotation = annotation
        if not self.lengths:
            raise InputError(genome.path, "no record has bases", where="whole file")
        self._arrows: dict[str, list[Arrow]] = {}

    def letters(self, span: Span) -> Tokens:
        """See :meth:`Source.letters`."""
        return self.genome.fetch(*span)

    def stretch(self, span: Span, strand: str, *, both_sides: bool) -> Stretch:
        """See :meth:`Source.stretch`."""
        if strand == "+":
            return stretch_of(self.genome, span, LEFT_CONTEXT, both_sides)
        return reversed_stretch(span, self.lengths[span[0]], self.genome.fetch, both_sides)

    def arrows(self, span: Span) -> list[Arrow]:
        """See :meth:`Source.arrows`."""
        if self.annotation is None:
            return []
        name, start, end = span
        if name not in self._arrows:
            self._arrows[name] = _arrows_of(self.annotation, name)
        return [own for own in self._arrows[name] if own.start < end and own.end > start]

    def find(self, asked: str) -> Span:
        """See :meth:`Source.find`."""
        name = asked.strip()
        if self.annotation is not None and name not in self.lengths:
            if name.rpartition(":")[0] in self.lengths:
                return super().find(name)
            return find_picture(name, self.annotation, self.genome, None, parameter="region")
        return super().find(asked)


def reversed_stretch(
    span: Span, length: int, fetch: Callable[[str, int, int], Tokens], both_sides: bool
) -> Stretch:
    """A region of the reverse complement of a record, with what `segment` would read around it."""
    name, start, end = span
    first, last = length - end, length - start
    origin = max(first - LEFT_CONTEXT, 0)
    stop = min(last + LEFT_CONTEXT, length) if both_sides else last

    def read() -> Tokens:
        return dna.reverse_complement(fetch(name, length - stop, length - origin))

    return Stretch(name, first, origin, stop - origin, read, behind=stop - last)


def _arrows_of(annotation: Annotation, name: str) -> list[Arrow]:
    """Coding parts, as the resolver has them, and whatever else is transcribed."""
    found: dict[tuple[int, int, str], Arrow] = {}
    if (genes := annotation.genes.records.get(name)) is not None:
        coding = from_genes(genes).coding
        for start, end, sign, own in zip(
            coding.start.tolist(),
            coding.end.tolist(),
            coding.strand.tolist(),
            coding.name,
            strict=True,
        ):
            # Isoforms share exons: one arrow each, under the first name.
            strand = "+" if sign > 0 else "-"
            found.setdefault((start, end, strand), Arrow(start, end, strand, own, "CDS"))
    for row in annotation.features.get(name, ()):
        if row.type in ("mRNA", "transcript") or not row.type.endswith(("RNA", "pseudogene")):
            continue
        own = next((row.attributes[key] for key in _NAMED if row.attributes.get(key)), row.type)
        arrow = Arrow(row.start, row.end, row.strand, own, row.type)
        found.setdefault((row.start, row.end, row.strand), arrow)
    return sorted(found.values(), key=lambda own: (own.start, own.end))


class SequenceSource(Source):
    """One sequence of DNA that was pasted."""

    path = None

    def __init__(self, name: str, tokens: Tokens) -> None:
        self.name, self.tokens = name, tokens
        self.lengths = {name: len(tokens)}

    def letters(self, span: Span) -> Tokens:
        """See :meth:`Source.letters`."""
        _, start, end = span
        return self.tokens[start:end].copy()

    def kept(self, span: Span) -> Span:
        """All of it, as `segment` cuts a sequence."""
        return self.name, 0, len(self.tokens)

    def stretch(self, span: Span, strand: str, *, both_sides: bool) -> Stretch:
        """See :meth:`Source.stretch`."""
        name, start, end = span
        length = len(self.tokens)
        tokens = self.tokens if strand == "+" else dna.reverse_complement(self.tokens)
        if strand == "-":
            start, end = length - end, length - start
        stop = length if both_sides else end
        return Stretch(name, start, 0, stop, lambda: tokens[:stop].copy(), behind=stop - end)


class DocumentSource(Source):
    """Documents of text or code, each read from its first byte.

    Args:
        documents: names, and bytes without markers.
    """

    def __init__(self, path: Path | None, documents: Sequence[tuple[str, Tokens]]) -> None:
        self.path = path
        self._tokens: dict[str, Tokens] = {}
        seen: Counter[str] = Counter()
        for name, tokens in documents:
            seen[name] += 1
            self._tokens[free_name(name, self._tokens, seen[name])] = tokens
        self.lengths = {name: len(tokens) for name, tokens in self._tokens.items() if len(tokens)}
        if not self.lengths:
            raise InputError(path, "has no text to cut")

    def letters(self, span: Span) -> Tokens:
        """See :meth:`Source.letters`."""
        name, start, end = span
        return self._tokens[name][start:end].copy()

    def kept(self, span: Span) -> Span:
        """All of the document, if it is short, as `segment` cuts it."""
        name, _, _ = span
        return (name, 0, self.lengths[name]) if self._is_short(name) else span

    def _is_short(self, name: str) -> bool:
        return self.lengths[name] <= WHOLE

    def stretch(self, span: Span, strand: str, *, both_sides: bool) -> Stretch:
        """See :meth:`Source.stretch`; a place of the stretch is one more than of the document."""
        name, start, end = span
        first, last = start + 1, end + 1  # behind the marker
        origin, stop = 0, self.lengths[name] + 2
        if not self._is_short(name):
            origin = max(first - LEFT_CONTEXT, 0)
            stop = min(last + LEFT_CONTEXT, stop) if both_sides else last
        read = partial(_between, self._tokens[name], origin, stop)
        return Stretch(name, first, origin, stop - origin, read, behind=stop - last)


def _between(document: Tokens, origin: int, stop: int) -> Tokens:
    """Places ``[origin, stop)`` of a document with its markers, of which the rest is not copied."""
    marked = text.with_markers(document[max(origin - 1, 0) : stop - 1].tobytes())
    begins, ends = origin == 0, stop == len(document) + 2
    return marked[0 if begins else 1 : len(marked) if ends else -1].copy()


def free_name(name: str, taken: Collection[str], least: int = 2) -> str:
    """The name; where it is taken with a number behind it, the first that is free."""
    if name not in taken:
        return name
    names = (f"{name} ({count})" for count in itertools.count(max(least, 2)))
    return next(own for own in names if own not in taken)


def read_documents(path: str | Path, modality: str) -> DocumentSource:
    """The documents of a file or folder of text or code, held in memory.

    Raises:
        InputError: it cannot be read, has no text, or too much to be held.
    """
    held, found = 0, []
    for document in from_files([path], modality, Counter()):
        held += len(document.tokens)
        if held > MOST_DOCUMENTS:
            said = f"has more than {MOST_DOCUMENTS:,} bytes; give a part of it"
            raise InputError(path, said)
        found.append((document.name, document.tokens[1:-1]))
    return DocumentSource(Path(path), found)
