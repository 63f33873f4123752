"""The score of an edit: one for every spelling and strand, and its negative for the inverse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hnet_seq import HNetForCausalLM
from hnet_seq.tasks.scoring.variant_score import VariantScore
from hnet_seq.tasks.scoring.variant_scores import score_variants
from hnet_seq.tasks.scoring.variant_windows import Placed, place, windows
from hnet_seq.tasks.scoring.window_pairs import difference
from modalities import dna
from modalities.base import Tokens
from pipelines.formats.alleles import Variant
from pipelines.formats.genome import Genome
from tests.tasks.edits import Edit, genome_of, made_up_edits

EDITS = made_up_edits(120)


def window_pair(genome: Genome, variant: Variant, window: int) -> tuple[Tokens, Tokens]:
    placed = place(genome, variant, window=window)
    assert isinstance(placed, Placed), (variant, placed)
    return windows(genome, placed)


def same(one: Sequence[Tokens], two: Sequence[Tokens]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize("window", [64, 101, 1024])
def test_the_windows_are_those_of_the_two_sequences_however_they_are_told(
    tmp_path: Path, window: int
) -> None:
    inverse, mirrored = ([getattr(x, how)() for x in EDITS] for how in ("inverse", "mirrored"))
    genomes = [genome_of(x, tmp_path / f"{i}.fa") for i, x in enumerate((EDITS, inverse, mirrored))]
    for edit, undone, turned in zip(EDITS, inverse, mirrored, strict=True):
        pair = window_pair(genomes[0], edit.spellings()[0], window)
        for variant in edit.spellings()[1:]:
            assert same(window_pair(genomes[0], variant, window), pair)
        for variant in undone.spellings():
            assert same(window_pair(genomes[1], variant, window), pair[::-1])
        for variant in turned.spellings():
            own = [dna.reverse_complement(x) for x in window_pair(genomes[2], variant, window)]
            assert same(own, pair)
        check_ends(edit, pair, window)


def check_ends(edit: Edit, pair: tuple[Tokens, Tokens], window: int) -> None:
    """Both are cut from their records with the same flanks, and so large as was asked."""
    before, after = map(dna.decode, pair)
    assert edit.before.replace(before, "", 1) == edit.after.replace(after, "", 1)
    longest, record = max(len(before), len(after)), max(len(edit.before), len(edit.after))
    assert longest in (window, window + 1) or longest > window or longest == record


def scores_of(
    model: HNetForCausalLM, edits: Sequence[Edit], path: Path, which: int, **options: Any
) -> list[VariantScore]:
    chosen = [edit.spellings()[which] for edit in edits]
    return list(score_variants(model, genome_of(edits, path), chosen, **options))


def test_a_score_is_one_of_the_edit_its_negative_of_the_inverse_and_one_on_both_strands(
    hnet: HNetForCausalLM, tmp_path: Path
) -> None:
    edits, path = EDITS[:12], tmp_path / "g.fa"
    rows = scores_of(hnet, edits, path, 0, window=64)
    assert {row.kind for row in rows} == {"MNV", "insertion", "deletion", "indel"}
    assert min(abs(row.llr_forward) for row in rows) > 1e-3  # what is compared is no zero
    padded = scores_of(hnet, edits, path, 2, window=64, batch_tokens=300)
    undone = scores_of(hnet, [edit.inverse() for edit in edits], path, 1, window=64)
    turned = scores_of(hnet, [edit.mirrored() for edit in edits], path, 0, window=64)
    for row, same_row, minus, other in zip(rows, padded, undone, turned, strict=True):
        values = (row.llr, row.llr_forward, row.llr_reverse)
        assert (same_row.llr, same_row.llr_forward, same_row.llr_reverse) == pytest.approx(
            values, abs=1e-4
        )
        assert (-minus.llr, -minus.llr_forward, -minus.llr_reverse) == pytest.approx(
            values, abs=1e-4
        )
        assert (other.llr, other.llr_reverse, other.llr_forward) == pytest.approx(values, abs=1e-4)


def test_on_a_cpu_that_holds_to_the_last_bit_whatever_else_is_scored(
    hnet: HNetForCausalLM, tmp_path: Path
) -> None:
    edits, path = EDITS[:12], tmp_path / "g.fa"
    first = scores_of(hnet, edits, path, 0, window=64)
    others = scores_of(hnet, EDITS[30:37] + edits[::-1], path, 1, window=64)[7:][::-1]
    undone = scores_of(hnet, [edit.inverse() for edit in edits[3:]], path, 1, window=64)
    assert [row.llr for row in others] == [row.llr for row in first]
    assert [-row.llr for row in undone] == [row.llr for row in first[3:]]


def test_a_base_gained_counts_no_more_than_a_random_letter() -> None:
    one, two = dna.encode("ACGTACGT"), dna.encode("ACGTGGGTACGT")
    uniform = [np.full(len(x), -math.log(4)) for x in (one, two)]
    assert difference(one, two, *uniform) == pytest.approx(0)
    likely = np.full(len(two), -math.log(2))
    assert difference(one, two, uniform[0], likely) == pytest.approx(8 * math.log(2))


def test_a_repeat_longer_than_the_window_widens_it_and_a_far_longer_one_has_no_score(
    tmp_path: Path,
) -> None:
    for length, expected in ((100, 132), (400, 432), (600, "too_long")):
        edit = Edit("r", "ACGTTGCAGT" * 9 + "CA" * (length // 2) + "GTTGCAGT" * 9, "")
        edit = Edit("r", edit.before, edit.before.replace("CACACA", "CACA", 1))
        genome = genome_of([edit], tmp_path / "g.fa")
        for variant in edit.spellings():
            placed = place(genome, variant, window=64)
            assert placed == expected or (
                isinstance(placed, Placed) and placed.last - placed.first == expected
            )


@pytest.mark.parametrize(
    ("ref", "alt", "says"),
    [
        ("A", "T", "unknown_base"),  # the genome has M there: A or C
        ("C", "T", "unknown_base"),
        ("M", "T", "unknown_base"),
        ("N", "T", "unknown_base"),
        ("G", "T", "mismatch"),
        ("R", "T", "mismatch"),
        ("AG", "A", ""),  # only what is known changes
        ("NG", "NT", ""),
        ("MGT", "M", ""),
        ("AG", "MG", "unknown_base"),
        ("A", "<DEL>", "symbolic"),
    ],
)
def test_under_an_ambiguity_code_stands_what_it_may_be(
    tmp_path: Path, ref: str, alt: str, says: str
) -> None:
    path = tmp_path / "g.fa"
    path.write_text(">c\nACGGTTACGmGTCCATTGACAAGT\n")
    found = place(Genome(path), Variant("c", 10, ref, alt), window=8, skip_mismatches=True)
    assert found == says if says else isinstance(found, Placed)
