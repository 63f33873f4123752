"""Labelled sequences: what is held out, and what a batch holds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from hnet_seq.heads.head_config import HeadConfig
from hnet_seq.train.labelled_batches import cut, epoch_order, split_validation, stratify
from modalities import dna
from modalities.base import Tokens
from modalities.errors import UsageError


@pytest.fixture
def sequences() -> list[Tokens]:
    """24 of 30 bases."""
    generator = np.random.default_rng(0)
    return [generator.integers(0, 4, 30, np.uint8) for _ in range(24)]


def test_validation_takes_its_share_of_every_class_and_leaves_some() -> None:
    strata = np.repeat([0, 1, 2, 3], [100, 50, 7, 1])
    generator = np.random.default_rng(0)
    unique = [generator.integers(0, 4, 30, np.uint8) for _ in strata]
    for seed in range(20):
        fit, held_out = split_validation(unique, strata, dna.COMPLEMENT, 0.2, seed)
        assert sorted(fit + held_out) == list(range(len(strata)))
        counts = np.bincount(strata[held_out], minlength=4)
        assert np.abs(counts - np.array([20, 10, 1.4, 0])).max() <= 1
        assert counts[3] == 0, "the only member of a class is trained on"
    assert split_validation(unique, strata, None, 0.2, 1) == split_validation(
        unique, strata, None, 0.2, 1
    )


def test_copies_and_reverse_complements_stay_on_one_side() -> None:
    generator = np.random.default_rng(0)
    unique = [generator.integers(0, 4, 30, np.uint8) for _ in range(40)]
    copies = unique + [dna.reverse_complement(sequence) for sequence in unique] + unique
    strata = np.arange(120) % 2
    for seed in range(10):
        _, held_out = split_validation(copies, strata, dna.COMPLEMENT, 0.25, seed)
        assert held_out
        groups = {index % 40 for index in held_out}
        assert set(held_out) == {g + 40 * k for g in groups for k in range(3)}


@pytest.mark.parametrize(("fraction", "count"), [(0.6, 24), (-0.1, 24), (0.1, 1)])
def test_a_validation_split_that_cannot_be_is_refused(
    fraction: float, count: int, sequences: list[Tokens]
) -> None:
    strata = np.zeros(count, int)
    with pytest.raises(UsageError, match="validation_fraction"):
        split_validation(sequences[:count], strata, dna.COMPLEMENT, fraction, 0)


def test_numbers_are_stratified_by_rank_and_sets_of_labels_by_set() -> None:
    numbers = list(torch.tensor([[5.0], [1.0], [9.0], [7.0], [8.0], [6.0]]))
    regression = HeadConfig("regression", ["x"], mean=[0.0], sd=[1.0])
    ranks = stratify(regression, numbers)
    assert ranks.tolist() == [0, 0, 2, 1, 2, 1]
    sets = list(torch.tensor([[1.0, 0], [0, 1], [1, 0], [1, 1], [0, 0], [0, 0]]))
    groups = stratify(HeadConfig("multi_label", ["a", "b"]), sets).tolist()
    assert groups[0] == groups[2] != groups[4] == groups[5]
    assert groups[1] == groups[3] not in (groups[0], groups[4])  # sets that occur once, together


def test_batches_keep_to_the_budget_and_hold_everything_once() -> None:
    lengths = np.random.default_rng(0).integers(1, 60, 200)
    lengths[17] = 500  # longer than the budget: a batch by itself
    order, _ = epoch_order(200, seed=0, epoch=3)
    batches = cut(order.tolist(), lengths, 128)
    assert [index for batch in batches for index in batch] == order.tolist()
    assert [17] in batches
    assert all(len(batch) == 1 or lengths[batch].sum() <= 128 for batch in batches)
    for batch, following in itertools.pairwise(batches):
        assert lengths[batch].sum() + lengths[following[0]] > 128
    assert order.tolist() != epoch_order(200, seed=0, epoch=4)[0].tolist()
