"""Rank correlations agree with SciPy's, and their intervals hold the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from hnet_seq.baselines.spearman import spearman


@pytest.mark.parametrize("ties", [1, 20])
def test_it_is_scipys(ties: int) -> None:
    generator = np.random.default_rng(ties)
    one = generator.integers(0, 1000 // ties, 200).astype(float)
    two = one + generator.normal(0, 300 / ties, 200).round()
    expected = spearmanr(one, two).statistic
    assert spearman(one, two, resamples=0)["rho"] == pytest.approx(expected)


def test_the_interval_covers() -> None:
    generator = np.random.default_rng(0)
    # Of a normal pair with correlation r, Spearman's is 6 / pi * arcsin(r / 2).
    truth = 6 / np.pi * np.arcsin(0.5 / 2)
    covered = 0
    for seed in range(60):
        one = generator.normal(size=120)
        two = 0.5 * one + np.sqrt(0.75) * generator.normal(size=120)
        found = spearman(one, two, resamples=200, seed=seed)
        covered += found["low"] <= truth <= found["high"]
    assert 50 <= covered <= 60


def test_a_seed_gives_the_same_interval_and_a_constant_none() -> None:
    one, two = np.random.default_rng(1).normal(size=(2, 50))
    assert spearman(one, two, resamples=20, seed=3) == spearman(one, two, resamples=20, seed=3)
    assert spearman(one, two, resamples=20, seed=3) != spearman(one, two, resamples=20, seed=4)
    constant = spearman(np.ones(50), two)
    assert (constant["rho"], constant["low"], constant["n"]) == (None, None, 50)
    with pytest.raises(ValueError, match="NaN"):
        spearman(np.array([1.0, np.nan]), np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="one length"):
        spearman(one, two[:-1])


def test_rows_that_repeat_each_other_do_not_narrow_the_interval() -> None:
    generator = np.random.default_rng(0)
    held = 0
    for seed in range(40):
        one, two = generator.normal(size=(2, 40)).repeat(8, axis=1)
        found = spearman(one, two, groups=np.arange(40).repeat(8), resamples=200, seed=seed)
        assert found["low"] is not None
        assert found["high"] is not None
        held += found["low"] <= 0 <= found["high"]
    assert held >= 34


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (np.ones(30), "constant"),
        (np.arange(30.0), "perfect"),
        (np.eye(30)[3], "constant"),  # without one row
        (np.arange(14.0), "under 15 rows"),
    ],
)
def test_where_there_is_no_interval_the_reason_is_given(one: np.ndarray, why: str) -> None:
    found = spearman(one, np.arange(float(len(one))))
    assert (found["low"], found["high"]) == (None, None)
    assert why in (found["no_interval"] or "")


def test_intervals_of_strong_correlations_of_few_rows_cover_and_are_not_all_there_is() -> None:
    generator = np.random.default_rng(0)
    truth = 6 / np.pi * np.arcsin(0.9 / 2)
    held = 0
    for _ in range(150):
        one = generator.normal(size=20)
        two = 0.9 * one + np.sqrt(0.19) * generator.normal(size=20)
        found = spearman(one, two)
        held += found["low"] <= truth <= found["high"]
    assert 135 <= held <= 149
