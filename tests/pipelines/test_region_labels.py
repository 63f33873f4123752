from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pipelines.formats.intervals import Interval
from pipelines.shards.region_labels import INSIDE, OUTSIDE, keep_intervals, label_intervals
from pipelines.shards.split import Region

LENGTH = 60
bounds = st.sets(st.integers(0, LENGTH), max_size=12).map(sorted)


def pairs(places: list[int]) -> list[tuple[int, int]]:
    return list(zip(places[::2], places[1::2], strict=False))


@given(bounds, bounds)
def test_every_base_of_a_region_gets_the_label_of_where_it_lies(
    cuts: list[int], ends: list[int]
) -> None:
    regions = [
        Region(start, end, ("train", "validation")[number % 2])
        for number, (start, end) in enumerate(pairs(cuts))
    ]
    intervals = [Interval(start, end) for start, end in pairs(ends)]
    labelled = label_intervals({"r": regions}, {"r": intervals}, {"r": LENGTH})["r"]
    kept = keep_intervals({"r": regions}, {"r": intervals})["r"]
    for base in range(LENGTH):
        inside = any(i.start <= base < i.end for i in intervals)
        split = [r.split for r in regions if r.start <= base < r.end]
        found = [(r.split, r.label) for r in labelled if r.start <= base < r.end]
        assert found == [(s, INSIDE if inside else OUTSIDE) for s in split]
        assert [r.split for r in kept if r.start <= base < r.end] == (split if inside else [])
    assert all(a.end <= b.start for a, b in pairwise(labelled))


def test_a_record_without_intervals_lies_outside() -> None:
    plan = {"r": [Region(0, 9, "train")], "s": [Region(0, 5, "train")]}
    intervals = {"r": [Interval(0, 9)]}
    assert keep_intervals(plan, intervals) == {"r": [Region(0, 9, "train")], "s": []}
    labelled = label_intervals(plan, intervals, {"r": 9, "s": 5})
    assert labelled == {"r": [Region(0, 9, "train", INSIDE)], "s": [Region(0, 5, "train", OUTSIDE)]}
