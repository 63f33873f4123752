"""Dependency maps: what they are defined as, and how far one is above another."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hnet_seq.analysis.dependencies import halves, log_odds, strongest, without_unknown
from hnet_seq.analysis.dependency_controls import above, distance_classes
from hnet_seq.results.dependency_map import packed, unpacked
from modalities import dna
from tests.analysis.maps import noise


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
    assert more.share is not None
    assert more.ratio_low is not None
    assert more.share > 0.05
    assert more.ratio_low > 2.5
    assert above("twin", noise(6, 0), [noise(6, 1)], 8) is None


def test_chance_is_what_a_map_like_the_controls_has() -> None:
    """Few pairs make low thresholds, of the share and of chance alike."""
    shares, chances = list[float](), list[float]()
    for seed in range(0, 180, 3):
        own, *controls = (noise(40, seed + each) for each in range(3))
        found = above("shuffled", own, controls, 1)
        assert found is not None
        assert found.share is not None
        assert found.by_chance is not None
        shares.append(found.share)
        chances.append(found.by_chance)
    assert np.mean(shares) > 0.002  # not 0.001
    assert np.mean(shares) == pytest.approx(np.mean(chances), rel=0.2)


def test_the_interval_of_the_ratio_holds_it_where_columns_differ() -> None:
    held = []
    for seed in range(0, 400, 2):
        own, control = (noise(120, seed + each, columns=0.7) for each in range(2))
        found = above("twin", own * 2, [control], 8)
        assert found is not None
        assert found.ratio_low is not None
        assert found.ratio_high is not None
        held.append(found.ratio_low <= 2 <= found.ratio_high)
    assert 0.9 <= np.mean(held) <= 0.99


def test_an_interval_needs_ten_blocks_with_known_pairs() -> None:
    own, control = noise(120, 0), noise(120, 1)
    assert above("twin", own[:99, :99], [control[:99, :99]], 1).ratio_low is not None  # type: ignore[union-attr]
    assert above("twin", own[:90, :90], [control[:90, :90]], 1).ratio_low is None  # type: ignore[union-attr]
    for values in (own, control):
        values[:40] = values[:, :40] = math.nan
    found = above("twin", own, [control], 1)
    assert found is not None
    assert found.ratio is not None
    assert found.ratio_low is None
