"""What is counted of each word of a lexicon, wherever it stands and wherever it is a chunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hnet_seq.analysis.lexicon.cut_text import Alphabet, CutChances, CutText
from hnet_seq.analysis.lexicon.kinds import RecordKinds
from hnet_seq.analysis.lexicon.occurrences import Hits, WordFinder
from hnet_seq.analysis.statistics import BLOCK

FRAMES = ("+1", "+2", "+3", "-1", "-2", "-3")

Counts = NDArray[np.int64]
Sums = NDArray[np.float64]
Spans = Mapping[str, Sequence[tuple[int, int]]]
"""Of each record, parts of it in order, none over another."""


@dataclass
class WordFacts:
    """Sums of every word that is followed: those of the lexicon, and their reverse complements.

    Attributes:
        occurrences: of the string, overlapping ones too.
        chunks: of these, those that are one chunk.
        expected: of these, how many would be one chunk if cuts followed their context alone.
        before, after: (W, A) chunks by the letter before and behind; of a record's ends none.
        frames: (W, 6) chunks that begin in a codon, by ``FRAMES``.
        sampled: chunks in the parts that were also shuffled.
        shuffled: chunks of what they were shuffled to.
        kinds: what kinds of features they begin in, see :class:`KindSums`.
    """

    occurrences: Counts
    chunks: Counts
    expected: Sums
    before: Counts
    after: Counts
    frames: Counts
    sampled: Counts
    shuffled: Counts
    kinds: KindSums

    @classmethod
    def empty(cls, words: int, alphabet: Alphabet, kinds: int) -> WordFacts:
        """Nothing counted yet."""

        def none(*columns: int) -> Counts:
            return np.zeros((words, *columns), np.int64)

        return cls(
            occurrences=none(),
            chunks=none(),
            expected=np.zeros(words),
            before=none(alphabet.size),
            after=none(alphabet.size),
            frames=none(len(FRAMES)),
            sampled=none(),
            shuffled=none(),
            kinds=KindSums(*np.zeros((5, kinds, words))),
        )


@dataclass
class KindSums:
    """(F, W) each, of words whose chunks begin in a kind of feature.

    Attributes:
        observed: chunks.
        shifted: expected if the chunks of each block of 10 kb moved round it together: the mean
            over all ways to move them.
        squares: of the differences, by block, which says how far chance goes.
        context: expected if cuts followed their context alone.
        shuffled: chunks of shuffled sequence.
    """

    observed: Sums
    shifted: Sums
    squares: Sums
    context: Sums
    shuffled: Sums


class FactCounter:
    """Counts the facts of the words of one stage.

    Args:
        words: that are followed.
        chances: of cuts, counted on all of the text.
        sampled: parts that were also shuffled.
        kinds: of features; None without any.
    """

    def __init__(
        self,
        words: Sequence[bytes],
        alphabet: Alphabet,
        stage: int,
        chances: CutChances,
        sampled: Spans,
        kinds: RecordKinds | None,
    ) -> None:
        self._finder = WordFinder(words, alphabet.size)
        self._alphabet, self._stage, self._chances = alphabet, stage, chances
        self._sampled, self._kinds = sampled, kinds
        self._count = len(words)
        self.facts = WordFacts.empty(len(words), alphabet, len(kinds.names) if kinds else 0)

    @property
    def behind(self) -> int:
        """Letters behind a piece of a text that are looked at."""
        return self._finder.longest + 1

    def add(self, text: CutText) -> None:
        """Count a text as it is."""
        facts, count, longest = self.facts, self._count, self._finder.longest
        lengths = self._lengths(text)
        for first, last in text.slices():
            until = self._sampled_until(text, first, last)
            stop = min(last + longest + 1, len(text.letters) + 1)
            cut, none = self._chances.logs(text, first, stop)
            kinds = self._of_kinds(text, first, last)
            for hits in self._finder.hits(text.letters[first : stop - 1], last - first):
                facts.occurrences += np.bincount(hits.word, minlength=count)
                ends = hits.start + hits.length
                chance = cut[hits.start] + none[ends] - none[hits.start + 1] + cut[ends]
                chance = np.exp(chance)
                facts.expected += np.bincount(hits.word, chance, count)
                chunk = lengths[first + hits.start] == hits.length
                start, word = first + hits.start[chunk], hits.word[chunk]
                facts.chunks += np.bincount(word, minlength=count)
                self._beside(text, facts.before, start - 1, word)
                self._beside(text, facts.after, start + hits.length, word)
                if until is not None:
                    inside = start + hits.length <= until[start - first]
                    facts.sampled += np.bincount(word[inside], minlength=count)
                if kinds is not None:
                    self._add_kinds(text, kinds, first, hits, chance, start, word)

    def add_shuffled(self, text: CutText) -> None:
        """Count the chunks of a shuffled part."""
        lengths = self._lengths(text)
        for first, last in text.slices():
            stop = min(last + self._finder.longest, len(text.letters))
            kinds = self._of_kinds(text, first, last)
            for hits in self._finder.hits(text.letters[first:stop], last - first):
                chunk = lengths[first + hits.start] == hits.length
                word = hits.word[chunk]
                self.facts.shuffled += np.bincount(word, minlength=self._count)
                if kinds is not None:
                    for kind, inside in enumerate(kinds.inside):
                        own = word[inside[hits.start[chunk]]]
                        self.facts.kinds.shuffled[kind] += np.bincount(own, minlength=self._count)

    def _lengths(self, text: CutText) -> NDArray[np.int32]:
        """(n,) length of the chunk that begins at each letter, 0 for none."""
        bounds = text.bounds(self._stage)
        lengths = np.zeros(len(text.letters), np.int32)
        lengths[bounds[:-1]] = np.diff(bounds)
        return lengths

    def _sampled_until(self, text: CutText, first: int, last: int) -> Counts | None:
        """(last - first,) where the sampled part that a letter lies in ends; 0 outside."""
        spans = self._sampled.get(text.name)
        if not spans:
            return None
        until = np.zeros(last - first, np.int64)
        for start, end in spans:
            left, right = start - text.start - first, end - text.start
            until[max(left, 0) : max(right - first, 0)] = right
        return until

    def _of_kinds(self, text: CutText, first: int, last: int) -> _Kinds | None:
        if self._kinds is None:
            return None
        start, end = text.start + first, text.start + last
        inside, frame = self._kinds.between(text.name, start, end)
        block = (start + np.arange(last - first)) // BLOCK - start // BLOCK
        sizes = np.bincount(block)
        share = [np.bincount(block, own) / sizes for own in inside]
        return _Kinds(inside, frame, block, np.array(share).reshape(len(inside), -1))

    def _beside(self, text: CutText, counts: Counts, place: Counts, word: Counts) -> None:
        there = (place >= 0) & (place < len(text.letters))
        size = self._alphabet.size
        cell = word[there] * size + text.letters[place[there]]
        found = np.bincount(cell, minlength=self._count * size)
        counts += found.reshape(counts.shape)

    def _add_kinds(
        self,
        text: CutText,
        kinds: _Kinds,
        first: int,
        hits: Hits,
        chance: Sums,
        start: Counts,
        word: Counts,
    ) -> None:
        facts, count = self.facts, self._count
        local = start - first
        framed = kinds.frame[local] >= 0
        cell = word[framed] * len(FRAMES) + kinds.frame[local[framed]]
        facts.frames += np.bincount(cell, minlength=facts.frames.size).reshape(facts.frames.shape)
        cells, of_cell = np.unique(kinds.block[local] * count + word, return_inverse=True)
        total = np.bincount(of_cell, minlength=len(cells))
        block, owner = cells // count, cells % count
        for kind, inside in enumerate(kinds.inside):
            observed = np.bincount(of_cell, inside[local], len(cells))
            shifted = total * kinds.share[kind, block]
            sums = facts.kinds
            sums.observed[kind] += np.bincount(owner, observed, count)
            sums.shifted[kind] += np.bincount(owner, shifted, count)
            sums.squares[kind] += np.bincount(owner, (observed - shifted) ** 2, count)
            here = inside[hits.start]
            sums.context[kind] += np.bincount(hits.word[here], chance[here], count)


@dataclass(frozen=True)
class _Kinds:
    """Of the n letters of a slice.

    Attributes:
        inside: (F, n).
        frame: (n,) index in ``FRAMES``, -1 for none.
        block: (n,) of 10 kb, counted from the slice's first.
        share: (F, blocks) of a block's letters that lie in a kind.
    """

    inside: NDArray[np.bool_]
    frame: NDArray[np.int8]
    block: Counts
    share: Sums
