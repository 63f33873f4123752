"""Where rules cut, beside loops that anyone can read; and what is refused."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import pytest
import torch
from torch import Tensor

from hnet_seq import HNetConfig, HNetForCausalLM
from hnet_seq.model.boundary_policy import BoundaryPolicy, use_boundary_policy
from hnet_seq.model.boundary_rules import rule_boundaries
from hnet_seq.model.byte_pairs import BytePairs
from hnet_seq.model.counted_text import counted_texts
from hnet_seq.model.flops import flops_per_token
from hnet_seq.model.ngram_tables import GAP
from hnet_seq.model.surprise import Surprise
from hnet_seq.model.top_k import top_of_windows
from hnet_seq.ops.packing import Packing
from hnet_seq.train.byte_pairs import learn_merges
from tests.model.policies import MERGES, POLICIES, with_policy

LENGTHS = [70, 1, 5, 131]
PACKING = Packing.from_lengths(LENGTHS)
SHAPE: dict[str, Any] = {
    "arch_layout": ["m1", ["m1"], "m1"],
    "d_model": [64, 64],
    "d_intermediate": [0, 0],
    "vocab_size": 8,
    "ssm_cfg": {"d_state": 16},
}


def ids(symbols: int = 4, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, symbols, (PACKING.total,), generator=generator)


def gapped(tokens: Tensor) -> Tensor:
    """As a text to be counted, with a gap behind each sequence."""
    gap = torch.tensor([GAP])
    return torch.cat([part for own in tokens.split(LENGTHS) for part in (own, gap)]).byte()


def sequences(values: Tensor) -> list[list[Any]]:
    return [part.tolist() for part in values.split(LENGTHS)]


# A grid that is snapped to delimiters -------------------------------------------------------------


@pytest.mark.parametrize("phase", [0, 2])
@pytest.mark.parametrize("every", [1, 4, 9])
def test_a_snapped_grid_cuts_at_the_next_delimiter_after_each_line(every: int, phase: int) -> None:
    rule = BoundaryPolicy("snapped", every=every, phase=phase, tokens=[1, 2])
    found = rule_boundaries(rule, ids(), PACKING)
    for tokens, mask in zip(sequences(ids()), sequences(found), strict=True):
        due = [0]  # the start, whatever the grid
        line = phase if phase else every
        for place in range(1, len(tokens)):
            ends_word = tokens[place - 1] in (1, 2) and tokens[place] not in (1, 2)
            if place >= line and ends_word:
                due.append(place)
                line += (1 + (place - line) // every) * every
        assert [place for place, is_cut in enumerate(mask) if is_cut] == due


# Entropy and surprisal ----------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["entropy", "surprisal"])
def test_bits_are_those_of_a_mixture_of_counts(policy: str) -> None:
    rule = BoundaryPolicy(policy, orders=[1, 3], symbols=4, rate=0.2)
    table = Surprise(rule, 8).eval()
    trained = ids(seed=3)
    table.count([gapped(trained)])
    tokens = ids(5)  # 4 is no symbol
    found = table.bits(tokens, PACKING)
    seen: dict[tuple[int, ...], list[int]] = {}
    for own in sequences(trained):
        for order in (1, 3):
            for place in range(order, len(own)):
                counts = seen.setdefault(tuple(own[place - order : place]), [0] * 4)
                counts[own[place]] += 1
    for own, values in zip(sequences(tokens), sequences(found), strict=True):
        for place, value in enumerate(values):
            p = [0.25] * 4
            for order in (1, 3):
                before = tuple(own[place - order : place]) if place >= order else None
                if before is None or max(before) > 3:
                    continue
                c = seen.get(before, [0] * 4)
                p = [(n + 2 * q) / (sum(c) + 2) for n, q in zip(c, p, strict=True)]
            entropy = -sum(q * math.log2(q) for q in p)
            surprisal = -math.log2(p[own[place]]) if own[place] < 4 else 0.0
            assert value == pytest.approx(entropy if policy == "entropy" else surprisal, abs=1e-4)


def test_the_threshold_leaves_the_wanted_share() -> None:
    table = Surprise(BoundaryPolicy("surprisal", orders=[1], symbols=4, rate=0.3), 8).eval()
    table.count([gapped(ids(seed=3))])
    bits = table.bits(ids(), PACKING)
    table.fit(bits)
    share = table(ids(), PACKING).float().mean()
    assert share <= 0.3
    assert share > 0.15  # few different values


# Byte pairs ---------------------------------------------------------------------------------------


def encoded(tokens: list[int], merges: list[tuple[int, int]], vocab_size: int = 8) -> list[int]:
    """Lengths of the tokens, as Hugging Face cuts."""
    tokenizers = pytest.importorskip("tokenizers")
    names = [chr(0x4E00 + token) for token in range(vocab_size)]
    pairs = []
    for left, right in merges:
        pairs.append((names[left], names[right]))
        names.append(names[left] + names[right])
    vocabulary = {name: number for number, name in enumerate(names)}
    model = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, pairs))
    return [end - begin for begin, end in model.encode("".join(names[t] for t in tokens)).offsets]


def pieces(tokens: list[int], every: int, delimiter: int | None) -> list[list[int]]:
    found: list[list[int]] = []
    for place, token in enumerate(tokens):
        word = place > 0 and tokens[place - 1] == delimiter and token != delimiter
        if not found or word or len(found[-1]) == every:
            found.append([])
        found[-1].append(token)
    return found


def begins(lengths: list[int]) -> list[bool]:
    return [place == 0 for length in lengths for place in range(length)]


@pytest.mark.parametrize("name", ["byte pairs", "byte pairs of words"])
@pytest.mark.parametrize("learned", [False, True])
def test_byte_pairs_are_those_of_tokenizers_and_causal_ones_of_what_was_read(
    name: str, learned: bool
) -> None:
    rule = POLICIES[name]
    merges = MERGES
    if learned:
        pytest.importorskip("tokenizers")
        text = [own for tokens in sequences(ids(seed=9)) for own in pieces(tokens, 9, None)]
        merges = learn_merges(text, 8, 5)
        assert len(merges) == 5
    causal, both = BytePairs(rule, 8), BytePairs(rule, 8, bidirectional=True)
    for module in (causal, both):
        module.set_merges(merges)
    tokens = ids(seed=1)
    of_causal, of_both = (sequences(module(tokens, PACKING)) for module in (causal, both))
    differing = 0
    for own, one, two in zip(sequences(tokens), of_causal, of_both, strict=True):
        exact: list[bool] = []
        so_far: list[bool] = []
        for piece in pieces(own, rule.every, rule.tokens[0] if rule.tokens else None):
            exact += begins(encoded(piece, merges))
            so_far += [encoded(piece[: k + 1], merges)[-1] == 1 for k in range(len(piece))]
        assert two == exact
        assert one == so_far
        differing += sum(a != b for a, b in zip(exact, so_far, strict=True))
    assert differing  # or the causal form would need no definition of its own


def test_a_token_that_is_made_in_two_ways_is_learned_once() -> None:
    pytest.importorskip("tokenizers")
    merges = learn_merges([[0] * 7, [0] * 5, [1, 0, 0, 0, 1]] * 30, 8, 6)
    made: list[tuple[int, ...]] = [(token,) for token in range(8)]
    for left, right in merges:
        made.append(made[left] + made[right])
    assert len(set(made)) == len(made)


# The likeliest of each window ---------------------------------------------------------------------


def probabilities() -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.rand(PACKING.total, generator=generator).index_fill(0, PACKING.starts, 1.0)


def test_a_bidirectional_model_takes_the_likeliest_of_each_window() -> None:
    rule = BoundaryPolicy("top_k", every=6, top=2)
    mask = top_of_windows(rule, probabilities(), PACKING, bidirectional=True)
    for own, found in zip(sequences(probabilities()), sequences(mask), strict=True):
        for start in range(0, len(own), 6):
            window = own[start : start + 6]
            best = sorted(range(len(window)), key=lambda k: -window[k])[:2]
            assert [k for k, is_cut in enumerate(found[start : start + 6]) if is_cut] == sorted(
                best
            )


def test_a_causal_model_has_as_many_boundaries_in_each_window() -> None:
    rule = BoundaryPolicy("top_k", every=6, top=2)
    mask = top_of_windows(rule, probabilities(), PACKING)
    for own, found in zip(sequences(probabilities()), sequences(mask), strict=True):
        assert found[0]
        bar = 0.5
        for start in range(0, len(own), 6):
            window, cuts = own[start : start + 6], found[start : start + 6]
            taken = 0
            for k, value in enumerate(window):
                due = taken < 2 and (value > bar or 6 - k <= 2 - taken)
                assert cuts[k] is due
                taken += due
            assert len(window) < 6 or sum(cuts) == 2
            bar = sorted(window)[-2] if len(window) == 6 else bar


# The model around them ----------------------------------------------------------------------------


def test_a_rule_keeps_its_tables_in_the_checkpoint_and_in_the_twin(tmp_path: Any) -> None:
    for name in ("surprisal", "byte pairs"):
        model = with_policy(SHAPE, POLICIES[name], seed=1)
        assert isinstance(model, HNetForCausalLM)
        model.save_pretrained(tmp_path / name)
        mask = model(ids(), PACKING.cu_seqlens).boundaries[0].boundary_mask
        for twin in (False, True):
            again = HNetForCausalLM.from_pretrained(tmp_path / name, "cpu", twin=twin)
            found = again(ids(), PACKING.cu_seqlens).boundaries[0].boundary_mask
            assert torch.equal(found, mask)
        if name == "surprisal":
            assert len(counted_texts(model)) == 1


def test_gradients_reach_the_router_through_the_likeliest_and_no_other_rule() -> None:
    for name, rule in POLICIES.items():
        model = with_policy(SHAPE, rule, residual_proj="identity")
        with use_boundary_policy(model, [rule]):
            out = model(ids(), PACKING.cu_seqlens)
        out.logits.square().sum().backward()
        gradient = model.backbone.routing_module.q_proj_layer.weight.grad
        assert (gradient is not None and bool(gradient.any())) is (name in ("learned", "top_k"))


def test_only_a_policy_that_looks_at_the_router_costs_its_products() -> None:
    plain = HNetConfig.from_dict(SHAPE)
    stride = HNetConfig.from_dict({**SHAPE, "boundary_policies": [asdict(POLICIES["stride"])]})
    top_k = HNetConfig.from_dict({**SHAPE, "boundary_policies": [asdict(POLICIES["top_k"])]})
    learned, ruled, topped = (flops_per_token(c, 100, [3.0]) for c in (plain, stride, top_k))
    assert learned == topped
    assert learned - ruled == 2 * 2 * 64 * 64


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"policy": "top_k", "every": 4, "top": 5}, "needs 1 <= top <= every"),
        ({"policy": "snapped", "every": 4}, "snapped needs tokens"),
        ({"policy": "snapped", "tokens": [1]}, "snapped needs every >= 1"),
        ({"policy": "entropy", "rate": 0.3}, "needs orders"),
        ({"policy": "surprisal", "orders": [2]}, "needs a rate"),
        ({"policy": "entropy", "orders": [2, 2], "rate": 0.3}, "distinct numbers"),
        ({"policy": "entropy", "orders": [2], "rate": 0.3, "symbols": 9}, "symbols"),
        ({"policy": "byte_pairs", "every": 8}, "merges from 1"),
        ({"policy": "byte_pairs", "merges": 8, "every": 1}, "every from 2"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_one_line(rule: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as found:
        HNetConfig.from_dict({**SHAPE, "boundary_policies": [rule]})
    assert "\n" not in str(found.value)
    assert "boundary_policies[0]" in str(found.value)


def test_tables_are_of_raw_tokens_and_of_what_comes_next() -> None:
    two = {
        **SHAPE,
        "arch_layout": ["m1", ["m1", ["m1"], "m1"], "m1"],
        "d_model": [64, 64, 64],
        "d_intermediate": [0, 0, 0],
    }
    for name in ("entropy", "byte pairs"):
        with pytest.raises(ValueError, match="of stage 0 alone"):
            HNetConfig.from_dict({**two, "boundary_policies": [{}, asdict(POLICIES[name])]})
    with pytest.raises(ValueError, match="a bidirectional model hides tokens"):
        HNetConfig.from_dict(
            {**SHAPE, "bidirectional": True, "boundary_policies": [asdict(POLICIES["entropy"])]}
        )
    model = with_policy(SHAPE, BoundaryPolicy())
    own = with_policy(SHAPE, POLICIES["surprisal"])
    with (
        use_boundary_policy(own, [POLICIES["stride"]]),
        use_boundary_policy(own, [POLICIES["surprisal"]]),
    ):
        assert own.backbone.boundary_policy.policy == "surprisal"
    with (
        pytest.raises(ValueError, match="needs tables of the training data"),
        use_boundary_policy(model, [POLICIES["surprisal"]]),
    ):
        pass
