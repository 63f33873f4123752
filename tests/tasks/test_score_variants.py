"""Variants: windows of equal length around them, and the difference between them to a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hnet_seq import HNetForCausalLM
from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.model.streaming import CacheLimitError
from hnet_seq.tasks.scoring.likelihoods import SHORTER, scoring
from hnet_seq.tasks.scoring.variant_scores import score_variants
from hnet_seq.tasks.scoring.variant_windows import Placed, place, windows
from modalities import dna
from modalities.errors import InputError, UsageError
from pipelines.formats.genome import Genome
from pipelines.formats.variants import Variant
from tests.tasks.variant_genome import CHROM, OTHER, SHORT, folder

__all__ = ["folder"]  # a fixture


@pytest.fixture(scope="module")
def genome(folder: Path) -> Genome:
    return Genome(folder / "g.fa")


def at(pos: int, length: int, alt: str, *, chrom: str = "c.1|x") -> Variant:
    record = CHROM if chrom == "c.1|x" else SHORT
    return Variant(chrom, pos, record[pos - 1 : pos - 1 + length], alt)


def snv(pos: int) -> Variant:
    return at(pos, 1, OTHER[CHROM[pos - 1]])


def mutated(variant: Variant) -> str:
    record = CHROM if variant.chrom == "c.1|x" else SHORT
    start = variant.pos - 1
    return record[:start] + variant.alt + record[start + len(variant.ref) :]


VARIANTS = [
    *map(snv, (1, 2, 150, 151, 399, 400)),
    *(at(pos, 1, CHROM[pos - 1] + "ACCA") for pos in (1, 150, 390, 398, 400)),
    *(at(pos, 6, CHROM[pos - 1]) for pos in (1, 150, 380, 395)),
    at(150, 3, "GATTACA"),
    at(200, 2, "".join(OTHER[x] for x in CHROM[199:201])),
    *(at(pos, 1, "A" if SHORT[pos - 1] != "A" else "C", chrom="short") for pos in (1, 15, 30)),
    at(15, 1, SHORT[14] + "GG", chrom="short"),
    at(15, 4, SHORT[14], chrom="short"),
]


@pytest.mark.parametrize("window", [33, 64, 1000])
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: f"{v.chrom}:{v.pos}{v.ref}>{v.alt}")
def test_windows_begin_and_end_at_the_same_places_of_the_record_and_the_mutant(
    genome: Genome, variant: Variant, window: int
) -> None:
    placed = place(genome, variant, window=window)
    assert isinstance(placed, Placed)
    reference, changed = windows(genome, placed)
    record = CHROM if variant.chrom == "c.1|x" else SHORT
    after = len(record) - placed.last
    assert dna.decode(reference) == record[placed.first : placed.last]
    mutant = mutated(variant)
    assert dna.decode(changed) == mutant[placed.first : len(mutant) - after]
    assert placed.first <= placed.start <= placed.end <= placed.last
    longest = max(len(reference), len(changed))
    assert longest in (window, window + 1, max(len(record), len(mutant)))
    assert placed.tokens == len(reference) + len(changed)


def test_an_snv_lies_in_the_middle_of_a_window_where_there_is_room(genome: Genome) -> None:
    for pos, window, bounds in ((150, 65, (117, 182)), (150, 64, (117, 181)), (2, 64, (0, 64))):
        placed = place(genome, snv(pos), window=window)
        assert isinstance(placed, Placed)
        assert (placed.first, placed.last) == bounds


def test_letters_that_both_alleles_repeat_do_not_matter(genome: Genome) -> None:
    bare = at(150, 1, CHROM[149] + "GG")
    padded = Variant(bare.chrom, 146, CHROM[145:155], CHROM[145:150] + "GG" + CHROM[150:155])
    found = [place(genome, variant, window=64) for variant in (bare, padded)]
    assert isinstance(found[0], Placed)
    assert isinstance(found[1], Placed)
    assert found[0].key == found[1].key


def by_hand(model: HNetForCausalLM, sequence: str) -> float:
    tokens = torch.from_numpy(dna.encode(sequence)).long()
    with torch.no_grad():
        log_p = model(tokens).logits.double().log_softmax(-1)
    return sum(float(log_p[t - 1, tokens[t]]) for t in range(1, len(tokens)) if tokens[t] < 4)


def test_a_score_is_the_difference_of_two_log_likelihoods_each_base_against_a_random_letter(
    hnet: HNetForCausalLM, genome: Genome
) -> None:
    chosen = VARIANTS[::3]
    rows = list(score_variants(hnet, genome, chosen, window=40))
    forward_only = score_variants(hnet, genome, chosen, window=40, strands="none")
    for row, one_strand, variant in zip(rows, forward_only, chosen, strict=True):
        placed = place(genome, variant, window=40)
        assert isinstance(placed, Placed)
        pair = windows(genome, placed)
        gained = row.length_change * np.log(4)
        ref, alt = (by_hand(hnet, dna.decode(tokens)) for tokens in pair)
        assert row.llr_forward == pytest.approx(alt - ref + gained, abs=2e-4)
        ref, alt = (by_hand(hnet, dna.decode(dna.reverse_complement(tokens))) for tokens in pair)
        assert row.llr_reverse == pytest.approx(alt - ref + gained, abs=2e-4)
        assert row.llr == pytest.approx((row.llr_forward + row.llr_reverse) / 2)
        assert one_strand.llr == pytest.approx(row.llr_forward, abs=1e-5)
        assert np.isnan(one_strand.llr_reverse)


def test_neither_batches_nor_neighbours_nor_order_matter(
    hnet: HNetForCausalLM, genome: Genome
) -> None:
    chosen = VARIANTS[1::4]

    def scores(variants: list[Variant], **options: Any) -> list[float]:
        return [row.llr for row in score_variants(hnet, genome, variants, window=50, **options)]

    together = scores(chosen)
    alone = [scores([variant])[0] for variant in chosen]
    for other in (scores(chosen, batch_tokens=50), scores(chosen[::-1])[::-1], alone):
        np.testing.assert_allclose(other, together, atol=2e-4)


def test_a_shared_reference_window_is_computed_once(
    hnet: HNetForCausalLM, genome: Genome, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    original = hnet.encode

    def spy(ids, packing, *rest):
        seen.append(packing.total)
        return original(ids, packing, *rest)

    monkeypatch.setattr(hnet, "encode", spy)
    three = [at(150, 1, alt) for alt in "ACGT" if alt != CHROM[149]]
    list(score_variants(hnet, genome, [*three, three[0]], window=50, strands="none"))
    # What all four begin with, and from the base before the change what they end with.
    assert sum(seen) == 24 + 4 * 26


def test_unknown_bases_in_a_window_are_counted_and_not_scored(
    hnet: HNetForCausalLM, genome: Genome
) -> None:
    (row,) = score_variants(hnet, genome, [snv(295)], window=30)
    assert row.unknown == 4
    assert np.isfinite(row.llr)


def test_what_has_no_letters_is_skipped_with_its_reason(
    hnet: HNetForCausalLM, genome: Genome
) -> None:
    alts = ["<DEL>", "*", ".", "]c:5]A", ".A", CHROM[9] + "N", CHROM[9], CHROM[9] + "A" * 30]
    rows = list(score_variants(hnet, genome, [at(10, 1, alt) for alt in alts], window=40))
    assert [row.skipped for row in rows] == [
        "symbolic",
        "overlapping_deletion",
        "no_alternative",
        "breakend",
        "breakend",
        "unknown_base",
        "same_as_reference",
        "too_long",
    ]
    assert all(np.isnan(row.llr) and row.kind == "" for row in rows)


def test_the_columns_beside_a_score(hnet: HNetForCausalLM, genome: Genome) -> None:
    rows = list(score_variants(hnet, genome, VARIANTS, window=60))
    by_kind = {row.kind: row for row in rows}
    assert set(by_kind) == {"SNV", "MNV", "insertion", "deletion", "indel"}
    assert (by_kind["MNV"].edits, by_kind["MNV"].length_change) == (2, 0)
    insertion = rows[7]
    assert (insertion.edits, insertion.length_change, insertion.gc_change) == (4, 4, 2)
    for pos, ref, alt, expected in ((150, "A", "G", 1), (150, "A", "T", 0), (150, "C", "T", 1)):
        start = CHROM.index(ref, pos)
        (row,) = score_variants(hnet, genome, [at(start + 1, 1, alt)], window=60)
        assert row.transition == expected


def test_the_markov_difference_is_counted_without_the_window(
    hnet: HNetForCausalLM, genome: Genome
) -> None:
    markov = MarkovModel([dna.encode(CHROM)], 0)
    variant = snv(150)
    (row,) = score_variants(hnet, genome, [variant], window=60, markov=markov)
    rest = CHROM[:119] + CHROM[179:]
    # On both strands a letter occurs as often as its complement does.
    complement = dict(zip("ACGT", "TGCA", strict=True))
    count = {x: rest.count(x) + rest.count(complement[x]) + 0.5 for x in "ACGT"}
    expected = np.log(count[variant.alt] / count[variant.ref])
    assert row.markov_llr == pytest.approx(expected)


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        (Variant("c.1|x", 5, "NNN", "A", line=7), "line 7, c.1|x:5: the reference allele is NNN"),
        (Variant("c.1|x", 5, CHROM[4] + OTHER[CHROM[5]], "A"), f"{CHROM[4:6]} there; is it"),
        (Variant("c.1|x", 400, "AAAA", "A"), "the reference allele ends at 403, and c.1|x has 400"),
        (Variant("c.1|y", 5, "A", "C"), "no record 'c.1|y'; the genome has 2, as c.1|x"),
        (Variant("chrshort", 5, "A", "C"), "no record 'chrshort'; the genome has 'short': rename"),
    ],
)
def test_what_does_not_fit_the_genome_is_named(
    hnet: HNetForCausalLM, genome: Genome, variant: Variant, message: str
) -> None:
    with pytest.raises(InputError) as error:
        list(score_variants(hnet, genome, [variant]))
    assert message in str(error.value)
    (row,) = score_variants(hnet, genome, [variant], on_mismatch="skip")
    assert row.skipped == ("no_record" if "no record" in message else "mismatch")


def test_a_row_that_is_no_variant_is_refused_by_the_functions_own_option(
    hnet: HNetForCausalLM, genome: Genome, tmp_path: Path
) -> None:
    path = tmp_path / "v.csv"
    path.write_text("chrom,pos,ref,alt\nchr,x,A,C\n")
    with pytest.raises(InputError, match=r"line 2: position 'x' .*\(`on_mismatch` skip leaves"):
        list(score_variants(hnet, genome, path))
    (row,) = score_variants(hnet, genome, path, on_mismatch="skip")
    assert row.skipped == "no_variant"


def test_options_that_cannot_be_meant_are_refused(hnet: HNetForCausalLM, genome: Genome) -> None:
    for options in ({"window": 1}, {"strands": "both"}, {"on_mismatch": "x"}, {"batch_tokens": 0}):
        with pytest.raises(UsageError):
            score_variants(hnet, genome, [snv(5)], **options)


def test_windows_that_are_too_long_are_to_be_shortened(hnet: HNetForCausalLM) -> None:
    """Attention's window and cache are options of other uses."""
    with pytest.raises(InputError) as raised, scoring(hnet, SHORTER):
        raise CacheLimitError("chr:1", 9000, 2e9, 1_000_000_000, 4500)
    said = raised.value.for_command_line({"window": "--window"})
    assert said == (
        "sequence chr:1: over 9,000 tokens the cache of the model's global attention would take "
        "2.0 GB, above the limit of 1.0 GB; shorten the windows (--window) or the stretch"
    )
