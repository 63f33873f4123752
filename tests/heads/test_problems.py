"""Labels to targets, losses, and predictions of each kind of problem."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from hnet_seq.heads.head_config import HeadConfig
from hnet_seq.heads.problems import (
    collate_targets,
    count_targets,
    encode_labels,
    head_loss,
    predictions,
)

CLASSES = HeadConfig("single_label", ["a", "b", "c"])
LABELS = HeadConfig("multi_label", ["a", "b", "c"])
NUMBERS = HeadConfig("regression", ["x", "y"], mean=[10.0, 0.0], sd=[2.0, 0.5])
POSITIONS = HeadConfig("per_position", ["a", "b", "c"])


def encode(head: HeadConfig, labels: Any) -> torch.Tensor:
    return collate_targets(head, encode_labels(head, labels))


def test_labels_become_targets_by_name() -> None:
    assert encode(CLASSES, ["c", "a"]).tolist() == [2, 0]
    assert encode(LABELS, [["c", "a"], []]).tolist() == [[1, 0, 1], [0, 0, 0]]
    assert encode(NUMBERS, [[12, 1], [10, 0]]).tolist() == [[1, 2], [0, 0]]
    assert encode(POSITIONS, [[0, 2], [-100]]).tolist() == [0, 2, -100]
    numbered = HeadConfig.from_labels("single_label", np.array([7, 10]))
    assert encode(numbered, [10, "7"]).tolist() == [0, 1]  # as text "10" sorts before "7"


def test_losses_are_means_in_nats_and_variances() -> None:
    nothing = torch.zeros(2, 3)
    assert head_loss(CLASSES, nothing, torch.tensor([0, 2])).item() == pytest.approx(math.log(3))
    some = torch.tensor([[1.0, 0, 1], [0, 0, 0]])
    assert head_loss(LABELS, nothing, some).item() == pytest.approx(math.log(2))
    assert head_loss(NUMBERS, torch.zeros(1, 2), torch.tensor([[1.0, 3.0]])).item() == 5
    logits = torch.zeros(4, 3)
    logits[1] = torch.tensor([0.0, 50.0, 0.0])
    positions = torch.tensor([-100, 1, 0, -100])
    assert head_loss(POSITIONS, logits, positions).item() == pytest.approx(math.log(3) / 2)
    assert count_targets(positions) == 2


def test_nothing_labelled_is_a_loss_of_zero_not_nan() -> None:
    logits = torch.zeros(2, 3, requires_grad=True)
    loss = head_loss(POSITIONS, logits, torch.tensor([-100, -100]))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_predictions_are_probabilities_or_numbers_in_their_units() -> None:
    logits = torch.tensor([[0.0, math.log(3), -30.0]])
    one = predictions(CLASSES, logits)
    torch.testing.assert_close(one[0, :2], torch.tensor([0.25, 0.75]))
    several = predictions(LABELS, logits)
    torch.testing.assert_close(several[0, :2], torch.tensor([0.5, 0.75]))
    numbers = predictions(NUMBERS, torch.tensor([[1.0, -2.0]]))
    torch.testing.assert_close(numbers, torch.tensor([[12.0, -1.0]]))


def test_a_head_is_described_by_its_training_labels() -> None:
    head = HeadConfig.from_labels("multi_label", [["z", "a"], [], ["m"]])
    assert head.names == ["a", "m", "z"]
    head = HeadConfig.from_labels("regression", [1.0, 3.0])
    assert (head.names, head.mean, head.sd) == (["value"], [2.0], [1.0])
    constant = HeadConfig.from_labels("regression", [[5, 1], [5, 2]])
    assert constant.sd[0] == 1  # predicted as it is, not divided by nothing
    assert encode(constant, [[5, 1]])[0, 0] == 0


@pytest.mark.parametrize(
    ("head", "labels", "message"),
    [
        (CLASSES, ["a", "d"], "label 1: the head does not know 'd'; it knows a, b, c"),
        (LABELS, [["a"], ["e"]], "label 1: the head does not know 'e'"),
        (LABELS, ["a"], "expected a collection of class names; got 'a'"),
        (NUMBERS, [[1, 2], [math.nan, 2]], "label 1: .* is not a finite number"),
        (NUMBERS, [1, 2], "labels have 1 numbers; the head predicts x, y"),
        (NUMBERS, ["x", "y"], "must be a number"),
        (POSITIONS, [[0], [0, 3]], "label 1: 3 at position 1; expected 0 to 2, or -100"),
        (POSITIONS, [[0.5]], r"label 0: expected \(L,\) class numbers"),
    ],
)
def test_a_label_that_does_not_fit_is_named_with_its_place(
    head: HeadConfig, labels: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        encode_labels(head, labels)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"problem": "ranking", "names": ["a", "b"]}, "problem 'ranking' is not one of"),
        ({"problem": "single_label", "names": ["a"]}, "expected 2 or more classes"),
        ({"problem": "single_label", "names": ["b", "a"]}, "sorted and distinct"),
        ({"problem": "multi_label", "names": ["a", "a"]}, "sorted and distinct"),
        ({"problem": "regression", "names": ["a"]}, "a mean and an sd"),
        ({"problem": "single_label", "names": ["a", "b"], "pooling": "max"}, "pooling 'max'"),
        ({"problem": "single_label", "name": ["a", "b"]}, "unknown key name"),
        ({"names": ["a", "b"]}, "needs problem and names"),
    ],
)
def test_a_head_that_cannot_be_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HeadConfig.from_dict(values)
