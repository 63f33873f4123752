"""Zero-shot tests as a function: models of ours as readers, what is drawn, the record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hnet_seq import (
    Genome,
    InputError,
    UsageError,
    score,
    zero_shot,
)
from hnet_seq.evidence.zero_shot.counting import CopyReader
from hnet_seq.evidence.zero_shot.reader import Likelihood
from hnet_seq.tasks.scoring.measured_table import read_measured
from hnet_seq.tasks.zero_shot.hnet_reader import HNetReader
from hnet_seq.tasks.zero_shot.models import open_readers
from hnet_seq.tasks.zero_shot.sources import coding_sequences, draw_windows, zero_shot_data
from hnet_seq.tasks.zero_shot.variants import measured_variants
from modalities import dna
from modalities.base import Tokens
from tests.conftest import make_model
from tests.evidence.zero_shot.chains import Chain, random_bases
from tests.tasks.zero_shot.models import masked

SEQUENCES = [dna.encode("ACGNTGCATTACG"), random_bases(90, 1), dna.encode("AC")]


def test_a_causal_models_likelihoods_are_those_of_score_and_of_its_rows() -> None:
    model = make_model("one stage")
    for batch_tokens in (20, 10_000):
        reader = HNetReader(model, "m", batch_tokens=batch_tokens, device="cpu")
        found = reader.log_likelihoods(SEQUENCES)
        rows = reader.base_log_probabilities(SEQUENCES)
        for own, likelihood, row, tokens in zip(
            score(model, SEQUENCES, device="cpu"), found, rows, SEQUENCES, strict=True
        ):
            assert likelihood.nats == pytest.approx(own.log_likelihood, abs=1e-4)
            assert likelihood.bases == own.scored
            assert np.isnan(row[0]).all()
            known = [at for at in range(1, len(tokens)) if tokens[at] < 4]
            assert row[known, tokens[known]].sum() == pytest.approx(likelihood.nats, abs=1e-4)
    with pytest.raises(UsageError, match="batch_tokens: is 0"):
        HNetReader(model, "m", batch_tokens=0)


def test_what_it_goes_on_with_is_the_likeliest_of_the_four_bases() -> None:
    reader = HNetReader(make_model("one stage"), "m", batch_tokens=100, device="cpu")
    prompts = [own for own in SEQUENCES if len(own) > 2]
    for prompt, new in zip(prompts, reader.continued(prompts, 4), strict=True):
        whole = np.concatenate([prompt, new])
        (rows,) = reader.base_log_probabilities([whole])
        assert (rows[len(prompt) :].argmax(1) == new).all()


def test_a_masked_model_is_asked_for_each_base_once_with_every_seventh_hidden() -> None:
    model = masked()
    reader = HNetReader(model, "m", batch_tokens=50, device="cpu")
    rows = reader.base_log_probabilities(SEQUENCES)
    for tokens, own in zip(SEQUENCES, rows, strict=True):
        for at in {0, len(tokens) // 2, len(tokens) - 1}:
            ids = torch.from_numpy(tokens.astype(np.int64))
            ids[at % 7 :: 7] = dna.MASK
            with torch.no_grad():
                said = model(ids).logits[at].log_softmax(-1)[:4]
            np.testing.assert_allclose(own[at], said.numpy(), atol=1e-5)
    assert reader.reads == "around"
    assert reader.log_likelihoods(SEQUENCES)[0].bases == 12
    with pytest.raises(InputError, match="m: is bidirectional"):
        reader.continued(SEQUENCES, 3)


def test_windows_do_not_overlap_and_have_no_unknown_base() -> None:
    document = random_bases(1000, 2)
    document[250] = dna.UNKNOWN
    found = draw_windows([document, random_bases(150, 3)], 100, 50, seed=0, where="train")
    assert len(found) == 10
    assert len({own.tobytes() for own in found}) == 10
    assert draw_windows([document], 100, 3, seed=1, where="x")[0].shape == (100,)
    with pytest.raises(InputError, match="held_out: has no 300 bases in a row"):
        draw_windows([document[:260]], 300, 5, seed=0, where="held_out")


def test_genes_are_spliced_on_their_strands_and_inside_the_stretch(tmp_path: Path) -> None:
    exons = ("ATGAAACCC", "GGGTTTTAA")
    other = "ATGCATTGA"
    back = dna.decode(dna.reverse_complement(dna.encode(other)))
    letters = "TT" + exons[0] + "GTAAAAAAAAAAAG" + exons[1] + "CC" + back + "GG"
    (tmp_path / "g.fa").write_text(f">c\n{letters}\n")
    first = 3 + len(exons[0]) + 14
    at = 3 + 9 + 14 + 9 + 2
    lines = [
        ("CDS", 3, 11, "+", 0, "a"),
        ("CDS", first, first + 8, "+", 0, "a"),
        ("CDS", at, at + 8, "-", 0, "b"),
    ]
    text = "".join(
        f"c\tx\t{kind}\t{start}\t{end}\t.\t{strand}\t{phase}\tID={name}\n"
        for kind, start, end, strand, phase, name in lines
    )
    (tmp_path / "g.gff").write_text(f"##gff-version 3\n{text}")
    genome, features = Genome(tmp_path / "g.fa"), tmp_path / "g.gff"
    length = len(letters)
    every = coding_sequences(genome, features, {"c": [(0, length)]})
    assert sorted(map(dna.decode, every)) == sorted(["".join(exons), other])
    inside = coding_sequences(genome, features, {"c": [(0, at - 3), (at - 1, length)]})
    assert sorted(map(dna.decode, inside)) == sorted(["".join(exons), other])
    cut = coding_sequences(genome, features, {"c": [(0, first), (first, length)]})
    assert [dna.decode(own) for own in cut] == [other]
    # As `shard --validation` splits it: no gene of what was trained on, and a guard between them.
    region = f"region:c:{at - 1}-{length}"
    data = zero_shot_data(tmp_path / "g.fa", region, features, guard=5)
    assert [dna.decode(own) for own in data.genes or []] == [other]
    assert [dna.decode(own) for own in data.held_out] == [letters[at - 2 :]]
    assert [dna.decode(own) for own in data.train] == [letters[: at - 2 - 5]]
    assert zero_shot_data(tmp_path / "g.fa", region, guard=5).genes is None


def test_isoforms_are_one_gene_and_neighbours_in_an_operon_are_two(tmp_path: Path) -> None:
    def codons(count: int) -> str:
        return "ATG" + "GCA" * (count - 2) + "TAA"

    letters = "CC" + codons(60) + "CC" + codons(40) + "CC" + codons(30)
    (tmp_path / "g.fa").write_text(f">c\n{letters}\n")
    second, third = 3 + 182, 3 + 182 + 122
    spans = [
        ("a", [(3, 182)], "+"),
        ("a2", [(3, 32), (123, 182)], "+"),  # skips an exon
        ("over", [(second - 4, second + 118)], "+"),  # begins in the last codon before
        ("back", [(second, second + 119)], "-"),
        ("last", [(third, third + 89)], "+"),
    ]
    text = "".join(
        f"c\tx\tCDS\t{start}\t{end}\t.\t{strand}\t0\tID={name}\n"
        for name, parts, strand in spans
        for start, end in parts
    )
    (tmp_path / "g.gff").write_text(f"##gff-version 3\n{text}")
    whole = {"c": [(0, len(letters))]}
    found = coding_sequences(Genome(tmp_path / "g.fa"), tmp_path / "g.gff", whole)
    assert sorted(map(len, found)) == [90, 120, 123, 180]


def test_the_device_that_was_named_is_the_one_that_computes(tmp_path: Path) -> None:
    make_model("isotropic", seed=4).save_pretrained(tmp_path / "ours")
    for reader in open_readers(tmp_path / "ours", device="cpu"):
        assert isinstance(reader, HNetReader)
        assert reader.device == "cpu"


def test_what_is_out_of_reach_takes_nothing_else_away() -> None:
    data: dict[str, Any] = {"train": random_bases(3000, 1), "held_out": random_bases(3000, 2)}
    for tests in (None, ("needle",)):
        found = zero_shot(
            CopyReader(),
            **data,
            tests=tests,
            distances=(40, 80, 9000),
            trials=4,
            windows=4,
            window_bases=64,
        )
        names = [test.test for test in found.tests if test.test.startswith("needle")]
        assert names == ["needle_40", "needle_80"]
        assert list(found.left_out) == ["needle_9000"]
        assert "held_out: has no 9064 bases" in found.left_out["needle_9000"]
    with pytest.raises(InputError, match="held_out: has no 9064 bases"):
        zero_shot(CopyReader(), **data, tests=("needle",), distances=(9000,), trials=4)
    none = zero_shot(CopyReader(), **data, genes=[], windows=4, window_bases=64, distances=(40,))
    assert none.left_out["synonymous"] == "genes: has none"
    with pytest.raises(InputError, match="windows stand in the training data"):
        zero_shot(
            CopyReader(),
            train=data["train"],
            held_out=data["train"],
            windows=20,
            window_bases=64,
            tests=("memorisation",),
        )


def test_the_record_says_which_model_it_was(tmp_path: Path) -> None:
    data: dict[str, Any] = {"train": random_bases(900, 1), "held_out": random_bases(900, 2)}
    data |= {"tests": ("next_base",), "windows": 4, "window_bases": 64}
    make_model("isotropic", seed=4).save_pretrained(tmp_path / "ours")
    one, twin = open_readers(tmp_path / "ours", device="cpu")
    found, of_twin = (zero_shot(own, **data) for own in (one, twin))
    assert found.model == str(tmp_path / "ours")
    assert found.fingerprint != of_twin.fingerprint
    made = zero_shot(make_model("isotropic", seed=4), **data, device="cpu", name="mine")
    assert (made.model, made.fingerprint) == ("mine", found.fingerprint)
    assert zero_shot(CopyReader(), **data).fingerprint is None


def test_sums_that_leave_out_other_numbers_of_bases_are_not_ranked(tmp_path: Path) -> None:
    class Words(Chain):
        def log_likelihoods(self, sequences: Sequence[Tokens]) -> list[Likelihood]:
            return [
                Likelihood(own.nats, own.bases - int(tokens[0]))
                for own, tokens in zip(super().log_likelihoods(sequences), sequences, strict=True)
            ]

    rows = [(dna.decode(random_bases(30, seed)), float(seed)) for seed in range(40)]
    table = tmp_path / "measured.tsv"
    table.write_text("sequence\tvalue\n" + "".join(f"{s}\t{v}\n" for s, v in rows))
    measured = read_measured(table, "value")
    with pytest.raises(InputError, match="leaves out 1 bases of one sequence and 4 of another"):
        measured_variants([("model", Words())], measured)
    found = measured_variants([("model", Chain())], measured)
    assert found.rows[0]["figures"]["spearman"]["value"] is not None
