"""What every public function takes: one rule for sequences, and errors that name parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import hnet_seq
from hnet_seq import (
    FinetuneConfig,
    HeadConfig,
    HNetForSequenceClassification,
    HNetForTokenClassification,
    InputError,
    UsageError,
)
from modalities import dna
from tests.conftest import make_model

LETTERS = "ACGTTGCAACGGTATC"
TOKENS = dna.encode(LETTERS)


def a_model() -> hnet_seq.HNetForCausalLM:
    model = make_model("one stage")
    model.metadata["modality"] = "dna"
    return model


def classifier() -> HNetForSequenceClassification:
    head = HeadConfig("single_label", ["a", "b"])
    return HNetForSequenceClassification.from_causal_lm(a_model(), head)


def _finetuned(given: Any) -> int:
    config = FinetuneConfig(epochs=1, validation_fraction=0)
    model, count = classifier(), len(given) if isinstance(given, list) and given else 1
    done = hnet_seq.finetune(model, given, ["a", "b"][:count], config, device="cpu")
    assert done.best_epoch == 1
    return count


FUNCTIONS: dict[str, tuple[str, Callable[[Any], int]]] = {
    "embed": ("sequences", lambda x: len(hnet_seq.embed(a_model(), x, device="cpu"))),
    "embed_poolings": (
        "sequences",
        lambda x: len(
            hnet_seq.embed_poolings(a_model(), x, poolings=("bases",), device="cpu")["bases"]
        ),
    ),
    "HNetEmbedder": (
        "X",
        lambda x: len(hnet_seq.HNetEmbedder(a_model(), device="cpu").fit_transform(x)),
    ),
    "score": ("sequences", lambda x: len(hnet_seq.score(a_model(), x, device="cpu"))),
    "segment": ("genome", lambda x: len(list(hnet_seq.segment(a_model(), x, device="cpu")))),
    "predict": ("sequences", lambda x: len(hnet_seq.predict(classifier(), x, device="cpu"))),
    "predict_positions": (
        "sequences",
        lambda x: len(
            hnet_seq.predict_positions(
                HNetForTokenClassification.from_causal_lm(
                    a_model(), HeadConfig("per_position", ["a", "b"])
                ),
                x,
                device="cpu",
            )
        ),
    ),
    "finetune": ("sequences", _finetuned),
    "model.generate": ("prompts", lambda x: len(a_model().generate(x, max_new_tokens=2))),
    "generate": (
        "prompts",
        lambda x: len({token.sequence for token in hnet_seq.generate(a_model(), x, 2)}),
    ),
    "model": ("input_ids", lambda x: len(a_model()(x).logits) // len(LETTERS)),
    "head": ("input_ids", lambda x: len(classifier()(x).logits)),
}

GIVEN: dict[str, tuple[Any, int]] = {
    "a string": (LETTERS, 1),
    "a list": ([LETTERS, LETTERS], 2),
    "tokens": (TOKENS, 1),
    "int64 tokens": (TOKENS.astype(np.int64), 1),
    "a tensor": (torch.from_numpy(TOKENS).long(), 1),
    "a uint8 tensor": (torch.from_numpy(TOKENS), 1),
    "a list of tensors": ([torch.from_numpy(TOKENS), TOKENS], 2),
    "a pair": (("chr1", LETTERS), 1),
    "pairs": ([("a", LETTERS), ("a", TOKENS)], 2),
}

REFUSED: dict[str, Any] = {
    "a dict": {"a": LETTERS},
    "an empty list": [],
    "an empty string": "",
    "None": None,
    "a number": 3,
    "a set": {LETTERS},
    "a path": Path("genome.fa") / "not.there",
    "numbers": [0, 1, 2],
    "floats": np.zeros(3),
    "an unknown token": np.array([9]),
    "a negative token": np.array([-1]),
    "protein": [LETTERS, "MEEPQ"],
    "a name or a sequence": ("ACGT", LETTERS),
}


def _probabilities(given: Any) -> int:
    labels = np.array([0, 1] * 5)
    several = [TOKENS[i:] for i in range(10)]
    found = hnet_seq.baseline_probabilities(several, labels, given, num_classes=2)
    return len(found["majority class"])


FUNCTIONS["baseline_probabilities"] = ("test", _probabilities)


@cache
def a_genome() -> hnet_seq.Genome:
    return hnet_seq.Genome(Path(__file__).parents[1] / "examples/data/ecoli_536/genome.fna.gz")


#: What takes a path or a task; beside each how it names that.
OTHERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "Genome": ("path", hnet_seq.Genome),
    "TokenBatches": ("sources", hnet_seq.TokenBatches),
    "classify": ("task", lambda x: hnet_seq.classify(a_model(), x, poolings=["bases"])),
    "count_markov": ("genome", hnet_seq.count_markov),
    "load_experiment": ("name", hnet_seq.load_experiment),
    "load_pretrained": ("where", hnet_seq.load_pretrained),
    "read_fasta": ("path", hnet_seq.read_fasta),
    "read_gff": ("path", hnet_seq.read_gff),
    "read_result": ("path", hnet_seq.read_result),
    "read_sequences": ("source", hnet_seq.read_sequences),
    "read_variants": ("path", lambda x: list(hnet_seq.read_variants(x))),
    "score_genes": ("genome", lambda x: hnet_seq.score_genes(a_model(), x, "g.gff")),
    "score_genes of genes": ("genes", lambda x: hnet_seq.score_genes(a_model(), a_genome(), x)),
    "score_haplotypes": (
        "haplotypes",
        lambda x: hnet_seq.score_haplotypes(a_model(), a_genome(), [], x),
    ),
    "score_variants": ("genome", lambda x: hnet_seq.score_variants(a_model(), x, "v.vcf")),
    "task_from_data": ("path", hnet_seq.task_from_data),
    "webdataset_pipeline": ("sources", hnet_seq.webdataset_pipeline),
}


@pytest.mark.parametrize("function", OTHERS)
def test_what_is_no_path_is_an_error_that_names_the_parameter(function: str) -> None:
    parameter, call = OTHERS[function]
    for given in ({"a": LETTERS}, [], None, 3, "", [3]):
        with pytest.raises(InputError) as caught:
            call(given)
        assert str(caught.value).startswith(f"{parameter}: "), (given, caught.value)


def test_what_is_no_variant_is_an_error_that_names_the_parameter() -> None:
    for given in (None, 3, {"a": LETTERS}, ["c:15"], [3]):
        with pytest.raises(InputError, match=r"^variants: "):
            list(hnet_seq.score_variants(a_model(), a_genome(), given))  # type: ignore[arg-type]


def test_what_names_no_sample_is_an_error_that_names_the_parameter() -> None:
    for given in (None, 3, [3], {"a": 1}.items()):
        with pytest.raises(InputError, match=r"^samples: "):
            hnet_seq.score_haplotypes(a_model(), a_genome(), [], "c.vcf", samples=given)  # type: ignore[arg-type]
        with pytest.raises(InputError, match=r"^samples: "):
            hnet_seq.read_sequences("w.bed", haplotypes="c.vcf", samples=given)  # type: ignore[arg-type]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_kind_of_sequence_is_taken(function: str) -> None:
    _, call = FUNCTIONS[function]
    for kind, (given, count) in GIVEN.items():
        assert call(given) == count, kind


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_is_no_sequence_is_an_error_that_names_the_parameter(function: str) -> None:
    parameter, call = FUNCTIONS[function]
    for kind, given in REFUSED.items():
        if function == "segment" and kind == "a path":
            continue  # a file, and it is not there
        with pytest.raises(InputError) as caught:
            call(given)
        assert str(caught.value).startswith(f"{parameter}: "), (kind, caught.value)


def test_mutagenesis_takes_one_sequence() -> None:
    of_letters = hnet_seq.saturation_mutagenesis(a_model(), LETTERS, device="cpu")
    of_tokens = hnet_seq.saturation_mutagenesis(a_model(), [TOKENS], device="cpu")
    np.testing.assert_array_equal(of_letters, of_tokens)
    for given in ({"a": LETTERS}, [], [LETTERS, LETTERS], None):
        with pytest.raises(InputError, match=r"^tokens: "):
            hnet_seq.saturation_mutagenesis(a_model(), given)


def test_a_map_takes_one_sequence_which_may_have_a_name() -> None:
    of_letters = hnet_seq.dependency_map(a_model(), LETTERS, device="cpu")
    of_tokens = hnet_seq.dependency_map(a_model(), [TOKENS], device="cpu")
    named = hnet_seq.dependency_map(a_model(), ("chr1", LETTERS), device="cpu")
    assert of_letters == of_tokens
    assert (of_letters.name, named.name, named.values) == ("0", "chr1", of_letters.values)
    for function in (hnet_seq.dependency_map, hnet_seq.explain):
        for given in (*REFUSED.values(), [LETTERS, LETTERS]):
            with pytest.raises(InputError, match=r"^sequence: "):
                function(a_model(), given)


def test_a_string_gives_what_its_tokens_give() -> None:
    model = a_model()
    np.testing.assert_array_equal(hnet_seq.embed(model, LETTERS), hnet_seq.embed(model, [TOKENS]))
    assert hnet_seq.score(model, LETTERS)[0] == hnet_seq.score(model, [("0", TOKENS)])[0]
    torch.testing.assert_close(model(LETTERS).logits, model(torch.from_numpy(TOKENS).long()).logits)
    assert torch.equal(model.generate(LETTERS, 5)[0], model.generate([TOKENS], 5)[0])


def test_names_come_back_and_may_repeat() -> None:
    pairs = [("x", LETTERS), ("y", LETTERS[:5]), ("x", LETTERS[3:])]
    assert [row.name for row in hnet_seq.score(a_model(), pairs)] == ["x", "y", "x"]
    found = list(hnet_seq.segment(a_model(), pairs))
    assert [(row.name, len(row.tokens)) for row in found] == [("x", 16), ("y", 5), ("x", 13)]


def test_an_iterator_is_read_as_it_is_needed() -> None:
    rows = hnet_seq.score(a_model(), (LETTERS for _ in range(3)))
    assert [row.bases for row in rows] == [16, 16, 16]


def test_a_model_without_a_head_cannot_learn_or_predict() -> None:
    for call in (
        lambda: hnet_seq.finetune(a_model(), [LETTERS], ["a"]),  # type: ignore[arg-type]
        lambda: hnet_seq.predict(a_model(), [LETTERS]),  # type: ignore[arg-type]
    ):
        with pytest.raises(InputError, match=r"from_causal_lm\(model, HeadConfig"):
            call()


@pytest.mark.parametrize(
    ("call", "parameter"),
    [
        (lambda: hnet_seq.embed(a_model(), LETTERS, pooling="max"), "pooling"),
        (lambda: hnet_seq.embed(a_model(), LETTERS, layer="x"), "layer"),
        (lambda: hnet_seq.embed(a_model(), LETTERS, stage=4), "stage"),
        (lambda: hnet_seq.embed(a_model(), LETTERS, batch_tokens=0), "batch_tokens"),
        (lambda: hnet_seq.embed(a_model(), LETTERS, precision="fp8"), "precision"),
        (lambda: hnet_seq.embed(a_model(), LETTERS, strands="x"), "strands"),  # type: ignore[arg-type]
        (lambda: hnet_seq.score(a_model(), LETTERS, batch_tokens=0), "batch_tokens"),
        (lambda: list(hnet_seq.score(a_model(), LETTERS, precision="fp8")), "precision"),
        (lambda: hnet_seq.score_genes(a_model(), "g.fa", "g.gff", stops=0), "stops"),
        (lambda: hnet_seq.score_genes(a_model(), "g.fa", "g.gff", stops=1.5), "stops"),  # type: ignore[arg-type]
        (lambda: hnet_seq.score_genes(a_model(), "g.fa", "g.gff", stop_codon="TA"), "stop_codon"),
        (lambda: hnet_seq.score_genes(a_model(), "g.fa", "g.gff", genetic_code=7), "genetic_code"),
        (lambda: hnet_seq.score_genes(a_model(), "g.fa", "g.gff", window=1), "window"),
        (lambda: hnet_seq.score_haplotypes(a_model(), "g.fa", [], "c.vcf", window=1), "window"),
        (lambda: hnet_seq.score_haplotypes(a_model(), "g.fa", [], "c.vcf", window=20.5), "window"),  # type: ignore[arg-type]
        (lambda: hnet_seq.segment(a_model(), LETTERS, left_context=-1), "left_context"),
        (lambda: hnet_seq.segment(a_model(), LETTERS, region="a"), "region"),
        (lambda: hnet_seq.predict(classifier(), LETTERS, batch_tokens=0), "batch_tokens"),
        (lambda: a_model().generate(LETTERS, -1), "max_new_tokens"),
        (lambda: a_model().generate(LETTERS, 1, seeds=[1, 2]), "seeds"),
    ],
)
def test_an_option_that_cannot_be_meant_goes_by_its_name(
    call: Callable[[], Any], parameter: str
) -> None:
    with pytest.raises(UsageError) as caught:
        call()
    assert str(caught.value).startswith(f"{parameter}: ")
    assert "--" not in str(caught.value)


def test_where_and_how_to_compute_can_be_said_everywhere() -> None:
    names = {"device", "batch_tokens", "precision", "progress"}
    for function in (
        hnet_seq.embed,
        hnet_seq.score,
        hnet_seq.segment,
        hnet_seq.predict,
        hnet_seq.predict_positions,
        hnet_seq.score_variants,
        hnet_seq.score_haplotypes,
        hnet_seq.score_genes,
        hnet_seq.saturation_mutagenesis,
        hnet_seq.classify,
    ):
        assert names <= set(inspect.signature(function).parameters), function


def test_mode_and_device_are_left_as_they_were() -> None:
    model = a_model().train()
    for call in (
        lambda: hnet_seq.embed(model, LETTERS),
        lambda: list(hnet_seq.score(model, LETTERS)),
        lambda: list(hnet_seq.segment(model, LETTERS)),
        lambda: hnet_seq.saturation_mutagenesis(model, LETTERS),
        lambda: model.generate(LETTERS, 2),
    ):
        call()
        assert model.training
        assert model.embeddings.weight.device.type == "cpu"
