"""The one-hot face: the model's own values to the last digits, and the derivative of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hnet_seq import (
    BoundaryPolicy,
    HeadConfig,
    HNetConfig,
    HNetForCausalLM,
    HNetForMaskedLM,
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
from hnet_seq.heads.one_hot import Output
from hnet_seq.model.chunking import chunk_depth
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.ngram_tables import GAP
from modalities import dna

SHAPES: dict[str, dict[str, Any]] = {
    "isotropic": {"arch_layout": ["m1T1"], "d_model": [64]},
    "one stage": {"arch_layout": ["m1", ["T1m1"], "m1"], "d_model": [64, 64]},
    "two stages, tied": {
        "arch_layout": ["m1", ["M1", ["T1"], "m1"], "m1"],
        "d_model": [64, 64, 128],
        "tie_embeddings": True,
    },
}
NGRAMS: dict[str, dict[str, Any]] = {
    "without memory": {},
    "memory": {"ngram_memory": {"orders": [2, 5], "rows": 300, "width": 4}},
    "counts": {"ngram_counts": {"orders": [1, 3], "symbols": 4, "tokens": [300]}},
}
#: Each kind of model once, and each kind of n-grams with chunks and in both directions.
MODELS = [
    ("isotropic", "without memory", False),
    ("one stage", "memory", False),
    ("one stage", "counts", False),
    ("two stages, tied", "without memory", False),
    ("one stage", "without memory", True),
    ("two stages, tied", "memory", True),
]
STRAND = "ACGTTGCANNTACGATTACAGGCATCAGCNTTAGCCA"


def make(shape: str, ngrams: str = "without memory", both: bool = False) -> HNetLanguageModel:
    """A model in which every part matters and chunks vary."""
    stages = len(SHAPES[shape]["d_model"])
    config = HNetConfig.from_dict(
        {
            **SHAPES[shape],
            **NGRAMS[ngrams],
            "d_intermediate": [128] * stages,
            "vocab_size": 8,
            "ssm_cfg": {"d_state": 16},
            "attn_cfg": {
                "num_heads": [4] * stages,
                "rotary_emb_dim": [8] * stages,
                "window_size": [-1] * stages,
            },
            "bidirectional": both,
        }
    )
    model = (HNetForMaskedLM if both else HNetForCausalLM)(config)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.add_(0.6 * noise / max(1, parameter[0].numel()) ** 0.5)
    counts = model.backbone.ngram_counts
    if counts is not None:
        text = torch.randint(0, 4, (300,), generator=generator).to(torch.uint8)
        text[[50, 170]] = GAP
        counts.count([text])
    return model.eval()


@pytest.fixture(params=MODELS, ids=[", ".join(map(str, m)) for m in MODELS])
def model(request: pytest.FixtureRequest) -> HNetLanguageModel:
    return make(*request.param)


def sequences(count: int = 3) -> list[str]:
    """Of one length, with unknown bases at both ends and within."""
    return [STRAND, f"N{STRAND[:0:-1]}", f"{STRAND[1:].replace('N', 'A')}N"][:count]


def one_hot(letters: list[str]) -> Tensor:
    """(B, 4, L), an unknown base a column of zeros."""
    ids = torch.from_numpy(np.stack([dna.encode(own) for own in letters])).long()
    return F.one_hot(ids, 5)[..., :4].float().transpose(1, 2).contiguous()


def ids_of(letters: list[str]) -> Tensor:
    return torch.from_numpy(np.stack([dna.encode(own) for own in letters])).long()


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


def cuts(face: HNetOneHot, x: Tensor) -> Tensor:
    """(B, L): how many stages begin a chunk at each base."""
    out, packing = face.encode(x)
    masks = [stage.boundary_mask for stage in out.boundaries]
    return chunk_depth(masks, packing.total).view(len(x), -1)


def objective(face: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """(B,): one number of all outputs of a sequence, each with a weight of its own."""

    def of(x: Tensor) -> Tensor:
        out = face(x).double().flatten(1)
        generator = torch.Generator().manual_seed(5)
        weights = torch.randn(out.shape[1], generator=generator, dtype=torch.float64)
        return (out * weights).mean(1)

    return of


def compared(face: HNetOneHot, x: Tensor, step: float = 5e-3) -> tuple[Tensor, Tensor]:
    """The gradient of a sequence (1, 4, L), and finite differences, where the chunks hold."""
    of = objective(face)
    given = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(of(given).sum(), given)
    where = [(base, place) for place in range(0, x.shape[2], 3) for base in range(4)]
    shifts = torch.zeros(len(where), *x.shape[1:])
    for row, (base, place) in enumerate(where):
        shifts[row, base, place] = step
    both = torch.cat([x + shifts, x - shifts])
    with torch.no_grad():
        held = (cuts(face, both) == cuts(face, x)).all(1).view(2, -1).all(0)
        up, down = of(both).view(2, -1)
    found = torch.stack([gradient[0, base, place] for base, place in where])
    return found[held].double(), (up - down)[held] / 2 / step


@pytest.mark.parametrize("output", ["logits", "pooled"])
def test_the_gradient_is_that_of_finite_differences(
    model: HNetLanguageModel, output: Output
) -> None:
    options: dict[str, Any] = {"pooling": "bases"} if output == "pooled" else {}
    found, expected = compared(HNetOneHot(model, output, **options), one_hot(sequences(1)))
    assert len(found) > 12
    assert float(expected.abs().max()) > 1e-4
    torch.testing.assert_close(found, expected, rtol=0, atol=float(expected.abs().max()) * 0.02)


def test_likelihoods_have_the_gradient_of_the_base_that_is_asked_for_too() -> None:
    face = HNetOneHot(make("one stage", "memory"), "log_likelihood")
    found, expected = compared(face, one_hot(sequences(1)))
    assert len(found) > 12
    torch.testing.assert_close(found, expected, rtol=0, atol=float(expected.abs().max()) * 0.02)


def test_between_sequences_too() -> None:
    """Of mixtures of letters, and an n-gram memory around the likeliest ones."""
    generator = torch.Generator().manual_seed(0)
    shares = torch.rand(1, 4, 30, generator=generator) + 3 * one_hot([STRAND[:30]])
    shares = shares / shares.sum(1, keepdim=True)
    found, expected = compared(HNetOneHot(make("one stage", "memory")), shares)
    assert len(found) > 12
    torch.testing.assert_close(found, expected, rtol=0, atol=float(expected.abs().max()) * 0.02)


@pytest.mark.parametrize(
    ("ngrams", "both"), [("memory", False), ("memory", True), ("counts", False)]
)
def test_a_memory_is_a_straight_line_from_one_base_to_another(ngrams: str, both: bool) -> None:
    model = make("isotropic", ngrams, both)
    face = HNetOneHot(model)
    heard: list[Tensor] = []
    first = next(module for module in model.modules() if type(module).__name__ == "Stack")
    first.register_forward_pre_hook(lambda module, inputs: heard.append(inputs[0]))
    one, two = one_hot(["ACGTACGATTAC"]), one_hot(["ACGTAGGATTAC"])
    for share in (0.0, 0.3, 0.5, 0.8, 1.0):
        face((1 - share) * one + share * two)
    start, end = heard[0], heard[-1]
    assert not torch.equal(start, end)
    for share, found in zip((0.3, 0.5, 0.8), heard[1:-1], strict=True):
        torch.testing.assert_close(found, (1 - share) * start + share * end, atol=1e-5, rtol=0)


def test_straight_through_adds_the_routers_decisions_to_the_gradient() -> None:
    model, x = make("one stage"), one_hot(sequences(1)).requires_grad_()
    gradients = []
    for straight in (False, True):
        face = HNetOneHot(model, straight_through=straight)
        gradients.append(torch.autograd.grad(objective(face)(x).sum(), x)[0])
    with torch.no_grad():
        same = HNetOneHot(model, straight_through=True)(x)
    torch.testing.assert_close(same, HNetOneHot(model)(x), atol=1e-6, rtol=0)
    assert not torch.allclose(gradients[0], gradients[1], rtol=0.01)
    isotropic = make("isotropic")
    alike = [
        torch.autograd.grad(
            objective(HNetOneHot(isotropic, straight_through=straight))(x).sum(), x
        )[0]
        for straight in (False, True)
    ]
    assert torch.equal(*alike)


def test_straight_through_is_the_gradient_that_training_has() -> None:
    model = make("one stage", "without memory", True)
    letters = sequences(1)
    x = one_hot(letters).requires_grad_()
    face = HNetOneHot(model, straight_through=True)
    (found,) = torch.autograd.grad(objective(face)(x).sum(), x)
    heard: list[Tensor] = []

    def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
        output.retain_grad()
        heard.append(output)

    handle = model.embeddings.register_forward_hook(keep)
    objective(lambda ids: model(ids).logits)(ids_of(letters)).sum().backward()
    handle.remove()
    table = model.embeddings.weight.detach()
    gradient = heard[0].grad
    assert gradient is not None
    by_letter = gradient.reshape(len(STRAND), -1) @ (table[:4] - table[4]).t()
    torch.testing.assert_close(found[0].t(), by_letter, atol=1e-6, rtol=1e-3)


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
