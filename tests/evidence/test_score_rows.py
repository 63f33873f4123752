"""A score comes with how sure it is, what is left of it without leaks, and where it errs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from hnet_seq.baselines.bootstrap import bootstrap_intervals
from hnet_seq.evidence.measures.class_intervals import (
    auroc_intervals,
    class_intervals,
    paired_difference,
    without_interval,
)
from hnet_seq.evidence.measures.metrics import METRICS, calibration, classification_metrics
from hnet_seq.evidence.measures.score_rows import (
    compare,
    format_comparisons,
    format_table,
    score_row,
)


def predictions(count: int, seed: int, num_classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(num_classes, size=count)
    raw = generator.random((count, num_classes)) + 0.3 * np.eye(num_classes)[labels]
    return raw / raw.sum(1, keepdims=True), labels


def width(interval: list[float] | None) -> float:
    assert interval is not None
    return interval[1] - interval[0]


@pytest.mark.parametrize("num_classes", [2, 3])
def test_intervals_hold_the_score_and_narrow_with_more_sequences(num_classes: int) -> None:
    widths = []
    for count in (100, 1600):
        probabilities, labels = predictions(count, 0, num_classes)
        found = class_intervals([probabilities], labels)
        score: Any = classification_metrics(probabilities, labels)
        refused = without_interval([probabilities], labels)
        for name in METRICS:
            if (interval := found[name]) is None:
                assert name in refused
                continue
            low, high = interval
            assert low < score[name] < high
        assert refused.keys() == ({"auprc"} if num_classes == 2 else {"auprc", "auroc"})
        widths.append(width(found["accuracy"]))
    assert 3 < widths[0] / widths[1] < 5.3  # the root of 16


@pytest.mark.parametrize("wrong", [0, 1, 80, 400])
def test_the_interval_of_accuracy_is_wilsons(wrong: int) -> None:
    labels = np.zeros(400, np.int64)
    probabilities = np.eye(2)[(np.arange(400) < wrong).astype(int)]
    found = class_intervals([probabilities], labels)["accuracy"]
    expected = binomtest(400 - wrong, 400).proportion_ci(method="wilson")
    assert found is not None
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_intervals_are_computed_and_not_drawn_also_under_the_name_of_before() -> None:
    probabilities, labels = predictions(80, 0, 3)
    found = class_intervals([probabilities], labels)
    assert bootstrap_intervals([probabilities], labels, replicates=9, seed=4) == found


def test_a_metric_that_nothing_defines_has_no_interval() -> None:
    found = class_intervals([np.eye(2)[[0, 1, 0]]], np.zeros(3, np.int64))
    assert found["auroc"] is None
    assert found["auprc"] is None
    assert found["accuracy"] is not None
    low, high = class_intervals([np.eye(2)[[0, 0]]], np.zeros(2, np.int64))["accuracy"] or (1, 0)
    assert low < 0.4
    assert high == 1


def test_a_row_is_the_mean_over_seeds_and_its_interval_is_of_that_mean() -> None:
    one, labels = predictions(300, 0)
    other = one[:, ::-1]  # wrong wherever the first is right
    row = score_row("model", "model", [one, other], labels)
    assert row["accuracy"] == pytest.approx(0.5)
    assert [each["accuracy"] for each in row["per_seed"]] == pytest.approx(
        [classification_metrics(one, labels)["accuracy"], 1 - row["per_seed"][0]["accuracy"]]
    )
    # The two add up to one, but for the sequence that is right and the one that is wrong in both.
    assert row["intervals"]["accuracy"] == pytest.approx([0.5, 0.5], abs=0.02)
    assert width(row["intervals"]["mcc"]) < 0.05


def test_leaked_sequences_are_left_out_of_a_second_score() -> None:
    probabilities, labels = predictions(300, 0)
    clean = np.arange(300) >= 100
    row = score_row("model", "model", [probabilities], labels, clean=clean)
    left: Any = row["without_leaked"]
    assert left is not None
    alone: Any = score_row("model", "model", [probabilities[100:]], labels[100:])
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
        *("model", "0.000", "one", "class", "in", "the", "test", "1.000", "1.000", "n/a", "n/a")
    ]


@pytest.mark.parametrize(
    ("labels", "predicted", "why"),
    [
        ([0] * 30 + [1] * 12, [0] * 30 + [1] * 12, "under 13 of a class"),
        ([0] * 30 + [1] * 13, [0] * 43, "one class predicted"),
        ([0] * 30 + [1] * 13, [0] * 40 + [1] * 3, "a class called under 4 times"),
        ([0] * 30, [0] * 28 + [1] * 2, "one class in the test"),
        ([0] * 30 + [1] * 13, [0] * 30 + [1] * 13, None),
    ],
)
def test_where_an_interval_would_not_cover_stands_the_reason(
    labels: list[int], predicted: list[int], why: str | None
) -> None:
    row = score_row("model", "model", [np.eye(2)[predicted]], np.array(labels))
    assert row["no_interval"].get("mcc") == why
    of_f1 = why.replace("4", "8") if why and "called" in why else why  # which asks for more calls
    assert row["no_interval"].get("f1") == of_f1
    assert (row["intervals"]["mcc"] is None) == (why is not None)
    assert row["intervals"]["accuracy"] is not None
    if why:
        assert why in format_table([row])
    else:  # nothing is wrong, which a larger test might not repeat
        low, high = row["intervals"]["mcc"] or (0, 0)
        assert 0.6 < low < 0.95
        assert high == 1


def test_the_interval_of_auroc_is_newcombes() -> None:
    """Hanley and McNeil's example has 0.893 of 51 and 58; at the ends the score test is 1.96."""
    area, positive, negative = np.array([0.893]), np.array([51]), np.array([58])
    low, high = auroc_intervals(area, positive, negative)
    for true in (low, high):
        one, two = true / (2 - true), 2 * true**2 / (1 + true)
        variance = true * (1 - true) + (109 / 2 - 1) * (one + two - 2 * true**2)
        assert abs(true - area) / np.sqrt(variance / (51 * 58)) == pytest.approx(1.96, abs=1e-3)
    assert auroc_intervals(np.ones(1), positive, negative)[1] == pytest.approx(1)


def test_a_difference_on_the_same_sequences_is_surer_than_two_intervals() -> None:
    """Both fail on the same hard sequences: the intervals overlap, the difference is clear."""
    generator = np.random.default_rng(1)
    labels = generator.integers(2, size=300)
    hard, slips = generator.random(300) < 0.2, generator.random(300) < 0.07
    better = np.eye(2)[np.where(hard, 1 - labels, labels)]
    worse = np.eye(2)[np.where(hard | slips, 1 - labels, labels)]
    rows = [score_row(n, "model", [p], labels) for n, p in (("a", better), ("b", worse))]
    (low, _), (_, high) = (row["intervals"]["mcc"] for row in rows)  # type: ignore[misc]
    assert low < high
    [found] = compare("a", [better], [("b", "baseline", [worse])], labels)
    assert found["mcc"] == pytest.approx(rows[0]["mcc"] - rows[1]["mcc"])
    assert found["interval"] is not None
    assert 0 < found["interval"][0] < found["mcc"] < found["interval"][1]
    back = paired_difference([worse], [better], labels)
    low, high = found["interval"]
    assert back["interval"] == pytest.approx([-high, -low], abs=1e-9)
    said = format_comparisons([found]).splitlines()
    assert said[0].split() == ["a", "minus", "MCC", "95%", "interval"]
    assert said[1].startswith(f"b        {found['mcc']:+.3f}  {found['interval'][0]:+.3f} to ")


def test_a_difference_to_a_constant_row_is_the_others_own_and_of_two_constants_none() -> None:
    labels = np.arange(60) % 2
    constant = np.tile([0.6, 0.4], (60, 1))
    said = np.where(np.arange(60) < 12, 1 - labels, labels)
    own = score_row("model", "model", [np.eye(2)[said]], labels)["intervals"]["mcc"]
    assert own is not None
    assert paired_difference([np.eye(2)[said]], [constant], labels)["interval"] == own
    back = paired_difference([constant], [np.eye(2)[said]], labels)["interval"]
    assert back == [-own[1], -own[0]]
    none = paired_difference([constant], [constant], labels)
    assert (none["interval"], none["no_interval"]) == (None, "one class predicted")


def test_two_that_hardly_differ_are_not_told_apart() -> None:
    labels = np.arange(60) % 2
    one = np.eye(2)[np.where(np.arange(60) < 12, 1 - labels, labels)]
    other = np.eye(2)[np.where(np.arange(60) < 16, 1 - labels, labels)]
    assert paired_difference([one], [other], labels)["no_interval"] == "under 5 told apart"
    further = np.eye(2)[np.where(np.arange(60) < 17, 1 - labels, labels)]
    assert paired_difference([one], [further], labels)["interval"] is not None
    seldom = np.eye(2)[np.where(np.arange(60) < 3, labels, 0)]
    why = paired_difference([one], [seldom], labels)["no_interval"]
    assert why == "a class called under 4 times"
