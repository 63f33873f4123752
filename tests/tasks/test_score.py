"""`hnet-seq score`: sums of log-probabilities, whatever the calls, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from hnet_seq import HNetConfig, HNetForCausalLM
from hnet_seq.cli import main
from hnet_seq.tasks.score import score
from modalities import dna
from modalities.errors import UsageError
from tests.conftest import make_model


@pytest.fixture(scope="module")
def hnet() -> HNetForCausalLM:
    model = make_model("one stage").eval()
    model.metadata["modality"] = "dna"
    return model


def letters(length: int, seed: int = 0) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))


SEQUENCES = [("a", letters(300)), ("b", "A"), ("c", "NNAC" + letters(90, 1)), ("a", letters(61, 2))]


def encoded() -> list[tuple[str, np.ndarray]]:
    return [(name, dna.encode(sequence)) for name, sequence in SEQUENCES]


def by_hand(model: HNetForCausalLM, sequence: str) -> float:
    tokens = torch.from_numpy(dna.encode(sequence)).long()
    with torch.no_grad():
        log_p = model(tokens).logits.double().log_softmax(-1)
    return sum(float(log_p[t - 1, tokens[t]]) for t in range(1, len(tokens)) if tokens[t] < 4)


@pytest.mark.parametrize("batch_tokens", [10_000, 100, 64, 3])
def test_a_score_is_the_sum_over_known_bases_whatever_the_calls(
    hnet: HNetForCausalLM, batch_tokens: int
) -> None:
    rows = list(score(hnet, encoded(), batch_tokens=batch_tokens))
    assert [(row.name, row.bases, row.scored) for row in rows] == [
        ("a", 300, 299),
        ("b", 1, 0),
        ("c", 94, 92),
        ("a", 61, 60),
    ]
    for row, (_, sequence) in zip(rows, SEQUENCES, strict=True):
        assert row.log_likelihood == pytest.approx(by_hand(hnet, sequence), abs=5e-4)
    assert math.isnan(rows[1].bits_per_base)
    assert rows[0].bits_per_base == pytest.approx(-rows[0].log_likelihood / 299 / math.log(2))


def test_averaged_strands_score_a_sequence_and_its_reverse_complement_alike(
    hnet: HNetForCausalLM,
) -> None:
    unknown = [letters(40, 3), "AN", "NA", "N", "A", "NNA", f"N{letters(30)}", f"{letters(9)}NN"]
    own = [*encoded(), *((text, dna.encode(text)) for text in unknown)]
    other = [(name, dna.reverse_complement(tokens)) for name, tokens in own]
    rows = score(hnet, own, strands="average")
    for one, two in zip(rows, score(hnet, other, strands="average"), strict=True):
        assert one.scored == two.scored
        for name in ("log_likelihood", "bits_per_base", "composition_bits"):
            value = pytest.approx(getattr(two, name), abs=1e-4, nan_ok=True)
            assert getattr(one, name) == value, (one, name)


def test_of_averaged_strands_each_base_counts_for_what_it_is(hnet: HNetForCausalLM) -> None:
    text = f"N{letters(30)}"
    (row,) = score(hnet, [("x", dna.encode(text))], strands="average")
    forward = by_hand(hnet, text)
    other = by_hand(hnet, dna.decode(dna.reverse_complement(dna.encode(text))))
    assert row.scored == 30
    assert row.log_likelihood == pytest.approx((forward + other * 30 / 29) / 2, abs=1e-4)


def test_composition_is_the_entropy_of_the_scored_letters(hnet: HNetForCausalLM) -> None:
    rows = list(score(hnet, [("x", dna.encode("GAAAACCCC")), ("y", dna.encode("AAAA"))]))
    assert rows[0].composition_bits == pytest.approx(1)
    assert rows[1].composition_bits == pytest.approx(0)


def test_the_verb_writes_a_line_a_record(
    hnet: HNetForCausalLM, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hnet.save_pretrained(tmp_path / "run")
    fasta = tmp_path / "s.fa"
    fasta.write_text("".join(f">{n}{i}\n{s}\n" for i, (n, s) in enumerate(SEQUENCES)))
    assert main(["score", f"{tmp_path / 'run'}", f"{fasta}"]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert lines[0][0] == "name"
    assert [line[0] for line in lines[1:]] == ["a0", "b1", "c2", "a3"]
    assert lines[2][3:] == ["-0.000000", "", ""] or lines[2][3:] == ["0.000000", "", ""]
    out = tmp_path / "scores.tsv"
    assert main(["score", f"{tmp_path / 'run'}", f"{fasta}", "--out", f"{out}"]) == 0
    assert [line.split("\t") for line in out.read_text().splitlines()] == lines


def test_what_cannot_be_meant_is_refused(hnet: HNetForCausalLM) -> None:
    with pytest.raises(UsageError, match="strands"):
        score(hnet, encoded(), strands="both")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="batch_tokens"):
        score(hnet, encoded(), batch_tokens=0)


def test_a_file_of_weights_is_a_checkpoint_and_its_hash_is_kept(
    hnet: HNetForCausalLM, tmp_path: Path
) -> None:
    hnet.save_pretrained(tmp_path / "model")
    weights = tmp_path / "model/model.safetensors"
    (tmp_path / "s.fa").write_text(">a\nACGTTGCA\n")
    for verb, out in (("score", "s.tsv"), ("embed", "v.npy")):
        command = [verb, str(weights), str(tmp_path / "s.fa"), "--out", str(tmp_path / out)]
        assert main([*command, "--device", "cpu"]) == 0
    expected = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert json.loads((tmp_path / "s.json").read_text())["weights"] == expected
    assert json.loads((tmp_path / "v.json").read_text())["model"]["sha256"] == expected


def test_counts_are_part_of_a_score() -> None:
    config = HNetConfig.from_dict(
        {
            "arch_layout": ["m1"],
            "d_model": [64],
            "d_intermediate": [0],
            "vocab_size": 8,
            "ngram_counts": {"orders": [2], "symbols": 4},
        }
    )
    model = HNetForCausalLM(config).eval()
    model.metadata["modality"] = "dna"
    counts = model.backbone.ngram_counts
    assert counts is not None
    generator = torch.Generator().manual_seed(0)
    counts.count([torch.randint(0, 4, (900,), generator=generator, dtype=torch.uint8)])
    bases = "ACGTTGCAACGGTACCAGT"
    ids = torch.from_numpy(dna.encode(bases)).long()
    with torch.no_grad():
        logits = model(ids).logits[:-1]
    expected = -F.cross_entropy(logits, ids[1:], reduction="sum").item()
    (found,) = score(model, bases)
    assert found.log_likelihood == pytest.approx(expected, abs=1e-4)
