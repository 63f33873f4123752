"""Verbs of a strand-symmetric model: one track and one vector for both strands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from hnet_seq import HeadConfig, HNetForSequenceClassification, HNetOneHot, embed, segment
from hnet_seq.analysis.cutting import windows
from hnet_seq.cli import main
from hnet_seq.heads.token_classification import HNetForTokenClassification
from hnet_seq.model.masked_lm import HNetForMaskedLM
from hnet_seq.tasks.embed import embed_poolings
from hnet_seq.train.predict import predict, predict_positions
from modalities import dna
from modalities.base import Tokens
from modalities.errors import UsageError
from tests.heads.test_one_hot import ids_of, one_hot, sequences
from tests.model.strand_models import strand_model

BASES = 1501
Capture = pytest.CaptureFixture[str]


def _genome() -> Tokens:
    tokens = np.random.default_rng(0).integers(0, 4, BASES).astype(np.uint8)
    tokens[100:110] = dna.UNKNOWN
    return tokens


@pytest.fixture(scope="module")
def model() -> HNetForMaskedLM:
    return strand_model("two stages, growing, MLPs outside, tied")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, model: HNetForMaskedLM) -> Path:
    """A checkpoint, ``chr`` and its reverse complement."""
    path = tmp_path_factory.mktemp("strands")
    model.save_pretrained(path / "model")
    strand_model("one stage", strand_symmetric=False).save_pretrained(path / "plain")
    for name, tokens in (("one", _genome()), ("other", dna.reverse_complement(_genome()))):
        (path / f"{name}.fa").write_text(f">chr\n{dna.decode(tokens)}\n")
    return path


def _chunks(folder: Path, genome: str, *options: str, stage: int = 0) -> list[tuple[int, int]]:
    bed = folder / "chunks.bed"
    arguments = [f"{folder / 'model'}", f"{folder / genome}", "--bed", f"{bed}"]
    assert main(["segment", *arguments, "--stage", f"{stage}", *options]) == 0
    rows = [line.split("\t") for line in bed.read_text().splitlines()]
    return [(int(row[1]), int(row[2])) for row in rows]


@pytest.mark.parametrize("batch_tokens", ["16384", "400"])
def test_segment_gives_one_track_for_both_strands(folder: Path, batch_tokens: str) -> None:
    for stage in (0, 1):
        one, other = (
            _chunks(folder, name, "--batch-tokens", batch_tokens, stage=stage)
            for name in ("one.fa", "other.fa")
        )
        assert sorted((BASES - end, BASES - start) for start, end in other) == one
        assert 20 < len(one) < BASES / 2


def test_a_region_is_cut_as_in_its_record_where_enough_around_it_is_read(folder: Path) -> None:
    whole = {start for start, _ in _chunks(folder, "one.fa")}
    region = _chunks(folder, "one.fa", "--region", "chr:501-900")
    assert region[0][0], region[-1][1] == (500, 900)
    assert {start for start, _ in region[1:]} == {own for own in whole if 500 < own < 900}
    alone = _chunks(folder, "one.fa", "--region", "chr:501-900", "--left-context", "0")
    assert alone != region


@pytest.mark.parametrize("size", [1, 7, 64, 400])
@pytest.mark.parametrize("length", [1, 400, 401, 402, 1000, 1501])
def test_windows_lie_alike_from_either_end(length: int, size: int) -> None:
    found = windows(length, size)
    assert [own.kept_first for own in found] == [0, *(own.kept_last for own in found[:-1])]
    assert found[-1].kept_last == length
    assert all(own.last - own.first <= max(size, 4) for own in found)
    mirror = [(length - own.last, length - own.first) for own in reversed(found)]
    assert mirror == [(own.first, own.last) for own in found]
    said_by = [n for n, own in enumerate(found) for _ in range(own.kept_first, own.kept_last)]
    opposite = [len(found) - 1 - n for n in reversed(said_by[1:])]
    assert opposite == said_by[1:], "base p begins a chunk where base length - p does"
    assert all(own.first <= max(0, own.kept_first - 1) for own in found), "both bases are read"


def test_records_in_python_are_those_of_the_command_line(
    folder: Path, model: HNetForMaskedLM
) -> None:
    (record,) = segment(model, dna.decode(_genome()), batch_tokens=400)
    starts = [start for start, _ in _chunks(folder, "one.fa", "--batch-tokens", "400")]
    assert record.cuts(0).positions.tolist() == starts


@pytest.mark.parametrize(
    ("pooling", "layer"),
    [
        *(("chunks", layer) for layer in (None, "innermost")),
        *(("chunks_weighted", layer) for layer in (None, "innermost")),
        *(("bases", layer) for layer in (None, "encoder", "decoder")),
    ],
)
def test_a_sequence_and_its_reverse_complement_have_one_vector(
    model: HNetForMaskedLM, pooling: str, layer: str | None
) -> None:
    random = np.random.default_rng(1)
    given = [random.integers(0, 5, n).astype(np.uint8) for n in (1, 2, 40, 333)]
    how: dict[str, Any] = {"pooling": pooling, "layer": layer, "device": "cpu"}
    if layer in ("encoder", "decoder"):
        how["stage"] = 0
    vectors = embed(model, given, **how)
    other = embed(model, [dna.reverse_complement(own) for own in given], **how)
    np.testing.assert_allclose(other, vectors, atol=1e-4)
    assert np.abs(vectors[2] - vectors[3]).max() > 0.05
    both = embed(model, given, strands="average", **how)
    assert np.array_equal(both, vectors), "nothing is read twice"


def test_vectors_of_chunks_and_bases_have_an_average_over_strands(folder: Path) -> None:
    for level in ("chunk", "base"):
        tables = []
        for name in ("one", "other"):
            out = folder / f"{name}.parquet"
            arguments = [f"{folder / 'model'}", f"{folder / name}.fa", "--out", f"{out}"]
            code = main(["embed", *arguments, "--level", level, "--strands", "average"])
            assert code == 0
            tables.append(pq.read_table(out))
        one, other = (np.stack(table["vector"].to_numpy()) for table in tables)
        np.testing.assert_allclose(other[::-1], one, atol=1e-4)
        if level == "chunk":
            ends = BASES - tables[1]["end"].to_numpy()[::-1]
            assert np.array_equal(ends, tables[0]["start"].to_numpy())


def test_without_the_symmetry_chunks_have_no_counterpart(folder: Path, capsys: Capture) -> None:
    arguments = [f"{folder / 'plain'}", f"{folder / 'one.fa'}", "--out", f"{folder / 'v.npy'}"]
    assert main(["embed", *arguments, "--level", "chunk", "--strands", "average"]) == 2
    assert "model.strand_symmetric" in capsys.readouterr().err


def test_heads_say_the_same_of_both_strands(model: HNetForMaskedLM) -> None:
    given = [dna.decode(_genome()[start : start + 50]) for start in (0, 60, 300)]
    other = [dna.decode(dna.reverse_complement(dna.encode(own))) for own in given]
    for pooling in ("chunks", "bases", "attention"):
        head = HeadConfig("single_label", ["a", "b"], pooling=pooling, markers=True)
        classifier = HNetForSequenceClassification.from_causal_lm(model, head)
        found = predict(classifier, given, device="cpu")
        np.testing.assert_allclose(predict(classifier, other, device="cpu"), found, atol=1e-5)
        average = predict(classifier, given, strands="average", device="cpu")
        assert np.array_equal(average, found)
    tagger = HNetForTokenClassification.from_causal_lm(
        model, HeadConfig("per_position", ["a", "b"])
    )
    tags = predict_positions(tagger, given, device="cpu")
    for one, two in zip(tags, predict_positions(tagger, other, device="cpu"), strict=True):
        np.testing.assert_allclose(two[::-1], one, atol=1e-5)


@pytest.mark.parametrize("layout", ["one stage", "n-gram memory"])
def test_one_hot_sequences_are_read_as_tokens_are(layout: str) -> None:
    model = strand_model(layout)
    x = one_hot(sequences()).requires_grad_()
    logits = HNetOneHot(model)(x)
    torch.testing.assert_close(logits, model(ids_of(sequences())).logits, atol=1e-5, rtol=0)
    vectors = HNetOneHot(model, "pooled")(x)
    expected = embed_poolings(model, sequences(), poolings=["chunks"])["chunks"]
    np.testing.assert_allclose(vectors.detach().numpy(), expected, atol=1e-5)
    (own,) = torch.autograd.grad(vectors[:, :8].sum(), x)
    turned = x.detach().flip(1, 2).requires_grad_()
    (other,) = torch.autograd.grad(HNetOneHot(model, "pooled")(turned)[:, :8].sum(), turned)
    torch.testing.assert_close(other.flip(1, 2), own, atol=1e-4 * float(own.abs().max()), rtol=0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["generate", "{model}", "--prompt", "ACGT"], "what lies before"),
        (["score", "{model}", "{one}", "--out", "{out}.tsv"], "given those before it"),
        (["boundaries", "stability", "{model}", "{one}", "--out", "{out}"], "both sides"),
    ],
)
def test_what_goes_from_left_to_right_is_refused(
    folder: Path, arguments: list[str], said: str, capsys: Capture
) -> None:
    named = {"model": folder / "model", "one": folder / "one.fa", "out": folder / "out"}
    assert main([word.format(**named) for word in arguments]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert "give a causal one" in line


def test_info_says_what_it_is(folder: Path, capsys: Capture) -> None:
    assert main(["info", f"{folder / 'model'}"]) == 0
    assert "direction: both strands" in capsys.readouterr().out


def test_boundaries_are_held_against_features(folder: Path) -> None:
    (folder / "genes.gff3").write_text(
        "##gff-version 3\n"
        + "".join(
            f"chr\tx\tgene\t{start}\t{start + 60}\t.\t+\t.\tID=g{start}\n"
            for start in range(150, 1400, 100)
        )
    )
    arguments = [f"{folder / 'model'}", f"{folder / 'one.fa'}", "--out", f"{folder / 'found'}"]
    how = ["--features", f"{folder / 'genes.gff3'}", "--edges", "gene", "--shuffles", "1"]
    assert main(["boundaries", "enrich", *arguments, *how]) == 0
    assert (folder / "found" / "enrichment.json").is_file()


def test_strands_that_are_none_are_still_refused(model: HNetForMaskedLM) -> None:
    how: Any = {"strands": "both"}
    with pytest.raises(UsageError, match="strands"):
        embed(model, ["ACGT"], **how)
