"""Zero-shot tests of readers whose knowledge is known: all of it, none, or the data by heart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.evidence.zero_shot.codons import (
    amino_acids,
    codon_usage,
    codons_of,
    gene_of,
    with_frequent_synonyms,
    with_shuffled_synonyms,
)
from hnet_seq.evidence.zero_shot.counting import CopyReader, MarkovReader
from hnet_seq.evidence.zero_shot.figures import Readers, area, of_windows
from hnet_seq.evidence.zero_shot.genes import synonymous, triplet_expansion
from hnet_seq.evidence.zero_shot.memorisation import memorisation
from hnet_seq.evidence.zero_shot.needle import needle
from hnet_seq.evidence.zero_shot.pairs import preference
from hnet_seq.evidence.zero_shot.reader import Likelihood
from hnet_seq.evidence.zero_shot.recovery import next_base, sequence_recovery
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError, UsageError
from tests.evidence.zero_shot.chains import Around, Chain, KnowsNothing, holds, random_bases

CHAIN = Chain()
READERS: Readers = [("model", CHAIN), ("twin", KnowsNothing())]


def test_who_wrote_the_data_gets_its_entropy_and_who_knows_nothing_is_at_chance() -> None:
    windows = [CHAIN.writes(1000, seed) for seed in range(40)]
    found = next_base(READERS, windows)
    own = found.row(CHAIN.name)["figures"]
    assert holds(own["accuracy"], CHAIN.accuracy())
    assert holds(own["bits_per_base"], CHAIN.entropy())
    assert own["bits_per_base"]["value"] == pytest.approx(CHAIN.entropy(), abs=0.02)
    other = found.row("knows nothing")["figures"]
    assert other["bits_per_base"]["value"] == pytest.approx(2, abs=1e-6)
    assert found.chance == 0.25
    going = sequence_recovery(READERS, windows, generated=1)
    assert holds(going.row(CHAIN.name)["figures"]["accuracy"], CHAIN.accuracy())
    # Of uniform bases a quarter is right, whoever guesses.
    uniform = [random_bases(500, seed) for seed in range(40)]
    for each in (next_base(READERS, uniform), sequence_recovery(READERS, uniform)):
        assert holds(each.row("knows nothing")["figures"]["accuracy"], 0.25)


def test_unknown_bases_are_not_asked_for() -> None:
    windows = [random_bases(200, seed) for seed in range(12)]
    for own in windows:
        own[50:60] = dna.UNKNOWN
        own[-1] = dna.UNKNOWN
    copying: Readers = [("model", CopyReader())]
    figures = next_base(copying, windows).rows[0]["figures"]
    assert figures["bits_per_base"]["value"] == pytest.approx(2, abs=0.01)
    going = sequence_recovery(copying, windows, generated=4).rows[0]["figures"]["accuracy"]
    right = sum(int((own[-4:-1] == 0).sum()) for own in windows)  # it says A where it knows nothing
    assert going["value"] == pytest.approx(right / (3 * 12))


def test_few_windows_have_no_interval_and_a_reader_that_cannot_says_why() -> None:
    windows = [CHAIN.writes(100, seed) for seed in range(5)]
    found = sequence_recovery([*READERS, ("baseline", Around(CHAIN))], windows)
    figure = found.row(CHAIN.name)["figures"]["accuracy"]
    assert figure["low"] is None
    assert figure.get("no_interval") == "under 10 windows"
    assert found.row("both sides")["figures"] == {}
    assert found.row("both sides").get("refused") == "both sides: does not go on"
    with pytest.raises(InputError, match="does not go on"):
        sequence_recovery([("model", Around(CHAIN))], windows)
    assert of_windows(np.ones(12), np.ones(12), "share").get("no_interval") == (
        "at the end of its scale"
    )


def test_synonyms_keep_the_protein_and_shuffled_ones_the_codons_too() -> None:
    gene = CHAIN.writes(300, 1)
    acids = amino_acids()
    usage = codon_usage([CHAIN.writes(3000, seed) for seed in range(3)])
    np.testing.assert_array_equal(gene_of(codons_of(gene)), gene)
    for other in (
        with_frequent_synonyms(gene, usage),
        with_shuffled_synonyms(gene, np.random.default_rng(0)),
    ):
        np.testing.assert_array_equal(acids[codons_of(other)], acids[codons_of(gene)])
        assert codons_of(other)[0] == codons_of(gene)[0]
        assert (other != gene).any()
    shuffled = with_shuffled_synonyms(gene, np.random.default_rng(0))
    np.testing.assert_array_equal(codon_usage([shuffled]), codon_usage([gene]))
    frequent = codons_of(with_frequent_synonyms(gene, usage))[1:]
    for codon in frequent[acids[frequent] != ord("*")]:
        assert usage[codon] == usage[acids == acids[codon]].max()
    assert bytes(acids[codons_of(dna.encode("ATGTTTTAATGA"))]).decode() == "MF**"
    assert bytes(amino_acids(4)[codons_of(dna.encode("TGA"))]).decode() == "W"
    with pytest.raises(UsageError, match="genetic_code: is 99"):
        amino_acids(99)


def test_whose_genes_they_are_prefers_the_real_ones_and_usage_says_what_it_must() -> None:
    genes = [CHAIN.writes(300, seed) for seed in range(60)]
    frequent, shuffled = synonymous(READERS, genes, seed=1)
    own = shuffled.row(CHAIN.name)["figures"]
    assert own["accuracy"]["value"] is not None
    assert own["accuracy"]["value"] > 0.9
    assert own["accuracy"]["low"] is not None
    assert own["accuracy"]["low"] > 0.8
    assert own["auroc"]["low"] is None
    # By hand: the likelihood of each gene and of the same shuffle.
    generator = np.random.default_rng(1)
    others = [with_shuffled_synonyms(gene, generator) for gene in genes]
    nats = [CHAIN.log_likelihoods(group) for group in (genes, others)]
    wins = [one.nats > other.nats for one, other in zip(*nats, strict=True)]
    assert own["accuracy"]["value"] == pytest.approx(np.mean(wins))
    for test in (frequent, shuffled):
        nothing = test.row("knows nothing")["figures"]
        assert nothing["accuracy"]["value"] is None
        assert nothing["accuracy"].get("no_interval") == "all pairs tie"
        assert nothing["ties"]["value"] == 60
        assert nothing["auroc"]["value"] == 0.5
    assert shuffled.row("codon usage")["figures"]["ties"]["value"] == 60
    assert frequent.row("codon usage")["figures"]["accuracy"]["value"] == 0


def test_a_repeat_in_the_frame_is_told_by_whom_knows_the_frame() -> None:
    genes = [CHAIN.writes(300, seed) for seed in range(40)]
    found = triplet_expansion(READERS, genes, seed=2)
    own = found.row(CHAIN.name)["figures"]
    assert own["accuracy"]["value"] == 1.0
    assert own["accuracy"]["low"] is not None
    assert own["accuracy"]["low"] > 0.9
    assert own["replaced"]["value"] is not None
    assert found.row("knows nothing")["figures"]["ties"]["value"] == 40
    expanded = genes[0].copy()
    expanded[60:90] = dna.encode("CAG" * 10)
    assert triplet_expansion(READERS, [expanded, genes[1]]).settings["genes"] == 1
    with pytest.raises(InputError, match="genes: none is long enough"):
        synonymous(READERS, [dna.encode("ATGAAATAA"), dna.encode("ACN" * 100)])


def test_a_needle_is_found_by_whom_copies_and_not_by_whom_counts() -> None:
    hay = [random_bases(64 + 1500, seed) for seed in range(30)]
    order_0 = MarkovReader(MarkovModel(hay, 0))
    readers: Readers = [("model", CopyReader()), ("baseline", order_0)]
    near, far = needle(readers, hay, distances=(1500, 40), seed=3)
    assert (near.test, far.test) == ("needle_40", "needle_1500")
    for found in (near, far):
        copied = found.row(CopyReader().name)["figures"]
        assert copied["exact"]["value"] == 1.0
        assert copied["exact"]["low"] is not None
        assert copied["exact"]["low"] > 0.85
        counted = found.row("Markov order 0")["figures"]
        assert counted["exact"]["value"] == 0.0
        assert holds(counted["accuracy"], 0.25)
    with pytest.raises(InputError, match="haystack 0: has 1564 bases; 2064 are needed"):
        needle(readers, hay, distances=(2000,))
    with pytest.raises(UsageError, match="distances: are"):
        needle(readers, hay, distances=())


def test_a_context_that_ends_before_an_extraction_leaves_the_rest() -> None:
    class Short(Chain):
        def continued(self, prompts: Sequence[Tokens], bases: int) -> list[Tokens]:
            raise InputError(None, "takes 100 tokens", where="short")

    windows = [CHAIN.writes(200, seed) for seed in range(40)]
    figures = memorisation([("model", Short())], windows[:20], windows[20:]).rows[0]["figures"]
    assert figures["membership"]["low"] is not None
    assert figures["extracted"]["value"] is None
    assert figures["extracted"].get("no_interval") == "short: takes 100 tokens"


def test_what_is_no_number_is_told_and_not_left_out() -> None:
    class Broken(Chain):
        def _rows(self, tokens: Tokens) -> NDArray[np.float64]:
            rows = super()._rows(tokens)
            rows[7, 2] = np.nan
            return rows

    class Silent(Chain):
        def log_likelihoods(self, sequences: Sequence[Tokens]) -> list[Likelihood]:
            return [Likelihood(float("nan"), len(own)) for own in sequences]

    windows = [CHAIN.writes(120, seed) for seed in range(24)]
    broken: Readers = [("model", Broken())]
    for measured in (
        lambda: next_base(broken, windows),
        lambda: synonymous(broken, windows),
        lambda: memorisation(broken, windows[:12], windows[12:]),
    ):
        with pytest.raises(InputError, match="base 8 of 120: no probability"):
            measured()
    silent: Readers = [("model", Silent())]
    for also in (
        lambda: synonymous(silent, windows),
        lambda: memorisation(silent, windows[:12], windows[12:]),
    ):
        with pytest.raises(InputError, match=r"a log-likelihood of nan over 120 bases"):
            also()


def test_sums_over_other_numbers_of_bases_are_not_compared() -> None:
    """Whose first word nothing predicts, as long as there are As: the shorter sum would win."""

    class Words(Chain):
        def log_likelihoods(self, sequences: Sequence[Tokens]) -> list[Likelihood]:
            bases = [int((own != 0).sum()) for own in sequences]
            return [Likelihood(-float(count), count) for count in bases]

    real = [dna.encode("CCAA"), dna.encode("CCGG")]
    altered = [dna.encode("CCCA"), dna.encode("GGCC")]
    figures = preference(Words(), real, altered)
    assert figures["ties"]["value"] == 2
    assert figures["accuracy"]["value"] is None


def test_the_area_counts_ties_half() -> None:
    assert area(np.array([1.0, 1.0]), np.array([1.0, 0.0])) == 0.75
