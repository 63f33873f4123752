"""Intervals of few-shot and fine-tuned rows hold over draws, not over these draws alone."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hnet_seq.tasks.benchmarking.draws import ONE_DRAW, is_drawn, widened
from hnet_seq.tasks.benchmarking.judge import difference

ROWS, POOL, DRAWS, TASKS = 600, 300, 5, 60


def drawn_predictions(
    generator: np.random.Generator, labels: NDArray[np.int64], shots: int, lead: float
) -> list[NDArray[np.float64]]:
    """Nearest centroids of few rows of a feature set, which knows its classes by ``lead``."""
    features = generator.normal(size=(POOL + ROWS, 8)) + lead * labels[:, None]
    found = []
    for seed in range(DRAWS):
        order = np.random.default_rng([seed, shots]).permutation(POOL)
        centres = [
            features[order[labels[order] == kind][:shots]].mean(0) for kind in np.unique(labels)
        ]
        distances = [((features[POOL:] - centre) ** 2).sum(1) for centre in centres]
        found.append(-np.stack(distances, 1))
    return found


def beyond_zero(shots: int, problem: str = "classes", *, drawn: bool, leads: float = 0.4) -> int:
    """Of the tasks, those whose interval of the difference lies on one side of 0."""
    excluded = 0
    for task in range(TASKS):
        generator = np.random.default_rng([task, shots])
        labels = generator.permutation(np.arange(POOL + ROWS) % 2)
        sides = [drawn_predictions(generator, labels, shots, lead) for lead in (leads, 0.4)]
        truth = labels[POOL:] + (0.0 if problem == "classes" else generator.normal(size=ROWS))
        if problem != "classes":
            sides = [[each[:, 1:] - each[:, :1] for each in side] for side in sides]
        one, other = sides
        found = difference(problem, one, other, truth, np.arange(ROWS), drawn=drawn)
        assert found.interval is not None
        excluded += not found.interval[0] <= 0 <= found.interval[1]
    return excluded


@pytest.mark.parametrize(("shots", "problem"), [(1, "classes"), (10, "classes"), (1, "regression")])
def test_feature_sets_without_a_difference_are_rarely_told_apart(shots: int, problem: str) -> None:
    """Of 60 at 95% 3 are expected, and more than 8 in one of 300 such tests."""
    assert beyond_zero(shots, problem, drawn=True) <= 8
    assert beyond_zero(shots, problem, drawn=False) > 8


def test_a_difference_that_is_there_is_still_told() -> None:
    assert beyond_zero(10, drawn=True, leads=0.9) > TASKS // 2


def test_of_one_draw_nothing_is_said_of_others() -> None:
    assert widened(0.5, [0.4, 0.6], [0.5], most=2.0) == (None, ONE_DRAW)
    assert widened(0.5, None, [0.5, 0.5], most=2.0) == (None, None)
    ends, why = widened(0.5, [0.4, 0.6], [0.5, 0.5], most=2.0)
    assert (ends, why) == (pytest.approx([0.4, 0.6]), None)
    ends, _ = widened(0.5, [0.4, 0.6], [0.0, 1.0], most=1.0)
    assert ends == [-1.0, 1.0]


def test_what_chance_has_a_part_in() -> None:
    assert [is_drawn(*key) for key in (("model", 0), ("model", 1), ("fine-tuned", 0))] == [
        *(False, True, True)
    ]


def test_draws_are_held_against_what_has_none() -> None:
    """Fine-tuned with three seeds minus a frozen row of one: their scores differ by its seeds."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, ROWS)

    def said(right: float) -> NDArray[np.float64]:
        called = np.where(generator.random(ROWS) < right, labels, 1 - labels)
        return np.eye(2)[called]

    one, other = [said(right) for right in (0.9, 0.75, 0.6)], [said(0.7)]
    narrow = difference("classes", one, other, labels, np.arange(ROWS)).interval
    wide = difference("classes", one, other, labels, np.arange(ROWS), drawn=True).interval
    assert narrow is not None
    assert wide is not None
    assert wide[0] < narrow[0] - 0.1
    assert wide[1] > narrow[1] + 0.1
