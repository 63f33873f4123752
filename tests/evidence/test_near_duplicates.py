"""What of a test split nearly stands in training, on either strand or as a part."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hnet_seq.evidence.similarity import near_duplicates as module
from hnet_seq.evidence.similarity.near_duplicates import (
    WORD,
    near_duplicates,
    near_duplicates_within,
)
from modalities import dna
from modalities.dna_words import canonical_words

Sequences = list[NDArray[np.uint8]]


def random_sequences(count: int, seed: int, length: int = 150) -> Sequences:
    generator = np.random.default_rng(seed)
    return [generator.integers(0, 4, length, dtype=np.uint8) for _ in range(count)]


def changed(sequence: NDArray[np.uint8], bases: int, seed: int) -> NDArray[np.uint8]:
    """A copy with that many bases replaced by others."""
    generator = np.random.default_rng(seed)
    copy = sequence.copy()
    places = generator.choice(len(copy), bases, replace=False)
    copy[places] = (copy[places] + generator.integers(1, 4, bases)) % 4
    return copy


@pytest.mark.parametrize("reverse", [False, True])
def test_copies_with_a_few_changed_bases_are_near_on_either_strand(reverse: bool) -> None:
    train = random_sequences(200, 0)
    test = [changed(sequence, 4, i) for i, sequence in enumerate(train[::4])]
    if reverse:
        test = [dna.reverse_complement(sequence) for sequence in test]
    test += random_sequences(50, 1)
    found = {pair.test: pair for pair in near_duplicates(train, test)}
    assert all(pair.train == 4 * pair.test for pair in found.values())
    assert len(found) >= 48  # of 50: four changes far apart can break three words in four
    assert max(found) < 50


def test_inside_one_list_a_sequence_is_not_its_own_near_duplicate() -> None:
    parents = random_sequences(30, 0)
    assert not list(near_duplicates_within(parents))
    children = [changed(parents[0], 3, 0), dna.reverse_complement(changed(parents[1], 3, 1))]
    found = {pair.test: pair.train for pair in near_duplicates_within([*parents, *children])}
    assert found == {0: 30, 1: 31, 30: 0, 31: 1}


def test_the_share_is_that_of_the_shorter_sequence() -> None:
    (long,) = random_sequences(1, 0, 2000)
    for train, test in (([long], [long[700:800]]), ([long[700:800]], [long])):
        assert [(p.train, p.test, p.share) for p in near_duplicates(train, test)] == [(0, 0, 1.0)]
    half = np.concatenate([long[700:750], random_sequences(1, 1, 50)[0]])
    (pair,) = near_duplicates([long], [half])
    assert pair.share == (50 - WORD + 1) / (100 - WORD + 1)
    sliver = np.concatenate([long[700:730], random_sequences(1, 1, 70)[0]])
    assert not list(near_duplicates([long], [sliver]))


def test_repeats_of_a_few_words_unknown_bases_and_short_sequences_are_not_near() -> None:
    repeats = [dna.encode("A" * 150), dna.encode("CAG" * 50), dna.encode("N" * 150)]
    others = [
        np.concatenate([dna.encode("A" * 20), random_sequences(1, 0, 130)[0]]),
        np.concatenate([dna.encode("CAG" * 20), random_sequences(1, 1, 90)[0]]),
        dna.encode("N" * 140),
        dna.encode("ACGTACGTACGTACG"),
        dna.encode(""),
    ]
    assert not list(near_duplicates(repeats, others))
    assert not list(near_duplicates(others, repeats))
    assert not list(near_duplicates([], others))
    assert not list(near_duplicates(others, []))


def test_a_family_larger_than_the_list_of_holders_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_HOLDERS", 5)
    (parent,) = random_sequences(1, 0)
    train = [changed(parent, 3, seed) for seed in range(40)]
    test = [changed(parent, 3, seed) for seed in range(100, 120)]
    assert len(list(near_duplicates(train, test))) == 20


def test_results_do_not_depend_on_parts_and_hardly_on_sampling(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train = random_sequences(60, 0, 600)
    test = [changed(sequence, 12, i) for i, sequence in enumerate(train)] + random_sequences(60, 1)
    whole = list(near_duplicates(train, test))
    assert [pair.test for pair in whole] == list(range(60))
    monkeypatch.setattr(module, "_PART_BASES", 1000)
    assert list(near_duplicates(train, test)) == whole
    monkeypatch.setattr(module, "_MOST_WORDS", 10_000)  # of 35,100
    sampled = list(near_duplicates(train, test))
    assert [(pair.test, pair.train) for pair in sampled] == [(p.test, p.train) for p in whole]
    shares = np.array([[a.share, b.share] for a, b in zip(whole, sampled, strict=True)])
    np.testing.assert_allclose(shares[:, 0], shares[:, 1], atol=0.2)
    assert abs(np.diff(shares.mean(0))[0]) < 0.02


def test_a_word_and_its_reverse_complement_have_one_code() -> None:
    (sequence,) = random_sequences(1, 0, 80)
    sequence[40] = dna.UNKNOWN
    words, starts = canonical_words(sequence, WORD)
    other, _ = canonical_words(dna.reverse_complement(sequence), WORD)
    assert words.tolist() == other[::-1].tolist()
    assert starts.tolist() == [*range(40 - WORD + 1), *range(41, 80 - WORD + 1)]
    by_hand = [int("".join("0123"[b] for b in sequence[i : i + WORD]), 4) for i in starts]
    assert all(word <= code for word, code in zip(words, by_hand, strict=True))
    assert any(word == code for word, code in zip(words, by_hand, strict=True))
    assert len(set(words.tolist())) == len(words)
