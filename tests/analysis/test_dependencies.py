"""Dependency maps: what they are defined as, and how far one is above another."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hnet_seq.analysis.dependencies import halves, log_odds, strongest, without_unknown
from hnet_seq.analysis.dependency_controls import Arms, above, contrast, distance_classes
from hnet_seq.results.dependency_map import packed, unpacked
from modalities import dna


def test_odds_are_of_the_four_letters_whatever_else_may_stand_there() -> None:
    found = log_odds(np.log([[0.25, 0.25, 0.25, 0.25], [0.4, 0.2, 0.2, 0.2]]))
    np.testing.assert_allclose(found[0], math.log2(1 / 3))
    np.testing.assert_allclose(found[1, 0], math.log2(0.4 / 0.6), atol=1e-6)
    half = log_odds(np.log([0.2, 0.1, 0.1, 0.1]))  # the other half is N
    np.testing.assert_allclose(half, found[1], atol=1e-6)
    assert np.isfinite(log_odds(np.array([0.0, -800, -800, -800]))).all()


def test_the_largest_change_of_any_letter_by_any_substitution_counts() -> None:
    reference = np.log([[0.25, 0.25, 0.25, 0.25]] * 2)
    changed = np.stack([reference, reference, reference])
    changed[2, 1] = np.log([0.7, 0.1, 0.1, 0.1])
    up = math.log2(0.7 / 0.3) - math.log2(1 / 3)
    np.testing.assert_allclose(strongest(reference, changed), [0, up], atol=1e-6)


def test_two_halves_lie_on_two_sides_of_the_diagonal() -> None:
    forward = np.arange(16.0).reshape(4, 4)
    reverse = np.zeros((4, 4))
    reverse[0, 3] = 7  # of the reverse complement: its first base changes its last one
    found = halves(forward, reverse)
    assert found[3, 0] == 7
    assert found[0, 3] == forward[0, 3]
    assert np.isnan(np.diag(found)).all()
    assert np.isnan(halves(forward, None)[np.tril_indices(4)]).all()
    known = without_unknown(found, dna.encode("ANGT"))
    assert np.isnan(known[1]).all()
    assert np.isnan(known[:, 1]).all()
    assert known[0, 3] == forward[0, 3]


def test_a_map_is_kept_in_thousandths() -> None:
    values = np.array([[math.nan, 0.1234], [12.0, math.nan]])
    np.testing.assert_allclose(unpacked(packed(values), 2), [[math.nan, 0.123], [12, math.nan]])


def noise(length: int, seed: int) -> np.ndarray:
    """A map whose values fall with the distance, and differ by chance."""
    generator = np.random.default_rng(seed)
    distance = np.abs(np.subtract.outer(np.arange(length), np.arange(length)))
    found = generator.exponential(1 / np.maximum(distance, 1))
    np.fill_diagonal(found, math.nan)
    return found


def test_classes_of_distances_grow() -> None:
    classes = distance_classes(40)[0]
    assert len(set(classes[:4])) == 4
    sizes = np.bincount(classes[1:])[1:-1]  # the last may be cut
    assert (np.diff(sizes[sizes > 0]) >= 0).all()


def test_a_map_like_its_control_is_not_above_it_and_another_is() -> None:
    controls = [noise(120, seed) for seed in (1, 2)]
    alike = above("shuffled", noise(120, 3), controls, 1)
    assert alike is not None
    assert alike.share is not None
    assert alike.share < 0.005  # 0.001 is chance
    assert alike.by_chance is not None
    assert alike.by_chance < 0.005
    assert alike.ratio == pytest.approx(1, abs=0.05)
    assert alike.pairs == 120 * 119
    more = above("shuffled", noise(120, 3) * 3, controls, 8)
    assert more is not None
    assert more.ratio == pytest.approx(3, abs=0.2)
    assert more.low is not None
    assert more.ratio_low is not None
    assert more.low > 0.05
    assert more.ratio_low > 2.5
    assert above("twin", noise(6, 0), [noise(6, 1)], 8) is None


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
    assert found.p_region == found.p_element == pytest.approx(1e-4)
    assert found.in_region is not None
    assert found.in_region < 0.5
    (other,) = contrast("moved", {"model": [values]}, moved, seed=0)
    assert other.p_region is not None
    assert other.p_region > 0.05
    (again,) = contrast("stems", {"model": [values]}, stem, seed=0)
    assert again == found


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
