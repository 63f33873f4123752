"""Annotated pairs beside others as far apart: chance is chance, and unknown pairs are no pairs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from hnet_seq import Arms, InputError
from hnet_seq.analysis.paired_arms import DRAWS, check_arms, contrast
from tests.analysis.maps import noise


def p_of(values: np.ndarray, arms: list[Arms]) -> tuple[float, float]:
    (found,) = contrast("pairs", {"model": [values]}, arms, seed=0)
    assert found.p_region is not None
    assert found.least_p_region is not None
    return found.p_region, found.least_p_region


def test_planted_pairs_are_found_and_moved_ones_are_not() -> None:
    values = noise(90, 0)
    stem = [Arms((20, 25), (40, 45), stem=True), Arms((28, 32), (34, 38), stem=True)]
    for arms in stem:
        one, two = arms.pairs()
        values[one, two] = values[two, one] = 2.0
    moved = [Arms((21, 26), (41, 46), stem=True)]
    (found,) = contrast("stems", {"model": [values]}, stem, seed=0)
    assert found.pairs == 9
    assert found.mean == 2.0
    # One way in (90 - 25 + 1) * (90 - 10 + 1) is where they are; and near the element, one in fewer
    assert found.p_region == found.least_p_region == pytest.approx(1 / 5346, abs=1e-6)
    assert found.p_element == found.least_p_element == pytest.approx(1 / (21 * 36), abs=1e-6)
    assert found.in_region is not None
    assert found.in_region < 0.5
    (other,) = contrast("moved", {"model": [values]}, moved, seed=0)
    assert other.p_region is not None
    assert other.p_region > 0.05
    (again,) = contrast("stems", {"model": [values]}, stem, seed=0)
    assert again == found


@pytest.mark.parametrize(
    ("length", "arms"),
    [
        (14, [Arms((2, 5), (8, 11), True)]),  # 6 places
        (12, [Arms((0, 4), (6, 10), False), Arms((4, 6), (9, 11), True)]),  # 3 times 6
        (12, [Arms((0, 5), (7, 12), True), Arms((2, 4), (8, 10), True)]),  # one has no other
    ],
)
def test_p_is_uniform_of_noise_however_few_places_there_are(length: int, arms: list[Arms]) -> None:
    found = np.array([p_of(noise(length, seed), arms) for seed in range(400)])
    p, least = found[:, 0], found[0, 1]
    for level in (least, 1 / 6, 1 / 3, 2 / 3):
        possible = math.floor(level / least + 1e-4) * least
        held = float((p <= level + 1e-4).mean())
        assert held == pytest.approx(possible, abs=4 * math.sqrt(possible / 400) + 1e-3), level
    assert p.min() >= least - 1e-6


def test_where_ways_are_many_they_are_drawn() -> None:
    arms = [Arms((2 * i, 2 * i + 2), (40 + 2 * i, 42 + 2 * i), False) for i in range(4)]
    found = np.array([p_of(noise(60, seed), arms) for seed in range(150)])
    np.testing.assert_allclose(found[:, 1], 1 / (DRAWS + 1))
    assert float((found[:, 0] <= 0.1).mean()) < 0.2
    assert float((found[:, 0] <= 0.5).mean()) == pytest.approx(0.5, abs=0.17)


def over_unknown(values: np.ndarray, places: list[int]) -> np.ndarray:
    values = values.copy()
    values[places] = values[:, places] = math.nan
    return values


def test_pairs_of_unknown_bases_are_not_counted_and_weigh_nothing() -> None:
    values = noise(30, 1)
    arms = [Arms((4, 8), (12, 16), True), Arms((18, 20), (24, 26), True)]
    (some,) = contrast("p", {"model": [over_unknown(values, [4])]}, arms, seed=0)
    assert some.pairs == 5
    both = (values + values.T) / 2
    known = [both[5, 14], both[6, 13], both[7, 12], both[18, 25], both[19, 24]]
    assert some.mean == pytest.approx(float(np.mean(known)), abs=1e-6)
    (one,) = contrast("p", {"model": [over_unknown(values, [18, 24])]}, arms, seed=0)
    (alone,) = contrast("p", {"model": [over_unknown(values, [18, 24])]}, arms[:1], seed=0)
    assert one.pairs == alone.pairs == 4
    assert (one.mean, one.p_region) == (alone.mean, alone.p_region)
    (none,) = contrast("p", {"model": [over_unknown(values, [4, 5, 6, 7])]}, arms[:1], seed=0)
    assert (none.pairs, none.mean, none.p_region, none.p_element) == (0, None, None, None)


def test_p_is_uniform_beside_unknown_bases_too() -> None:
    arms = [Arms((2, 5), (8, 11), True)]
    p = [p_of(over_unknown(noise(24, seed), [4, 20]), arms)[0] for seed in range(300)]
    assert float((np.array(p) <= 0.2).mean()) <= 0.2 + 3 * math.sqrt(0.16 / 300)


def test_arms_pair_end_to_end_or_each_with_each() -> None:
    one, two = Arms((2, 5), (8, 11), stem=True).pairs()
    assert list(zip(one.tolist(), two.tolist(), strict=True)) == [(2, 10), (3, 9), (4, 8)]
    one, two = Arms((0, 2), (5, 7), stem=False).pairs()
    assert list(zip(one.tolist(), two.tolist(), strict=True)) == [(0, 5), (0, 6), (1, 5), (1, 6)]


def test_pairs_that_have_no_other_place_say_nothing() -> None:
    (found,) = contrast("all", {"model": [noise(10, 0)]}, [Arms((0, 5), (5, 10), True)], seed=0)
    assert found.mean is not None
    assert found.p_region is None
    assert found.in_element is None


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ({"x": []}, r"pairs\['x'\]: expected a list of one or more Arms"),
        ({"x": [Arms((0, 3), (5, 7), True)]}, r"pairs\['x'\]\[0\]: .*two lengths"),
        ({"x": [Arms((0, 3), (18, 21), True)]}, "0 to 21 is not within the 20 bases"),
        ({"x": [Arms((-1, 3), (5, 9), True)]}, "-1 to 9 is not within"),
        ({"x": [Arms((0, 5), (3, 8), True)]}, "a base does not pair with itself"),
        ({"x": [Arms((3, 3), (5, 5), True)]}, "an end is not behind its start"),
        ({"x": [Arms((0, 3), (5, 8), True), Arms((5, 8), (0, 3), False)]}, r"\[1\]: .*each pair"),
        ({"x": [((0, 3), (5, 8))]}, "is tuple; expected hnet_seq.Arms"),
    ],
)
def test_arms_that_are_none_are_refused(pairs: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_arms(pairs, 20)
