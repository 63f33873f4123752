"""Drawing tokens, and generation of a batch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from hnet_seq import HNetForCausalLM
from hnet_seq.model.generation import generate
from hnet_seq.model.sampling import Sampling, draw, probabilities
from tests.conftest import make_model

LOGITS = torch.tensor([[0.5, 0.25, 0.15, 0.1]]).log()


def _kept(sampling: Sampling) -> list[int]:
    return probabilities(LOGITS, sampling)[0].nonzero().squeeze(1).tolist()


def test_each_filter_keeps_what_its_definition_says() -> None:
    assert _kept(Sampling(top_k=2)) == [0, 1]
    assert _kept(Sampling(top_p=0.45)) == [0]
    assert _kept(Sampling(top_p=0.6)) == [0, 1]
    assert _kept(Sampling(top_p=0.91)) == [0, 1, 2, 3]
    assert _kept(Sampling(min_p=0.3)) == [0, 1, 2]
    assert _kept(Sampling(temperature=0)) == [0]
    assert _kept(Sampling(allowed=(1, 3))) == [1, 3]
    assert _kept(Sampling(top_k=1, allowed=(2, 3))) == [2]
    torch.testing.assert_close(
        probabilities(LOGITS, Sampling(temperature=0.5))[0],
        torch.tensor([0.25, 0.0625, 0.0225, 0.01]) / 0.345,
    )


def test_a_tiny_temperature_is_the_likeliest_token() -> None:
    assert _kept(Sampling(temperature=1e-30)) == [0]


def test_draws_follow_the_distribution_and_never_the_forbidden() -> None:
    generator = torch.Generator().manual_seed(0)
    drawn = draw(LOGITS.expand(4000, 4), Sampling(top_k=3), [generator] * 4000)
    share = drawn.bincount(minlength=4) / 4000
    torch.testing.assert_close(share, torch.tensor([0.5, 0.25, 0.15, 0]) / 0.9, atol=0.03, rtol=0)
    assert share[3] == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -1},
        {"top_k": -1},
        {"top_p": 0},
        {"min_p": 2},
        {"allowed": ()},
        {"temperature": float("nan")},
    ],
)
def test_a_setting_that_cannot_be_meant_is_an_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Sampling(**wrong)


def _prompts(model: HNetForCausalLM) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(0, 4, (n,), generator=generator) for n in (5, 1, 70, 12)]


def test_greedy_tokens_are_those_of_the_whole_sequence(model: HNetForCausalLM) -> None:
    prompts = _prompts(model)
    new = model.generate(prompts, 20, sampling=Sampling(temperature=0))
    for prompt, tokens in zip(prompts, new, strict=True):
        whole = torch.cat([prompt, tokens])
        expected = model(whole).logits[len(prompt) - 1 : -1].argmax(-1)
        assert torch.equal(tokens, expected)


def test_a_sequence_does_not_depend_on_its_batch_mates(model: HNetForCausalLM) -> None:
    prompts = _prompts(model)
    hot = Sampling(temperature=20.0)
    together = model.generate(prompts, 15, seeds=[9, 8, 7, 6], sampling=hot)
    for prompt, seed, tokens in zip(prompts, [9, 8, 7, 6], together, strict=True):
        assert torch.equal(model.generate([prompt], 15, seeds=[seed], sampling=hot)[0], tokens)
    assert not torch.equal(model.generate(prompts[:1], 15, seeds=1, sampling=hot)[0], together[0])


def test_a_stop_token_ends_its_sequence_only(model: HNetForCausalLM) -> None:
    prompts = _prompts(model)
    free = model.generate(prompts, 30, seeds=3)
    stop = int(free[0][4])
    ended = model.generate(prompts, 30, seeds=3, stop_tokens=[stop])
    for without, with_stop in zip(free, ended, strict=True):
        found = (without == stop).nonzero()
        until = int(found[0]) if len(found) else 30
        assert torch.equal(with_stop, without[:until])


def test_chunks_of_the_stream_are_those_of_the_whole_sequence() -> None:
    model = make_model("two stages, MLPs outside, tied").eval()
    prompts = _prompts(model)
    seen: list[list[tuple[int, int]]] = [[] for _ in prompts]
    for token in generate(model, prompts, 25):
        seen[token.sequence].append((token.token, token.depth))
    for stream in seen:
        ids = torch.tensor([token for token, _ in stream])
        first, second = (b.boundary_mask for b in model(ids).boundaries)
        depth = first.long()
        depth[first.nonzero().squeeze(1)[second]] += 1
        assert [d for _, d in stream] == depth.tolist()


def test_training_mode_is_put_back(model: HNetForCausalLM) -> None:
    model.train()
    model.generate(_prompts(model)[:1], 2)
    assert model.training


@pytest.mark.parametrize(
    ("prompts", "match"),
    [
        ([], "prompts: has no sequences"),
        ([torch.empty(0, dtype=torch.int64)], "sequence 0: is empty"),
        ([torch.tensor([99])], "99"),
    ],
)
def test_prompts_that_cannot_be_read_are_errors(prompts: list[Tensor], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        make_model("isotropic").generate(prompts, 3)
