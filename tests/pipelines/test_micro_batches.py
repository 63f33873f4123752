"""Sequences taken together: whole ones, within a bound, as even as that allows."""

from __future__ import annotations

from itertools import accumulate, chain, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.batches.micro_batches import runs, shared_out, spread

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
def test_micro_batches_share_out_all_within_the_bound(
    lengths: list[int], bound: int, processes: int
) -> None:
    ends = list(accumulate(lengths))
    shared = shared_out(ends, bound, processes)
    assert sorted(chain.from_iterable(shared)) == list(range(len(lengths)))
    assert len(shared) % processes == 0
    assert all(numbers == sorted(numbers) for numbers in shared)
    tokens = [sum(lengths[number] for number in numbers) for numbers in shared]
    assert not bound or max(tokens) <= max(bound, *lengths)
    # Even: nobody has more than another by more than one sequence.
    assert max(tokens) - min(tokens) <= max(lengths)
    # Idle ones are the last.
    assert [bool(numbers) for numbers in shared] == sorted(map(bool, shared), reverse=True)


@given(lengths=lengths, bound=st.integers(1, 120))
def test_any_number_of_processes_that_divides_them_has_the_same_micro_batches(
    lengths: list[int], bound: int
) -> None:
    ends = list(accumulate(lengths))
    alone = shared_out(ends, bound)
    fewest = -(-ends[-1] // max(bound, *lengths))
    for processes in range(1, fewest + 1):
        if fewest % processes == 0:
            assert shared_out(ends, bound, processes) == alone


def test_windows_that_a_step_cuts_share_a_micro_batch() -> None:
    cut = [30, *[100] * 7, 70]
    shared = shared_out(list(accumulate(cut)), 200)
    assert [sum(cut[number] for number in numbers) for numbers in shared] == [200] * 4
    assert shared_out([5, 9, 20], 20) == shared_out([5, 9, 20], 0) == [[0, 1, 2]]
    assert shared_out([5, 9, 20], 0, 2) == [[2], [0, 1]]
    assert shared_out([20], 0, 3) == [[0], [], []]


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
