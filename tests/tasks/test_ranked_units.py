"""What ranks share out does not depend on how many there are, and is balanced by cost."""

from __future__ import annotations

import numpy as np
import pytest

from hnet_seq import HNetForCausalLM
from hnet_seq.jobs import units as job_units
from hnet_seq.jobs.ranks import Ranks, find_ranks, refuse_ranks
from hnet_seq.jobs.units import deal, units_of
from hnet_seq.model.streaming import in_calls, stream
from hnet_seq.tasks.costs import sequence_cost
from modalities.errors import UsageError


def loads(costs: list[float], owners: list[int], world: int) -> list[float]:
    return [
        sum(cost for cost, own in zip(costs, owners, strict=True) if own == r) for r in range(world)
    ]


@pytest.mark.parametrize("world", [1, 2, 5, 30])
def test_the_longest_rank_has_at_most_four_thirds_of_the_least_possible(world: int) -> None:
    costs = np.random.default_rng(world).pareto(1.2, 200).tolist()
    least = max(sum(costs) / world, max(costs))
    owners = deal(costs, world)
    assert set(owners) <= set(range(world))
    assert max(loads(costs, owners, world)) <= 4 / 3 * least
    assert deal(costs, world) == owners


def test_a_long_record_has_a_rank_for_itself() -> None:
    assert deal([1, 1, 10, 1, 1], 2) == [1, 1, 0, 1, 1]


def test_units_are_whole_parts_of_the_least_size_and_not_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(job_units, "MIN_TOKENS", 100)
    monkeypatch.setattr(job_units, "MAX_UNITS", 7)
    parts = [[size - 1, 1] for size in (30, 90, 10, 500, 5)]
    units = units_of(parts, int, lambda size: 2.0 * size)
    assert [unit.tokens for unit in units] == [120, 510, 5]
    assert [unit.parts for unit in units] == [2, 2, 1]
    assert [unit.items for unit in units] == [4, 4, 2]
    assert [unit.cost for unit in units] == [240, 1020, 10]
    many = units_of([[101]] * 1000, int)
    assert 3 <= len(many) <= 7
    assert [unit.index for unit in many] == list(range(len(many)))
    assert sum(unit.parts for unit in many) == sum(unit.items for unit in many) == 1000
    assert sum(unit.tokens for unit in many) == 101_000


def test_calls_do_not_reach_over_the_end_of_a_group(hnet: HNetForCausalLM) -> None:
    lengths = [30, 60, 20, 250, 10, 100, 101, 5, 95, 1]
    sequences = [(i, np.zeros(n, np.uint8)) for i, n in enumerate(lengths)]
    ends = set(np.cumsum([len(call) for call in in_calls(lengths, 100, int)]).tolist())
    calls = [[piece.key for piece in call.pieces] for call in stream(hnet, sequences, 100)]
    # Where a group ends, a call ends, and that sequence has gone through whole.
    last = {keys[-1] + 1 for keys in calls}
    assert ends == last
    assert max(ends) == len(lengths)
    for end in ends:
        later = [keys for keys in calls if keys[0] >= end]
        again = [
            [piece.key for piece in call.pieces] for call in stream(hnet, sequences[end:], 100)
        ]
        assert again == later


def test_a_long_sequence_costs_more_for_each_token_of_global_attention(
    hnet: HNetForCausalLM,
) -> None:
    cost = sequence_cost(hnet.config)
    assert cost(100_000) > 11 * cost(10_000)
    windowed = sequence_cost(hnet.config, window=64)
    assert windowed(100_000) < 11 * windowed(10_000)


def test_torchrun_says_which_rank_this_is() -> None:
    assert find_ranks({}) == Ranks(0, 1, 0)
    found = find_ranks({"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"})
    assert found == Ranks(5, 8, 1)
    with pytest.raises(UsageError, match="RANK=8, WORLD_SIZE=8"):
        find_ranks({"RANK": "8", "WORLD_SIZE": "8"})


def test_a_verb_that_runs_in_one_process_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_ranks("this")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="is 2, and this runs in one process"):
        refuse_ranks("this")
