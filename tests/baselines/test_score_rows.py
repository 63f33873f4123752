"""A score comes with how sure it is, what is left of it without leaks, and where it errs."""

from __future__ import annotations

import numpy as np
import pytest

from hnet_seq.baselines import bootstrap
from hnet_seq.baselines.bootstrap import bootstrap_intervals
from hnet_seq.baselines.calibration import calibration
from hnet_seq.baselines.metrics import METRICS, classification_metrics
from hnet_seq.baselines.score_rows import format_table, score_row


def predictions(count: int, seed: int, num_classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(num_classes, size=count)
    raw = generator.random((count, num_classes)) + 0.3 * np.eye(num_classes)[labels]
    return raw / raw.sum(1, keepdims=True), labels


@pytest.mark.parametrize("num_classes", [2, 3])
def test_intervals_hold_the_score_and_narrow_with_more_sequences(num_classes: int) -> None:
    widths = []
    for count in (100, 1600):
        probabilities, labels = predictions(count, 0, num_classes)
        found = bootstrap_intervals([probabilities], labels)
        score = classification_metrics(probabilities, labels)
        for name in METRICS:
            low, high = found[name] or [1, 0]
            assert low < score[name] < high
        widths.append(np.diff(found["accuracy"])[0])
    assert 3 < widths[0] / widths[1] < 5.3  # the root of 16


def test_the_interval_of_accuracy_is_the_binomial_one() -> None:
    labels = np.zeros(400, np.int64)
    probabilities = np.eye(2)[(np.arange(400) % 5 == 0).astype(int)]
    low, high = bootstrap_intervals([probabilities], labels)["accuracy"]
    error = np.sqrt(0.8 * 0.2 / 400)
    np.testing.assert_allclose([low, high], [0.8 - 1.96 * error, 0.8 + 1.96 * error], atol=0.006)


def test_a_metric_that_no_draw_defines_has_no_interval() -> None:
    found = bootstrap_intervals([np.eye(2)[[0, 1, 0]]], np.zeros(3, np.int64))
    assert found["auroc"] is None
    assert found["auprc"] is None
    assert found["accuracy"] is not None


def test_intervals_are_a_function_of_the_seed_and_not_of_the_parts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    probabilities, labels = predictions(80, 0, 3)
    whole = bootstrap_intervals([probabilities], labels, seed=1)
    assert bootstrap_intervals([probabilities], labels, seed=1) == whole
    assert bootstrap_intervals([probabilities], labels, seed=2) != whole
    monkeypatch.setattr(bootstrap, "_COUNTS", 700)
    parts = bootstrap_intervals([probabilities], labels, seed=1)
    for name in METRICS:
        np.testing.assert_allclose(parts[name], whole[name], rtol=1e-6)


def test_a_row_is_the_mean_over_seeds_and_its_interval_is_of_that_mean() -> None:
    one, labels = predictions(300, 0)
    other = one[:, ::-1]  # wrong wherever the first is right
    row = score_row("model", "model", [one, other], labels)
    assert row["accuracy"] == pytest.approx(0.5)
    assert [each["accuracy"] for each in row["per_seed"]] == pytest.approx(
        [classification_metrics(one, labels)["accuracy"], 1 - row["per_seed"][0]["accuracy"]]
    )
    # On every draw the two add up to one.
    assert row["intervals"]["accuracy"] == pytest.approx([0.5, 0.5])


def test_leaked_sequences_are_left_out_of_a_second_score() -> None:
    probabilities, labels = predictions(300, 0)
    clean = np.arange(300) >= 100
    row = score_row("model", "model", [probabilities], labels, clean=clean)
    left = row["without_leaked"]
    assert left is not None
    alone = score_row("model", "model", [probabilities[100:]], labels[100:])
    assert left["n"] == 200
    assert {name: left[name] for name in METRICS} == {name: alone[name] for name in METRICS}
    assert left["intervals"] == alone["intervals"]
    everything = score_row("m", "model", [probabilities], labels, clean=np.ones(300, bool))
    assert everything["without_leaked"] is not None
    assert everything["without_leaked"]["mcc"] == row["mcc"]
    nothing = score_row("m", "model", [probabilities], labels, clean=np.zeros(300, bool))
    assert nothing["without_leaked"] is None
    assert score_row("m", "model", [probabilities], labels)["without_leaked"] is None


def test_confusions_have_a_row_for_each_true_class() -> None:
    probabilities = np.eye(3)[[0, 1, 1, 2, 2, 2]]
    row = score_row("model", "model", [probabilities], np.array([0, 0, 1, 2, 2, 1]))
    assert row["confusion"] == [[1, 1, 0], [0, 1, 1], [0, 0, 2]]


def test_calibration_is_zero_for_true_probabilities_and_large_for_boasts() -> None:
    generator = np.random.default_rng(0)
    chance = generator.uniform(0.5, 1, 20_000)
    labels = (generator.random(20_000) > chance).astype(int)  # class 0 with that chance
    honest = np.stack([chance, 1 - chance], 1)
    found = calibration(honest, labels)
    assert found["ece"] < 0.01
    assert [each["count"] for each in found["bins"]] == [2000] * 10
    confidences = [each["confidence"] for each in found["bins"]]
    assert confidences == sorted(confidences)
    boasting = np.tile([0.99, 0.01], (20_000, 1))
    one = calibration(boasting, labels)
    assert len(one["bins"]) == 1  # of one confidence
    assert one["ece"] == pytest.approx(0.99 - (labels == 0).mean())


def test_a_table_gives_mcc_its_interval_and_what_is_left_without_leaks() -> None:
    labels = np.array([0, 0, 1, 1])
    right, half = np.eye(2)[[0, 0, 1, 1]], np.eye(2)[[0, 1, 0, 1]]
    clean = np.array([True, False, True, True])
    rows = [
        score_row("H-Net", "model", [right, right], labels, clean=clean),
        score_row("k-mers", "baseline", [half], labels, clean=clean),
    ]
    lines = format_table(rows).splitlines()
    assert lines[0].split("  ")[0] == "classifier"
    assert "sd  clean MCC  accuracy     F1  AUROC  AUPRC" in lines[0]
    assert lines[1].startswith("H-Net       1.000")
    assert " 0.000      1.000     1.000  1.000  1.000  1.000" in lines[1]
    assert lines[2].startswith("k-mers      0.000  ")
    assert lines[2].endswith("(baseline)")
    assert (
        len({line.index("1.000" if n == 1 else "0.000") for n, line in enumerate(lines) if n}) == 1
    )


def test_a_table_without_seeds_and_leaks_has_no_columns_for_them() -> None:
    row = score_row("model", "model", [np.eye(2)[[0, 0]]], np.array([0, 0]))
    lines = format_table([row]).splitlines()
    assert lines[0].split() == [
        *("classifier", "MCC", "95%", "interval", "accuracy", "F1", "AUROC", "AUPRC")
    ]
    assert lines[1].split() == [
        *("model", "0.000", "0.000", "to", "0.000", "1.000", "1.000", "n/a", "n/a")
    ]
