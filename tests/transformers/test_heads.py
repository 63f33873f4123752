"""Heads: the kept one, a new one beside it, and what an adapter has of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    set_seed,
)

from hnet_seq import HeadConfig, HNetForSequenceClassification, load_pretrained

from ..conftest import make_model

IDS = torch.randint(0, 4, (3, 60), generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2])


@pytest.fixture
def language(tmp_path: Path) -> Path:
    model = make_model("one stage")
    model.metadata = {"modality": "dna"}
    model.save_pretrained(tmp_path / "language")
    return tmp_path / "language"


@pytest.fixture(params=["ours", "theirs"])
def kept(request: pytest.FixtureRequest, language: Path, tmp_path: Path) -> Path:
    """A classifier of three, as either side writes it."""
    head = HeadConfig("single_label", ["a", "b", "c"], "chunks")
    own = HNetForSequenceClassification.from_causal_lm(load_pretrained(language, "cpu"), head)
    own.save_pretrained(tmp_path / "ours")
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "ours")
    model.save_pretrained(tmp_path / "theirs")
    return tmp_path / request.param


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"num_labels": 5}, r"num_labels=5: the checkpoint has a head, with 3"),
        ({"num_labels": 2}, r"num_labels=2: the checkpoint has a head"),
        ({"id2label": {0: "a", 1: "b", 2: "d"}}, "id2label=.*'c'"),
        ({"problem_type": "multi_label_classification"}, "problem_type"),
        ({"pooling": "bases"}, "pooling='bases'.*'chunks'"),
    ],
)
def test_another_head_beside_the_kept_one_is_refused(
    kept: Path, asked: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        AutoModelForSequenceClassification.from_pretrained(kept, **asked)


def test_the_kept_head_may_be_named_and_its_body_takes_another(kept: Path, tmp_path: Path) -> None:
    asked = {"num_labels": 3, "id2label": {0: "a", 1: "b", 2: "c"}, "pooling": "chunks"}
    model = AutoModelForSequenceClassification.from_pretrained(kept, **asked)
    model.save_pretrained(tmp_path / "again")
    assert "_asked" not in (tmp_path / "again/config.json").read_text()
    # Into a folder that had a head: the body has none, and says none.
    AutoModel.from_pretrained(kept).save_pretrained(tmp_path / "again")
    assert not (tmp_path / "again/head.json").exists()
    new = AutoModelForSequenceClassification.from_pretrained(tmp_path / "again", num_labels=5)
    assert new(input_ids=IDS).logits.shape == (3, 5)
    with pytest.raises(ValueError, match="a body alone is no language model"):
        load_pretrained(tmp_path / "again", "cpu")


def test_classes_in_another_order_are_told_how_to_stand(language: Path) -> None:
    with pytest.raises(ValueError, match=r"give id2label=\{0: 'background', 1: 'promoter'\}"):
        AutoModelForSequenceClassification.from_pretrained(
            language, id2label={0: "promoter", 1: "background"}
        )


def test_an_adapter_of_our_own_is_told_from_weights(language: Path, tmp_path: Path) -> None:
    head = HeadConfig("single_label", ["a", "b"], "chunks")
    own = HNetForSequenceClassification.from_pretrained(language, head=head, device="cpu")
    own.adapt(2, ["mamba2"])
    own.save_pretrained(tmp_path / "small")
    with pytest.raises(ValueError, match=r"adapter\.safetensors.*hnet_seq\.transformers\.convert"):
        AutoModelForSequenceClassification.from_pretrained(tmp_path / "small")


def _tuned(language: Path, **options: Any) -> Any:
    peft = pytest.importorskip("peft")
    set_seed(1)
    model = AutoModelForSequenceClassification.from_pretrained(language, num_labels=3)
    config = peft.LoraConfig(r=4, target_modules=["in_proj", "out_proj"], **options)
    return peft.get_peft_model(model, config).train()


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")
@pytest.mark.filterwarnings("ignore:the ratio loss is off")
def test_an_adapter_comes_back_with_its_head(language: Path, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    tuned = _tuned(language, modules_to_save=["head"])
    optimizer = torch.optim.SGD([p for p in tuned.parameters() if p.requires_grad], 0.1)
    for _ in range(2):
        optimizer.zero_grad()
        tuned(input_ids=IDS, labels=LABELS).loss.backward()
        optimizer.step()
    tuned.eval().save_pretrained(tmp_path / "adapter")
    set_seed(2)
    base = AutoModelForSequenceClassification.from_pretrained(language, num_labels=3)
    again = peft.PeftModel.from_pretrained(base, tmp_path / "adapter").eval()
    with torch.no_grad():
        expected = tuned(input_ids=IDS).logits
        torch.testing.assert_close(again(input_ids=IDS).logits, expected)
        again.merge_and_unload().save_pretrained(tmp_path / "merged")
        own = HNetForSequenceClassification.from_pretrained(tmp_path / "merged", device="cpu")
        torch.testing.assert_close(own(IDS[0]).logits, expected[:1], atol=1e-5, rtol=1e-4)


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")
@pytest.mark.parametrize("kept_modules", [None, ["head"]])
def test_an_adapter_that_would_lose_its_head_is_refused(
    language: Path, kept_modules: list[str] | None
) -> None:
    tuned = _tuned(language, task_type="SEQ_CLS", modules_to_save=kept_modules)
    with pytest.raises(ValueError, match=r'modules_to_save=\["head"\]\) without task_type'):
        tuned(input_ids=IDS, labels=LABELS)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_weights_in_16_bits_compute(language: Path, kind: torch.dtype) -> None:
    """As fp32 does, to their precision; also with a head, a cache and gradients."""
    whole = AutoModelForCausalLM.from_pretrained(language)
    short = AutoModelForCausalLM.from_pretrained(language, dtype=kind)
    assert short.dtype == kind
    with torch.no_grad():
        expected = whole(input_ids=IDS).logits
        found = short(input_ids=IDS).logits
    torch.testing.assert_close(found.float(), expected, atol=0.02, rtol=0.0)
    mask = torch.ones_like(IDS)
    new = short.generate(IDS, attention_mask=mask, max_new_tokens=3, do_sample=False)
    assert new.shape == (3, 63)
    short(input_ids=IDS, labels=IDS).loss.backward()
    assert torch.isfinite(short.embeddings.weight.grad).all()
    with torch.no_grad():
        vectors = AutoModel.from_pretrained(language, dtype=kind)(input_ids=IDS)
    assert torch.isfinite(vectors.last_hidden_state).all()
    set_seed(0)
    head = AutoModelForSequenceClassification.from_pretrained(language, num_labels=3, dtype=kind)
    assert torch.isfinite(head(input_ids=IDS, labels=LABELS).loss)
