"""Everything about the words of one stage: facts, controls, other ways to cut, rows to write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hnet_seq.analysis.lexicon.code import Spread
from hnet_seq.analysis.lexicon.cut_text import Alphabet, CutText
from hnet_seq.analysis.lexicon.facts import FactCounter, Spans, WordFacts
from hnet_seq.analysis.lexicon.kinds import RecordKinds
from hnet_seq.analysis.lexicon.subwords import (
    Writing,
    byte_pairs,
    lengths_by,
    lexicon_tokenizer,
    opened,
)
from hnet_seq.analysis.lexicon.ways import (
    WayCounts,
    as_chunks,
    compare,
    shuffled_chunks,
    spread_pieces,
    words_of,
)
from hnet_seq.results.lexicon import CHUNKS, TOKENIZER, Way
from hnet_seq.tasks.lexicons.counting import StageCounts

_LEARNED_FROM = 1 << 20  # letters that byte pairs are learned from
_LEARNED_PIECE = 1000
_COMPARED = 1 << 25  # letters that are cut in all ways; of more, pieces from all over

Texts = Callable[[int], Iterator[CutText]]


@dataclass(frozen=True)
class StageWords:
    """What was found out.

    Attributes:
        words: of the lexicon, the most frequent first; ``counts`` of their chunks.
        facts: of ``followed``: the words, and after them reverse complements that are none.
        spread: of all words of the stage.
        parts: of an inner stage, by word.
        ways: to cut; that of the tokenizer and of byte pairs where the library is there.
        tokenizer: content of the file.
    """

    counts: StageCounts
    words: list[bytes]
    count: np.ndarray
    followed: dict[bytes, int]
    facts: WordFacts
    spread: Spread
    shuffled: Spread
    parts: dict[bytes, tuple[bytes, int]]
    ways: list[Way]
    tokenizer: dict[str, Any] | None

    def way(self, name: str) -> Way:
        """One of the ways to cut."""
        return next(way for way in self.ways if way.way == name)


def study_stage(
    counts: StageCounts,
    texts: Texts,
    shuffled: Iterable[CutText],
    alphabet: Alphabet,
    sampled: Spans,
    kinds: RecordKinds | None,
    folder: Path,
    *,
    vocabulary: int,
    seed: int,
    tokenizers: bool,
) -> StageWords:
    """Take the most frequent words, and go over the texts again for what they are.

    Args:
        counts: of all chunks.
        texts: what was cut, from the start at each call, in pieces that are seen with so many
            letters behind each, one at least.
        shuffled: the parts that were shuffled, whole.
        folder: for counts that memory has no room for.
        vocabulary: words.
        tokenizers: whether the library is to be used.
    """
    words, count = counts.words.most_frequent(vocabulary)
    mirrored = (alphabet.reverse_complement(word) for word in words)
    followed = {word: index for index, word in enumerate(dict.fromkeys([*words, *mirrored]))}
    counter = FactCounter(list(followed), alphabet, counts.stage, counts.chances, sampled, kinds)
    for text in texts(counter.behind):
        counter.add(text)
    for text in shuffled:
        counter.add_shuffled(text)
    spread = Spread(counts.words.tables(), alphabet.symbols)
    lexicon = dict(zip(words, count.tolist(), strict=True))
    content = None
    writing = Writing(dna=alphabet.complement is not None)
    with ExitStack() as stack:
        ways = list(_ways(spread, lexicon, alphabet, folder, seed))
        if tokenizers and words:
            content = lexicon_tokenizer(words, count, writing)
            pieces = spread_pieces(
                texts(1), alphabet.symbols, counts.known, _LEARNED_FROM, _LEARNED_PIECE
            )
            pairs = byte_pairs(pieces, len(words), writing)
            known = {word for own in pairs.get_vocab() if (word := writing.read(own)) is not None}
            for name, tokenizer, vocab in (
                (TOKENIZER, opened(content), len(words)),
                ("byte pairs", pairs, known),
            ):
                # Byte pairs were learned from characters of the alphabet, the file reads text.
                write = writing.encoded if tokenizer is not pairs else _written(writing)
                ways.append(WayCounts(name, _by(tokenizer, write), folder, vocab))
        for way in ways:
            stack.enter_context(way.words)
        every = -(-counts.known // _COMPARED) or 1
        compare(texts(1), counts.stage, alphabet, ways, every=every)
        found = [way.result(alphabet, lexicon) for way in ways]
    return StageWords(
        counts,
        words,
        count,
        followed,
        counter.facts,
        spread,
        Spread(counts.shuffled.tables(), alphabet.symbols),
        counts.likeliest_parts(words),
        found,
        content,
    )


def _ways(
    spread: Spread, lexicon: dict[bytes, int], alphabet: Alphabet, folder: Path, seed: int
) -> Iterator[WayCounts]:
    """Those that need no library."""
    yield WayCounts(CHUNKS, as_chunks, folder)
    yield WayCounts("chunks in random order", shuffled_chunks(seed), folder)
    mean = spread.letters / max(spread.words, 1)
    lengths = {max(1, round(mean))}
    if alphabet.complement is not None:  # as many words as the lexicon has
        lengths.add(max(1, int(np.log(max(len(lexicon), 1)) / np.log(alphabet.symbols) + 1e-9)))
    for length in sorted(lengths):
        if alphabet.complement is None:  # bytes have too many words of a length to list
            yield WayCounts(f"{length} bytes", words_of(length), folder)
        else:
            size = alphabet.symbols**length
            yield WayCounts(f"{length}-mers", words_of(length), folder, size)


def _by(tokenizer: Any, write: Callable[[np.ndarray], str]) -> Any:
    def cut(letters: Sequence[np.ndarray], bounds: Sequence[np.ndarray]) -> list[np.ndarray]:
        found = lengths_by(tokenizer, [write(own) for own in letters])
        return [np.r_[0, lengths.cumsum()] for lengths in found]

    return cut


def _written(writing: Writing) -> Callable[[np.ndarray], str]:
    return lambda letters: writing.write(letters.tobytes())
