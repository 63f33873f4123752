"""What is written at the ends of a sequence: the pooling ``ends``, and begin and end markers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from hnet_seq.heads.head_config import HeadConfig
from hnet_seq.heads.pooling import early_pool
from hnet_seq.heads.sequence_classification import HNetForSequenceClassification
from hnet_seq.train.finetune import FinetuneConfig, finetune
from hnet_seq.train.labelled_batches import marker_tokens, pack, split_validation
from hnet_seq.train.predict import predict
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError, UsageError
from tests.conftest import make_model

ENDS = HeadConfig("single_label", ["a", "b"], "ends", markers=True)


def model_of(head: HeadConfig, layout: str = "one stage") -> HNetForSequenceClassification:
    return HNetForSequenceClassification.from_causal_lm(make_model(layout), head)


def some(count: int, seed: int = 0) -> list[Tokens]:
    generator = np.random.default_rng(seed)
    return [generator.integers(0, 4, int(n), np.uint8) for n in generator.integers(1, 40, count)]


def test_the_early_state_is_the_eighth_or_the_last() -> None:
    vectors = torch.arange(12.0).unsqueeze(1)
    cu_seqlens = torch.tensor([0, 9, 12], dtype=torch.int32)
    assert early_pool(vectors, cu_seqlens, 7).flatten().tolist() == [7, 11]


@pytest.mark.parametrize("layout", ["one stage", "isotropic"])
def test_a_prediction_from_the_ends_does_not_depend_on_the_batch(layout: str) -> None:
    sequences = some(9)
    model = model_of(ENDS, layout)
    together = predict(model, sequences)
    np.testing.assert_allclose(together, predict(model, sequences, batch_tokens=1), atol=1e-6)


def test_a_kept_model_remembers_markers(tmp_path: Path) -> None:
    model, sequences = model_of(ENDS), some(5)
    model.save_pretrained(tmp_path)
    again = HNetForSequenceClassification.from_pretrained(tmp_path, device="cpu")
    assert again.head_config == ENDS
    np.testing.assert_array_equal(predict(again, sequences), predict(model, sequences))
    bare = model_of(HeadConfig("single_label", ["a", "b"], "ends"))
    assert not np.allclose(predict(bare, sequences), predict(model, sequences))


def test_markers_stand_around_each_sequence_and_never_inside() -> None:
    markers = marker_tokens(ENDS, dna.DNA)
    packed = pack([dna.encode("AC"), dna.encode("G")], torch.device("cpu"), markers)
    assert packed.input_ids.tolist() == [dna.BEGIN, 0, 1, dna.END, dna.BEGIN, 2, dna.END]
    assert packed.cu_seqlens.tolist() == [0, 4, 7]


def test_markers_need_a_vocabulary_and_whole_sequences() -> None:
    bare = dataclasses.replace(dna.DNA, vocabulary=dna.VOCABULARY[:5])
    with pytest.raises(UsageError, match="no begin and end tokens"):
        marker_tokens(ENDS, bare)
    with pytest.raises(ValueError, match="a marker is no position"):
        HeadConfig("per_position", ["a", "b"], markers=True)


def test_the_ends_are_learned() -> None:
    """Class b begins GTAAG and ends CAG; the letters in between tell nothing."""
    generator = np.random.default_rng(0)
    sequences, labels = [], []
    for index in range(96):
        letters = "".join(generator.choice(list("ACGT"), int(generator.integers(20, 40))))
        labels.append("ab"[index % 2])
        sequences.append("GTAAG" + letters + "CAG" if index % 2 else "CAGAT" + letters + "GTA")
    model = model_of(ENDS)
    config = FinetuneConfig(epochs=8, batch_tokens=600, validation_fraction=0, head_rate=1e-2)
    finetune(model, sequences[:64], labels[:64], config)
    found = predict(model, sequences[64:]).argmax(1)
    assert np.mean(found == np.arange(32) % 2) > 0.9


def test_groups_are_held_out_whole_and_given_validation_is_used() -> None:
    sequences = some(60)
    groups = [index // 6 for index in range(60)]
    strata = np.arange(60) % 2
    fit, held_out = split_validation(sequences, strata, dna.COMPLEMENT, 0.2, 0, groups)
    assert sorted(fit + held_out) == list(range(60))
    assert not {groups[i] for i in fit} & {groups[i] for i in held_out}
    with pytest.raises(UsageError, match=r"1 groups .* are too few"):
        split_validation(sequences, strata, dna.COMPLEMENT, 0.2, 0, [0] * 60)

    labels = ["ab"[index % 2] for index in range(60)]
    config = FinetuneConfig(epochs=1, part="head")
    run = finetune(
        model_of(ENDS),
        sequences[:40],
        labels[:40],
        config,
        validation=(sequences[40:], labels[40:]),
    )
    assert run.validation == list(range(40, 60))
    with pytest.raises(InputError, match="40 sequences have 60 groups"):
        finetune(model_of(ENDS), sequences[:40], labels[:40], config, groups=groups)
