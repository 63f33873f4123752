"""A sequence gives the same whole, packed, padded, cut anywhere, or token by token."""

from typing import Any

import pytest
import torch

from hnet_seq import HNetConfig, HNetForCausalLM
from hnet_seq.model.boundary_policy import FITTED, BoundaryPolicy, use_boundary_policy
from hnet_seq.model.state import going_on
from hnet_seq.ops import Packing
from tests.model.policies import POLICIES, with_policy

TOLERANCE: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-4}


def config(layout, widths, window=-1, mlp=0, tie=False, memory=(), counts=()):
    levels = len(widths)
    return HNetConfig.from_dict(
        {
            "arch_layout": layout,
            "d_model": widths,
            "d_intermediate": [mlp] * levels,
            "vocab_size": 16,
            "ssm_cfg": {"d_state": 16, "expand": 2},
            "attn_cfg": {
                "num_heads": [2] * levels,
                "rotary_emb_dim": [8] * levels,
                "window_size": [window] * levels,
            },
            "tie_embeddings": tie,
            "ngram_memory": {"orders": list(memory), "rows": 300, "width": 8},
            "ngram_counts": {"orders": list(counts)},
        }
    )


CONFIGS = {
    "isotropic mamba": config(["m2"], [32]),
    "isotropic attention": config(["t2"], [32]),
    "one stage": config(["m2", ["t1m1"], "m1"], [32, 32]),
    "two stages, growing": config(["m1", ["m1", ["t2"], "m1"], "m1t1"], [32, 64, 64]),
    "mlps outside": config(["M1", ["t1"], "T1"], [32, 32], mlp=64, tie=True),
    "n-gram memory": config(["m1", ["t1"], "m1"], [32, 32], memory=[2, 3, 7]),
    "n-gram counts": config(["m1", ["t1"], "m1"], [32, 32], counts=[1, 3, 4]),
    "window below the prompt": config(["m1t1", ["t1"], "t1m1"], [32, 32], window=5),
}


@pytest.fixture(params=list(CONFIGS))
def model(request):
    """Random weights, larger than at the start of training, so that every part matters."""
    model = HNetForCausalLM(CONFIGS[request.param], seed=3, residual_proj="identity").eval()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 2 and "embeddings" not in name:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    if model.backbone.ngram_counts is not None:
        text = torch.randint(0, 16, (5000,), generator=generator, dtype=torch.uint8)
        model.backbone.ngram_counts.count([text])
    return model


def sequences(lengths, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(0, 16, (length,), generator=generator) for length in lengths]


def bounds(pieces):
    return torch.tensor([0, *[len(p) for p in pieces]]).cumsum(0)


LENGTHS = [40, 1, 17, 133, 2, 64, 65, 90]


@torch.no_grad()
def alone(model, batch):
    return [model(ids).logits for ids in batch]


@torch.no_grad()
def test_packed_and_padded_agree_with_alone(model):
    batch = sequences(LENGTHS)
    expected = alone(model, batch)
    packed = model(torch.cat(batch), bounds(batch)).logits.split(LENGTHS)
    ids = torch.nn.utils.rnn.pad_sequence(batch, batch_first=True)
    mask = torch.arange(ids.shape[1]) < torch.tensor(LENGTHS)[:, None]
    padded = model(ids, mask=mask).logits
    for row, (one, two) in enumerate(zip(expected, packed, strict=True)):
        torch.testing.assert_close(two, one, **TOLERANCE)
        torch.testing.assert_close(padded[row, : len(one)], one, **TOLERANCE)


@torch.no_grad()
def test_pieces_cut_anywhere_agree_with_the_whole(model):
    batch = sequences(LENGTHS)
    expected = alone(model, batch)
    generator = torch.Generator().manual_seed(1)
    state = model.new_state(len(batch))
    done = [0] * len(batch)
    seen: list[list[torch.Tensor]] = [[] for _ in batch]
    while any(d < len(b) for d, b in zip(done, batch, strict=True)):
        # A random subset of the sequences, in a random order, each by a random number of tokens.
        rows = list(torch.randperm(len(batch), generator=generator).tolist())
        rows = [i for i in rows if done[i] < len(batch[i])]
        rows = rows[: 1 + int(torch.randint(len(rows), (1,), generator=generator))]
        steps = [int(torch.randint(1, 80, (1,), generator=generator)) for _ in rows]
        pieces = [batch[i][done[i] : done[i] + n] for i, n in zip(rows, steps, strict=True)]
        out = model(torch.cat(pieces), bounds(pieces), state=state, slots=torch.tensor(rows))
        for i, logits in zip(rows, out.logits.split([len(p) for p in pieces]), strict=True):
            seen[i].append(logits)
            done[i] += len(logits)
    for one, parts in zip(expected, seen, strict=True):
        torch.testing.assert_close(torch.cat(parts), one, **TOLERANCE)


@torch.no_grad()
def test_steps_agree_with_the_whole_for_a_batch_of_prompts(model):
    prompts = [3, 1, 17, 70, 2, 20, 65, 9]
    batch = sequences([n + 30 for n in prompts], seed=2)
    expected = alone(model, batch)
    starts = [ids[:n] for ids, n in zip(batch, prompts, strict=True)]
    out, state = model.prefill(torch.cat(starts), bounds(starts))
    for row, n in enumerate(prompts):
        torch.testing.assert_close(out.logits[row], expected[row][n - 1], **TOLERANCE)
    for step in range(30):
        tokens = torch.stack([ids[n + step] for ids, n in zip(batch, prompts, strict=True)])
        logits = model.step(tokens, state).logits
        for row, n in enumerate(prompts):
            torch.testing.assert_close(logits[row], expected[row][n + step], **TOLERANCE)


@torch.no_grad()
def test_a_single_token_starts_a_sequence(model):
    ids = sequences([6])[0]
    state = model.new_state(1)
    steps = torch.cat([model.step(token[None], state).logits for token in ids])
    torch.testing.assert_close(steps, model(ids).logits, **TOLERANCE)


@torch.no_grad()
def test_a_reset_slot_forgets_and_the_others_do_not(model):
    first, second, third = sequences([20, 20, 20])
    _, state = model.prefill(torch.cat([first, second]), bounds([first, second]))
    state.reset(torch.tensor([0]))
    out = model(torch.cat([third, second]), bounds([third, second]), state=state)
    torch.testing.assert_close(out.logits[:20], model(third).logits, **TOLERANCE)
    whole = model(torch.cat([second, second])).logits[20:]
    torch.testing.assert_close(out.logits[20:], whole, **TOLERANCE)


@torch.no_grad()
@pytest.mark.parametrize("rule", POLICIES.values(), ids=POLICIES.keys())
def test_rules_cut_the_same_in_pieces_packed_and_step_by_step_as_whole(rule):
    shape = CONFIGS["two stages, growing"].to_dict()
    model = with_policy(shape, rule, seed=3)
    inner = BoundaryPolicy() if rule.policy in FITTED else rule
    whole_ids, other = (ids % 4 for ids in sequences([200, 90]))
    pieces = [1, 1, 70, 5, 2, 1, 8, 112]
    assert isinstance(model, HNetForCausalLM)
    with use_boundary_policy(model, [rule, inner]):
        whole = model(whole_ids)
        packed = model(torch.cat([other, whole_ids]), bounds([other, whole_ids]))
        state = model.new_state(3)
        slot = torch.tensor([2])
        outs = [model(piece, state=state, slots=slot) for piece in whole_ids.split(pieces)]
        # Another sequence in the same slot knows nothing of it; steps of two at once.
        state.reset(slot)
        slots = torch.tensor([2, 0])
        steps = [
            model.step(tokens, state, slots)
            for tokens in torch.stack([other[:40], whole_ids[:40]], 1)
        ]
    first = whole.boundaries[0].boundary_mask
    assert 0 < first.float().mean() < 1
    assert torch.equal(packed.boundaries[0].boundary_mask[90:], first)
    for stage in range(2):
        masks = [out.boundaries[stage].boundary_mask for out in outs]
        assert torch.equal(torch.cat(masks), whole.boundaries[stage].boundary_mask)
    torch.testing.assert_close(torch.cat([o.logits for o in outs]), whole.logits, **TOLERANCE)
    stepped = torch.stack([out.boundaries[0].boundary_mask for out in steps])
    assert torch.equal(stepped[:, 1], first[:40])
    assert torch.equal(stepped[:, 0], packed.boundaries[0].boundary_mask[:40])


def test_the_state_of_a_windowed_model_does_not_grow():
    model = HNetForCausalLM(CONFIGS["window below the prompt"]).eval()
    state = model.new_state(1)
    sizes = []
    with torch.no_grad():
        for piece in sequences([100] * 5):
            model(piece, state=state)
            sizes.append(state.num_bytes)
    assert sizes[0] == sizes[-1]


def test_misuse_of_a_state_is_an_error():
    model = HNetForCausalLM(CONFIGS["one stage"]).eval()
    state = model.new_state(2)
    ids = torch.zeros(6, dtype=torch.int64)
    with pytest.raises(ValueError, match="no_grad"):
        model(ids, state=state)
    with torch.no_grad():
        with pytest.raises(ValueError, match="2 slots"):
            model(ids, torch.tensor([0, 2, 4, 6]), state=state)
        with pytest.raises(ValueError, match="must differ"):
            model(ids, torch.tensor([0, 3, 6]), state=state, slots=torch.tensor([1, 1]))
        with pytest.raises(ValueError, match="lie in 0"):
            model(ids, state=state, slots=torch.tensor([2]))
        with pytest.raises(ValueError, match="packed"):
            model(ids[None], state=state)


@torch.no_grad()
@pytest.mark.parametrize("name", [name for name, own in CONFIGS.items() if own.num_stages])
@pytest.mark.parametrize("policy", list(POLICIES))
def test_boundaries_alone_are_those_of_the_whole_model(name, policy):
    """Bit for bit, packed and in pieces; nothing behind the last decision is computed."""
    model = with_policy(CONFIGS[name].to_dict(), POLICIES[policy])
    assert isinstance(model, HNetForCausalLM)
    ids = torch.randint(0, 4, (150,), generator=torch.Generator().manual_seed(1))
    packing = Packing.from_lengths([60, 1, 89], ids.device)
    rules = [POLICIES[policy], *[BoundaryPolicy()] * (model.num_stages - 1)]
    with use_boundary_policy(model, rules):
        same(model.boundaries(ids, packing), model.encode(ids, packing).boundaries)
        state, whole = model.new_state(1), model.new_state(1)
        for piece in ids.split([70, 1, 40, 39]):
            own = Packing.from_lengths([len(piece)], ids.device)
            found = model.boundaries(piece, going_on(own, state, None), state)
            same(found, model.encode(piece, going_on(own, whole, None), whole).boundaries)
    for layer in state.decoder:
        assert all(not tensor.numel() or not tensor.any() for tensor in layer.tensors)


def same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one.boundary_prob, other.boundary_prob)
        assert torch.equal(one.boundary_mask, other.boundary_mask)
        assert torch.equal(one.cu_seqlens, other.cu_seqlens)
