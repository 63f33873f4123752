"""Shuffled sequences keep their dinucleotides exactly, and are otherwise any sequence."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hnet_seq.analysis.shuffle import shuffle_dinucleotides, shuffle_record


def pairs(tokens):
    return Counter(pairwise(tokens.tolist()))


@given(
    st.lists(st.lists(st.integers(0, 3), min_size=40, max_size=40), min_size=1, max_size=5),
    st.integers(0, 40),
    st.integers(0, 2**31),
)
def test_counts_of_neighbours_and_both_ends_are_kept(rows, length, seed):
    sequences = np.array(rows, np.uint8)[:, :length]
    shuffled = shuffle_dinucleotides(sequences, np.random.default_rng(seed))
    assert shuffled.shape == sequences.shape
    for one, other in zip(sequences, shuffled, strict=True):
        assert pairs(one) == pairs(other)
        assert one[:1].tolist() == other[:1].tolist()


@pytest.mark.parametrize("text", ["ACACGTA", "AACAGATA", "ACGTTGCAA", "AAACCCGGG"])
def test_every_sequence_with_these_dinucleotides_is_equally_likely(text):
    """All of them are listed by brute force; a chi-square statistic holds the draws to it."""
    tokens = np.array(["ACGT".index(letter) for letter in text], np.uint8)
    wanted = pairs(tokens)

    def grown(prefix, left):
        if not left:
            return [prefix]
        return [
            found
            for (first, second), count in left.items()
            if first == prefix[-1] and count
            for found in grown([*prefix, second], left - Counter([(first, second)]))
        ]

    possible = {tuple(walk) for walk in grown([int(tokens[0])], wanted)}
    draws = 4000
    shuffled = shuffle_dinucleotides(np.tile(tokens, (draws, 1)), np.random.default_rng(1))
    found = Counter(map(tuple, shuffled.tolist()))
    assert set(found) <= possible
    expected = draws / len(possible)
    statistic = sum((found[walk] - expected) ** 2 / expected for walk in possible)
    freedom = len(possible) - 1
    assert statistic < freedom + 4 * (2 * freedom + 1) ** 0.5


def test_a_seed_gives_one_result_and_another_seed_another():
    tokens = np.random.default_rng(0).integers(0, 4, 1000, dtype=np.uint8)
    one, same, other = (shuffle_record(tokens, np.random.default_rng(s)) for s in (5, 5, 6))
    assert one.tolist() == same.tolist()
    assert one.tolist() != other.tolist() != tokens.tolist()


def test_a_record_keeps_its_unknown_bases_its_dinucleotides_and_its_local_composition():
    generator = np.random.default_rng(0)
    tokens = np.concatenate(
        [
            generator.choice([0, 3], 450).astype(np.uint8),
            np.full(30, 4, np.uint8),
            generator.choice([1, 2], 330).astype(np.uint8),
        ]
    )
    shuffled = shuffle_record(tokens, generator, block=100)
    assert pairs(shuffled) == pairs(tokens)
    assert (shuffled == 4).tolist() == (tokens == 4).tolist()
    for start in (0, 100, 200, 300, 480, 580):
        block = slice(start, start + 100)
        assert pairs(shuffled[block]) == pairs(tokens[block])
        assert shuffled[block].tolist() != tokens[block].tolist()


@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_what_has_one_order_only_stays(length):
    tokens = np.array([0, 1, 2][:length], np.uint8)
    assert shuffle_record(tokens, np.random.default_rng(0)).tolist() == tokens.tolist()
