"""The first pass over what was cut: every chunk of every stage is counted."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from hnet_seq.analysis.lexicon.cut_text import Alphabet, CutChances, CutText, Places
from hnet_seq.analysis.lexicon.facts import Spans
from hnet_seq.analysis.lexicon.spelling import SEPARATOR
from hnet_seq.analysis.lexicon.words import WordCounts, of_known_letters, word_array
from hnet_seq.analysis.statistics import LONGEST_CHUNK

_AT_ONCE = 1 << 17  # chunks


class StageCounts:
    """The chunks of one stage.

    Args:
        folder: for what memory has no room for.
        stack: that the counts end with.

    Attributes:
        words, shuffled: how often each chunk is there, and in the shuffled parts.
        parts: of inner stages the chunks as the stage outside cuts them.
        sampled: chunks of the parts that were shuffled, as they were.
        left_out: chunks with unknown letters or markers.
        lengths: (LONGEST_CHUNK + 1,) chunks of each length, the last that long or longer.
        letters: of all texts.
    """

    def __init__(
        self, stage: int, alphabet: Alphabet, sampled: Spans, folder: Path, stack: ExitStack
    ) -> None:
        self.stage = stage
        self._alphabet, self._sampled = alphabet, sampled
        self.words = stack.enter_context(WordCounts(folder))
        self.shuffled = stack.enter_context(WordCounts(folder))
        self.parts = stack.enter_context(WordCounts(folder)) if stage else None
        self.chances = CutChances(alphabet, stage)
        self.sampled = self.left_out = self.letters = self.known = 0
        self.lengths = np.zeros(LONGEST_CHUNK + 1, np.int64)

    def add(self, text: CutText) -> None:
        """Count a text as it is."""
        self.chances.add(text)
        letters = text.letters[slice(*text.own)]
        self.letters += len(letters)
        self.known += int((letters < self._alphabet.symbols).sum())
        bounds = text.bounds(self.stage)
        outer = np.flatnonzero(text.depth > self.stage - 1) if self.parts is not None else bounds
        for first in range(0, len(bounds) - 1, _AT_ONCE):
            own = bounds[first : first + _AT_ONCE + 1]
            known = of_known_letters(text.letters, own, self._alphabet.symbols)
            self.left_out += int((~known).sum())
            self.words.add(word_array(text.letters, own).filter(known))
            lengths = np.minimum(np.diff(own)[known], LONGEST_CHUNK)
            self.lengths += np.bincount(lengths, minlength=LONGEST_CHUNK + 1)
            if self.parts is not None:
                letters, marked = _marked(text.letters, own, outer)
                self.parts.add(word_array(letters, marked).filter(known))
            for start, end in self._sampled.get(text.name, ()):
                inside = (own[:-1] >= start - text.start) & (own[1:] <= end - text.start)
                self.sampled += int((inside & known).sum())

    def add_shuffled(self, text: CutText) -> None:
        """Count the chunks of a shuffled part."""
        bounds = text.bounds(self.stage)
        if len(bounds) > 1:
            known = of_known_letters(text.letters, bounds, self._alphabet.symbols)
            self.shuffled.add(word_array(text.letters, bounds).filter(known))

    def likeliest_parts(self, words: Iterable[bytes]) -> dict[bytes, tuple[bytes, int]]:
        """Of each word how the stage outside cuts it most often, and how often it does."""
        best: dict[bytes, tuple[bytes, int]] = {}
        wanted = set(words)
        mark = bytes([SEPARATOR])
        for table in self.parts.tables() if self.parts is not None else ():
            rows = zip(table["word"].to_pylist(), table["count"].to_pylist(), strict=True)
            for parts, count in rows:
                word = parts.replace(mark, b"")
                if word in wanted:
                    known = best.get(word)
                    if known is None or (count, known[0]) > (known[1], parts):
                        best[word] = parts, count
        return best


def _marked(letters: np.ndarray, bounds: Places, outer: Places) -> tuple[np.ndarray, Places]:
    """Letters between bounds with a mark at each outer cut inside a word; and their bounds."""
    first, last = bounds[0], bounds[-1]
    inside = outer[np.searchsorted(outer, first) : np.searchsorted(outer, last)]
    inside = np.setdiff1d(inside, bounds, assume_unique=True)
    marked = np.insert(letters[first:last], inside - first, SEPARATOR)
    return marked, bounds - first + np.searchsorted(inside, bounds)
