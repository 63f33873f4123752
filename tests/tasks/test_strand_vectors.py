"""Vectors and heads of a strand-symmetric model, one for both strands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from hnet_seq import (
    FinetuneConfig,
    HeadConfig,
    HNetForSequenceClassification,
    HNetOneHot,
    embed,
    finetune,
)
from hnet_seq.cli import main
from hnet_seq.heads.names import FROM_ONE_END
from hnet_seq.heads.token_classification import HNetForTokenClassification
from hnet_seq.model.masked_lm import HNetForMaskedLM
from hnet_seq.ops.packing import Packing
from hnet_seq.tasks.embed import embed_poolings
from hnet_seq.tasks.embedding.layer_choice import layer_of_pooling
from hnet_seq.tasks.embedding.layers import listening
from hnet_seq.train.predict import predict, predict_positions
from modalities import dna
from modalities.errors import UsageError
from tests.heads.test_one_hot import ids_of, one_hot, sequences
from tests.model.strand_models import strand_folder, strand_genome, strand_model

Capture = pytest.CaptureFixture[str]
BASES = len(strand_genome())


@pytest.fixture(scope="module")
def model() -> HNetForMaskedLM:
    return strand_model("two stages, growing, MLPs outside, tied")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, model: HNetForMaskedLM) -> Path:
    return strand_folder(tmp_path_factory.mktemp("strands"), model)


@pytest.mark.parametrize(
    ("pooling", "layer"),
    [
        *(("chunks", layer) for layer in (None, "innermost")),
        *(("chunks_weighted", layer) for layer in (None, "innermost")),
        *(("bases", layer) for layer in (None, "encoder", "decoder")),
        *(("last", layer) for layer in (None, "encoder", "decoder")),
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
    turned = [dna.reverse_complement(own) for own in given]
    vectors, other = embed(model, given, **how), embed(model, turned, **how)
    assert np.abs(vectors[2] - vectors[3]).max() > 0.05
    both = embed(model, given, strands="average", **how)
    if pooling == "last":  # which counts from one end: there is something to average
        assert np.abs(other[2:] - vectors[2:]).max(1).min() > 0.05
        np.testing.assert_allclose(both, (vectors + other) / 2, atol=1e-4)
        np.testing.assert_allclose(embed(model, turned, strands="average", **how), both, atol=1e-4)
    else:
        np.testing.assert_allclose(other, vectors, atol=1e-4)
        assert np.array_equal(both, vectors), "nothing is read twice"


def test_embed_of_the_last_base_has_an_average_over_strands(folder: Path) -> None:
    found = []
    for name in ("one", "other"):
        out = folder / f"{name}.npy"
        arguments = [f"{folder / 'model'}", f"{folder / name}.fa", "--out", f"{out}"]
        assert main(["embed", *arguments, "--pooling", "last", "--strands", "average"]) == 0
        found.append(np.load(out))
    np.testing.assert_allclose(found[1], found[0], atol=1e-4)


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
    given = [dna.decode(strand_genome()[start : start + 50]) for start in (0, 60, 300)]
    other = [dna.decode(dna.reverse_complement(dna.encode(own))) for own in given]
    for pooling in ("chunks", "bases", "attention"):
        head = HeadConfig("single_label", ["a", "b"], pooling=pooling, markers=True)
        classifier = HNetForSequenceClassification.from_causal_lm(model, head)
        found = predict(classifier, given, device="cpu")
        np.testing.assert_allclose(predict(classifier, other, device="cpu"), found, atol=1e-5)
        average = predict(classifier, given, strands="average", device="cpu")
        assert np.array_equal(average, found)
    for pooling in ("last", "ends", "places"):
        head = HeadConfig("single_label", ["a", "b"], pooling=pooling)
        classifier = HNetForSequenceClassification.from_causal_lm(model, head)
        with torch.no_grad():  # some weights of heads begin at zero
            for parameter in classifier.head.parameters():
                parameter.add_(torch.randn(parameter.shape, generator=torch.Generator()) / 9)
        found, turned = (predict(classifier, own, device="cpu") for own in (given, other))
        assert np.abs(found - turned).max() > 1e-3
        found, turned = (
            predict(classifier, own, strands="average", device="cpu") for own in (given, other)
        )
        np.testing.assert_allclose(turned, found, atol=1e-5)
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


@pytest.mark.parametrize("strands", [None, "average"])
@pytest.mark.parametrize("pooling", ["chunks", "attention_bases", "last", "ends", "places"])
def test_one_hot_scores_are_those_of_predict(pooling: str, strands: Any) -> None:
    head = HeadConfig("single_label", ["a", "b", "c"], pooling)
    model = HNetForSequenceClassification.from_causal_lm(strand_model("one stage"), head).eval()
    with torch.no_grad():
        for parameter in model.head.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator()) / 9)
    one_hot_model = HNetOneHot(model, "scores", strands=strands)
    assert one_hot_model.both_strands == (
        strands == "average" and pooling in ("last", "ends", "places")
    )
    found = one_hot_model(one_hot(sequences())).detach().softmax(1)
    expected = torch.from_numpy(predict(model, sequences(), strands=strands, device="cpu"))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("strands", [None, "average"])
@pytest.mark.parametrize("pooling", ["chunks_weighted", "bases", "last"])
def test_one_hot_vectors_are_those_of_embed(pooling: str, strands: Any) -> None:
    model = strand_model("one stage")
    found = HNetOneHot(model, "pooled", pooling=pooling, strands=strands)(one_hot(sequences()))
    expected = embed(model, sequences(), pooling=pooling, strands=strands or "none")
    np.testing.assert_allclose(found.detach().numpy(), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("layout", "stage", "layer"),
    [
        (layout, stage, layer)
        for layout, stages in (("one stage", 1), ("two stages, growing, MLPs outside, tied", 2))
        for stage in range(stages)
        for layer in ("final", "inner", "encoder", "decoder", "innermost")
        if layer != "innermost" or stage == stages - 1
    ],
)
def test_every_layer_is_that_of_the_whole_model(layout: str, stage: int, layer: str) -> None:
    """``embed`` leaves out what a layer does not need, of both strands too."""
    model = strand_model(layout)
    tokens = strand_genome()[90:250]
    network: Any = model.backbone
    for _ in range(stage):
        network = network.main_network
    inside: Any = network.main_network.main_network if layer == "innermost" else None
    module = {"encoder": network.encoder, "decoder": network.decoder, "innermost": inside}
    heard: list[torch.Tensor] = []
    handle = (module.get(layer) or model.backbone).register_forward_hook(
        lambda module, inputs, output: heard.append(output)
    )
    with torch.inference_mode():
        ids, packing = torch.from_numpy(tokens.astype(np.int64)), Packing.from_lengths([160])
        whole = model.encode(ids, packing)
    handle.remove()
    expected = {"final": whole.hidden, "inner": whole.chunks[stage]}.get(layer)
    if expected is None:
        both = heard[0]
        expected = (both[: len(both) // 2] + both[len(both) // 2 :].flip(0)) / 2
    per_base = layer == "final" or (stage == 0 and layer in ("encoder", "decoder"))
    pooling = "bases" if per_base else "chunks"
    found = layer_of_pooling(model.config, pooling, stage, layer)
    with torch.inference_mode(), listening(model, found) as placed:
        output = placed(model.encode(ids, packing))
    vectors = output.chunks[found.resolution - 1] if found.resolution else output.hidden
    assert torch.equal(vectors, expected)
    pooled = embed(model, [tokens], pooling=pooling, layer=layer, stage=stage, device="cpu")
    np.testing.assert_allclose(pooled[0], expected.double().mean(0).numpy(), atol=1e-5)


def test_strands_that_are_none_are_still_refused(model: HNetForMaskedLM) -> None:
    how: Any = {"strands": "both"}
    with pytest.raises(UsageError, match="strands"):
        embed(model, ["ACGT"], **how)


def test_fine_tuning_reads_the_other_strand_where_the_head_counts_from_one_end() -> None:
    given = ["ACGTTGCA" * 2, "GGGATCAA" * 2, "TTTGACCA" * 2, "CATCATAA" * 2]
    labels = ["a", "b", "a", "b"]

    def tuned(pooling: str, strands: Any) -> Any:
        head = HeadConfig("single_label", ["a", "b"], pooling)
        model = HNetForSequenceClassification.from_causal_lm(strand_model("one stage"), head)
        config = FinetuneConfig(epochs=2, validation_fraction=0, strands=strands)
        return finetune(model, given, labels, config, device="cpu").history[-1]["loss"]

    for pooling in ("bases", "attention"):
        with pytest.raises(UsageError, match="the same to a strand-symmetric model"):
            tuned(pooling, "augment")
    assert tuned("bases", "average") == tuned("bases", "none"), "nothing is read in reverse"
    for pooling in FROM_ONE_END:
        assert tuned(pooling, "augment") != tuned(pooling, "none")


def test_augmenting_is_refused_before_anything_is_computed(folder: Path, capsys: Capture) -> None:
    rows = [f"{'ACGT'[n % 4] * 20},{'ab'[n % 2]}" for n in range(24)]
    (folder / "t.csv").write_text("\n".join(["sequence,label", *rows]) + "\n")
    arguments = [f"{folder / 'model'}", "--data", f"{folder / 't.csv'}", "--strands", "augment"]
    assert main(["classify", "finetune", *arguments, "--out", f"{folder / 'tuned'}"]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert "the same to a strand-symmetric model" in err.splitlines()[-1]
