"""Low-rank adaptation: what is adapted, what is written, and what it is read with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from hnet_seq import FinetuneConfig, HeadConfig, HNetForSequenceClassification, load_pretrained
from hnet_seq.model.adapter import ADAPTER_FACTS
from hnet_seq.model.locate import ADAPTER, WEIGHTS
from hnet_seq.model.low_rank import merge_low_rank
from hnet_seq.model.low_rank_targets import TARGETS
from modalities.errors import UsageError

from ..conftest import make_model

HEAD = HeadConfig("single_label", ["no", "yes"], "bases")
IDS = torch.randint(0, 4, (200,), generator=torch.Generator().manual_seed(0))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    make_model("one stage").save_pretrained(tmp_path / "base")
    return tmp_path / "base"


def adapted(base: Path, *targets: str) -> HNetForSequenceClassification:
    """An adapter that changes what is computed."""
    model = HNetForSequenceClassification.from_pretrained(base, HEAD, device="cpu")
    model.adapt(4, targets or ("attention", "mamba2", "router"))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(".0.B"):
                parameter.copy_(0.05 * torch.randn(parameter.shape, generator=generator))
    return model


@pytest.mark.parametrize("target", TARGETS)
def test_each_target_changes_the_output_and_gets_gradients(base: Path, target: str) -> None:
    """In the kernels of inference, which take weights, as with gradients."""
    plain = HNetForSequenceClassification.from_pretrained(base, HEAD, device="cpu")
    model = adapted(base, target)
    with torch.no_grad():
        before, fast = plain(IDS).logits, model(IDS).logits
    slow = model(IDS).logits
    assert (before - fast).abs().max() > 1e-5
    torch.testing.assert_close(fast, slow, atol=1e-5, rtol=1e-4)
    slow[0, 0].backward()
    for name, parameter in model.named_parameters():
        if name.endswith((".0.A", ".0.B")):
            assert parameter.grad is not None, name
            assert parameter.grad.abs().max() > 0, name


def test_nothing_changes_at_first(base: Path) -> None:
    plain = HNetForSequenceClassification.from_pretrained(base, HEAD, device="cpu")
    model = HNetForSequenceClassification.from_pretrained(base, HEAD, device="cpu")
    model.adapt(4, ["attention", "mamba2", "mlp", "router"])
    with torch.no_grad():
        assert torch.equal(plain(IDS).logits, model(IDS).logits)


def test_saved_loaded_and_merged_it_is_the_same(base: Path, tmp_path: Path) -> None:
    model = adapted(base)
    with torch.no_grad():
        expected = model(IDS)
    model.save_pretrained(tmp_path / "adapter")
    files = {file.name for file in (tmp_path / "adapter").iterdir()}
    assert files == {ADAPTER, ADAPTER_FACTS, "config.json", "head.json"}
    size = (tmp_path / "adapter" / ADAPTER).stat().st_size
    assert size < (base / WEIGHTS).stat().st_size / 4
    again = HNetForSequenceClassification.from_pretrained(tmp_path / "adapter", device="cpu")
    vectors = load_pretrained(tmp_path / "adapter", "cpu")
    merge_low_rank(model)
    with torch.no_grad():
        torch.testing.assert_close(again(IDS).logits, expected.logits, atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(vectors(IDS).hidden, expected.hidden, atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(model(IDS).logits, expected.logits, atol=1e-6, rtol=1e-5)
    model.save_pretrained(tmp_path / "adapter")
    files = {file.name for file in (tmp_path / "adapter").iterdir()}
    assert files == {WEIGHTS, "config.json", "head.json"}


def test_another_base_is_refused_and_a_moved_one_is_named(base: Path, tmp_path: Path) -> None:
    adapted(base).save_pretrained(tmp_path / "adapter")
    facts = tmp_path / "adapter" / ADAPTER_FACTS
    about = json.loads(facts.read_text())
    assert about["base"] == str(base)
    base.rename(tmp_path / "moved")
    with pytest.raises(FileNotFoundError, match=r"its base .* is not there; write its place"):
        load_pretrained(tmp_path / "adapter", "cpu")
    facts.write_text(json.dumps(about | {"base": str(tmp_path / "moved")}))
    load_pretrained(tmp_path / "adapter", "cpu")
    make_model("one stage", seed=5).save_pretrained(tmp_path / "moved")
    with pytest.raises(ValueError, match="was trained on weights with sha256") as refused:
        load_pretrained(tmp_path / "adapter", "cpu")
    assert "\n" not in str(refused.value)
    facts.write_text(json.dumps({}))
    with pytest.raises(ValueError, match="no `base`"):
        load_pretrained(tmp_path / "adapter", "cpu")


def test_weights_that_are_no_files_any_more_are_written_whole(base: Path, tmp_path: Path) -> None:
    model = HNetForSequenceClassification.from_pretrained(base, HEAD, device="cpu")
    with torch.no_grad():
        model.embeddings.weight.add_(1)
    model.adapt(4, ["mamba2"])
    with torch.no_grad():
        expected = model(IDS).logits
    model.save_pretrained(tmp_path / "whole")
    assert not (tmp_path / "whole" / ADAPTER).exists()
    again = HNetForSequenceClassification.from_pretrained(tmp_path / "whole", device="cpu")
    with torch.no_grad():
        torch.testing.assert_close(again(IDS).logits, expected, atol=1e-6, rtol=1e-5)


def test_what_cannot_be_meant_is_refused(base: Path) -> None:
    model = HNetForSequenceClassification.from_pretrained(base, HEAD, device="cpu")
    for rank, targets, said in (
        (0, ["mlp"], "rank of 1"),
        (2, ["q"], "names 'q'"),
        (2, [], "empty"),
    ):
        with pytest.raises(UsageError, match=said):
            model.adapt(rank, targets)
    isotropic = HNetForSequenceClassification.from_causal_lm(make_model("isotropic"), HEAD)
    with pytest.raises(UsageError, match="has none of these"):
        isotropic.adapt(2, ["router"])
    with pytest.raises(UsageError, match="adapters learn"):
        FinetuneConfig(lora=2, part="head").validate(1)
    assert "lora" not in FinetuneConfig().settings()
