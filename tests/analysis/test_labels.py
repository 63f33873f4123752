"""Every base label, against a loop that says the same in words."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from hnet_seq.analysis.annotation import from_features
from hnet_seq.analysis.labels import (
    TABLES,
    UNKNOWN_CONTEXT,
    base_contexts,
    base_labels,
    codon_labels,
    codon_positions,
    edge_codon_labels,
    homopolymer_runs,
    region_labels,
)

N = 400


def feature(start, end, strand="+", phase=0, kind="CDS", **attributes):
    return SimpleNamespace(
        type=kind, start=start, end=end, strand=strand, phase=phase, attributes=attributes
    )


def random_features(rng, count=12):
    features = []
    for index in range(count):
        start = int(rng.integers(N - 4))
        end = int(min(N, start + 3 + rng.integers(60)))
        strand, phase = rng.choice(["+", "-"]), int(rng.integers(3))
        features.append(feature(start, end, strand, phase, ID=f"cds{index}"))
    return features


def frames_of(features, base, strand):
    frames = set()
    for row in features:
        if row.strand == strand and row.start <= base < row.end:
            read = base - row.start if strand == "+" else row.end - 1 - base
            frames.add((read - row.phase) % 3 + 1)
    return frames


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("start", "end"), [(0, N), (37, 205)])
def test_codon_positions_and_regions_agree_with_a_loop_over_bases(seed, start, end):
    features = random_features(np.random.default_rng(seed))
    genes = [feature(100, 180, kind="gene")]
    annotation = from_features([*features, *genes])
    positions = codon_positions(annotation.coding, start, end)
    plus, minus = codon_labels(positions)
    regions = region_labels(annotation, positions, start)
    for base in range(start, end):
        on_plus, on_minus = (frames_of(features, base, strand) for strand in "+-")
        at = base - start
        expected_plus = on_plus.copy().pop() - 1 if len(on_plus) == 1 and not on_minus else -1
        expected_minus = on_minus.copy().pop() - 1 if len(on_minus) == 1 and not on_plus else -1
        assert (plus[at], minus[at]) == (expected_plus, expected_minus)
        in_gene = 100 <= base < 180
        assert regions[at] == (0 if on_plus or on_minus else 1 if in_gene else 2)


def test_phase_moves_the_frame_on_both_strands():
    coding = from_features([feature(0, 10, "+", 1), feature(20, 30, "-", 2)]).coding
    plus, minus = codon_labels(codon_positions(coding, 0, 30))
    assert plus[:10].tolist() == [2, 0, 1, 2, 0, 1, 2, 0, 1, 2]
    # Translated from base 29 leftwards: two bases finish a codon, then 1, 2, 3.
    assert minus[20:][::-1].tolist() == [1, 2, 0, 1, 2, 0, 1, 2, 0, 1]


def test_start_and_stop_codons_read_in_order_of_translation_even_where_genes_overlap():
    coding = from_features([feature(3, 12, ID="a"), feature(8, 20, "-", ID="b")]).coding
    span = (0, 20)
    start = edge_codon_labels(coding, *span, strand=1, edge="start")
    stop = edge_codon_labels(coding, *span, strand=1, edge="stop")
    assert np.flatnonzero(start >= 0).tolist() == [3, 4, 5]
    assert start[3:6].tolist() == [0, 1, 2]
    assert stop[9:12].tolist() == [0, 1, 2]
    assert edge_codon_labels(coding, *span, strand=-1, edge="start")[17:20].tolist() == [2, 1, 0]
    assert edge_codon_labels(coding, *span, strand=-1, edge="stop")[8:11].tolist() == [2, 1, 0]
    # A span that begins inside a codon sees the rest of it.
    assert edge_codon_labels(coding, 4, 7, strand=1, edge="start").tolist() == [1, 2, -1]


def test_truncated_and_spliced_genes_have_edge_codons_only_where_they_really_end():
    prodigal = feature(0, 9, ID="p", partial="10")
    spliced = [feature(20, 25, ID="s"), feature(40, 47, phase=1, ID="s")]
    backwards = [feature(60, 65, "-", 1, ID="r"), feature(80, 85, "-", ID="r")]
    coding = from_features([prodigal, *spliced, *backwards]).coding
    assert coding.start.tolist() == [0, 20, 40, 60, 80]
    assert coding.has_start.tolist() == [False, True, False, False, True]
    # "r" has 10 bases: not whole codons, so its last three are no stop codon.
    assert coding.has_stop.tolist() == [True, False, True, False, False]


def test_pseudogenes_are_genic_but_have_no_frame():
    annotation = from_features([feature(0, 9, pseudo="true")])
    positions = codon_positions(annotation.coding, 0, 12)
    assert region_labels(annotation, positions, 0).tolist() == [1] * 9 + [2] * 3


@pytest.mark.parametrize("seed", range(5))
def test_homopolymer_runs_agree_with_a_walk_from_each_base(seed):
    tokens = np.random.default_rng(seed).choice([0, 0, 0, 1, 3], size=200).astype(np.uint8)
    lengths, places = homopolymer_runs(tokens)
    for base, token in enumerate(tokens):
        left, right = base, base
        while left and tokens[left - 1] == token:
            left -= 1
        while right + 1 < len(tokens) and tokens[right + 1] == token:
            right += 1
        assert (lengths[base], places[base]) == (right - left + 1, base - left + 1)


def test_runs_are_the_same_however_a_record_is_cut_into_spans():
    rng = np.random.default_rng(0)
    tokens = np.repeat(rng.integers(0, 4, 60), rng.integers(1, 12, 60)).astype(np.uint8)
    annotation = from_features([])
    whole = base_labels(tokens, annotation, 0, len(tokens))
    cuts = [0, 5, 6, 50, 111, len(tokens)]
    spans = [base_labels(tokens, annotation, a, b) for a, b in pairwise(cuts)]
    for index in range(len(TABLES)):
        np.testing.assert_array_equal(whole[index], np.concatenate([s[index] for s in spans]))


def test_the_first_base_of_a_run_and_its_continuation_have_rows_of_their_own():
    tokens = np.array([0, 1, 1, 2, *[3] * 10, 0], dtype=np.uint8)
    index = [table.section for table in TABLES].index("homopolymer_place")
    labels = base_labels(tokens, from_features([]), 0, len(tokens))[index]
    rows = [TABLES[index].rows[label] for label in labels]
    assert [row["name"] for row in rows] == ["1", "2", "2", "1", *["8+"] * 10, "1"]
    assert [row["place"] for row in rows[4:7]] == ["first", "continuation", "continuation"]


def test_a_context_is_the_word_that_ends_at_the_base_and_unknown_beside_an_n():
    tokens = np.array([0, 1, 2, 3, 4, 0, 1, 2], dtype=np.uint8)
    unknown = UNKNOWN_CONTEXT
    assert base_contexts(tokens).tolist() == [
        unknown, unknown, 0 * 16 + 1 * 4 + 2, 1 * 16 + 2 * 4 + 3, unknown, unknown, unknown, 6,
    ]  # fmt: skip
    assert base_contexts(tokens[:2]).tolist() == [unknown, unknown]
