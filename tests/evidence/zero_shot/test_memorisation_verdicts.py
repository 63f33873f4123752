"""Where the verdict of ``memorisation`` turns, figure by figure, and what it is asked of."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest

from hnet_seq.evidence.zero_shot.memorisation import (
    EXTRACTED,
    beyond_difficulty,
    told_by_difficulty,
    verdict,
)
from hnet_seq.results.zero_shot import Figure, ZeroShotTest
from hnet_seq.tasks.zero_shot import examination
from hnet_seq.tasks.zero_shot.examination import Asked, Examination
from modalities.base import Tokens
from tests.evidence.zero_shot.chains import KnowsNothing, random_bases


def figure(value: float, low: float | None = None, high: float | None = None) -> Figure:
    return Figure(value=value, low=low, high=high, n=40, no_interval=None if low else "over 0.95")


NOTHING = figure(0.0, 0.0, 0.09)
HALF = figure(0.5, 0.37, 0.63)


def said(
    membership: Figure,
    beyond_twin: Figure | None,
    extracted: Figure = NOTHING,
    held_out: Figure = NOTHING,
    twin: Figure | None = NOTHING,
    *,
    comparable: bool = True,
) -> str:
    """What a model with these figures is called; no twin where ``twin`` is None."""
    own = {"membership": membership, "extracted": extracted, "extracted_held_out": held_out}
    if beyond_twin is not None:
        own["beyond_twin"] = beyond_twin
    untrained = None if twin is None else {"membership": HALF, "extracted": twin}
    return verdict(own, untrained, comparable)


APART = figure(0.2, 0.05, 0.35)
KNOWN = figure(0.8, 0.6, 0.93)  # more than nothing, beyond both intervals


@pytest.mark.parametrize(
    ("membership", "beyond_twin", "word"),
    [
        (HALF, APART, "none found"),
        (figure(0.6, 0.5, 0.7), APART, "none found"),
        (figure(0.6, 0.51, 0.7), APART, "trace"),
        (figure(0.74, 0.6, 0.85), APART, "trace"),
        (figure(0.75, 0.61, 0.86), APART, "memorised"),
        (figure(0.97), APART, "memorised"),  # too high for an interval
        (figure(0.6, 0.51, 0.7), figure(0.1, 0.0, 0.2), "not judged"),
        (figure(0.6, 0.51, 0.7), figure(0.1), "not judged"),
        (figure(0.8, 0.66, 0.9), figure(0.1, -0.1, 0.3), "not judged"),
        (figure(0.8, 0.66, 0.9), None, "not judged"),
        (figure(0.03), APART, "none found"),
    ],
)
def test_membership_is_beyond_chance_and_beyond_the_twin(
    membership: Figure, beyond_twin: Figure | None, word: str
) -> None:
    assert said(membership, beyond_twin) == word


def test_extraction_is_of_training_windows_and_more_than_the_twin_has() -> None:
    assert said(HALF, APART, KNOWN) == "memorised"
    assert said(HALF, APART, KNOWN, held_out=KNOWN) == "none found"
    assert said(HALF, APART, NOTHING, held_out=KNOWN) == "none found"
    assert said(HALF, APART, KNOWN, held_out=figure(0.3, 0.2, 0.6)) == "none found"
    assert said(HALF, APART, KNOWN, twin=KNOWN) == "not judged"
    assert said(figure(0.6, 0.51, 0.7), APART, KNOWN, twin=KNOWN) == "trace"


def test_without_a_twin_or_with_windows_that_are_told_apart_nothing_is_judged() -> None:
    for extracted in (NOTHING, KNOWN):
        assert said(figure(0.9, 0.8, 0.94), None, extracted, twin=None) == "not judged"
    assert said(HALF, None, twin=None) == "none found"
    for membership in (HALF, figure(0.9, 0.8, 0.94)):
        assert said(membership, APART, KNOWN, comparable=False) == "not judged"


def test_of_few_windows_nothing_is_said() -> None:
    few = Figure(value=0.9, low=None, high=None, n=8, no_interval="under 10 in a group")
    assert said(few, APART) == "too few windows"


def test_what_difficulty_explains_is_taken_out() -> None:
    generator = np.random.default_rng(0)
    difficulty = np.stack([np.ones(40), generator.normal(size=40)], 1)
    lost = difficulty @ [0.3, 2.0]
    assert beyond_difficulty(lost, difficulty) == pytest.approx(np.zeros(40))
    more = lost + 0.5 * (np.arange(40) % 2)
    left = beyond_difficulty(more, difficulty)
    assert left[1::2].min() > left[::2].max()
    told = np.stack([np.ones(40), np.arange(40) < 20], 1).astype(float)
    assert told_by_difficulty(told, 20) == 1
    assert told_by_difficulty(difficulty, 20) < 0.9


def test_windows_come_from_the_part_that_they_are_said_to_be_of() -> None:
    train, held_out = random_bases(4000, 1), random_bases(4000, 2)
    asked = Asked([train], [held_out], windows=6, window_bases=64, distances=[8], trials=3)

    def stands(window: Tokens, whole: Tokens) -> bool:
        return window.tobytes() in whole.tobytes()

    read, others = asked.memory_windows()
    assert all(stands(own, train) for own in read)
    assert all(stands(own, held_out) for own in others)
    found: dict[str, list[Tokens]] = {}
    readers: list[str] = []

    def test(name: str) -> ZeroShotTest:
        return ZeroShotTest(test=name, metric="x", chance=None, settings={}, rows=[])

    def keep(given: object, windows: list[Tokens], *more: list[Tokens], **_: object) -> object:
        assert isinstance(given, list)
        readers.extend(reader.name for _, reader in given)
        found[name] = [*windows, *(own for each in more for own in each)]
        return test(name)

    own = Examination([("model", KnowsNothing())], asked)
    for name in ("next_base", "sequence_recovery"):
        with patch.object(examination, name, keep):
            own.run(name)
        assert len(found[name]) == 6
        assert all(stands(each, held_out) for each in found[name]), name
    name = "memorisation"
    with patch.object(examination, name, keep):
        own.run(name)
    assert [stands(each, train) for each in found[name]] == [True] * 6 + [False] * 6
    assert readers[:2] == ["knows nothing", "Markov order 2"]
    # What is counted was counted on the other part.
    _, markov = own._readers[-1]
    assert markov.log_likelihoods([train])[0].nats > markov.log_likelihoods([held_out])[0].nats
    assert EXTRACTED < 64
