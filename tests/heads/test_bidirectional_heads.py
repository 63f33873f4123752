"""Heads and vectors on a bidirectional H-Net."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hnet_seq.heads.base import HNetWithHead
from hnet_seq.heads.head_config import HeadConfig
from hnet_seq.heads.sequence_classification import HNetForSequenceClassification
from hnet_seq.heads.token_classification import HNetForTokenClassification
from hnet_seq.model.config import HNetConfig
from hnet_seq.model.masked_lm import HNetForMaskedLM
from hnet_seq.tasks.embed import embed
from hnet_seq.tasks.info import describe
from tests.conftest import make_model

CLASSES = HeadConfig("single_label", ["coding", "intergenic"], pooling="chunks")
PER_POSITION = HeadConfig("per_position", ["coding", "intergenic"])
LENGTHS = [40, 7, 65]


@pytest.fixture
def config() -> HNetConfig:
    shape = make_model("one stage").config.to_dict()
    return HNetConfig.from_dict({**shape, "bidirectional": True})


def _ids() -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.randint(0, 4, (sum(LENGTHS),), generator=torch.Generator().manual_seed(0))
    return ids, torch.tensor([0, *LENGTHS]).cumsum(0)


@pytest.mark.parametrize("pooling", ["chunks", "chunks_weighted", "bases", "attention"])
def test_a_sequence_read_backwards_is_of_the_same_class(config: HNetConfig, pooling: str) -> None:
    head = HeadConfig("single_label", CLASSES.names, pooling=pooling)
    model = HNetForSequenceClassification(config, head, residual_proj="identity").eval()
    ids, cu_seqlens = _ids()
    turned = torch.cat([part.flip(0) for part in ids.split(LENGTHS)])
    logits = model(ids, cu_seqlens).logits
    torch.testing.assert_close(model(turned, cu_seqlens).logits, logits, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(logits[0], logits[1])


def test_a_prediction_at_a_position_sees_both_sides(config: HNetConfig) -> None:
    model = HNetForTokenClassification(config, PER_POSITION, residual_proj="identity").eval()
    ids = _ids()[0][:40]
    changed = ids.clone()
    changed[30] = (ids[30] + 1) % 4
    before, after = model(ids).logits, model(changed).logits
    assert not torch.allclose(before[25], after[25], atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "head"),
    [(HNetForSequenceClassification, CLASSES), (HNetForTokenClassification, PER_POSITION)],
)
def test_a_masked_model_takes_a_head_and_is_saved_with_it(
    config: HNetConfig, kind: type[HNetWithHead], head: HeadConfig, tmp_path: Path
) -> None:
    masked = HNetForMaskedLM(config)
    masked.save_pretrained(tmp_path / "masked")
    model: Any = kind.from_pretrained(tmp_path / "masked", head, device="cpu")
    assert model.config.bidirectional
    ids, cu_seqlens = _ids()
    model(ids, cu_seqlens).logits.square().sum().backward()
    assert model.backbone.encoder.layers[0].mixer.in_proj.weight.grad.any()
    model.save_pretrained(tmp_path / "head")
    again = kind.from_pretrained(tmp_path / "head", device="cpu")
    torch.testing.assert_close(again(ids, cu_seqlens).logits, model(ids, cu_seqlens).logits)


def test_vectors_of_a_masked_model_and_what_it_is(config: HNetConfig, tmp_path: Path) -> None:
    model = HNetForMaskedLM(config)
    model.metadata["modality"] = "dna"
    vectors = embed(model, ["ACGTTGCAAC", "CAACGTTGCA"], device="cpu")
    np.testing.assert_allclose(vectors[0], vectors[1], rtol=1e-4, atol=1e-5)
    model.save_pretrained(tmp_path)
    about = describe(tmp_path)
    assert about["parameters"] == sum(p.numel() for p in model.parameters())
