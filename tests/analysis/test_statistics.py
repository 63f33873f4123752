"""Boundary rates, their intervals and their controls."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from hnet_seq.analysis.annotation import from_features
from hnet_seq.analysis.statistics import (
    BLOCK,
    LONGEST_CHUNK,
    MIN_BLOCKS,
    BoundaryStatistics,
    block_intervals,
)
from pipelines.storage.json_records import as_json

NO_GENES = from_features([])


def genes(length, *, spacing=900, bases=600):
    """Genes on alternate strands, with intergenic bases between them."""
    return from_features(
        SimpleNamespace(
            type="CDS",
            start=start,
            end=start + bases,
            strand="+-"[index % 2],
            phase=0,
            attributes={"ID": f"g{index}"},
        )
        for index, start in enumerate(range(100, length - spacing, spacing))
    )


def random_record(length, rate, seed=0):
    rng = np.random.default_rng(seed)
    tokens = rng.integers(0, 4, length).astype(np.uint8)
    mask = rng.random(length) < rate
    mask[0] = True
    return tokens, mask


def summary_of(tokens, mask, annotation=NO_GENES, start=0):
    statistics = BoundaryStatistics()
    statistics.add(tokens, mask, annotation, start)
    return statistics.summary()


def rows_of(summary):
    return [
        row
        for section in ("codon_position", "regions", "homopolymer", "homopolymer_place", "features")
        for row in summary[section]
    ]


def test_rates_agree_with_a_loop_over_bases():
    tokens, mask = random_record(2000, 0.3)
    tokens[500:600] = 4
    annotation = genes(2000)
    summary = summary_of(tokens, mask, annotation)
    coding = [False] * 2000
    for start, end in zip(annotation.coding.start, annotation.coding.end, strict=True):
        coding[start:end] = [True] * (end - start)
    counted = [base for base in range(1, 2000) if tokens[base] < 4]
    for name, wanted in (("coding", True), ("intergenic", False)):
        bases = [base for base in counted if coding[base] is wanted]
        row = next(row for row in summary["regions"] if row.name == name)
        assert row.bases == len(bases)
        assert row.boundaries == sum(mask[base] for base in bases)
        assert row.rate == pytest.approx(np.mean(mask[bases]))
        assert row.control == pytest.approx(np.mean(mask[counted]))


def test_the_first_base_of_a_record_and_unknown_bases_are_in_no_table():
    tokens = np.array([0, 1, 4, 2], dtype=np.uint8)
    summary = summary_of(tokens, np.array([True, False, True, True]))
    assert sum(row.bases for row in summary["homopolymer"]) == 2
    assert sum(row.boundaries for row in summary["homopolymer"]) == 1
    assert (summary["bases"], summary["boundaries"]) == (4, 3)
    # A region that begins inside a record begins with a base like any other.
    inside = summary_of(tokens, np.array([True, False, True, True]), start=7)
    assert sum(row.bases for row in inside["homopolymer"]) == 3


def test_random_boundaries_are_at_the_control_within_the_interval():
    tokens, mask = random_record(400_000, 0.3, seed=1)
    rows = [row for row in rows_of(summary_of(tokens, mask, genes(400_000))) if row.low]
    assert len(rows) > 25
    outside = [row for row in rows if not row.low <= row.control <= row.high]
    # 5% of honest intervals miss; an interval or a control that is wrong misses far more.
    assert len(outside) <= 4
    big = [row for row in rows if row.bases > 50_000]
    assert all(row.rate / row.control == pytest.approx(1, abs=0.02) for row in big)


# What the docs say, and two sampling errors of 4,000 tests.
LOW, HIGH = 0.93 - 0.007, 0.97 + 0.007


def test_the_interval_covers_the_true_rate_as_often_as_it_says():
    rng = np.random.default_rng(0)
    bases = np.full((30, 4000), 1000)
    # Blocks differ in their own rate: intervals from independent bases would be far too short.
    block_rates = np.clip(rng.normal(0.3, 0.05, (30, 4000)), 0, 1)
    low, high = block_intervals(bases, rng.binomial(bases, block_rates))
    assert LOW <= np.mean((low <= 0.3) & (high >= 0.3)) <= HIGH


def test_ten_blocks_that_differ_cover_as_well():
    rng = np.random.default_rng(1)
    bases = 5 * (1 + rng.poisson(4, (10, 4000)))
    rates = np.minimum(0.1 * rng.gamma(1, size=(10, 4000)), 0.95)
    low, high = block_intervals(bases, rng.binomial(bases, rates))
    given = np.isfinite(low)
    assert given.mean() > 0.9
    true = 0.1 * (1 - np.exp(-9.5))  # of a gamma distribution of shape 1, cut off at 9.5
    # Blocks drawn with replacement would hold it in 85%.
    assert LOW <= np.mean((low <= true) & (high >= true), where=given) <= HIGH


def test_boundaries_in_one_block_only_or_everywhere_have_no_interval():
    bases = np.full((12, 3), 100)
    boundaries = np.zeros((12, 3), int)
    boundaries[4, 0] = 30
    boundaries[:, 1] = 100
    boundaries[:2, 2] = 5
    low, high = block_intervals(bases, boundaries)
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [True, True, False]
    boundaries[0, 2] = 4
    assert np.isnan(block_intervals(bases, boundaries)[0][2])  # nine boundaries are too few
    assert np.isnan(block_intervals(bases, 100 - boundaries)[0][2])  # or nine bases without one


def test_blocks_of_all_sizes_count_for_fewer():
    """Ten of them, where Student's t for ten held the truth in 91%."""
    rng = np.random.default_rng(0)
    bases = 1 + rng.poisson(60 * rng.gamma(1, 1, (10, 4000)))
    rates = np.minimum(0.3 * rng.gamma(2, 0.5, (10, 4000)), 0.95)
    low, high = block_intervals(bases, rng.binomial(bases, rates))
    true = np.minimum(0.3 * rng.gamma(2, 0.5, 400_000), 0.95).mean()
    assert LOW <= np.mean((low <= true) & (true <= high), where=np.isfinite(low)) <= HIGH


@pytest.mark.parametrize("strand", ["+", "-"])
def test_boundaries_planted_at_codon_position_1_are_found_on_their_strand(strand):
    tokens, _ = random_record(200_000, 0.0)
    annotation = genes(200_000)
    coding = annotation.coding
    mask = np.zeros(len(tokens), dtype=bool)
    sign = 1 if strand == "+" else -1
    for start, end, row_strand in zip(coding.start, coding.end, coding.strand, strict=True):
        if row_strand == sign:
            mask[start:end:3] = sign > 0
            mask[end - 1 : start : -3] |= sign < 0
    summary = summary_of(tokens, mask, annotation)
    rates = {(row.strand, row.position): row.rate for row in summary["codon_position"]}
    assert rates[strand, 1] == 1
    assert [rate for where, rate in rates.items() if where != (strand, 1)] == [0] * 5
    starts = {row.name: row.rate for row in summary["features"]}
    assert starts[f"start codon, {strand} strand, base 1"] == 1
    assert starts[f"stop codon, {strand} strand, base 2"] == 0


def test_the_context_control_explains_boundaries_that_follow_three_bases_and_no_more():
    tokens, _ = random_record(300_000, 0.0)
    annotation = genes(300_000)
    tokens[100:200_000:3] = 0  # composition with a period of three inside and outside of genes
    after_two_a = np.zeros(len(tokens), dtype=bool)
    after_two_a[2:] = (tokens[:-2] == 0) & (tokens[1:-1] == 0)
    for row in summary_of(tokens, after_two_a, annotation)["codon_position"]:
        assert row.context_control == pytest.approx(row.rate, abs=1e-9)
    by_frame = np.zeros(len(tokens), dtype=bool)
    by_frame[100::900] = True
    starts = summary_of(tokens, by_frame, annotation)["features"]
    planted = next(row for row in starts if row.name == "start codon, + strand, base 1")
    assert planted.rate == 1
    assert planted.context_control < 0.02


def test_chunk_lengths_stand_beside_the_geometric_law_of_random_boundaries():
    tokens, mask = random_record(400_000, 0.25)
    table = summary_of(tokens, mask)["chunk_length"]
    lengths = np.diff(np.flatnonzero(mask))
    assert table.chunks == len(lengths)
    assert table.mean == pytest.approx(lengths.mean())
    for length in range(1, 20):
        expected = table.control[str(length)]
        assert table.histogram[str(length)] == np.sum(lengths == length)
        assert table.histogram[str(length)] == pytest.approx(expected, abs=5 * expected**0.5)
    assert sum(table.control.values()) == pytest.approx(table.chunks)


def test_chunks_longer_than_the_last_bin_share_it():
    mask = np.zeros(500, dtype=bool)
    mask[[0, 100, 300, 310]] = True
    table = summary_of(np.zeros(500, np.uint8), mask)["chunk_length"]
    assert table.histogram == {"10": 1, str(LONGEST_CHUNK): 2}
    assert table.mean == pytest.approx(310 / 3)


def test_too_few_blocks_give_a_rate_without_an_interval():
    for blocks in (MIN_BLOCKS - 1, MIN_BLOCKS):
        tokens, mask = random_record(blocks * BLOCK, 0.3)
        row = summary_of(tokens, mask)["homopolymer"][0]
        assert row.rate is not None
        assert (row.low is None) == (row.high is None) == (blocks < MIN_BLOCKS)


def test_records_add_up_and_the_summary_is_repeatable_json():
    together = BoundaryStatistics()
    for seed in range(12):
        tokens, mask = random_record(BLOCK, 0.3, seed)
        together.add(tokens, mask, genes(BLOCK))
    first = json.dumps(as_json(together.summary()), allow_nan=False)
    assert first == json.dumps(as_json(together.summary()), allow_nan=False)
    tokens, mask = random_record(BLOCK, 0.3, 0)
    single = summary_of(tokens, mask, genes(BLOCK))
    assert together.summary()["bases"] == 12 * single["bases"]


def test_nothing_to_count_is_a_summary_of_nothing():
    summary = BoundaryStatistics().summary()
    json.dumps(as_json(summary), allow_nan=False)
    assert summary["rate"] is None
    assert all(row.rate is None and row.bases == 0 for row in rows_of(summary))
    empty = summary_of(np.zeros(0, np.uint8), np.zeros(0, bool))
    assert empty["bases"] == 0
