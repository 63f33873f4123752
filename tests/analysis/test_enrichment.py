"""Enrichment is found where it is, and only there; its intervals hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from hnet_seq.analysis.enrichment import CutRecord, enrichment
from hnet_seq.analysis.site_counts import blocks_of, count_at_sites, shifted_in_blocks
from hnet_seq.analysis.sites import Sites

LENGTH = 300_000


def bases(seed, length=LENGTH):
    return np.random.default_rng(seed).integers(0, 4, length, dtype=np.uint8)


def record(seed, rate=0.2, length=LENGTH, **kwargs):
    mask = np.random.default_rng([seed, 1]).random(length) < rate
    return CutRecord("chr", 0, bases(seed, length), mask, **kwargs)


def random_sites(seed, count, length=LENGTH):
    rng = np.random.default_rng([seed, 2])
    return Sites.of(
        zip(
            rng.integers(0, length, count).tolist(),
            rng.choice([-1, 1], count).tolist(),
            strict=True,
        )
    )


def described(records, sites, **kwargs):
    arguments = {"width": 60, "near": 2, "shifts": 30} | kwargs
    found = enrichment(records, {"chr": {"site": sites}}, **arguments)
    (kind,) = found["kinds"]
    return found, kind


@pytest.mark.parametrize("sign", [1, -1])
def test_sites_at_boundaries_are_enriched_and_lose_it_when_shifted_by_50_bases(sign):
    cut = record(0, rate=0.05)
    places = np.flatnonzero(cut.mask)[::7]
    _, at = described([cut], Sites.of((int(p), sign) for p in places))
    _, off = described([cut], Sites.of((int(p) + 50, sign) for p in places if p + 50 < LENGTH))
    for control in ("shifted", "random", "context"):
        # One certain boundary of five bases, and the usual 0.05 at the others.
        assert getattr(at.controls, control).ratio == pytest.approx((1 + 4 * 0.05) / 0.25, rel=0.1)
        assert getattr(at.controls, control).low > 4
        assert getattr(off.controls, control).low < 1.1
        assert getattr(off.controls, control).high > 0.9
    assert at.controls.shifted.p == pytest.approx(1 / 31)
    middle = at.profile.distance.index(0)
    assert at.profile.rate[middle] == 1
    # The site that was shifted by 50 bases sees its boundary 50 bases before, or after.
    assert off.profile.rate[middle - 50 * sign] == 1
    assert off.profile.rate[middle] < 0.2


def test_random_boundaries_are_1_within_the_interval_as_often_as_it_says():
    """60 genomes of random boundaries: a 95% interval may miss 1 in about 3 of them."""
    hits = dict.fromkeys(("shifted", "random", "context", "shuffled"), 0)
    trials = 60
    for seed in range(trials):
        other = np.random.default_rng([seed, 3]).random(LENGTH) < 0.15
        cut = record(seed, shuffled=(other,))
        _, kind = described([cut], random_sites(seed, 900), width=10, shifts=20, seed=seed)
        for control in hits:
            row = getattr(kind.controls, control)
            hits[control] += row.low <= 1 <= row.high
            assert row.ratio == pytest.approx(1, abs=0.15)
    # 51 of 60 or fewer have a chance of 1 in 1,000 where the coverage is 95%.
    assert all(count >= 52 for count in hits.values()), hits
    assert not all(count == trials for count in hits.values())


def test_the_p_value_of_random_boundaries_is_anything():
    values = [
        described([record(seed)], random_sites(seed, 300), width=5, seed=seed)[1].controls.shifted.p
        for seed in range(30)
    ]
    assert min(values) < 0.25
    assert max(values) > 0.75
    assert sum(value <= 0.05 for value in values) <= 5


def test_a_boundary_that_the_last_letters_explain_is_no_enrichment_over_context():
    """A model that cuts after every CAG gathers at sites after CAG: context says why."""
    tokens = bases(1)
    after = np.flatnonzero((tokens[:-2] == 1) & (tokens[1:-1] == 0) & (tokens[2:] == 2)) + 2
    mask = np.zeros(LENGTH, bool)
    mask[after] = True
    cut = CutRecord("chr", 0, tokens, mask)
    found, kind = described([cut], Sites.of((int(p), 1) for p in after[::5]), near=0)
    assert kind.controls.random.ratio == pytest.approx(1 / found["rate"], rel=0.01)
    assert kind.controls.context.ratio == pytest.approx(1, abs=0.01)


def test_shuffled_boundaries_are_compared_at_their_own_rate():
    cut = record(2, rate=0.1)
    sites = Sites.of((int(p), 1) for p in np.flatnonzero(cut.mask)[::20])
    shuffled = np.random.default_rng(9).random(LENGTH) < 0.4
    with_shuffle = CutRecord("chr", 0, cut.tokens, cut.mask, (shuffled,))
    found, kind = described([with_shuffle], sites, near=0)
    assert found["shuffled_rates"] == [pytest.approx(0.4, abs=0.01)]
    assert kind.controls.shuffled.ratio == pytest.approx(10, rel=0.1)
    twice = CutRecord("chr", 0, cut.tokens, cut.mask, (shuffled, shuffled))
    again, same = described([twice], sites, near=0)
    assert len(again["shuffled_rates"]) == 2
    assert same.controls.shuffled == kind.controls.shuffled


def test_unknown_bases_record_starts_and_places_outside_do_not_count():
    tokens = bases(3, 40)
    tokens[20] = 4
    cut = CutRecord("chr", 0, tokens, np.ones(40, bool))
    _, kind = described([cut], Sites.of([(2, 1), (19, 1)]), width=3, near=1)
    counted = dict(zip(kind.profile.distance, kind.profile.bases, strict=True))
    assert counted == {-3: 1, -2: 1, -1: 2, 0: 2, 1: 1, 2: 2, 3: 2}
    assert kind.observed.bases == 5
    assert kind.observed.low is None  # one block tells nothing about spread
    _, none = described([cut], Sites.of([(500, 1)]), width=3, near=1)
    assert (none.sites, none.observed.rate) == (0, None)


def test_a_region_counts_as_the_same_bases_of_its_record():
    whole = record(4, length=60_000)
    part = CutRecord("chr", 20_000, whole.tokens[20_000:], whole.mask[20_000:])
    sites = random_sites(4, 200, 60_000)
    inside = Sites(*(column[sites.cuts >= 20_010] for column in (sites.cuts, sites.signs)))
    _, one = described([whole], inside, width=5)
    _, other = described([part], inside, width=5)
    assert one.observed.rate == other.observed.rate
    assert one.profile.rate == other.profile.rate


def test_the_forced_cut_of_a_region_that_is_read_from_its_first_base_does_not_count():
    cut = np.zeros(40, bool)
    cut[0] = True
    sites = Sites.of([(500, 1)])
    for origin, boundaries in ((500, 0), (499, 1)):
        part = CutRecord("chr", 500, bases(7, 40), cut, origin=origin)
        found, kind = described([part], sites, width=3, near=1)
        assert kind.observed.boundaries == boundaries
        assert found["rate"] == boundaries / (39 + boundaries)


def test_distances_run_downstream_on_both_strands():
    values = np.arange(100)
    sites = Sites.of([(50, 1), (50, -1)])
    found = count_at_sites(values, np.ones(100, bool), sites, 2, np.array([0, 1]))
    # Sorted by sign: the - strand first. Its upstream bases lie to the right.
    assert found.values.tolist() == [[52, 51, 50, 49, 48], [48, 49, 50, 51, 52]]


def test_shifts_keep_sites_in_their_block_and_their_distances_round_it():
    sites = random_sites(5, 400, 47_000)
    blocks = blocks_of(sites.cuts, 47_000)
    assert blocks.max() == 3  # the last block takes in the rest
    moved = shifted_in_blocks(sites, 47_000, 100, np.random.default_rng(0))
    assert blocks_of(moved.cuts, 47_000).tolist() == blocks.tolist()
    assert moved.signs.tolist() == sites.signs.tolist()
    for block, size in enumerate((10_000, 10_000, 10_000, 17_000)):
        steps = (moved.cuts - sites.cuts)[blocks == block] % size
        assert len(set(steps.tolist())) == 1
        assert 100 <= steps[0] <= size - 100


def test_a_seed_gives_one_result():
    cut, sites = record(6), random_sites(6, 500)
    one = enrichment([cut], {"chr": {"site": sites}}, width=20, near=2, shifts=10, seed=3)
    two = enrichment([cut], {"chr": {"site": sites}}, width=20, near=2, shifts=10, seed=3)
    assert one == two
