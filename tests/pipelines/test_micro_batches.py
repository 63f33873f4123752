"""Sequences taken together: whole ones, within a bound, as even as that allows."""

from __future__ import annotations

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.micro_batches import even_runs, runs, spread

lengths = st.lists(st.integers(1, 50), min_size=1, max_size=40)


def sums(ends: list[int], bounds: list[int]) -> list[int]:
    edges = [0, *ends]
    return [edges[b] - edges[a] for a, b in pairwise(bounds)]


@given(lengths=lengths, bound=st.integers(1, 120))
def test_runs_are_the_fewest_that_the_bound_allows(lengths: list[int], bound: int) -> None:
    ends = list(accumulate(lengths))
    bounds = runs(ends, bound)
    assert (bounds[0], bounds[-1]) == (0, len(lengths))
    for (a, b), tokens in zip(pairwise(bounds), sums(ends, bounds), strict=True):
        assert tokens <= bound or b - a == 1
        # One sequence more would not fit.
        assert b == len(lengths) or tokens + lengths[b] > bound


@given(lengths=lengths, bound=st.integers(0, 120), processes=st.integers(1, 5))
def test_even_runs_keep_the_bound_and_fit_the_processes(
    lengths: list[int], bound: int, processes: int
) -> None:
    ends = list(accumulate(lengths))
    bounds = even_runs(ends, bound, processes)
    assert (bounds[0], bounds[-1]) == (0, len(lengths))
    fewest = len(runs(ends, bound or ends[-1])) - 1
    assert fewest <= len(bounds) - 1 <= -(-fewest // processes) * processes
    parts = sums(ends, bounds)
    for (a, b), tokens in zip(pairwise(bounds), parts, strict=True):
        assert not bound or tokens <= bound or b - a == 1
    # No smaller bound makes as few of them.
    if max(parts) > max(lengths):
        allowed = -(-fewest // processes) * processes
        assert len(runs(ends, max(parts) - 1)) - 1 > allowed


def test_a_bound_that_all_fit_in_leaves_one_run_for_one_process() -> None:
    assert even_runs([5, 9, 20], 20) == even_runs([5, 9, 20], 0) == [0, 3]
    assert even_runs([5, 9, 20], 0, 2) == [0, 2, 3]
    assert even_runs([20], 0, 3) == [0, 1]


@given(lengths=lengths, limit=st.integers(1, 2500))
def test_a_spread_stays_within_its_limit_unless_it_is_one(lengths: list[int], limit: int) -> None:
    ends = list(accumulate(lengths))
    chosen = spread(ends, limit)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == 1 or sum(lengths[number] for number in chosen) <= limit
    if limit >= ends[-1]:
        assert len(chosen) == len(lengths)


def test_a_spread_is_even_and_takes_long_and_short_alike() -> None:
    assert spread(list(accumulate([10] * 12)), 30) == [2, 6, 10]
    ends = list(accumulate([100, 10] * 500))
    chosen = spread(ends, ends[-1] // 7)
    tokens = sum([100, 10][number % 2] for number in chosen)
    assert tokens == pytest.approx(ends[-1] / 7, rel=0.1)
    assert sum(number % 2 for number in chosen) == pytest.approx(len(chosen) / 2, abs=1)
