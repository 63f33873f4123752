"""The one-hot face: the model's own values to the last digits, and the derivative of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from hnet_seq import (
    BoundaryPolicy,
    HeadConfig,
    HNetForCausalLM,
    HNetForSequenceClassification,
    HNetForTokenClassification,
    HNetOneHot,
    InputError,
    UsageError,
    embed,
    predict,
    predict_positions,
    score,
    use_boundary_policy,
)
from hnet_seq.model.language_model import HNetLanguageModel
from tests.heads.one_hot_models import MODELS, NGRAMS, ids_of, make, one_hot, sequences


@pytest.fixture(params=MODELS, ids=[", ".join(map(str, m)) for m in MODELS])
def model(request: pytest.FixtureRequest) -> HNetLanguageModel:
    return make(*request.param)


@pytest.mark.parametrize("strands", ["none", "average"])
@pytest.mark.parametrize("pooling", ["chunks", "chunks_weighted", "bases", "last"])
def test_pooled_vectors_are_those_of_embed(pooling: str, strands: Any) -> None:
    model = make("two stages, tied", "memory")
    found = HNetOneHot(model, "pooled", pooling=pooling, strands=strands)(one_hot(sequences()))
    expected = embed(model, sequences(), pooling=pooling, strands=strands)
    torch.testing.assert_close(found.detach(), torch.from_numpy(expected), atol=1e-5, rtol=0)


def test_logits_and_vectors_are_those_of_tokens(model: HNetLanguageModel) -> None:
    x, ids = one_hot(sequences()), ids_of(sequences())
    logits = HNetOneHot(model)(x)
    torch.testing.assert_close(logits, model(ids).logits, atol=1e-5, rtol=0)
    vectors = HNetOneHot(model, "pooled", pooling="bases")(x)
    expected = torch.from_numpy(embed(model, sequences(), pooling="bases"))
    torch.testing.assert_close(vectors.detach(), expected, atol=1e-5, rtol=0)
    alone = torch.cat([HNetOneHot(model)(own) for own in x.split(1)])
    torch.testing.assert_close(alone, logits, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "rule",
    [BoundaryPolicy("stride", every=3), BoundaryPolicy("delimiters", tokens=[0, 4])],
    ids=["stride", "delimiters"],
)
def test_boundaries_of_a_rule_are_those_of_the_letters(rule: BoundaryPolicy) -> None:
    model = make("one stage")
    x = one_hot(sequences()).requires_grad_()
    learned = model(ids_of(sequences())).logits
    with use_boundary_policy(model, [rule]):
        logits, expected = HNetOneHot(model)(x), model(ids_of(sequences())).logits
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=0)
    assert not torch.allclose(logits, learned, atol=1e-3)
    assert torch.autograd.grad(logits.sum(), x)[0].isfinite().all()


@pytest.mark.parametrize("ngrams", NGRAMS)
def test_log_likelihoods_add_up_to_the_score(ngrams: str) -> None:
    model = make("one stage", ngrams)
    assert isinstance(model, HNetForCausalLM)
    found = HNetOneHot(model, "log_likelihood")(one_hot(sequences())).detach()
    for own, letters, row in zip(found, sequences(), score(model, sequences()), strict=True):
        assert float(own.double().sum()) == pytest.approx(row.log_likelihood, abs=1e-4)
        nothing = [i for i, letter in enumerate(letters) if letter == "N" or i == 0]
        assert own[nothing].tolist() == [0.0] * len(nothing)
        assert int((own != 0).sum()) == row.scored


@pytest.mark.parametrize("strands", [None, "none", "average"])
@pytest.mark.parametrize(("pooling", "markers"), [("chunks", True), ("places", False)])
def test_scores_are_those_that_predict_makes_probabilities_of(
    pooling: str, markers: bool, strands: Any
) -> None:
    head = HeadConfig("single_label", ["a", "b", "c"], pooling, markers=markers)
    model = HNetForSequenceClassification.from_causal_lm(make("one stage", "memory"), head)
    model.metadata["strands"] = "average"
    model.eval()
    found = HNetOneHot(model, "scores", strands=strands)(one_hot(sequences()))
    assert found.shape == (3, 3)
    expected = torch.from_numpy(predict(model, sequences(), strands=strands))
    torch.testing.assert_close(found.detach().softmax(1), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("strands", ["none", "average"])
def test_scores_of_positions(strands: Any) -> None:
    model = HNetForTokenClassification.from_causal_lm(
        make("one stage"), HeadConfig("per_position", ["in", "out"])
    ).eval()
    found = HNetOneHot(model, "scores", strands=strands)(one_hot(sequences()))
    expected = np.stack(predict_positions(model, sequences(), strands=strands))
    torch.testing.assert_close(
        found.detach().softmax(2), torch.from_numpy(expected), atol=1e-5, rtol=0
    )


def test_the_model_is_shared_and_left_as_it_was() -> None:
    model = make("one stage", "memory").train()
    face = HNetOneHot(model)
    assert face.model is model
    assert {id(p) for p in face.parameters()} == {id(p) for p in model.parameters()}
    x = one_hot(sequences()).requires_grad_()
    torch.autograd.grad(face(x).sum(), x)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert face.training
    face(x).sum().backward()  # of the parameters, too
    memory = model.backbone.ngram_memory
    assert memory is not None
    assert memory.tables.grad is not None


def test_other_numbers_than_floats() -> None:
    model, x = make("one stage"), one_hot(sequences())
    for kind in (torch.int8, torch.float64, torch.bool):
        assert torch.equal(HNetOneHot(model)(x.to(kind)), HNetOneHot(model)(x))
    likelihoods = HNetOneHot(model, "log_likelihood")
    torch.testing.assert_close(likelihoods(x.to(torch.int8)), likelihoods(x))


@pytest.mark.parametrize("shape", [(4, 9), (2, 9, 4), (0, 4, 9), (2, 4, 0), (2, 5, 9)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"expected one-hot sequences, a tensor \(B, 4, L\)"):
        HNetOneHot(make("one stage"))(torch.zeros(shape))


def test_what_a_model_has_not_is_refused() -> None:
    causal, masked = make("one stage"), make("one stage", "without memory", True)
    head = HNetForSequenceClassification.from_causal_lm(causal, HeadConfig("multi_label", ["a"]))
    of_text = make("one stage")
    of_text.metadata["modality"] = "text"
    wrong: list[tuple[Any, dict[str, Any], str]] = [
        (causal, {"output": "probabilities"}, "expected logits, log_likelihood, scores, pooled"),
        (causal, {"output": "scores"}, "fine-tune one, or take pooled"),
        (masked, {"output": "log_likelihood"}, "has seen each base already"),
        (head, {"output": "logits"}, "this one has a head; take scores or pooled"),
        (causal, {"output": "logits", "strands": "average"}, "are of one strand"),
        (causal, {"output": "pooled", "strands": "both"}, "expected none or average"),
        (causal, {"output": "pooled", "pooling": "mean"}, "expected chunks, chunks_weighted"),
        (causal, {"output": "pooled", "stage": 1}, "has 1 stages"),
        (make("isotropic"), {"output": "pooled"}, "has 0 stages"),
        (causal, {"output": "logits", "pooling": "bases"}, "pooling: is of pooled vectors"),
        (head, {"output": "scores", "stage": 0}, "stage: is of pooled vectors"),
    ]
    for model, options, said in wrong:
        with pytest.raises(UsageError, match=said):
            HNetOneHot(model, **options)
    with pytest.raises(UsageError, match="model: is str; load it"):
        HNetOneHot("run")  # type: ignore[arg-type]
    for given in (sequences(), one_hot(sequences()).numpy()):
        with pytest.raises(InputError, match=f"x is {type(given).__name__}; expected one-hot"):
            HNetOneHot(causal)(given)
    with pytest.raises(InputError, match="reads text with 8 tokens; expected one trained on DNA"):
        HNetOneHot(of_text)
