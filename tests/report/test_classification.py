"""What a reader is told of classifiers, and what is refused of ``classification.json``."""

from __future__ import annotations

import copy
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from hnet_seq.report.classification_section import (
    classification_section,
)
from hnet_seq.report.run_data import read_run
from hnet_seq.results.classification import Classification
from hnet_seq.results.read import read_result
from hnet_seq.tasks.report import summary
from modalities.errors import InputError
from tests.report.conftest import classification_row, classification_scores, minus
from tests.report.pages import page_of, rows, section, words


def drawn(tmp_path: Path, content: dict[str, Any]) -> ElementTree.Element:
    path = tmp_path / "classification.json"
    path.write_text(json.dumps(content))
    return ElementTree.fromstring(classification_section(read_result(path, Classification)))


def test_every_score_is_in_the_table_with_its_interval_and_without_leaks(make_run) -> None:
    found = rows(section(page_of(make_run()), "classification"))
    for row in classification_scores()["rows"]:
        auroc, auprc = (
            "\u2013" if row[key] is None else f"{row[key]:.3f}" for key in ("auroc", "auprc")
        )
        low, high = row["intervals"]["mcc"]
        assert [
            row["name"],
            row["kind"],
            f"{row['mcc']:.3f}",
            f"{low:.3f} to {high:.3f}",
            "0.004",  # the standard deviation of values 0.006 apart
            f"{row['without_leaked']['mcc']:.3f}",
            f"{row['accuracy']:.3f}",
            f"{row['f1']:.3f}",
            auroc,
            auprc,
        ] in found


def test_one_seed_and_no_leak_need_no_columns_of_their_own(tmp_path: Path) -> None:
    content = classification_scores()
    for row in content["rows"]:
        row["per_seed"] = row["per_seed"][:1]
        row["without_leaked"] = None
    root = drawn(tmp_path, content)
    assert ["Features", "Kind", "MCC", "95% interval", "Accuracy", "F1", "AUROC", "AUPRC"] in rows(
        root
    )
    assert "without" not in words(root)


def test_findings_are_quoted_with_their_remedies_and_none_is_said_to_be_none(
    tmp_path: Path,
) -> None:
    content = classification_scores()
    said = words(drawn(tmp_path, content))
    assert "Serious (leak): 6 of 1,000 test sequences stand in train. Split by similarity." in said
    content["audit"]["findings"] = []
    assert "found no leak, no shortcut" in words(drawn(tmp_path, content))


@pytest.mark.parametrize(
    ("mcc", "said"),
    [
        (0.95, "above every baseline; the least above 5-mers +0.150 (+0.130 to +0.170)"),
        (0.81, "Minus 5-mers +0.010 (\u22120.010 to +0.030): these data do not tell it from that"),
        (0.785, "Minus 5-mers \u22120.015 (\u22120.035 to +0.005): these data do not"),
        (0.77, "Minus 5-mers \u22120.030 (\u22120.050 to \u22120.010): the model adds nothing"),
    ],
)
def test_the_verdict_is_of_paired_differences(tmp_path: Path, mcc: float, said: str) -> None:
    """Each row's own interval is 0.02 to either side: at 0.77 it overlaps that of 5-mers, 0.80."""
    content = classification_scores()
    baselines = [row for row in content["rows"] if row["kind"] == "baseline"]
    probe = ("probe", "model", 0.9, mcc, 0.9)
    content |= {"headline": "probe", "rows": [classification_row(*probe), *baselines]}
    content["comparisons"] = [
        minus(probe, row["name"], "baseline", 0, row["mcc"], None) for row in baselines
    ]
    shown = words(drawn(tmp_path, content))
    assert said in shown
    assert "overlap" not in shown
    assert "hard to tell" not in shown


def test_the_headline_is_what_was_kept_and_not_what_did_best_on_the_test(make_run) -> None:
    run = make_run()
    path = run / "classification.json"
    content = classification_scores()
    content["rows"][0] = classification_row("H-Net, mean over chunks", "model", 0.7, 0.412, 0.8)
    path.write_text(json.dumps(content))
    page = page_of(run)
    assert "H-Net, mean over chunks reaches an MCC of 0.412" in words(page)
    assert "Classification, MCC (H-Net, mean over chunks)" in words(page)
    assert "Confusion matrix of H-Net, mean over bases" not in words(page)
    assert "(H-Net, mean over chunks)  0.412" in summary(read_run(run), None)
    # A file of before has no name of it: the verbs have always written it first.
    del content["headline"], content["comparisons"]
    path.write_text(json.dumps(content))
    assert "Classification, MCC (H-Net, mean over chunks)" in words(page_of(run))


def test_the_reason_stands_where_the_interval_would(tmp_path: Path) -> None:
    content = classification_scores()
    content["rows"][0] |= {
        "intervals": {"mcc": None},
        "no_interval": {"mcc": "under 5 of a class"},
    }
    content["comparisons"][0] |= {"interval": None, "no_interval": "under 5 of a class"}
    root = drawn(tmp_path, content)
    assert "MCC of 0.902 (no interval: under 5 of a class) on" in words(root)
    found = rows(root)
    assert ["H-Net, mean over chunks", "model", "0.902", "under 5 of a class"] in [
        row[:4] for row in found
    ]
    assert ["H-Net, mean over bases", "model", "+0.021", "under 5 of a class"] in found


def test_models_and_baselines_have_marks_of_different_shape(tmp_path: Path) -> None:
    chart = next(
        svg
        for svg in drawn(tmp_path, classification_scores()).iter("svg")
        if "MCC of each classifier" in (svg.get("aria-label") or "")
    )
    tips = {
        kind: ["".join(mark.itertext()) for mark in chart.iter(kind) if list(mark)]
        for kind in ("circle", "polygon")
    }
    assert [tip.partition(":")[0] for tip in tips["circle"]] == [
        "H-Net, mean over chunks",
        "H-Net, mean over bases",
        "H-Net, last position",
    ]
    assert len(tips["polygon"]) == 7


def test_cells_of_the_confusion_matrix_are_the_counts_of_the_headline(tmp_path: Path) -> None:
    root = drawn(tmp_path, classification_scores())
    cells = [
        "".join(rect.itertext())
        for svg in root.iter("svg")
        if "Confusion" in (svg.get("aria-label") or "")
        for rect in svg.iter("rect")
    ]
    assert cells == [
        "coding called coding: 476",
        "coding called intergenic: 24",
        "intergenic called coding: 24",
        "intergenic called intergenic: 476",
    ]
    assert ["coding", "intergenic", "24", "4.8%"] in rows(root)


def test_many_classes_have_a_table_of_confusions_in_place_of_a_picture(tmp_path: Path) -> None:
    content = classification_scores()
    content["classes"] = [f"class {k}" for k in range(40)]
    confusion = [[25 * (i == j) for j in range(40)] for i in range(40)]
    confusion[3][5] = 7
    for row in content["rows"]:
        row["confusion"] = confusion
    root = drawn(tmp_path, content)
    assert len([svg for svg in root.iter("svg") if svg.get("role") == "img"]) == 2
    assert ["class 3", "class 5", "7", "21.9%"] in rows(root)


def test_circumstances_are_listed(make_run) -> None:
    found = rows(page_of(make_run()))
    assert ["regions", "train: chr:1-4444028; test: chr:4445029-4938920"] in found
    assert ["windows found", "train: coding: 24,000; intergenic: 2,100"] in found
    assert ["window (bases)", "150"] in found
    assert ["seeds of training", "0, 1"] in found
    assert ["sequences of each class", "train: coding: 1,000; intergenic: 1,000"] in found


def test_headline_and_summary_give_interval_leaks_and_baseline(make_run) -> None:
    run = make_run()
    said = words(page_of(run))
    assert "95% interval 0.882 to 0.922; 0.898 without 6 leaked test sequences" in said
    assert "minus 5-mers +0.102 (+0.082 to +0.122)" in said
    text = summary(read_run(run), None)
    assert "0.902 (0.882 to 0.922)" in text
    assert "leak: 6 of 1,000 test sequences stand in train -> split by similarity" in text


def test_no_classifier_is_no_fault(tmp_path: Path) -> None:
    assert "holds no classifier" in words(drawn(tmp_path, classification_scores() | {"rows": []}))


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("audit",), None, "audit: expected a JSON object, found null"),
        (("classes",), 3, "'classes' is 3; expected a list"),
        (("rows", 1, "mcc"), float("nan"), "rows[1]: 'mcc' is nan; expected a finite number"),
        (("rows", 1, "n"), 1.5, "rows[1]: 'n' is 1.5; expected a whole number"),
        (("rows", 0, "kind"), "rule", "rows[0]: 'kind' is \"rule\"; expected model or baseline"),
        (("rows", 0, "intervals"), {}, "rows[0].intervals: no 'mcc'"),
        (("rows", 0, "intervals", "mcc"), [1], "'mcc' is [1]; expected 2 values"),
        (("rows", 0, "confusion", 1), [5], "rows[0].confusion: expected 2 rows of 2 counts"),
        (("rows", 0, "calibration", "bins", 1), 4, "bins[1]: expected a JSON object"),
        (
            ("audit", "findings", 0, "severity"),
            "dire",
            "'severity' is \"dire\"; expected high or medium or low",
        ),
        (("rows", 0, "without_leaked"), {"n": 5}, "rows[0].without_leaked: no 'intervals'"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_its_place(
    tmp_path: Path, place: tuple, value: Any, said: str
) -> None:
    content = copy.deepcopy(classification_scores())
    inner: Any = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    path = tmp_path / "classification.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError) as caught:
        read_result(path, Classification)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert said in message


def test_a_file_of_an_older_version_says_that_it_must_be_made_again(tmp_path: Path) -> None:
    content = classification_scores()
    del content["audit"]
    path = tmp_path / "classification.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="no 'audit'; make the file again"):
        read_result(path, Classification)
