"""Zero-shot tests as a function: models of ours as readers, what is drawn, the record."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hnet_seq import (
    Genome,
    HNetConfig,
    HNetForCausalLM,
    HNetForMaskedLM,
    InputError,
    UsageError,
    read_result,
    score,
    zero_shot,
)
from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.evidence.measures.spearman import spearman
from hnet_seq.evidence.zero_shot.counting import CopyReader, MarkovReader
from hnet_seq.evidence.zero_shot.memorisation import verdict
from hnet_seq.evidence.zero_shot.reader import Likelihood
from hnet_seq.model.counted_text import counted_texts
from hnet_seq.model.ngram_tables import GAP
from hnet_seq.results.zero_shot import ZeroShot
from hnet_seq.tasks.scoring.measured_table import read_measured
from hnet_seq.tasks.zero_shot.hnet_reader import HNetReader
from hnet_seq.tasks.zero_shot.models import open_readers
from hnet_seq.tasks.zero_shot.sources import coding_sequences, draw_windows, zero_shot_data
from hnet_seq.tasks.zero_shot.variants import measured_variants
from modalities import dna
from modalities.base import Tokens
from tests.conftest import make_model
from tests.evidence.zero_shot.chains import Chain, KnowsNothing, random_bases
from tests.peers.tiny import bert

SEQUENCES = [dna.encode("ACGNTGCATTACG"), random_bases(90, 1), dna.encode("AC")]


def masked() -> HNetForMaskedLM:
    config = HNetConfig.from_dict(
        {
            "arch_layout": ["m1", ["m1"], "m1"],
            "d_model": [32, 64],
            "d_intermediate": [0, 0],
            "vocab_size": 8,
            "ssm_cfg": {"d_state": 16},
            "attn_cfg": {"num_heads": [], "rotary_emb_dim": [], "window_size": []},
            "bidirectional": True,
        }
    )
    return HNetForMaskedLM(config, seed=3).eval()


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


def test_a_checkpoint_and_its_twin_are_opened_whoever_made_it(tmp_path: Path) -> None:
    make_model("isotropic", seed=4).save_pretrained(tmp_path / "ours")
    one, twin = open_readers(tmp_path / "ours", device="cpu")
    tokens = [random_bases(40, 1)]
    made = HNetReader(make_model("isotropic", seed=4), "m", device="cpu")
    same = made.log_likelihoods(tokens)
    assert one.log_likelihoods(tokens) == same
    assert twin.log_likelihoods(tokens) != same
    assert twin.name == f"{tmp_path / 'ours'}, untrained twin"
    bert(tmp_path / "peer")
    for where in (str(tmp_path / "peer"), f"transformers:{tmp_path / 'peer'}"):
        peer, untrained = open_readers(where, device="cpu")
        assert (peer.reads, untrained.reads) == ("around", "around")
        assert peer.name == str(tmp_path / "peer")
    with pytest.raises(InputError, match=r"64 tokens, and .*peer takes 38"):
        zero_shot(
            peer,
            train=random_bases(900, 2),
            held_out=random_bases(900, 3),
            windows=4,
            window_bases=64,
            tests=("next_base",),
        )


def test_one_call_makes_a_record_that_is_read_again(tmp_path: Path) -> None:
    chain = Chain()
    table = tmp_path / "measured.tsv"
    rows = [(dna.decode(chain.writes(30, seed)), seed % 7 + 0.5) for seed in range(60)]
    table.write_text(
        "sequence\tvalue\tsplit\n"
        + "".join(f"{s}\t{v}\t{'test' if k % 2 else 'train'}\n" for k, (s, v) in enumerate(rows))
    )
    measured = read_measured(table, "value", split="split")
    found = zero_shot(
        chain,
        twin=KnowsNothing(),
        train=[chain.writes(6000, 1)],
        held_out=[chain.writes(6000, 2)],
        genes=[chain.writes(300, seed) for seed in range(12)],
        measured=measured,
        name="tiny",
        windows=12,
        window_bases=128,
        distances=(64,),
        trials=4,
        mixing=True,
    )
    names = [test.test for test in found.tests]
    assert names == [
        "next_base",
        "sequence_recovery",
        "synonymous_frequent",
        "synonymous_shuffled",
        "triplet_expansion",
        "needle_64",
        "variants",
        "memorisation",
    ]
    for test in found.tests:
        kinds = [row["kind"] for row in test.rows]
        assert kinds[:2] == ["model", "twin"]
        assert "baseline" in kinds
        assert test.metric in test.rows[0]["figures"]
        for row in test.rows:
            for figure in row["figures"].values():
                assert (figure["low"] is None) == bool(figure.get("no_interval"))
                if figure["low"] is not None and figure["high"] is not None:
                    assert figure["value"] is not None
                    assert figure["low"] <= figure["value"] <= figure["high"]
    assert found.test("memorisation").verdict == "none found"
    assert "context mixing" in [row["name"] for row in found.test("next_base").rows]
    own = found.test("variants").row("Markov order 2")["figures"]["spearman"]
    own_rows = [measured.sequences[i] for i in np.flatnonzero(measured.is_test)]
    counted = MarkovReader(MarkovModel([chain.writes(6000, 1)], 2)).log_likelihoods(own_rows)
    by_hand = spearman(np.array([x.nats for x in counted]), measured.values[measured.is_test])
    assert own["value"] == pytest.approx(by_hand["rho"])
    found.write(tmp_path / "zero_shot.json")
    assert read_result(tmp_path / "zero_shot.json", ZeroShot) == found


def test_an_untrained_model_is_at_chance_and_knows_nothing_by_heart() -> None:
    data = [random_bases(5000, seed) for seed in (1, 2)]
    found = zero_shot(
        make_model("isotropic"),
        train=data[:1],
        held_out=data[1:],
        tests=("next_base", "memorisation"),
        windows=24,
        window_bases=128,
        device="cpu",
    )
    accuracy = found.test("next_base").rows[0]["figures"]["accuracy"]
    assert accuracy["value"] == pytest.approx(0.25, abs=0.05)
    memory = found.test("memorisation")
    assert memory.verdict in ("none found", "not judged")  # nothing else is said without a twin
    assert memory.rows[0]["figures"]["extracted"]["value"] == 0


def test_a_model_that_holds_its_training_data_is_called_so_and_its_twin_is_not() -> None:
    """One whose tables count the n-grams of the data: it goes on with them to the letter."""
    data, other = random_bases(4000, 1), random_bases(4000, 2)
    shape = {
        "arch_layout": ["m1"],
        "d_model": [32],
        "d_intermediate": [0],
        "vocab_size": 8,
        "ssm_cfg": {"d_state": 16},
        "attn_cfg": {"num_heads": [], "rotary_emb_dim": [], "window_size": []},
        "ngram_counts": {"orders": [1, 2, 4, 8, 12], "symbols": 4},
    }
    # A configuration each: how much was counted stands in it.
    configs = [HNetConfig.from_dict(deepcopy(shape)) for _ in range(2)]
    model, empty = (HNetForCausalLM(own, residual_proj="identity").eval() for own in configs)
    (counted,) = counted_texts(model)
    counted.count([torch.from_numpy(np.append(data, np.uint8(GAP)))])
    found = zero_shot(
        model,
        twin=empty,
        train=data,
        held_out=other,
        tests=("memorisation",),
        windows=20,
        window_bases=128,
        device="cpu",
    ).test("memorisation")
    assert found.verdict == "memorised"
    own, twin = (row["figures"] for row in found.rows[:2])
    assert own["extracted"]["value"] is not None
    assert own["extracted"]["value"] > 0.8
    assert own["extracted_held_out"]["value"] == twin["extracted"]["value"] == 0
    assert verdict(twin, twin) != "memorised"


def test_a_reader_of_any_kind_is_tested_and_the_seed_decides_what_is_drawn() -> None:
    data = [random_bases(5000, seed) for seed in (1, 2)]
    arguments: dict[str, Any] = {
        "train": data[:1],
        "held_out": data[1:],
        "windows": 15,
        "window_bases": 100,
    }
    arguments |= {"tests": ("next_base", "needle"), "distances": (30,), "trials": 12}
    one, again, other = (zero_shot(CopyReader(), **arguments, seed=seed) for seed in (0, 0, 1))
    assert one == again
    assert one.tests != other.tests
    assert one.test("needle_30").rows[0]["figures"]["exact"]["value"] == 1.0


def test_a_masked_model_has_the_tests_that_it_can_take() -> None:
    data = [random_bases(2000, seed) for seed in (1, 2)]
    found = zero_shot(
        masked(), train=data[:1], held_out=data[1:], windows=3, window_bases=64, device="cpu"
    )
    assert [test.test for test in found.tests] == ["next_base", "memorisation"]
    assert "extracted" not in found.test("memorisation").rows[0]["figures"]
    assert found.left_out["sequence_recovery"].startswith("model: is bidirectional")
    assert found.left_out["needle"].startswith("model: is bidirectional")


def test_what_cannot_be_meant_is_told() -> None:
    data: dict[str, Any] = {"train": random_bases(500, 1), "held_out": random_bases(500, 2)}
    wrongs: tuple[tuple[dict[str, Any], str], ...] = (
        ({"tests": ("needles",)}, "tests: has 'needles'; there is next_base"),
        ({"tests": ("synonymous",)}, "tests: has synonymous, which needs `genes`"),
        ({"tests": ("variants",)}, "which needs `measured`"),
        ({"tests": ()}, "tests: has none; there is next_base"),
        ({"windows": 0}, "windows: is 0"),
        ({"windows": 2.5}, "windows: is 2.5; expected 1 or more, a whole number"),
        ({"distances": ("a",)}, "distances: are"),
        ({"distances": (64, 64)}, "distances: are .*different"),
        ({"seed": -1}, "seed: is -1"),
        ({"distances": (-1,), "window_bases": 64, "windows": 2}, "distances: are"),
        (
            {"genes": ["ATG" * 40], "genetic_code": 99, "window_bases": 64, "windows": 2},
            "genetic_code: is 99",
        ),
        ({"trials": 0}, "trials: is 0"),
        ({"window_bases": 63}, "window_bases: is 63; expected 64"),
    )
    for wrong, said in wrongs:
        with pytest.raises(UsageError, match=said):
            zero_shot(CopyReader(), **data, **wrong)
    with pytest.raises(InputError, match="train: has no known base"):
        zero_shot(CopyReader(), train="NNNN", held_out=data["held_out"])
    with pytest.raises(InputError, match="held_out: has no 1024 bases"):
        zero_shot(CopyReader(), **data, tests=("next_base",))
    with pytest.raises(InputError, match=r"held_out: sequence 0: .*'X'"):
        zero_shot(CopyReader(), train=data["train"], held_out=["ACGX"])
