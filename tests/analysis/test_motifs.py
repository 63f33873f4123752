"""Motifs are found on both strands, and their chunks are counted beside exact expectations."""

from __future__ import annotations

import numpy as np
import pytest

from hnet_seq.analysis.enrichment import CutRecord
from hnet_seq.analysis.motifs import Cutter, Occurrences, find_motif, fragmentation
from hnet_seq.results.analyses import Motif
from modalities import dna

LENGTH = 120_000


def spans(text, pattern):
    found = find_motif(dna.encode(text), pattern)
    return list(zip(found.start.tolist(), found.end.tolist(), strict=True))


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("AAGATCAA", "GATC", [(2, 6)]),  # a palindrome counts once
        ("TTACGGTT", "ACGG", [(2, 6)]),
        ("TTCCGTTT", "ACGG", [(2, 6)]),  # its reverse complement
        ("AAAA", "AA", [(0, 2), (1, 3), (2, 4)]),
        ("ACGNACGT", "NACG", []),  # an unknown base matches nothing, not even N
        ("TACGT", "NACG", [(0, 4)]),
        ("CAAYTG", "caa", [(0, 3)]),
        ("GGRYGG", "GGNNGG", []),
        ("CACCTG", "CANNTG", [(0, 6)]),
        ("ACGT", "ACGTA", []),
        ("TTU", "AAA", [(0, 3)]),
    ],
)
def test_patterns_are_found_on_both_strands(text, pattern, expected):
    assert spans(text, pattern) == expected


@pytest.mark.parametrize("pattern", ["RYSWKM", "BDHVN", "TATAAT", "GANTC"])
def test_a_sequence_and_its_reverse_complement_have_the_same_occurrences(pattern):
    tokens = np.random.default_rng(0).integers(0, 5, 50_000, dtype=np.uint8)
    forward = find_motif(tokens, pattern)
    backward = find_motif(dna.reverse_complement(tokens), pattern)
    assert len(forward.start) > 0
    assert forward.start.tolist() == sorted((50_000 - backward.end).tolist())


@pytest.fixture(scope="module")
def tokens():
    return np.random.default_rng(1).integers(0, 4, LENGTH, dtype=np.uint8)


def described(tokens, mask, motifs):
    record = CutRecord("r", 0, tokens, mask)
    return fragmentation([record], motifs, [Cutter("the model", [mask])])


def rows_of(found, motif=0):
    return {row.cutter: row for row in found["motifs"][motif].rows}


def test_a_cutter_at_the_ends_of_motifs_keeps_them_whole_and_one_inside_does_not(tokens):
    motif = find_motif(tokens, "GATC")
    mask = np.zeros(LENGTH, bool)
    mask[motif.start] = True
    mask[motif.end[motif.end < LENGTH]] = True
    inside = np.zeros(LENGTH, bool)
    inside[motif.start + 2] = True
    # A second occurrence that begins inside one would be cut at its ends: GATC has none.
    for cuts, chunks, whole in ((mask, 1, 1), (inside, 2, 0)):
        row = rows_of(described(tokens, cuts, {"dam": {"r": motif}}))["the model"]
        assert (row.chunks, row.whole) == (chunks, whole)
        # None or all of them: how far other blocks might be from that is not seen.
        assert row.whole_low is None
        assert row.chunks_low == (None if chunks == 1 else chunks)


@pytest.mark.parametrize("k", [3, 6])
def test_k_mers_are_what_counting_every_phase_gives(tokens, k):
    motif = find_motif(tokens, "CCWGG")
    row = rows_of(described(tokens, np.zeros(LENGTH, bool), {"dcm": {"r": motif}}))[f"{k}-mers"]
    chunks, whole = [], []
    for phase in range(k):
        cuts = np.zeros(LENGTH + 1, bool)
        cuts[phase::k] = True
        within = np.array(
            [cuts[s + 1 : e].sum() for s, e in zip(motif.start, motif.end, strict=True)]
        )
        chunks.append(1 + within.mean())
        whole.append((within == 0).mean())
    # Over all phases each occurrence meets each alignment once: the mean is exact.
    assert row.chunks == pytest.approx(np.mean(chunks))
    assert row.whole == pytest.approx(np.mean(whole), abs=1e-6)


def test_random_cuts_are_their_own_control(tokens):
    """A model that cuts at random is no different from random cuts: 30 seeds, 95% intervals."""
    motif = find_motif(tokens, "CCWGG")
    hits = 0
    for seed in range(30):
        mask = np.random.default_rng([seed, 7]).random(LENGTH) < 0.25
        row = rows_of(described(tokens, mask, {"dcm": {"r": motif}}))
        model, chance = row["the model"], row["random cuts"]
        assert model.chunks == pytest.approx(chance.chunks, rel=0.15)
        hits += model.ratio_low <= 1 <= model.ratio_high
    assert 25 <= hits <= 30


def test_only_what_lies_wholly_in_the_region_counts(tokens):
    record = CutRecord("r", 100, tokens[100:200], np.ones(100, bool))
    motif = Occurrences.of([(98, 104), (100, 106), (150, 152), (198, 201)])
    found = fragmentation([record], {"m": {"r": motif}}, [Cutter("the model", [record.mask])])
    assert found["motifs"][0].occurrences == 2
    assert rows_of(found)["the model"].chunks == 1 + (5 + 1) / 2
    assert rows_of(found)["the model"].chunks_low is None  # one block


def test_a_motif_that_does_not_occur_has_no_rows(tokens):
    found = described(tokens, np.ones(LENGTH, bool), {"m": {"other": Occurrences.of([(0, 4)])}})
    assert found["motifs"] == [Motif("m", 0, None, [])]


def test_byte_pairs_have_the_mean_length_that_was_asked_for():
    pytest.importorskip("tokenizers")
    from hnet_seq.analysis.byte_pairs import BytePairs

    rng = np.random.default_rng(0)
    tokens = rng.choice(4, 20_000, p=[0.4, 0.1, 0.1, 0.4]).astype(np.uint8)
    tokens[5000:5100] = 4
    for wanted in (2.0, 3.5):
        learned = BytePairs([tokens], wanted)
        mask = learned.mask(tokens)
        assert learned.mean == pytest.approx(wanted, rel=0.03)
        known = np.r_[0:5000, 5100:20_000]
        assert len(known) / mask[known].sum() == pytest.approx(wanted, rel=0.05)
        assert mask[5000:5101].all()
        assert mask.tolist() == BytePairs([tokens], wanted).mask(tokens).tolist()
    assert learned.trained_on == 19_900


def test_byte_pairs_need_something_to_learn_from():
    pytest.importorskip("tokenizers")
    from hnet_seq.analysis.byte_pairs import BytePairs

    with pytest.raises(ValueError, match="to train"):
        BytePairs([np.full(10, 4, np.uint8)], 3)


def test_intervals_of_random_cuts_do_not_widen_with_lengths_that_differ(tokens):
    generator = np.random.default_rng(3)
    mask = generator.random(LENGTH) < 0.3
    length = np.where(np.arange(200) % 7 == 0, 2000, 100)
    start = np.sort(generator.integers(0, LENGTH - 2000, 200))
    found = described(tokens, mask, {"mixed": {"r": Occurrences(start, start + length)}})
    row = rows_of(found)["the model"]
    assert row.ratio_low < 1 < row.ratio_high
    assert row.ratio_high - row.ratio_low < 0.1
