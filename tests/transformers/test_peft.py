"""LoRA through PEFT: no projection is passed over by a kernel that reads weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from hnet_seq import load_pretrained
from hnet_seq.transformers import HNetForCausalLM

from ..conftest import make_model

# PEFT asks the library in words of its last version.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")
peft = pytest.importorskip("peft")

PROJECTIONS = ["Wqkv", "in_proj", "out_proj", "fc1", "fc2", "q_proj_layer", "k_proj_layer"]
IDS = torch.randint(0, 4, (1, 200), generator=torch.Generator().manual_seed(0))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    model = make_model("one stage")
    model.metadata = {"modality": "dna"}
    model.save_pretrained(tmp_path / "base")
    return tmp_path / "base"


def adapted(model: HNetForCausalLM, *targets: str) -> Any:
    torch.manual_seed(0)
    config = peft.LoraConfig(
        r=4,
        target_modules=list(targets),
        init_lora_weights=False,
        task_type="CAUSAL_LM",
    )
    return peft.get_peft_model(model, config).eval()


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_each_projection_changes_the_output_and_gets_gradients(base: Path, projection: str) -> None:
    model = AutoModelForCausalLM.from_pretrained(base)
    with torch.no_grad():
        before = model(input_ids=IDS).logits
    tuned = adapted(model, projection)
    with torch.no_grad():
        fast = tuned(input_ids=IDS).logits
    slow = tuned(input_ids=IDS, labels=IDS)
    assert (fast - before).abs().max() > 1e-4
    torch.testing.assert_close(fast, slow.logits, atol=1e-5, rtol=1e-4)
    with tuned.disable_adapter(), torch.no_grad():
        torch.testing.assert_close(tuned(input_ids=IDS).logits, before, atol=1e-5, rtol=1e-4)
    slow.loss.backward()
    learning = {n: p for n, p in tuned.named_parameters() if p.requires_grad}
    assert learning
    for name, parameter in learning.items():
        assert "lora_" in name
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_saved_loaded_and_merged_it_is_the_same(base: Path, tmp_path: Path) -> None:
    tuned = adapted(AutoModelForCausalLM.from_pretrained(base), *PROJECTIONS)
    tuned.save_pretrained(tmp_path / "adapter")
    with torch.no_grad():
        expected = tuned(input_ids=IDS).logits
        again = peft.PeftModel.from_pretrained(
            AutoModelForCausalLM.from_pretrained(base), tmp_path / "adapter"
        ).eval()
        torch.testing.assert_close(again(input_ids=IDS).logits, expected, atol=1e-5, rtol=1e-4)
        merged = again.merge_and_unload()
        torch.testing.assert_close(merged(input_ids=IDS).logits, expected, atol=1e-5, rtol=1e-4)
        merged.save_pretrained(tmp_path / "merged")
        ours = load_pretrained(tmp_path / "merged", "cpu")(IDS[0]).logits
        torch.testing.assert_close(ours, expected[0], atol=1e-5, rtol=1e-4)
    names = {file.name for file in (tmp_path / "adapter").iterdir()}
    assert "adapter_model.safetensors" in names


def test_an_adapted_model_generates_through_its_state(base: Path) -> None:
    tuned = adapted(AutoModelForCausalLM.from_pretrained(base), *PROJECTIONS)
    options = {"max_new_tokens": 8, "do_sample": False}
    prompt = {"input_ids": IDS[:, :60], "attention_mask": torch.ones(1, 60, dtype=torch.int64)}
    cached = tuned.generate(**prompt, **options)
    assert torch.equal(cached, tuned.generate(**prompt, use_cache=False, **options))


def test_hooks_on_projections_are_called(base: Path) -> None:
    model = load_pretrained(base, "cpu")
    called = []
    for module in model.modules():
        if hasattr(module, "in_proj"):
            projection: Any = module.in_proj
            projection.register_forward_hook(lambda *_: called.append(1))
    with torch.no_grad():
        model(IDS[0])
    assert len(called) == sum(hasattr(module, "in_proj") for module in model.modules())


def test_a_projection_with_a_forward_of_its_own_is_called(base: Path) -> None:
    """As the hooks of accelerate give it one."""
    model = load_pretrained(base, "cpu")
    called: list[int] = []
    for module in model.modules():
        if hasattr(module, "in_proj"):
            projection: Any = module.in_proj
            projection.forward = _counted(projection.forward, called)
    with torch.no_grad():
        model(IDS[0])
    assert len(called) == sum(hasattr(module, "in_proj") for module in model.modules())


def _counted(forward: Callable[[torch.Tensor], torch.Tensor], called: list[int]) -> Any:
    def counted(x: torch.Tensor) -> torch.Tensor:
        called.append(1)
        return forward(x)

    return counted
