"""Probes on frozen vectors: they learn, say how sure they are, and are kept without pickles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import log_loss

from hnet_seq.evidence.probes import linear_svm
from hnet_seq.evidence.probes.folds import stratified_folds
from hnet_seq.evidence.probes.linear_svm import fit_linear_svm
from hnet_seq.evidence.probes.table import PROBES, kind_of
from hnet_seq.tasks.classification.probe_file import Embedding, Probe, load_probe, save_probe


def data(classes: int, count: int = 150, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Blobs that overlap; the last feature is constant, the first one large and of no use."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    features = generator.normal(size=(count, 6)) + 1.5 * np.eye(classes, 6, 1)[labels]
    features[:, 0] *= 1000
    features[:, 5] = 7
    return features.astype(np.float32), labels


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", PROBES)
def test_a_probe_beats_the_shares_of_the_classes_and_keeps_its_predictions(
    kind: str, classes: int, tmp_path: Path
) -> None:
    features, labels = data(classes)
    asked, truth = data(classes, seed=1)
    model: Any = PROBES[kind][1](features, labels, num_classes=classes)
    found = model.predict_proba(asked)
    np.testing.assert_allclose(found.sum(1), 1)
    assert log_loss(truth, found) < 0.9 * np.log(classes)
    assert kind_of(model) == kind

    names = ["a", "b", "c"][:classes]
    probe = Probe(names, model, Embedding("bases", -1, "none"), "run", "0" * 64)
    save_probe(probe, tmp_path / "p.npz")
    again: Any = load_probe(tmp_path / "p.npz")
    np.testing.assert_array_equal(again.model.predict_proba(asked), found)
    assert (again.classes, again.embedding, again.weights) == (names, probe.embedding, "0" * 64)


@pytest.mark.parametrize("kind", PROBES)
def test_a_class_with_one_member_can_be_learned(kind: str) -> None:
    features, labels = data(2, 9)
    labels = (np.arange(9) == 4).astype(int)
    found = PROBES[kind][1](features, labels, num_classes=2).predict_proba(features)
    assert found[4, 1] > found[[0, 1, 2, 3], 1].mean()


@pytest.mark.parametrize("kind", PROBES)
def test_features_that_are_no_numbers_are_refused(kind: str) -> None:
    features, labels = data(2, 10)
    features[3, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        PROBES[kind][1](features, labels, num_classes=2)
    with pytest.raises(ValueError, match="must occur"):
        PROBES[kind][1](features, np.zeros(10, int), num_classes=2)


def test_folds_keep_groups_together_and_fit_on_every_class() -> None:
    labels = np.arange(60) % 3
    groups = [f"g{index // 6}" for index in range(60)]
    folds = stratified_folds(labels, groups)
    assert len(folds) == 5
    for fit, held_out in folds:
        assert not {groups[i] for i in fit} & {groups[i] for i in held_out}
        assert len(set(labels[fit].tolist())) == 3
    assert sorted(np.concatenate([held for _, held in folds]).tolist()) == list(range(60))
    assert stratified_folds(labels, ["one"] * 60) == []


def test_members_of_a_group_do_not_vouch_for_each_other() -> None:
    """Copies within groups make one neighbour look perfect, unless the folds hold groups out."""
    generator = np.random.default_rng(0)
    labels = np.repeat(generator.integers(0, 2, 40), 5)
    features = np.repeat(generator.normal(size=(40, 4)), 5, axis=0)
    fit: Any = PROBES["knn"][1]
    torn = fit(features, labels, num_classes=2)
    whole = fit(features, labels, num_classes=2, groups=[f"{i // 5}" for i in range(200)])
    assert torn.neighbours < whole.neighbours


def test_folds_that_leave_a_class_unseen_are_no_reason_to_fail() -> None:
    labels = np.array([1, 1, 1, 0, 0, 1, 0, 1, 0])
    groups = [str(number) for number in (0, 0, 2, 1, 2, 2, 2, 0, 1)]
    features = np.random.default_rng(0).normal(size=(9, 3))
    probe = fit_linear_svm(features, labels, num_classes=2, groups=groups)
    assert probe.predict_proba(features).shape == (9, 2)


@pytest.mark.parametrize("classes", [2, 3])
def test_probabilities_do_not_depend_on_how_small_the_margins_are(
    classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Margins shrink with the penalty, and their slope has to grow as much."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, classes, 600)
    features = generator.normal(size=(600, 4)) + 1.5 * np.eye(4)[labels]
    losses = []
    for penalty in (1e-9, 1e-6, 1e-1):
        monkeypatch.setattr(linear_svm, "PENALTIES", (penalty,))
        probe = fit_linear_svm(features, labels, num_classes=classes)
        losses.append(log_loss(labels, probe.predict_proba(features)))
    assert max(losses) < 1.05 * min(losses)
    assert max(losses) < 0.7 * np.log(classes)
