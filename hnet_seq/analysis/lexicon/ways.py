"""A text cut in several ways into words: what each way costs, and what it shares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from hnet_seq.analysis.lexicon.code import Spread
from hnet_seq.analysis.lexicon.cut_text import Alphabet, CutText, Letters, Places
from hnet_seq.analysis.lexicon.words import WordCounts, word_array
from hnet_seq.resampling import number, quotient
from hnet_seq.results.lexicon import Way

PIECE = 10_000  # letters; every way begins a word at its start
_CONTINUES = (0x80, 0xC0)  # bytes of UTF-8 that do not begin a character

#: From pieces and the bounds of their chunks to the bounds (K + 1,) of words in each.
Cutter = Callable[[Sequence[Letters], Sequence[Places]], list[Places]]


def pieces(texts: Iterable[CutText], stage: int, symbols: int) -> Iterator[tuple[Letters, Places]]:
    """Runs of known letters of at most ``PIECE``, whole characters, and the chunks in them.

    A run goes on where the next text does. What of a piece comes first waits for the rest.

    Yields:
        letters (n,), and the bounds (K + 1,) of chunks, 0 and n among them.
    """
    kept: tuple[Letters, Letters] = (np.empty(0, np.uint8), np.empty(0, np.uint8))
    for text in texts:
        own = slice(*text.own)
        letters = np.concatenate([kept[0], text.letters[own]])
        depth = np.concatenate([kept[1], text.depth[own]])
        cuts = np.flatnonzero(depth > stage)
        edges = np.flatnonzero(np.diff(np.r_[False, letters < symbols, False].astype(np.int8)))
        done = len(letters)
        for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            waits = text.goes_on and end == len(letters)
            first = start
            while end - first > (PIECE if waits else 0):
                last = _whole_characters(letters, first, min(first + PIECE, end), end, symbols)
                inside = cuts[np.searchsorted(cuts, first, "right") : np.searchsorted(cuts, last)]
                yield letters[first:last], np.r_[0, inside - first, last - first]
                first = last
            done = first if waits else done
        kept = letters[done:], depth[done:]


def _whole_characters(letters: Letters, first: int, last: int, end: int, symbols: int) -> int:
    if symbols <= _CONTINUES[0]:
        return last
    while last < end and last > first + 1 and _CONTINUES[0] <= letters[last] < _CONTINUES[1]:
        last -= 1
    return last


def as_chunks(letters: Sequence[Letters], bounds: Sequence[Places]) -> list[Places]:
    """The chunks themselves."""
    return list(bounds)


def shuffled_chunks(seed: int) -> Cutter:
    """Chunks of the same lengths in another order: what the lengths alone are worth."""
    generator = np.random.default_rng(seed)

    def cut(letters: Sequence[Letters], bounds: Sequence[Places]) -> list[Places]:
        return [np.r_[0, generator.permutation(np.diff(own)).cumsum()] for own in bounds]

    return cut


def words_of(length: int) -> Cutter:
    """Words of one length, k-mers."""

    def cut(letters: Sequence[Letters], bounds: Sequence[Places]) -> list[Places]:
        return [np.r_[0 : len(own) : length, len(own)] for own in letters]

    return cut


class WayCounts:
    """What is counted of one way to cut.

    Args:
        name: for people.
        vocabulary: its words; None where it has no list.
    """

    def __init__(
        self,
        name: str,
        cut: Cutter,
        folder: Path,
        vocabulary: set[bytes] | int | None = None,
    ) -> None:
        self.name, self.cut, self.vocabulary = name, cut, vocabulary
        self.words = WordCounts(folder)
        self._cuts = self._both = self._given_back = 0
        self._of_chunks = self._chunks = self._places = 0

    def add(self, letters: Sequence[Letters], bounds: Sequence[Places]) -> None:
        """Cut pieces, and count."""
        for own, chunks, found in zip(letters, bounds, self.cut(letters, bounds), strict=True):
            self.words.add(word_array(own, found))
            begins = np.zeros(len(own) + 1, bool)
            begins[found] = True
            before = np.cumsum(begins)
            same = begins[chunks]
            # A chunk is given back where words begin at both its ends, and nowhere between.
            whole = same[:-1] & same[1:] & (np.diff(before[chunks]) == 1)
            self._given_back += int(whole.sum())
            self._both += int(same[1:-1].sum())
            self._cuts += len(found) - 2
            self._of_chunks += len(chunks) - 2
            self._chunks += len(chunks) - 1
            self._places += len(own) - 1

    def result(self, alphabet: Alphabet, lexicon: dict[bytes, int]) -> Way:
        """What came out.

        Args:
            lexicon: how often each of its words is a chunk.
        """
        spread = Spread(self.words.tables(), alphabet.symbols)
        known = self.vocabulary if isinstance(self.vocabulary, set) else None
        shared = shared_chunks = None
        if known is not None:
            common = [count for word, count in lexicon.items() if word in known]
            shared = number(quotient(len(common), len(lexicon)))
            shared_chunks = number(quotient(sum(common), sum(lexicon.values())))
        size = len(known) if known is not None else self.vocabulary
        return Way(
            way=self.name,
            vocabulary=size if isinstance(size, int) else None,
            words=spread.words,
            distinct=spread.distinct,
            letters=spread.letters,
            letters_per_word=number(quotient(spread.letters, spread.words)),
            bits_per_letter=None
            if spread.bits_per_letter is None
            else number(spread.bits_per_letter),
            chunks_given_back=number(quotient(self._given_back, self._chunks)),
            cuts_given_back=number(quotient(self._both, self._of_chunks)),
            cuts_shared=number(quotient(self._both, self._cuts)),
            cuts_by_chance=number(quotient(self._cuts, self._places)),
            shared_words=shared,
            shared_chunks=shared_chunks,
        )


def compare(
    texts: Iterable[CutText],
    stage: int,
    alphabet: Alphabet,
    ways: Sequence[WayCounts],
    *,
    every: int = 1,
    at_once: int = 64,
) -> None:
    """Cut every ``every``-th piece of a text in each way; ``at_once`` pieces go together."""
    letters: list[Letters] = []
    bounds: list[Places] = []

    def add() -> None:
        for way in ways:
            way.add(letters, bounds)
        letters.clear()
        bounds.clear()

    for count, (own, chunks) in enumerate(pieces(texts, stage, alphabet.symbols)):
        if count % every == 0:
            letters.append(own)
            bounds.append(chunks)
        if len(letters) == at_once:
            add()
    add()


def spread_pieces(
    texts: Iterable[CutText], symbols: int, total: int, wanted: int, size: int
) -> Iterator[Letters]:
    """Pieces of known letters from all over a text, about ``wanted`` letters in all.

    Args:
        total: known letters of the text.
        size: letters of a piece.
    """
    every = max(1, total // max(wanted, 1))
    count = 0
    for own, _ in pieces(texts, 0, symbols):
        for first in range(0, len(own), size):
            if count % every == 0:
                yield own[first : first + size]
            count += 1
