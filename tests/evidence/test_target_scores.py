"""Scores of several labels and of numbers: what scikit-learn and SciPy say, and their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from hnet_seq.evidence.measures.target_intervals import target_intervals
from hnet_seq.evidence.measures.target_scores import format_targets, target_row
from hnet_seq.evidence.probes.target_probes import OneVsRest, fit_targets, predict_targets

NAMES = ["a", "b", "c"]


def labels(count: int = 80, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and targets (N, 3) that agree more often than not."""
    generator = np.random.default_rng(seed)
    targets = (generator.random((count, 3)) < [0.5, 0.3, 0.1]).astype(float)
    return np.clip(targets * 0.4 + generator.random((count, 3)) * 0.6, 0, 1), targets


def test_scores_of_labels_are_those_of_scikit_learn() -> None:
    found, targets = labels()
    row = target_row("multi-label", "x", "model", [found], targets, NAMES)
    said = found >= 0.5
    expected = {
        "f1_micro": metrics.f1_score(targets, said, average="micro"),
        "f1_macro": metrics.f1_score(targets, said, average="macro"),
        "mcc": np.mean(
            [metrics.matthews_corrcoef(t, s) for t, s in zip(targets.T, said.T, strict=True)]
        ),
        "auroc": metrics.roc_auc_score(targets, found, average="macro"),
        "auprc": metrics.average_precision_score(targets, found, average="macro"),
        "exact": metrics.accuracy_score(targets, said),
    }
    assert row["metrics"] == pytest.approx(expected)
    assert row["of_labels"] is not None
    assert row["of_labels"]["b"]["mcc"] == pytest.approx(
        metrics.matthews_corrcoef(targets[:, 1], said[:, 1])
    )
    low, high = row["intervals"]["f1_micro"] or (1, 0)
    assert low < expected["f1_micro"] < high


def test_a_label_that_every_row_has_counts_in_no_mean_that_it_leaves_undefined() -> None:
    found, targets = labels()
    every = np.concatenate([targets, np.ones((len(targets), 1))], 1)
    wider = np.concatenate([found, np.ones((len(found), 1))], 1)
    one = target_row("multi-label", "x", "model", [found], targets, NAMES)["metrics"]
    other = target_row("multi-label", "x", "model", [wider], every, [*NAMES, "d"])["metrics"]
    for name in ("mcc", "auroc", "auprc"):
        assert other[name] == pytest.approx(one[name])


def test_scores_of_numbers_are_those_of_scipy_and_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    targets = generator.normal(size=60).round(1)[:, None]  # with ties
    found = (targets + generator.normal(size=(60, 1))).round(1)
    row = target_row("regression", "x", "model", [found], targets, ["y"])
    assert row["metrics"] == pytest.approx(
        {
            "spearman": stats.spearmanr(found[:, 0], targets[:, 0])[0],
            "pearson": stats.pearsonr(found[:, 0], targets[:, 0])[0],
            "r2": metrics.r2_score(targets, found),
            "rmse": np.sqrt(metrics.mean_squared_error(targets, found)),
        }
    )


def test_a_constant_prediction_has_no_correlation_and_an_error() -> None:
    targets = np.arange(20.0)[:, None]
    row = target_row("regression", "x", "baseline", [np.full((20, 1), 9.5)], targets, ["y"])
    assert (row["metrics"]["spearman"], row["metrics"]["pearson"]) == (None, None)
    assert row["metrics"]["r2"] == pytest.approx(0)
    assert row["intervals"]["spearman"] is None
    assert "n/a" in format_targets("regression", [row])


def test_seeds_are_averaged_and_leaked_rows_left_out() -> None:
    found, targets = labels()
    other, _ = labels(seed=1)
    clean = np.arange(len(targets)) % 4 > 0
    row = target_row("multi-label", "x", "model", [found, other], targets, NAMES, clean=clean)
    each = [seed["mcc"] for seed in row["per_seed"] if seed["mcc"] is not None]
    assert len(each) == 2
    assert row["metrics"]["mcc"] == pytest.approx(np.mean(each))
    left = row["without_leaked"]
    assert left is not None
    assert left["n"] == 60
    alone = target_row(
        "multi-label", "x", "model", [found[clean], other[clean]], targets[clean], NAMES
    )
    assert left["metrics"] == alone["metrics"]
    assert "sd" in format_targets("multi-label", [row]).splitlines()[0]
    assert "clean" in format_targets("multi-label", [row]).splitlines()[0]


# What the docs say, and two sampling errors of 500 tests.
LOW, HIGH = 0.93 - 0.02, 0.97 + 0.02


def coverage(problem: str, truth: dict[str, float], simulate, trials: int = 500):
    """How often the interval of each score holds its truth, of those given."""
    held: dict[str, list[bool]] = {name: [] for name in truth}
    for _ in range(trials):
        intervals, refused = target_intervals(problem, *simulate())
        for name, true in truth.items():
            ends = intervals[name]
            assert (ends is None) == (name in refused)
            if ends is not None:
                held[name].append(ends[0] <= true <= ends[1])
    return {name: float(np.mean(each)) for name, each in held.items() if each}


def test_intervals_of_numbers_hold_the_truth_also_with_long_tails() -> None:
    """Drawn with replacement, R2 and RMSE of 50 rows with Laplace errors held it in 88%."""
    generator = np.random.default_rng(0)

    def simulate():
        said = 0.9 * generator.normal(size=(50, 1))
        error = generator.laplace(size=(50, 1)) / np.sqrt(2)
        return [said], said + np.sqrt(0.19) * error

    truth = {"pearson": 0.9, "r2": 0.81, "rmse": np.sqrt(0.19)}
    found = coverage("regression", truth, simulate)
    assert found.keys() == truth.keys()
    assert all(LOW <= each <= HIGH for each in found.values()), found


def test_intervals_of_labels_hold_the_truth_over_groups_of_rows() -> None:
    """Rows of a group are right together: as single rows they would hold it in 60%."""
    generator = np.random.default_rng(0)

    def simulate():
        group = np.arange(60).repeat(10)
        right = (generator.random(60) < 0.8)[group, None]
        targets = (generator.random((600, 2)) < [0.5, 0.3]).astype(float)
        other = (generator.random((600, 2)) < [0.5, 0.3]).astype(float)
        return [np.where(right, targets, other)], targets, group.astype(str).tolist()

    f1 = 0.8 + 0.2 * np.array([0.5, 0.3])
    truth = {"f1_micro": float(f1 @ [0.5, 0.3] / 0.8), "f1_macro": float(f1.mean()), "mcc": 0.8}
    found = coverage("multi-label", truth, simulate)
    assert all(LOW <= each <= HIGH for each in found.values()), found


@pytest.mark.parametrize(
    ("problem", "count", "why"),
    [
        ("regression", 20, dict.fromkeys(("spearman", "pearson", "r2"), "under 25 rows")),
        ("regression", 60, {"r2": "predictions that hardly vary"}),
        ("multi-label", 20, dict.fromkeys(("f1_micro", "f1_macro", "mcc"), "under 25 rows")),
        ("multi-label", 40, dict.fromkeys(("f1_macro", "mcc"), "under 10 rows with a label")),
    ],
)
def test_where_an_interval_would_not_cover_stands_the_reason(
    problem: str, count: int, why: dict[str, str]
) -> None:
    found, targets = labels(count)
    if problem == "regression":
        found, targets = found[:, :1], found[:, :1] + targets[:, 1:2]
        if count == 60:
            found = 0.5 + 0.02 * (found - 0.5)
    row = target_row(problem, "x", "model", [found], targets, NAMES[: targets.shape[1]])
    for name, reason in why.items():
        assert row["intervals"][name] is None
        assert reason in row["no_interval"][name]
    assert (count >= 40) == (next(iter(row["intervals"].values())) is not None)
    if count == 20:
        assert "under 25 rows" in format_targets(problem, [row])


def test_each_label_has_a_probe_and_one_that_never_occurs_its_share() -> None:
    generator = np.random.default_rng(0)
    features = generator.normal(size=(60, 3))
    targets = np.stack([features[:, 0] > 0, features[:, 1] > 0, np.zeros(60)], 1).astype(float)
    model = fit_targets("multi-label", "logistic", features, targets, None, 0)
    assert isinstance(model, OneVsRest)
    assert model.models[2] == 0.0
    found = predict_targets(model, features)
    assert ((found >= 0.5) == (targets > 0)).mean() > 0.95
    ridge = fit_targets("regression", "logistic", features, features[:, :1] * 2, None, 0)
    np.testing.assert_allclose(predict_targets(ridge, features), features[:, :1] * 2, atol=0.05)
