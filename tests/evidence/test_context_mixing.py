"""Context mixing: a code that a decoder could undo, and a higher bar than any order."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from hnet_seq.evidence.baselines.context_mixing import ContextMixing, score_context_mixing
from hnet_seq.evidence.baselines.markov import score_markov_orders
from modalities import dna

GENOME = Path(__file__).parents[2] / "examples/data/ecoli_536/genome.fna.gz"


def bases(length: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, length).astype(np.uint8)


def complement(document: np.ndarray) -> np.ndarray:
    return np.where(document < 4, 3 - document, document)[::-1].astype(np.uint8)


def test_random_bases_cost_two_bits() -> None:
    scores = score_context_mixing([bases(40_000)], [bases(9_000, seed=1)])
    assert scores["bits_per_base"] == pytest.approx(2, abs=0.02)
    assert (scores["train_bases"], scores["scored_bases"]) == (40_000, 8_999)


def test_a_base_costs_the_same_whatever_follows_its_block() -> None:
    document, changed = bases(10_000), bases(10_000)
    changed[8192:] = bases(1808, seed=2)
    first, second = (ContextMixing((2, 12)).read(each) for each in (document, changed))
    np.testing.assert_array_equal(first[:8192], second[:8192])
    assert (first[8192:] != second[8192:]).any()


@pytest.mark.parametrize("turned", [False, True])
def test_repeats_cost_little_on_either_strand(turned: bool) -> None:
    document = bases(20_000)
    repeat = document[5_000:15_000]
    bits = score_context_mixing([document], [complement(repeat) if turned else repeat])
    assert bits["bits_per_base"] < 0.5


def test_unknown_bases_cost_nothing_and_no_context_reaches_over_them() -> None:
    document = bases(6_000)
    gaps = document.copy()
    gaps[::30] = 4
    model = ContextMixing((4, 16))
    bits = model.read(gaps)
    assert np.isnan(bits[::30]).all()
    assert not np.isnan(bits[gaps < 4]).any()
    _, known = model._contexts(gaps)
    expected = [place >= 16 and (gaps[place - 16 : place] < 4).all() for place in range(6_000)]
    np.testing.assert_array_equal(known[1], expected)


def test_words_are_counted_once_on_each_strand_across_blocks() -> None:
    document = bases(9_000)
    model = ContextMixing((3,))
    model.read(document)
    words: dict[int, int] = {}
    for strand in (document, complement(document)):
        for end in range(3, len(strand)):
            word = int(strand[end - 1] + 4 * strand[end - 2] + 16 * strand[end - 3]) * 4
            words[word + int(strand[end])] = words.get(word + int(strand[end]), 0) + 1
    found = {int(w): int(n) for w, n in enumerate(model._counts[0].ravel()) if n}
    assert found == words


def test_on_a_genome_the_mixture_beats_the_best_order() -> None:
    with gzip.open(GENOME, "rt") as lines:
        next(lines)
        letters = "".join(line.strip() for line, _ in zip(lines, range(4_000), strict=False))
    document = dna.encode(letters)
    train, held_out = [document[:250_000]], [document[250_000:]]
    best = min(row["bits_per_base"] for row in score_markov_orders(train, held_out)["orders"])
    assert score_context_mixing(train, held_out)["bits_per_base"] < best - 0.005


def test_nothing_to_score_is_an_error() -> None:
    with pytest.raises(ValueError, match="no base to score"):
        score_context_mixing([bases(100)], [np.full(50, 4, np.uint8)])
