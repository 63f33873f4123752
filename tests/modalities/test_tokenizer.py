"""Tokens of several letters: they cover each letter once, and come back as they were written."""

from __future__ import annotations

import numpy as np
import pytest

from modalities import dna, text
from modalities.base import Tokens
from modalities.errors import UsageError
from modalities.tokenizer import BytePairs, Kmers, Tokenizer, from_json, k_of, train_byte_pairs

SENTENCE = "the cat, the mat; 山水 the cat\n\n    x = 1234\n"


def bases(letters: str) -> Tokens:
    return dna.encode(letters)


def learned(vocab_size: int = 270) -> BytePairs:
    pytest.importorskip("tokenizers")
    return train_byte_pairs(
        [text.with_markers(SENTENCE.encode())] * 20, text.TEXT, range(text.BEGIN), vocab_size
    )


@pytest.mark.parametrize(
    ("letters", "words"),
    [
        ("ACGTAC", "ACGTAC"),
        ("ACGTACGT", "ACGTAC G T"),
        ("ACGTANACGTACG", "A C G T A N ACGTAC G"),
        ("NNACGTACTTTTTTN", "N N ACGTAC TTTTTT N"),
        ("ACG", "A C G"),
        ("", ""),
    ],
)
def test_six_bases_are_a_token_and_a_rest_is_letters(letters: str, words: str) -> None:
    kmers = Kmers(6, 8, dna.BASES)
    ids = kmers.encode(bases(letters))
    assert [dna.decode(kmers.spellings[token]) for token in ids] == words.split()
    assert kmers.vocab_size == 8 + 4**6


def test_the_ids_of_letters_are_those_of_the_modality() -> None:
    for tokenizer in (Kmers(2, 8, dna.BASES), learned()):
        size = 8 if isinstance(tokenizer, Kmers) else 256
        assert [spelling.tolist() for spelling in tokenizer.spellings[:size]] == [
            [letter] for letter in range(size)
        ]
        assert tokenizer.lengths.tolist() == [len(s) for s in tokenizer.spellings]


def test_byte_pairs_are_joined_in_the_order_of_their_merges() -> None:
    pytest.importorskip("tokenizers")
    pairs = BytePairs("ACGTN567", [("A", "C"), ("AC", "G"), ("G", "T")])
    ids = pairs.encode(bases("ACGTACNGT"))
    assert [dna.decode(pairs.spellings[token]) for token in ids] == ["ACG", "T", "AC", "N", "GT"]


def test_what_was_learned_gives_back_every_byte_also_unseen_ones_and_parts_of_characters() -> None:
    pairs = learned()
    assert pairs.vocab_size == 270
    every = np.random.default_rng(0).permutation(np.arange(2048) % 256).astype(np.uint8)
    for letters in (text.with_markers(SENTENCE.encode()), every, every[:0]):
        ids = pairs.encode(letters)
        assert np.array_equal(pairs.decode(ids.tolist()), letters)
        assert pairs.lengths[ids].sum() == len(letters)
    assert len(pairs.encode(text.with_markers(SENTENCE.encode()))) < len(SENTENCE) * 0.7


def test_no_merge_joins_markers_words_or_what_was_not_to_be_joined() -> None:
    joined = [spelling.tobytes() for spelling in learned().spellings[256:]]
    assert b" the" in joined
    assert not [word for word in joined if max(word) >= text.BEGIN]
    assert not [word for word in joined if b" " in word.lstrip(b" ")]
    pytest.importorskip("tokenizers")
    runs = [bases("ACGNNNN" * 50)]
    pairs = train_byte_pairs(runs, dna.DNA, dna.BASES, 64)
    assert [dna.decode(spelling) for spelling in pairs.spellings[8:]] == ["AC", "ACG"]


def test_the_same_letters_teach_the_same_merges() -> None:
    assert learned().to_json() == learned().to_json()


@pytest.mark.parametrize("kind", ["bpe", "3mer"])
def test_a_tokenizer_is_kept_as_json(kind: str) -> None:
    made: Tokenizer = learned() if kind == "bpe" else Kmers(3, 8, dna.BASES)
    again = from_json(made.to_json())
    letters = text.with_markers(SENTENCE.encode()) if kind == "bpe" else bases("ACGTTTAGC")
    assert again.name == made.name == kind
    assert np.array_equal(again.encode(letters), made.encode(letters))


def test_tokens_of_some_letters_alone() -> None:
    kmers = Kmers(2, 8, dna.BASES)
    assert kmers.joins([0]) == [0, 8]
    assert kmers.joins(dna.BASES) == [*range(4), *range(8, 24)]


def test_kmers_of_text_are_refused() -> None:
    with pytest.raises(UsageError, match=r"3mer of 254 letters are 16,387,064 tokens"):
        Kmers(3, 256, range(254))
    assert [k_of(name) for name in ("6mer", "12mer", "mer", "0mer", "bpe")] == [
        6,
        12,
        None,
        None,
        None,
    ]
