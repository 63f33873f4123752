"""The memory plan against what autograd keeps; benchmarks/memory_plan.py measures processes."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from hnet_seq.cli import main
from hnet_seq.model.boundary_policy import BoundaryPolicy
from hnet_seq.model.config import READINGS, HNetConfig
from hnet_seq.model.language_model import HNetLanguageModel, cross_entropy
from hnet_seq.model.masked_lm import language_model
from hnet_seq.train.memory_parts import memory_parts
from hnet_seq.train.memory_plan import plan_memory, untrained
from hnet_seq.train.tables import tables

TOKENS, CONTEXT = 2048, 512

SHAPES: dict[str, dict[str, Any]] = {
    "Mamba-2": {"arch_layout": ["m2"], "d_model": [64]},
    "Mamba-2 of a width without kernels": {
        "arch_layout": ["m2"],
        "d_model": [64],
        "ssm_cfg": {"d_state": 24},
    },
    "attention": {"arch_layout": ["t2"], "d_model": [64]},
    "attention without rotation": {"arch_layout": ["t2"], "d_model": [64], "rotary": 0},
    "window": {"arch_layout": ["t2"], "d_model": [64], "window": 100},
    "MLP": {"arch_layout": ["M1T1"], "d_model": [64], "d_intermediate": [200]},
    "one stage, wider inside": {
        "arch_layout": ["m1", ["T2"], "m1t1"],
        "d_model": [64, 128],
        "d_intermediate": [0, 128],
    },
    "n-gram memory": {
        "arch_layout": ["m1", ["m1"], "m1"],
        "d_model": [64, 64],
        "ngram_memory": {"orders": [2, 3, 5], "rows": 1000, "width": 16},
    },
    "n-gram counts": {
        "arch_layout": ["m1", ["m1"], "m1"],
        "d_model": [64, 64],
        "ngram_counts": {"orders": [2, 3, 5], "symbols": 4},
    },
    "two stages": {"arch_layout": ["m1", ["t1m1", ["m2"], "m1"], "m2"], "d_model": [64, 64, 128]},
}


def _model(shape: str, reading: str = "causal") -> HNetLanguageModel:
    values = dict(SHAPES[shape])
    stages = len(values["d_model"])
    rotary, window = values.pop("rotary", 16), values.pop("window", -1)
    config = HNetConfig.from_dict(
        {
            "d_intermediate": [0] * stages,
            "vocab_size": 8 if reading == "strands" else 32,
            "ssm_cfg": {"d_state": 32},
            "attn_cfg": {
                "num_heads": [4] * stages,
                "rotary_emb_dim": [rotary] * stages,
                "window_size": [window] * stages,
            },
            **values,
        }
    )
    if reading == "strands":
        config = dataclasses.replace(config, bidirectional=True, strand_symmetric=True)
    elif reading != "causal":
        config = dataclasses.replace(config, bidirectional=True, reading=reading)
    return language_model(config)


def _kept(model: HNetLanguageModel) -> tuple[int, list[float]]:
    """Bytes that autograd keeps of a forward pass, weights apart, and the ratios."""
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    storages: dict[int, int] = {}
    alive: list[Tensor] = []  # an address must not be given twice

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            storages[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)
        return tensor

    ids = torch.randint(
        0, model.config.vocab_size, (TOKENS,), generator=torch.Generator().manual_seed(0)
    )
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        out = model(ids, torch.arange(0, TOKENS + 1, CONTEXT, dtype=torch.int32))
        cross_entropy(out.logits, ids)
    rates = [b.boundary_mask.numel() / int(b.boundary_mask.sum()) for b in out.boundaries]
    return sum(storages.values()), rates


@pytest.mark.parametrize("reading", ["causal", *READINGS, "strands"])
@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_planned_to_be_kept_is_what_autograd_keeps(shape: str, reading: str) -> None:
    model = _model(shape, reading)
    kept, rates = _kept(model)
    parts = memory_parts(model, TOKENS, rates, CONTEXT)
    # Masks are not autograd's, and of the logits it keeps the logarithms only.
    planned = 4 * sum(
        part.saved / (2 if part.name == "output" else 1)
        for part in parts
        if "packing" not in part.name
    )
    assert planned == pytest.approx(kept, rel=0.03)


def test_gradients_of_all_parts_are_those_of_all_weights() -> None:
    for shape in SHAPES:
        model = _model(shape)
        parts = memory_parts(model, TOKENS, [3.0] * model.num_stages, CONTEXT)
        weights = sum(p.numel() for n, p in model.named_parameters() if n not in tables(model))
        assert sum(part.parameters for part in parts) == pytest.approx(weights, rel=0.01)


def test_a_plan_grows_with_chunks_tokens_and_micro_batches() -> None:
    config = _model("one stage, wider inside").config
    plan = plan_memory(config, 4096, [3.0], context=512)
    assert plan_memory(config, 4096, [1.5], context=512).resident > 1.2 * plan.resident
    assert plan_memory(config, 8192, [3.0], context=512).resident > 1.8 * plan.resident
    assert plan_memory(config, 4096, [3.0], micro_batches=2).allocated >= plan.allocated
    assert plan.allocated > 3 * plan.weights + sum(plan.saved)
    with pytest.raises(ValueError, match="expected 1 values"):
        plan_memory(config, 4096, [])


def test_with_few_tokens_weights_gradients_and_averages_remain() -> None:
    plan = plan_memory(_model("Mamba-2").config, 1, [])
    assert plan.allocated == pytest.approx(4 * plan.weights, rel=0.5)


def test_the_description_names_the_peak_and_what_a_chunk_costs() -> None:
    config = _model("one stage, wider inside").config
    plan = plan_memory(config, 8192, [4.0], context=512)
    lines = plan.lines()
    assert f"{plan.resident / 1e6:,.0f} MB" in lines[0]
    assert f"{plan.saved[1] / 2048 / 1e3:.1f} kB a chunk of stage 0" in "\n".join(lines)


def test_info_says_what_training_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "hnet_1stage_L", "--batch-tokens", "4096"]) == 0
    printed = capsys.readouterr().out
    assert "memory of training on 4,096 tokens at once" in printed
    assert "a chunk of stage 0" in printed
    assert "from scratch more in the first steps, at 1.6 tokens per chunk: " in printed
    assert main(["info", "hnet_1stage_L", "--tokens-per-chunk", "1.5"]) == 0
    assert "from scratch" not in capsys.readouterr().out
    assert main(["info", "hnet_1stage_L", "--batch-tokens", "0"]) == 2


def test_the_first_steps_cut_as_an_untrained_router_does_but_for_rules() -> None:
    config = _model("two stages").config
    assert untrained(config, [3.0, 1.2]) == [1.6, 1.2]
    config.boundary_policies = [BoundaryPolicy("stride", every=3), BoundaryPolicy()]
    assert untrained(config, [3.0, 3.0]) == [3.0, 1.6]
