"""Folds hold out whole groups, evenly, and a seed is a draw."""

from __future__ import annotations

import numpy as np
import pytest

from hnet_seq.evidence.probes.folds import stratified_folds


def partition(groups: np.ndarray, labels: np.ndarray, seed: int) -> frozenset[frozenset[str]]:
    folds = stratified_folds(labels, groups.tolist(), seed=seed)
    return frozenset(frozenset(groups[held_out].tolist()) for _, held_out in folds)


def test_groups_of_different_sizes_are_drawn_anew_by_each_seed() -> None:
    groups = np.repeat(np.arange(20), np.arange(1, 21)).astype(str)
    labels = np.random.default_rng(0).integers(2, size=len(groups))
    drawn = {partition(groups, labels, seed) for seed in range(10)}
    assert len(drawn) == 10
    assert partition(groups, labels, 3) == partition(groups, labels, 3)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rare", [0.5, 0.1])
def test_folds_are_even_in_size_and_classes_and_keep_groups_whole(seed: int, rare: float) -> None:
    generator = np.random.default_rng(seed)
    groups = np.repeat(np.arange(60), generator.geometric(0.05, 60)).astype(str)
    labels = (generator.random(len(groups)) < rare).astype(int)
    folds = stratified_folds(labels, groups.tolist(), seed=seed)
    assert len(folds) == 5
    assert sorted(np.concatenate([held_out for _, held_out in folds])) == list(range(len(labels)))
    for fit, held_out in folds:
        assert not set(groups[fit]) & set(groups[held_out])
        assert len(fit) + len(held_out) == len(labels)
        for number in (0, 1):
            share = (labels[held_out] == number).sum() / (labels == number).sum()
            assert share == pytest.approx(0.2, abs=0.04)


def test_one_large_group_is_a_fold_by_itself_and_every_class_is_fitted_on() -> None:
    groups = np.array(["large"] * 500 + [f"g{k // 5}" for k in range(500)])
    labels = np.arange(1000) % 3
    folds = stratified_folds(labels, groups.tolist(), seed=1)
    assert 500 in [len(held_out) for _, held_out in folds]
    for fit, _ in folds:
        assert set(labels[fit]) == {0, 1, 2}


def test_a_class_of_one_group_has_no_folds() -> None:
    assert stratified_folds(np.array([0, 0, 1, 1]), ["a", "b", "c", "c"]) == []
