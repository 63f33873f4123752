"""One Markov model scores as the table of orders does, and can leave a stretch out."""

from __future__ import annotations

import numpy as np
import pytest

from hnet_seq.evidence.baselines.markov import MarkovModel, order_for, score_markov_orders


def letters(length: int, seed: int = 0) -> np.ndarray:
    tokens = np.random.default_rng(seed).integers(0, 4, length).astype(np.uint8)
    tokens[length // 3 : length // 3 + 4] = 4
    return tokens


@pytest.mark.parametrize("order", [0, 1, 3, 5])
def test_it_takes_the_bits_of_its_order(order: int) -> None:
    train, test = letters(3000), letters(500, 1)
    expected = score_markov_orders([train], [test], max_order=order)["orders"][order]
    found = MarkovModel([train], order).log_likelihoods(test)
    bits = -found.sum() / np.log(2) / np.count_nonzero(test[1:] < 4)
    assert bits == pytest.approx(expected["bits_per_base"])


def test_a_stretch_left_out_is_as_if_it_had_not_been_there() -> None:
    rest, stretch = letters(2000), letters(60, 2)
    model = MarkovModel([rest, stretch], 4)
    with model.without(stretch):
        found = model.log_likelihoods(stretch)
    np.testing.assert_allclose(found, MarkovModel([rest], 4).log_likelihoods(stretch))
    whole = MarkovModel([rest, stretch], 4).log_likelihoods(stretch)
    np.testing.assert_array_equal(model.log_likelihoods(stretch), whole)
    assert whole.sum() > found.sum()


def test_both_strands_count_alike() -> None:
    document = letters(500)
    other = np.where(document < 4, 3 - document, document)[::-1]
    test = letters(100, 3)
    one, two = (MarkovModel([x], 3).log_likelihoods(test) for x in (document, other))
    np.testing.assert_allclose(one, two)


def test_the_order_grows_with_the_genome() -> None:
    assert [order_for(n) for n in (10, 48_502, 2_814_816, 4_641_652)] == [0, 3, 6, 7]
    with pytest.raises(ValueError, match=r"0\.\.12"):
        MarkovModel([letters(10)], 13)


def test_a_stretch_that_was_never_counted_is_refused_and_changes_nothing() -> None:
    generator = np.random.default_rng(0)
    known, foreign = generator.integers(0, 4, (2, 2000)).astype(np.uint8)
    model = MarkovModel([known], order=7)
    before = model.log_likelihoods(known)
    with pytest.raises(ValueError, match="was not counted on this genome"), model.without(foreign):
        pass
    np.testing.assert_array_equal(model.log_likelihoods(known), before)
