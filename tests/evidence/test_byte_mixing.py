"""Context mixing of bytes, and the log-odds mixture: codes, hardly worse than their parts."""

from __future__ import annotations

import numpy as np
import pytest

from hnet_seq.evidence.baselines.byte_markov import ByteDocument, score_byte_orders
from hnet_seq.evidence.baselines.byte_mixing import ByteMixing, read_byte_documents
from hnet_seq.evidence.baselines.log_odds_mixture import cost, mixed_log_odds, path_log_odds
from hnet_seq.ops.native import why_not

EVERY = np.ones(256, bool)
compiled = pytest.mark.skipif(bool(why_not()), reason=f"{why_not()}")


def sentences(length: int, seed: int = 0) -> np.ndarray:
    words = np.array(["the ", "cat ", "sat ", "on ", "a ", "mat. ", "Nobody ", "saw "])
    letters = "".join(np.random.default_rng(seed).choice(words, length))
    return np.frombuffer(letters.encode(), np.uint8)[:length]


def flags(tokens: np.ndarray) -> np.ndarray:
    return np.arange(len(tokens)) > 0


# Context mixing ----------------------------------------------------------------------------------


@pytest.mark.parametrize("native", [False, pytest.param(True, marks=compiled)])
def test_the_first_byte_costs_eight_bits_and_the_second_what_it_has_taught(native: bool) -> None:
    tokens = np.frombuffer(b"xaa", np.uint8)
    model = ByteMixing(10)
    found = model.read(tokens, flags(tokens), native=native)
    assert np.isnan(found[0]).all()
    assert (found[1] == 0).all()
    # Unlike contexts, like word: "a" follows an "x" in one, the beginning in none.
    again = ByteMixing(10).read(tokens, np.ones(3, bool), native=native)
    assert (again[0] == 0).all()
    assert cost(found[1:2], tokens[1:2]) == pytest.approx(8)


@pytest.mark.parametrize("native", [False, pytest.param(True, marks=compiled)])
def test_a_context_moves_by_its_error_and_its_log_odds_are_weighed(native: bool) -> None:
    tokens = np.zeros(2, np.uint8)
    model = ByteMixing(10)
    model.weights[:] = 0
    model.weights[:, 0] = 0.5  # order 1 alone, the same in both sets
    found = model.read(tokens, np.ones(2, bool), native=native)
    assert (found[0] == 0).all()
    # Nothing stands before the first byte and a 0 before the second: order 1 has not seen that.
    assert found[1, 0] == 0
    third = model.read(np.zeros(3, np.uint8), np.array([False, False, True]), native=native)[2]
    # One sighting of a 0: one half minus a third of it; weights of their level have not moved.
    one = 0.5 - 0.5 / 1.5
    assert third[0] == pytest.approx(0.5 * np.log(one / (1 - one)), rel=1e-5)


@compiled
def test_the_compiled_loop_does_what_the_definition_says() -> None:
    text = np.concatenate([sentences(500), np.arange(256, dtype=np.uint8), sentences(200, 1)])
    predicted = np.random.default_rng(0).random(len(text)) < 0.9
    slow, fast = ByteMixing(1000), ByteMixing(1000)
    for part in (slice(0, 300), slice(300, None)):
        np.testing.assert_allclose(
            fast.read(text[part], predicted[part], native=True),
            slow.read(text[part], predicted[part], native=False),
            rtol=1e-5,
            atol=1e-7,
        )
    np.testing.assert_allclose(fast.weights, slow.weights, rtol=1e-5)
    assert np.array_equal(fast.slots["seen"], slow.slots["seen"])


def test_a_byte_costs_the_same_whatever_follows() -> None:
    tokens = sentences(600)
    changed = tokens.copy()
    changed[400:] = sentences(200, 5)[::-1]
    first, second = (ByteMixing(600).read(each, flags(each)) for each in (tokens, changed))
    np.testing.assert_array_equal(first[:400], second[:400])
    assert (first[400:] != second[400:]).any()


def test_random_bytes_cost_about_eight_bits_and_repeats_little() -> None:
    noise = np.random.default_rng(0).integers(0, 256, 3000).astype(np.uint8)
    model = ByteMixing(6000)
    found = model.read(noise, flags(noise))
    assert cost(found[1:], noise[1:]).mean() == pytest.approx(8, abs=0.3)
    again = [cost(model.read(noise, flags(noise))[8:], noise[8:]).mean() for _ in range(4)]
    assert again == sorted(again, reverse=True)
    assert again[-1] < 3


def test_what_is_scored_is_what_the_orders_are_scored_on_and_costs_less() -> None:
    def documents(seeds: range, group: str) -> list[ByteDocument[str]]:
        return [ByteDocument(group, sentences(400, seed), EVERY) for seed in seeds]

    train = documents(range(20), "train")
    held_out = documents(range(20, 24), "a") + documents(range(24, 26), "b")
    found = read_byte_documents(train, held_out, 26 * 400)
    orders = score_byte_orders(train, held_out)
    for group, (log_odds, tokens) in found.items():
        assert len(tokens) == orders.groups[group].scored
        assert cost(log_odds, tokens).mean() < min(orders.groups[group].bits_per_byte) + 0.02


# The mixture -------------------------------------------------------------------------------------


def predicted(symbols: np.ndarray, sharpness: float, seed: int, size: int = 4) -> np.ndarray:
    """Log-odds (N, D) of a predictor that is right more often the sharper it is."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(len(symbols), size))
    logits[np.arange(len(symbols)), symbols] += sharpness
    return path_log_odds(logits, symbols)


@pytest.mark.parametrize("size", [4, 256])
def test_the_decisions_of_a_symbol_cost_what_the_symbol_does(size: int) -> None:
    random = np.random.default_rng(0)
    logits, symbols = 3 * random.normal(size=(50, size)), random.integers(0, size, 50)
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = -np.log2(probs[np.arange(50), symbols])
    np.testing.assert_allclose(cost(path_log_odds(logits, symbols), symbols), expected, rtol=1e-9)


def test_the_first_decision_is_the_mean_of_the_log_odds_and_the_second_has_learned() -> None:
    parts = np.array([[[2.0], [2.0]], [[0.0], [0.0]]])
    found = mixed_log_odds(parts, np.array([1, 1]))
    assert found[0, 0] == 1.0
    step = 0.02 * (1 - 1 / (1 + np.exp(-1.0)))
    assert found[1, 0] == pytest.approx(2 * (0.5 + step * 2))


def test_a_mixture_does_not_look_ahead() -> None:
    symbols = np.random.default_rng(0).integers(0, 4, 400)
    parts = np.stack([predicted(symbols, 2, 1), predicted(symbols, 1, 2)])
    changed, other = parts.copy(), symbols.copy()
    changed[:, 300:], other[300:] = 0.7, 3 - other[300:]
    before, after = mixed_log_odds(parts, symbols), mixed_log_odds(changed, other)
    np.testing.assert_array_equal(before[:300], after[:300])


def test_it_beats_both_parts_where_each_knows_something_else() -> None:
    symbols = np.random.default_rng(0).integers(0, 4, 4000)
    parts = np.stack([predicted(symbols, 1.5, 1), predicted(symbols, 1.5, 2)])
    alone = [cost(part, symbols).mean() for part in parts]
    assert cost(mixed_log_odds(parts, symbols), symbols).mean() < min(alone) - 0.1


@pytest.mark.parametrize("useless", [0.0, 5.0])
def test_a_part_that_knows_nothing_costs_only_what_it_takes_to_learn_so(useless: float) -> None:
    symbols = np.random.default_rng(0).integers(0, 4, 20_000)
    noise = useless * np.random.default_rng(3).normal(size=(20_000, 2))
    parts = np.stack([predicted(symbols, 2, 1), noise])
    alone = cost(parts[0], symbols)
    excess = cost(mixed_log_odds(parts, symbols), symbols) - alone
    assert excess.mean() < 0.02
    assert excess[10_000:].mean() < 0.006
