"""Zero-shot tests of whole models: what each kind is told, and the record."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hnet_seq import (
    HNetConfig,
    HNetForCausalLM,
    InputError,
    UsageError,
    read_result,
    zero_shot,
)
from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.evidence.measures.spearman import spearman
from hnet_seq.evidence.zero_shot.counting import CopyReader, MarkovReader
from hnet_seq.evidence.zero_shot.memorisation import verdict
from hnet_seq.model.counted_text import counted_texts
from hnet_seq.model.ngram_tables import GAP
from hnet_seq.results.zero_shot import ZeroShot
from hnet_seq.tasks.scoring.measured_table import read_measured
from hnet_seq.tasks.zero_shot.hnet_reader import HNetReader
from hnet_seq.tasks.zero_shot.models import open_readers
from modalities import dna
from tests.conftest import make_model
from tests.evidence.zero_shot.chains import Chain, KnowsNothing, random_bases
from tests.peers.tiny import bert
from tests.tasks.zero_shot.models import masked

SEQUENCES = [dna.encode("ACGNTGCATTACG"), random_bases(90, 1), dna.encode("AC")]


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
