"""The words that a model makes of a genome, of text or of code, as ``lexicon`` counts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hnet_seq.results.record import Result

#: Names of ways to cut.
CHUNKS, TOKENIZER = "the model's chunks", "the lexicon's tokenizer"


@dataclass(frozen=True, kw_only=True)
class Word:
    """A word; letters are bases, or bytes.

    Attributes:
        word: as people read it; of bytes with escapes.
        count: chunks that are this word.
        coverage: share of all letters that they make.
        occurrences: of the string, overlapping ones too.
        one_chunk: share of these that are one chunk.
        to_context: chunks over those expected if cuts followed the last letters alone.
        to_shuffled: chunks over those of shuffled sequence, in the parts that were shuffled.
        q: rate of false discoveries among words as far beyond shuffled sequence.
        forward_share: its share of its chunks and those of its reverse complement.
        parts: how the stage outside cuts it most often.
    """

    word: str
    count: int
    length: int
    coverage: float
    occurrences: int
    one_chunk: float | None
    to_context: float | None
    to_shuffled: float | None = None
    q: float | None = None
    forward_share: float | None = None
    kind: str | None = None
    parts: str | None = None


@dataclass(frozen=True)
class CurvePoint:
    """The most frequent ``words``, and the share of chunks and of letters that they make."""

    words: int
    chunks: float
    letters: float


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to cut the same pieces into words.

    Attributes:
        vocabulary: words that it has a list of; None without one.
        words, distinct, letters: that were cut.
        bits_per_letter: of a code that learns the words while it writes them.
        chunks_given_back: share of the model's chunks that are one word.
        cuts_given_back: share of the model's cuts that are cuts.
        cuts_shared: share of its cuts that are the model's.
        cuts_by_chance: share of the model's cuts that as many cuts at random would meet.
        shared_words, shared_chunks: share of the lexicon's words that its vocabulary has, and of
            their chunks.
    """

    way: str
    vocabulary: int | None
    words: int
    distinct: int
    letters: int
    letters_per_word: float | None
    bits_per_letter: float | None
    chunks_given_back: float | None
    cuts_given_back: float | None
    cuts_shared: float | None
    cuts_by_chance: float | None
    shared_words: float | None = None
    shared_chunks: float | None = None


@dataclass(frozen=True)
class KindShare:
    """Words of a kind, such as identifiers: how many of the lexicon, and chunks; with examples."""

    kind: str
    words: int
    chunks: int
    share: float
    examples: list[str]


@dataclass(frozen=True, kw_only=True)
class Enriched:
    """A word in a kind of feature; expected are chunks, ratios are observed over expected.

    Attributes:
        z, q: beside shifted features, and the rate of false discoveries.
    """

    word: str
    kind: str
    count: int
    observed: int
    shifted: float
    to_shifted: float | None
    z: float | None
    q: float | None
    to_context: float | None
    to_shuffled: float | None


@dataclass(frozen=True, kw_only=True)
class TokenizerFile:
    """The tokenizer that was written, and how often it does not give the chunks back."""

    file: str
    vocabulary: int
    chunks_given_back: float | None
    cuts_given_back: float | None
    cuts_shared: float | None
    letters: int


@dataclass(frozen=True, kw_only=True)
class StageLexicon:
    """The words of one stage.

    Attributes:
        chunks, letters: that were counted; ``left_out`` are chunks with unknown letters or markers.
        distinct, once: words; that occur once.
        listed: words of the lexicon, the most frequent.
        found: of these, words beyond shuffled sequence, q at most 0.05; None where none was
            shuffled.
        tested: words that might have been.
        sampled, shuffled: chunks of the parts that were shuffled, before and after.
        words: the first of the lexicon.
        beyond: the words furthest beyond shuffled sequence.
    """

    stage: int
    chunks: int
    letters: int
    left_out: int
    distinct: int
    once: int
    letters_per_chunk: float | None
    listed: int
    found: int | None
    tested: int | None
    sampled: int | None
    shuffled: int | None
    curve: list[CurvePoint]
    lengths: dict[str, int]
    words: list[Word]
    beyond: list[Word]
    ways: list[Way]
    kinds: list[KindShare]
    enriched: list[Enriched]
    tokenizer: TokenizerFile | None


@dataclass(frozen=True, kw_only=True)
class Lexicon(Result):
    """``lexicon.json``.

    Attributes:
        letter: what a letter is, ``base`` or ``byte``.
        context: letters that the control predicts a cut from.
        shuffled_letters: of the parts that were shuffled.
        features: files of features.
        table, enriched: files beside this one.
    """

    KIND: ClassVar[str] = "lexicon"
    twin: str | None = None
    inputs: list[str]
    region: str
    attention_window: int | None
    letter: str
    letters: int
    vocabulary: int
    context: int
    seed: int
    shuffled_letters: int
    features: list[str]
    table: str
    enriched: str | None
    stages: list[StageLexicon]
