"""Who knows the data by heart is told from who finds them easy, or copies."""

from __future__ import annotations

import numpy as np
import pytest

from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.evidence.zero_shot.counting import CopyReader, MarkovReader
from hnet_seq.evidence.zero_shot.figures import Readers, areas_apart
from hnet_seq.evidence.zero_shot.memorisation import memorisation
from modalities.base import Tokens
from modalities.errors import InputError
from tests.evidence.zero_shot.chains import Chain, KnowsNothing, holds, random_bases

CHAIN = Chain()


def test_who_knows_the_data_by_heart_is_called_so_and_who_does_not_is_not() -> None:
    data, other = CHAIN.writes(6000, 1), CHAIN.writes(6000, 2)
    train, held_out = ([own[at : at + 200] for at in range(0, 6000, 200)] for own in (data, other))
    by_heart = MarkovReader(MarkovModel([data], 11))
    few = MarkovReader(MarkovModel([data], 2))
    for reader, said in ((by_heart, "memorised"), (CHAIN, "none found"), (few, "none found")):
        found = memorisation([("model", reader), ("twin", KnowsNothing())], train, held_out)
        assert found.verdict == said, reader.name
        assert found.row("knows nothing")["figures"]["membership"]["value"] == 0.5
    figures = memorisation([("model", by_heart)], train, held_out).rows[0]["figures"]
    assert figures["extracted"]["value"] is not None
    assert figures["extracted"]["value"] > 0.25
    assert figures["extracted_held_out"]["value"] == 0
    alone = memorisation([("model", by_heart)], train, held_out)
    assert alone.verdict == "not judged"  # nobody says what an untrained one would have
    assert memorisation([("model", KnowsNothing())], train, held_out).verdict == "none found"
    as_much = memorisation([("model", by_heart), ("twin", by_heart)], train, held_out)
    assert as_much.verdict == "not judged"
    assert as_much.rows[0]["figures"]["beyond_twin"]["value"] == 0
    few_windows = memorisation(
        [("model", CHAIN), ("twin", KnowsNothing())], train[:4], held_out[:4]
    )
    assert few_windows.verdict == "too few windows"
    assert few_windows.rows[0]["figures"]["membership"].get("no_interval") == "under 10 in a group"
    with pytest.raises(InputError, match="held_out: 2 of 30 windows stand in the training data"):
        memorisation([("model", CHAIN)], train, [*train[3:5], *held_out[2:]])


def kinds_of(easy: Chain, hard: Chain, count: int, seed: int) -> list[list[Tokens]]:
    """Windows of two regions that nobody has read."""
    return [
        [chain.writes(200, 10_000 * seed + 1000 * k + s) for s in range(count)]
        for k, chain in enumerate((easy, hard))
    ]


@pytest.mark.parametrize("turned", [False, True])
def test_data_that_are_easier_to_predict_are_no_memory(turned: bool) -> None:
    """A region that is easier looks trained by its likelihood, and by what changes cost there."""
    easy, hard = Chain(3, 0.08), Chain(3, 0.08)
    hard.next = 0.55 * easy.next + 0.45 / 4
    kinds = kinds_of(easy, hard, 60, 0)
    train, held_out = kinds[::-1] if turned else kinds
    for reader in (easy, hard):
        found = memorisation([("model", reader), ("twin", KnowsNothing())], train, held_out)
        assert found.verdict == "not judged"
        assert found.settings["told_by_difficulty"] == pytest.approx(1, abs=0.01)
        figures = found.rows[0]["figures"]
        assert figures["likelihood"]["value"] == pytest.approx(0.0 if turned else 1.0, abs=0.02)


@pytest.mark.parametrize("apart", [0.0, 0.03, 0.06])
def test_regions_of_other_composition_that_nobody_read_are_no_memory(apart: float) -> None:
    """Whether they are told apart by difficulty or not: one in 40 may be a trace by chance."""
    easy, hard = Chain(3, 0.08), Chain(3, 0.08)
    hard.next = (1 - apart) * easy.next + apart / 4
    said, areas = [], []
    for seed in range(8):
        found = memorisation(
            [("model", easy), ("twin", KnowsNothing())], *kinds_of(easy, hard, 24, seed), seed=seed
        )
        said.append(found.verdict)
        areas.append(found.rows[0]["figures"]["membership"]["value"])
    assert said.count("none found") + said.count("not judged") >= 7, said
    assert "memorised" not in said
    assert np.mean([own for own in areas if own is not None]) == pytest.approx(0.5, abs=0.05)


def test_the_difference_of_two_areas_is_held_95_times_in_100() -> None:
    generator = np.random.default_rng(0)
    held = np.zeros((2, 300))
    for related in (0, 1):
        for draw in range(300):
            shared = generator.normal(size=80)
            one, other = (
                related * shared + generator.normal(size=80) + shift * (np.arange(80) < 40)
                for shift in (0.6, 0.6)
            )
            found = areas_apart(one, other, 40)
            held[related, draw] = holds(found, 0)
    assert (held.mean(1) > 0.92).all(), held.mean(1)
    assert (held.mean(1) < 0.985).all(), held.mean(1)
    certain = areas_apart(np.arange(40.0)[::-1], np.zeros(40), 20)
    assert certain["value"] == 0.5
    assert certain["low"] is not None
    assert 0.2 < certain["low"] < 0.5


def test_what_stands_in_the_window_before_is_copied_and_not_known() -> None:
    repeats = [np.tile(random_bases(40, seed), 5) for seed in range(30)]
    plain = [random_bases(200, 100 + seed) for seed in range(30)]
    for reader in (CopyReader(), CopyReader(8), CopyReader(10, 0.7)):
        alone: Readers = [("model", reader)]
        beside: Readers = [("model", reader), ("twin", KnowsNothing())]
        for readers in (alone, beside):
            found = memorisation(readers, repeats, plain)
            assert found.verdict == "not judged"
    figures = found.rows[0]["figures"]
    assert figures["extracted"]["n"] == 0
    assert figures["extracted_held_out"]["value"] == 0


def test_a_reader_that_copies_has_read_neither_where_some_windows_repeat() -> None:
    """Of the training windows one in two repeats itself, of the others one in four."""

    def window(seed: int, every: int) -> Tokens:
        repeats = seed % every == 0
        return np.tile(random_bases(40, seed), 5) if repeats else random_bases(200, seed)

    train, held_out = [window(s, 2) for s in range(40)], [window(s, 4) for s in range(101, 141)]
    for reader in (CopyReader(), CopyReader(10)):
        found = memorisation([("model", reader), ("twin", KnowsNothing())], train, held_out)
        assert found.verdict == "none found", found.rows[0]["figures"]
