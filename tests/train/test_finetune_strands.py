"""Fine-tuning reads the strands that it is asked to, and one prediction is of both."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from hnet_seq.heads.head_config import HeadConfig
from hnet_seq.heads.token_classification import HNetForTokenClassification
from hnet_seq.train.finetune import finetune
from hnet_seq.train.labelled_batches import (
    batch_targets,
)
from hnet_seq.train.predict import predict, predict_positions
from modalities import dna
from modalities.base import Tokens
from modalities.errors import UsageError
from tests.conftest import make_model
from tests.train.small_classifiers import LABELS, SHORT, classifier, random_sequences


@pytest.fixture
def sequences() -> list[Tokens]:
    return random_sequences()


def read_tokens(model: Any) -> list[tuple[bool, list[int]]]:
    """(in training mode, ids) of every later call of the model."""
    calls: list[tuple[bool, list[int]]] = []
    forward = model.forward

    def spy(input_ids: Tensor, *args: Any) -> Any:
        if torch.is_grad_enabled() or not model.training:
            calls.append((model.training, input_ids.tolist()))
        return forward(input_ids, *args)

    model.forward = spy
    return calls


@pytest.mark.parametrize("strands", ["none", "augment", "average"])
def test_which_strands_are_read_where(strands: Any, sequences: list[Tokens]) -> None:
    # The letters tell the strands apart: C and A, whose other strand is T and G.
    only_a = [np.zeros(40, np.uint8) for _ in sequences]
    for index, sequence in enumerate(only_a):
        sequence[:index] = 1
    model = classifier()
    calls = read_tokens(model)
    config = dataclasses.replace(SHORT, strands=strands, epochs=4, patience=9)
    finetune(model, only_a, LABELS, config)
    training = [set(ids) for in_training, ids in calls if in_training]
    validation = [set(ids) for in_training, ids in calls if not in_training]
    assert any(3 in tokens for tokens in training) == (strands != "none")
    assert any(0 in tokens for tokens in training)
    assert any(3 in tokens for tokens in validation) == (strands == "average")
    assert model.metadata["strands"] == strands


def test_average_gives_both_strands_one_prediction(sequences: list[Tokens]) -> None:
    model = classifier()
    finetune(model, sequences, LABELS, dataclasses.replace(SHORT, strands="average"))
    other = [dna.reverse_complement(sequence) for sequence in sequences]
    both = predict(model, sequences)
    np.testing.assert_allclose(both, predict(model, other), atol=1e-6)
    one = predict(model, sequences, strands="none")
    two = predict(model, other, strands="none")
    assert np.abs(one - two).max() > 1e-3
    # Logits are averaged, not probabilities.
    logits = (np.log(one) + np.log(two)) / 2
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(both, expected, atol=1e-6)


def test_labels_of_positions_turn_with_the_strand(sequences: list[Tokens]) -> None:
    head = HeadConfig("per_position", ["A", "other"])
    targets = [torch.tensor([0, 1, -100]), torch.tensor([1, 0])]
    reverse = np.array([True, False])
    turned = batch_targets(head, targets, [1, 0], reverse)
    assert turned.tolist() == [1, 0, -100, 1, 0]
    model = HNetForTokenClassification.from_causal_lm(make_model("one stage"), head)
    other = [dna.reverse_complement(sequence) for sequence in sequences]
    found = predict_positions(model, sequences, strands="average")
    for one, two in zip(found, predict_positions(model, other, strands="average"), strict=True):
        np.testing.assert_allclose(one, two[::-1], atol=1e-6)


def test_text_has_one_strand(sequences: list[Tokens]) -> None:
    model = classifier()
    model.metadata["modality"] = "text"
    with pytest.raises(UsageError, match="text has one strand; use none"):
        finetune(model, sequences, LABELS, dataclasses.replace(SHORT, strands="augment"))
    with pytest.raises(UsageError, match="expected none, augment or average"):
        predict(model, sequences, strands="both")  # type: ignore[arg-type]
    finetune(model, sequences, LABELS, SHORT)
