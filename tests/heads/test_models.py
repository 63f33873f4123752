"""Heads on an H-Net: loading, saving, packing, and what does not depend on what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hnet_seq.heads.attention_pooling import AttentionPool
from hnet_seq.heads.head_config import HeadConfig
from hnet_seq.heads.names import HEAD, HEAD_POOLINGS
from hnet_seq.heads.sequence_classification import HNetForSequenceClassification
from hnet_seq.heads.token_classification import HNetForTokenClassification
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.ops.packing import Packing
from tests.conftest import make_model

LENGTHS = [37, 1, 90, 64, 5, 129]
TWO_CLASSES = HeadConfig("single_label", ["coding", "intergenic"])
PER_POSITION = HeadConfig("per_position", ["exon", "intron"])


def classifier(layout: str, head: HeadConfig = TWO_CLASSES) -> HNetForSequenceClassification:
    """A head whose attention is not the mean."""
    model = HNetForSequenceClassification.from_causal_lm(make_model(layout), head).eval()
    attention: Any = model.head.attention
    if attention is not None:
        torch.nn.init.normal_(attention.score.weight, generator=torch.Generator().manual_seed(0))
    return model


@pytest.fixture
def packed() -> tuple[list[Tensor], Tensor, Tensor]:
    ids = torch.randint(0, 4, (sum(LENGTHS),), generator=torch.Generator().manual_seed(1))
    return list(ids.split(LENGTHS)), ids, Packing.from_lengths(LENGTHS).cu_seqlens


@pytest.mark.parametrize("pooling", HEAD_POOLINGS)
def test_logits_do_not_depend_on_batch_mates(
    pooling: str, packed: tuple[list[Tensor], Tensor, Tensor]
) -> None:
    sequences, ids, cu_seqlens = packed
    head = HeadConfig("single_label", ["a", "b", "c"], pooling)
    model = classifier("two stages, MLPs outside, tied", head)
    logits = model(ids, cu_seqlens).logits
    assert logits.shape == (len(LENGTHS), 3)
    alone = torch.cat([model(sequence).logits for sequence in sequences])
    torch.testing.assert_close(logits, alone, atol=1e-5, rtol=1e-5)
    # Each sequence counts: no two of them are alike.
    assert torch.pdist(logits).min() > 1e-4


@pytest.mark.parametrize("stage", [0, 1, -1, -2])
def test_every_stage_can_be_pooled(stage: int, packed: tuple[list[Tensor], Tensor, Tensor]) -> None:
    _, ids, cu_seqlens = packed
    head = HeadConfig("single_label", ["a", "b"], "attention", stage)
    model = classifier("two stages, MLPs outside, tied", head)
    assert model(ids, cu_seqlens).logits.isfinite().all()


def test_padded_input_gives_the_packed_logits(
    packed: tuple[list[Tensor], Tensor, Tensor],
) -> None:
    sequences, ids, cu_seqlens = packed
    padded = torch.nn.utils.rnn.pad_sequence(sequences, batch_first=True, padding_value=7)
    mask = torch.arange(padded.shape[1]) < torch.tensor(LENGTHS)[:, None]
    model = classifier("one stage")
    torch.testing.assert_close(model(padded, mask=mask).logits, model(ids, cu_seqlens).logits)
    per_base = HNetForTokenClassification.from_causal_lm(make_model("one stage"), PER_POSITION)
    logits = per_base(padded, mask=mask).logits
    torch.testing.assert_close(logits[mask], per_base(ids, cu_seqlens).logits)
    assert not logits[~mask].any()


def test_a_base_is_labelled_from_the_bases_up_to_it() -> None:
    model = HNetForTokenClassification.from_causal_lm(make_model("one stage"), PER_POSITION).eval()
    ids = torch.randint(0, 4, (80,), generator=torch.Generator().manual_seed(0))
    other = ids.clone()
    other[40] = (other[40] + 1) % 4
    before, after = model(ids).logits, model(other).logits
    torch.testing.assert_close(before[:40], after[:40], atol=1e-5, rtol=0)
    assert (before[40:] - after[40:]).abs().max() > 1e-3


def test_attention_equals_a_loop_and_begins_as_the_mean() -> None:
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(sum(LENGTHS), 8, generator=generator)
    cu_seqlens = Packing.from_lengths(LENGTHS).cu_seqlens
    pool = AttentionPool(8)
    means = torch.stack([part.mean(0) for part in vectors.split(LENGTHS)])
    torch.testing.assert_close(pool(vectors, cu_seqlens), means)

    # Scores far beyond what an exponential holds.
    torch.nn.init.normal_(pool.score.weight, std=300, generator=generator)
    expected = []
    for part in vectors.split(LENGTHS):
        weights = (part @ pool.score.weight.T / 8**0.5).softmax(0)  # (L, 4)
        read = [weights[:, q] @ part[:, 2 * q : 2 * q + 2] for q in range(4)]
        expected.append(torch.cat(read))
    torch.testing.assert_close(pool(vectors, cu_seqlens), torch.stack(expected))


def test_a_language_model_lends_its_weights_and_gets_a_fresh_head(tmp_path: Path) -> None:
    pretrained = make_model("one stage")
    pretrained.metadata["modality"] = "dna"
    pretrained.save_pretrained(tmp_path)
    model: Any = HNetForSequenceClassification.from_pretrained(tmp_path, TWO_CLASSES, device="cpu")
    theirs, ours = pretrained.state_dict(), model.state_dict()
    shared = {name for name in theirs if not name.startswith("lm_head")}
    assert shared == {name for name in ours if not name.startswith("head.")}
    assert all(torch.equal(theirs[name], ours[name]) for name in shared)
    assert model.metadata == {"modality": "dna"}
    again: Any = HNetForSequenceClassification.from_pretrained(tmp_path, TWO_CLASSES, device="cpu")
    assert torch.equal(again.head.linear.weight, model.head.linear.weight)
    other: Any = HNetForSequenceClassification.from_pretrained(
        tmp_path, TWO_CLASSES, seed=1, device="cpu"
    )
    assert not torch.equal(other.head.linear.weight, model.head.linear.weight)


@pytest.mark.parametrize(
    ("kind", "head"),
    [
        (HNetForSequenceClassification, HeadConfig("multi_label", ["a", "b"], "attention")),
        (
            HNetForSequenceClassification,
            HeadConfig("regression", ["b", "a"], "bases", mean=[0.1, 3], sd=[1 / 3, 2.0]),
        ),
        (HNetForTokenClassification, PER_POSITION),
    ],
    ids=["multi-label", "regression", "per position"],
)
def test_saving_what_was_loaded_gives_the_same_bytes_and_predictions(
    kind: type[HNetForSequenceClassification] | type[HNetForTokenClassification],
    head: HeadConfig,
    packed: tuple[list[Tensor], Tensor, Tensor],
    tmp_path: Path,
) -> None:
    _, ids, cu_seqlens = packed
    model = kind.from_causal_lm(make_model("one stage"), head)
    model.metadata["strands"] = "average"
    model.save_pretrained(tmp_path / "a")
    loaded = kind.from_pretrained(tmp_path / "a", device="cpu")
    loaded.save_pretrained(tmp_path / "b")
    assert {path.name for path in (tmp_path / "a").iterdir()} == {
        "config.json",
        "model.safetensors",
        HEAD,
    }
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    assert loaded.head_config == head
    assert loaded.metadata == model.metadata
    one, two = model.predict(ids, cu_seqlens), loaded.predict(ids, cu_seqlens)
    assert one.names == two.names == head.names
    assert torch.equal(one.values, two.values)


def test_probabilities_have_names_and_numbers_have_units(
    packed: tuple[list[Tensor], Tensor, Tensor],
) -> None:
    _, ids, cu_seqlens = packed
    model = classifier("isotropic", HeadConfig("single_label", ["x", "y", "z"], "last"))
    values = model.predict(ids, cu_seqlens).values
    torch.testing.assert_close(values.sum(1), torch.ones(len(LENGTHS)))
    head = HeadConfig("regression", ["expression"], "last", mean=[100.0], sd=[5.0])
    model = classifier("isotropic", head)
    logits = model(ids, cu_seqlens).logits
    torch.testing.assert_close(model.predict(ids, cu_seqlens).values, logits * 5 + 100)


def test_a_fine_tuned_model_can_lend_its_backbone_too(tmp_path: Path) -> None:
    model = classifier("one stage")
    model.save_pretrained(tmp_path)
    other = HeadConfig("single_label", ["p", "q", "r"], "bases")
    again: Any = HNetForSequenceClassification.from_pretrained(tmp_path, other, device="cpu")
    assert again.head_config == other
    assert torch.equal(again.embeddings.weight, model.embeddings.weight)


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    make_model("one stage").save_pretrained(tmp_path / "lm")
    with pytest.raises(ValueError, match=r"a language model without a head\.json"):
        HNetForSequenceClassification.from_pretrained(tmp_path / "lm")
    per_base = HNetForTokenClassification.from_causal_lm(make_model("one stage"), PER_POSITION)
    per_base.save_pretrained(tmp_path / "bases")
    with pytest.raises(ValueError, match=r"head\.json: a head for per_position"):
        HNetForSequenceClassification.from_pretrained(tmp_path / "bases")
    with pytest.raises(ValueError, match="the head is for single_label"):
        HNetForTokenClassification(per_base.config, TWO_CLASSES)
    with pytest.raises(ValueError, match="has 1 stages of chunking"):
        classifier("one stage", HeadConfig("single_label", ["a", "b"], "chunks", 1))
    with pytest.raises(ValueError, match="has 0 stages of chunking; pool over bases"):
        classifier("isotropic")
    (tmp_path / "bases" / HEAD).write_text('{"problem": "single_label", "names": ["b", "a"]}')
    with pytest.raises(ValueError, match=r"head\.json: class names must be sorted"):
        HNetForSequenceClassification.from_pretrained(tmp_path / "bases")
    with pytest.raises(ValueError, match="head"):
        HNetForCausalLM.from_pretrained(tmp_path / "bases")


def test_class_names_are_in_the_checkpoint_as_text(tmp_path: Path) -> None:
    head = HeadConfig.from_labels("single_label", [10, 2, 1, 2])
    classifier("one stage", head).save_pretrained(tmp_path)
    assert json.loads((tmp_path / HEAD).read_text())["names"] == ["1", "10", "2"]
