"""Vectors depend on their sequence alone, keep its order, and leave the model as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from hnet_seq import HNetForCausalLM
from hnet_seq.cli import main
from hnet_seq.heads.pooling import POOLINGS
from hnet_seq.tasks.embed import embed, embed_poolings
from hnet_seq.tasks.embedding import plan as embed_plan
from modalities import dna
from modalities.errors import InputError, UsageError
from tests.conftest import make_model

TWO_STAGES = "two stages, MLPs outside, tied"


@pytest.fixture(scope="module")
def hnet() -> HNetForCausalLM:
    model = make_model(TWO_STAGES)
    model.metadata["modality"] = "dna"
    return model


@pytest.fixture(scope="module")
def sequences() -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.integers(0, 5, n, dtype=np.uint8) for n in (40, 1, 90, 17, 40, 3)]


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_vector_does_not_depend_on_batch_mates_or_order(
    hnet: HNetForCausalLM, sequences: list[np.ndarray], pooling: str
) -> None:
    together = embed(hnet, sequences, pooling=pooling)
    assert together.shape == (len(sequences), 64)
    assert together.dtype == np.float32
    backwards = embed(hnet, sequences[::-1], pooling=pooling)[::-1]
    in_small_batches = embed(hnet, sequences, pooling=pooling, batch_tokens=50)
    alone = np.concatenate([embed(hnet, [sequence], pooling=pooling) for sequence in sequences])
    for other in (backwards, in_small_batches, alone):
        np.testing.assert_allclose(other, together, atol=1e-5, rtol=1e-5)


def test_a_vector_is_the_pooled_output_of_the_model(
    hnet: HNetForCausalLM, sequences: list[np.ndarray]
) -> None:
    found = embed_poolings(hnet, sequences[:1], poolings=["chunks", "bases", "last"], stage=0)
    with torch.no_grad():
        out = hnet(torch.from_numpy(sequences[0]).long())
    expected = {
        "chunks": out.chunks[0].mean(0),
        "bases": out.hidden.mean(0),
        "last": out.hidden[-1],
    }
    for pooling, vector in expected.items():
        np.testing.assert_allclose(found[pooling][0], vector.numpy(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_averaged_over_strands_a_sequence_and_its_reverse_complement_are_one(
    hnet: HNetForCausalLM, sequences: list[np.ndarray], pooling: str
) -> None:
    reverse = [dna.reverse_complement(sequence) for sequence in sequences]
    one = embed(hnet, sequences, pooling=pooling, strands="average")
    other = embed(hnet, reverse, pooling=pooling, strands="average")
    np.testing.assert_allclose(one, other, atol=1e-5, rtol=1e-5)
    forward = embed(hnet, sequences, pooling=pooling)
    assert np.abs(forward - embed(hnet, reverse, pooling=pooling)).max() > 1e-3
    np.testing.assert_allclose(
        one, (forward + embed(hnet, reverse, pooling=pooling)) / 2, atol=1e-5, rtol=1e-5
    )


def test_letters_and_tokens_are_the_same_and_case_does_not_count(hnet: HNetForCausalLM) -> None:
    vectors = embed(hnet, ["ACGTNACGT", "acgtnacgu", dna.encode("ACGTRACGT")])
    np.testing.assert_allclose(vectors[1:], vectors[:1].repeat(2, 0), atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_as_it_was_found(training: bool) -> None:
    model = make_model("one stage").train(training)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    embed(model, ["ACGTACGT"])
    assert model.training is training
    with pytest.raises(InputError):
        embed(model, ["ACGT", ""])
    assert model.training is training
    assert all(parameter.grad is None for parameter in model.parameters())
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_one_batch_never_holds_more_tokens_than_asked(
    hnet: HNetForCausalLM, sequences: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    original = hnet.encode

    def spy(ids, packing, *rest):
        sizes.append(packing.lengths)
        return original(ids, packing, *rest)

    monkeypatch.setattr(hnet, "encode", spy)
    embed(hnet, sequences, batch_tokens=60)
    assert all(sum(batch) <= 60 for batch in sizes)
    assert sum(map(sum, sizes)) == sum(map(len, sequences))
    assert max(len(batch) for batch in sizes) > 1


def test_no_sequences_are_an_error(hnet: HNetForCausalLM) -> None:
    with pytest.raises(InputError, match="sequences: has no sequences"):
        embed(hnet, [])


def test_bad_sequences_are_named_by_their_index(hnet: HNetForCausalLM) -> None:
    with pytest.raises(InputError, match=r"sequence 1: is empty"):
        embed(hnet, ["ACGT", "", "A"])
    with pytest.raises(InputError, match=r"sequence 2: position 3: .*'E'|sequence 2: .*'E'"):
        embed(hnet, ["ACGT", "A", "ACEEEE"])
    with pytest.raises(InputError, match="sequence 0: holds token 9; the model knows 0 to 7"):
        embed(hnet, [np.array([9], np.uint8)])
    with pytest.raises(InputError, match="sequence 0: is float64"):
        embed(hnet, [np.array([1.0])])


def test_what_the_model_cannot_do_is_misuse(hnet: HNetForCausalLM) -> None:
    with pytest.raises(UsageError, match="no chunks; use bases or last"):
        embed(make_model("isotropic"), ["ACGT"])
    assert embed(make_model("isotropic"), ["ACGT"], pooling="bases").shape == (1, 64)
    with pytest.raises(UsageError, match="stages 0 to 1"):
        embed(hnet, ["ACGT"], stage=2)
    with pytest.raises(UsageError, match="pooling: is 'max'"):
        embed(hnet, ["ACGT"], pooling="max")
    text = make_model("one stage")
    text.metadata["modality"] = "text"
    with pytest.raises(InputError, match="the model reads text with 8 tokens; expected 256"):
        embed(text, ["ACGT"])


@pytest.fixture
def checkpoint(hnet: HNetForCausalLM, tmp_path: Path) -> Path:
    hnet.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


RECORDS = {"a.1|x": "ACGTACGGT", "b": "nnacgtTTGCA", "c": "GGGATC" * 20}


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    path = tmp_path / "in.fa"
    path.write_text("".join(f">{name} note\n{letters}\n" for name, letters in RECORDS.items()))
    return path


def test_the_verb_writes_parquet_in_the_order_of_the_file(
    checkpoint: Path,
    fasta: Path,
    hnet: HNetForCausalLM,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(embed_plan, "PART_TOKENS", 130)  # more than one part
    out = fasta.with_name("v.parquet")
    command = ["embed", str(checkpoint), str(fasta), "--out", str(out), "--strands", "average"]
    assert main([*command, "--device", "cpu"]) == 0
    captured = capsys.readouterr()
    assert captured.err.startswith("3 sequences, 140 bases: 3 x 64 float32, 0.0 MB, to ")
    assert captured.out == ""
    table = pq.read_table(out)
    assert table["id"].to_pylist() == list(RECORDS)
    assert table["length"].to_pylist() == [len(letters) for letters in RECORDS.values()]
    vectors = np.array(table["vector"].to_pylist(), np.float32)
    expected = embed(hnet, list(RECORDS.values()), strands="average")
    np.testing.assert_allclose(vectors, expected, atol=1e-5, rtol=1e-5)
    assert table.schema.metadata[b"strands"] == b"average"


def test_the_verb_writes_npy_with_ids(checkpoint: Path, fasta: Path, hnet: HNetForCausalLM) -> None:
    out = fasta.with_name("v.npy")
    command = ["embed", str(checkpoint), str(fasta), "--out", str(out), "--pooling", "bases"]
    assert main([*command, "--device", "cpu"]) == 0
    expected = embed(hnet, list(RECORDS.values()), pooling="bases")
    np.testing.assert_allclose(np.load(out), expected, atol=1e-5, rtol=1e-5)
    assert (fasta.with_name("v.ids.txt")).read_text().splitlines() == list(RECORDS)


def test_a_failed_verb_leaves_nothing_behind(
    checkpoint: Path, fasta: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fasta.write_text(">a\nACGT\n>b\nAC!T\n")
    for name in ("v.parquet", "v.npy"):
        out = fasta.with_name(name)
        assert main(["embed", str(checkpoint), str(fasta), "--out", str(out)]) == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "record b, line 4" in error
    assert main(["embed", str(checkpoint), str(fasta), "--out", "v.csv"]) == 2
    assert "end it in .parquet, .npy, .h5ad or .zarr" in capsys.readouterr().err
    left = {path.name for path in fasta.parent.iterdir()}
    assert left == {"model", "in.fa"}


@pytest.mark.parametrize("pooling", ["chunks", "chunks_weighted", "bases", "last"])
def test_a_sequence_over_the_size_of_a_call_has_the_vector_of_the_whole(hnet, pooling):
    sequences = ["".join(np.random.default_rng(n).choice(list("ACGT"), n)) for n in (700, 20, 300)]
    whole = embed(hnet, sequences, pooling=pooling, strands="average")
    pieces = embed(hnet, sequences, pooling=pooling, strands="average", batch_tokens=64)
    np.testing.assert_allclose(pieces, whole, atol=1e-4)
