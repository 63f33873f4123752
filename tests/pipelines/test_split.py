from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modalities.errors import UsageError
from pipelines.shards.split import Region, plan_split

LENGTHS = {"chr1": 1000, "chr2": 5000, "gi|110640213|ref|NC_008253.1|": 400, "HLA:HLA00001": 300}


def test_nothing_is_held_out_unless_asked() -> None:
    plan = plan_split(LENGTHS, None)
    assert plan == {name: [Region(0, length, "train")] for name, length in LENGTHS.items()}


def test_whole_records_are_held_out() -> None:
    plan = plan_split(LENGTHS, "records:chr1,gi|110640213|ref|NC_008253.1|")
    assert plan["chr1"] == [Region(0, 1000, "validation")]
    assert plan["gi|110640213|ref|NC_008253.1|"] == [Region(0, 400, "validation")]
    assert plan["chr2"] == [Region(0, 5000, "train")]


def test_a_region_is_one_based_and_inclusive() -> None:
    plan = plan_split(LENGTHS, "region:chr2:2,001-3,000", guard=100)
    assert plan["chr2"] == [
        Region(0, 1900, "train"),
        Region(2000, 3000, "validation"),
        Region(3100, 5000, "train"),
    ]


def test_a_region_may_name_a_record_with_colons() -> None:
    plan = plan_split(LENGTHS, "region:HLA:HLA00001:1-100", guard=50)
    assert plan["HLA:HLA00001"] == [Region(0, 100, "validation"), Region(150, 300, "train")]


def test_the_last_fraction_of_all_bases_is_the_end_of_the_longest_record() -> None:
    plan = plan_split(LENGTHS, "last:0.1", guard=100)
    assert plan["chr2"] == [Region(0, 4230, "train"), Region(4330, 5000, "validation")]
    assert plan["chr1"] == [Region(0, 1000, "train")]


@given(
    length=st.integers(2, 5000),
    place=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    guard=st.integers(0, 2000),
)
def test_no_base_is_on_both_sides_and_the_guard_is_on_neither(
    length: int, place: tuple[float, float], guard: int
) -> None:
    first, last = sorted(1 + int(x * (length - 1)) for x in place)
    spec = f"region:r:{first}-{last}"
    if first - 1 <= guard and length - last <= guard:
        with pytest.raises(UsageError, match="leaves no bases for train"):
            plan_split({"r": length}, spec, guard=guard)
        return
    regions = plan_split({"r": length}, spec, guard=guard)["r"]
    side = {"train": np.zeros(length, int), "validation": np.zeros(length, int)}
    for region in regions:
        side[region.split][region.start : region.end] += 1
    assert (side["train"] + side["validation"] <= 1).all()
    assert side["validation"].nonzero()[0].tolist() == list(range(first - 1, last))
    distance = np.maximum(first - 1 - np.arange(length), np.arange(length) - last + 1)
    assert ((distance > guard) == (side["train"] == 1)).all()


@pytest.mark.parametrize(
    ("validation", "message"),
    [
        ("records:chr9", "no record 'chr9'; there are 4, as chr"),
        ("records:", "unknown form"),
        ("chr1", "unknown form"),
        ("records:chr1,chr2,gi|110640213|ref|NC_008253.1|,HLA:HLA00001", "no bases for train"),
        ("region:chr1:900-1001", "ends beyond chr1, which has 1000 bases"),
        ("region:chr1:0-10", "positions are 1-based"),
        ("region:chr1:20-10", "positions are 1-based"),
        ("region:chr1:1-x", "expected region:NAME:START-END"),
        ("region:chr1", "expected region:NAME:START-END"),
        ("region:chr3:1-10", "no record 'chr3'"),
        ("last:0", "between 0 and 1"),
        ("last:1.5", "between 0 and 1"),
        ("last:ten", "between 0 and 1"),
        ("last:nan", "between 0 and 1"),
        ("last:0.9", "hold out whole records"),
        ("last:0.00001", "leaves no bases for validation"),
    ],
)
def test_a_wrong_specification_is_refused_in_one_line(validation: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan_split(LENGTHS, validation)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"validation {validation}: ")
    assert "\n" not in str(caught.value)


def test_a_negative_guard_is_refused() -> None:
    with pytest.raises(UsageError, match="guard"):
        plan_split(LENGTHS, None, guard=-1)


def test_similarity_needs_groups() -> None:
    with pytest.raises(UsageError, match=r"validation similarity:0\.5: needs the groups of"):
        plan_split(LENGTHS, "similarity:0.5")
