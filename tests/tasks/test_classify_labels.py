"""What labels mean: several a row, numbers, names such as NA, and rows of one task of a table."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hnet_seq.cli import main
from hnet_seq.tasks.classification.labelled_rows import Columns
from hnet_seq.tasks.classification.task import task_from_data
from modalities.errors import InputError
from pipelines.formats.table_rows import RowFilter

COUNT = 60
ONE = ["--epochs", "1", "--seeds", "1", "--batch-tokens", "800", "--pooling", "bases"]


def letters(seed: int = 0) -> list[str]:
    generator = np.random.default_rng(seed)
    shares = generator.random(COUNT)
    return [
        "".join(generator.choice(list("ACGT"), 30, p=[(1 - s) / 2, s / 2, s / 2, (1 - s) / 2]))
        for s in shares
    ]


def gc(text: str) -> float:
    return sum(letter in "GC" for letter in text) / len(text)


def write(path: Path, labels: list[str], header: str = "sequence,label", **more: list[str]) -> Path:
    columns = [letters(), labels, *more.values()]
    rows = (",".join(row) for row in zip(*columns, strict=True))
    path.write_text("\n".join([",".join([header, *more]), *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    labels = [
        ";".join(["rich"] * (gc(x) > 0.5) + ["even"] * (i % 2)) for i, x in enumerate(letters())
    ]
    return write(tmp_path_factory.mktemp("several") / "t.csv", labels)


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("numbers") / "t.csv", [f"{gc(x):.3f}" for x in letters()])


def run(*words: str | Path) -> int:
    return main(["classify", *map(str, words)])


def predicted(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out), delimiter="\t"))


def test_several_labels_go_from_a_table_to_predictions_and_a_report(
    checkpoint: Path, several: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "probe"
    data: list[str | Path] = ["--data", several, "--problem", "multi-label"]
    assert run("train", checkpoint, *data, "--out", out) == 0
    said = capsys.readouterr()
    assert "t.csv: labels even, rich" in said.out
    assert "rows have none of the labels" in said.err
    rows = json.loads((out / "classification.json").read_text())["rows"]
    score = {row["name"]: row["of_labels"]["rich"]["auroc"] for row in rows}
    assert score["base composition"] > 0.95
    assert score["H-Net, mean over bases"] > 0.9
    assert score["share of each label"] == 0.5

    assert run("predict", out / "probe.npz", several) == 0
    found = predicted(capsys)
    assert list(found[0]) == ["id", "label", "even", "rich"]
    for row in found:
        assert row["label"] == ";".join(x for x in ("even", "rich") if float(row[x]) >= 0.5)
    assert run("predict", out / "probe.npz", several, "--out", tmp_path / "p.parquet") == 0
    assert pq.read_table(tmp_path / "p.parquet")["label"].to_pylist() == [x["label"] for x in found]
    capsys.readouterr()
    assert run("evaluate", out / "probe.npz", several) == 0
    assert "micro F1" in capsys.readouterr().out
    assert main(["report", str(out)]) == 0
    page = (out / "report.html").read_text()
    assert "Micro F1" in page
    assert "Each label, H-Net, mean over chunks" in page
    assert "Model minus twin" in page


def test_numbers_go_from_a_table_to_predictions_and_a_report(
    checkpoint: Path, numbers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "probe"
    data: list[str | Path] = ["--data", numbers, "--problem", "regression"]
    assert run("train", checkpoint, *data, "--out", out) == 0
    assert "numbers of label" in capsys.readouterr().out
    rows = json.loads((out / "classification.json").read_text())["rows"]
    score = {row["name"]: row["metrics"] for row in rows}
    assert score["share of G and C"]["r2"] > 0.99
    assert score["H-Net, mean over bases"]["pearson"] > 0.7
    assert score["mean of the training rows"]["spearman"] is None

    assert run("predict", out / "probe.npz", numbers) == 0
    found = predicted(capsys)
    assert list(found[0]) == ["id", "label"]
    values = [float(row["label"]) for row in found]
    assert np.corrcoef(values, [gc(x) for x in letters()])[0, 1] > 0.7
    assert run("evaluate", out / "probe.npz", numbers) == 0
    assert "Spearman" in capsys.readouterr().out
    assert main(["report", str(out)]) == 0
    assert "RMSE" in (out / "report.html").read_text()
    assert run("train", checkpoint, *data, "--out", out, "--probe", "knn") == 2
    assert "--probe: numbers are learned by ridge regression" in capsys.readouterr().err


@pytest.mark.parametrize("problem", ["multi-label", "regression"])
def test_a_fine_tuned_model_learns_them_too(
    problem: str,
    checkpoint: Path,
    several: Path,
    numbers: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = several if problem == "multi-label" else numbers
    out = tmp_path / "tuned"
    data: list[str | Path] = ["--data", table, "--problem", problem]
    assert run("finetune", checkpoint, *data, "--out", out, *ONE) == 0
    found = json.loads((out / "classification.json").read_text())
    names = [row["name"] for row in found["rows"]]
    assert names[:2] == ["H-Net, fine-tuned, mean over bases", "H-Net, frozen, mean over bases"]
    capsys.readouterr()
    assert run("predict", out, table) == 0
    assert len(predicted(capsys)) == COUNT
    assert run("evaluate", out, table) == 0
    # Kept parts are of this problem: the same command again repeats nothing.
    assert run("finetune", checkpoint, *data, "--out", out, *ONE) == 0
    assert "seed 0 is finished" in capsys.readouterr().err
    assert json.loads((out / "classification.json").read_text()) == found


def test_lists_of_parquet_are_several_labels(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    values = [["a", "b"], ["b"], [], ["c", "a"]] * 15
    pq.write_table(pa.table({"sequence": letters(), "label": values}), path)
    task = task_from_data(path, problem="multi-label")
    assert task.classes == ["a", "b", "c"]
    assert task.train.targets is not None
    assert task.test.targets is not None
    assert (task.train.targets.sum(0) + task.test.targets.sum(0)).tolist() == [30, 30, 15]


def test_another_separator_and_blanks_around_labels(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", ["a | b", "b", "a|c", "c"] * 15)
    task = task_from_data(path, problem="multi-label", separator="|")
    assert task.classes == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("labels", "note"),
    [
        (["a", "a;c", "b", "b;c"], "'a;c' and 'b;c' look like lists of a, b, c; --problem multi"),
        (["a", "a|c", "c"], "--problem multi-label --label-separator '|'"),
        (["PB2", "NA", "none"], "NA, none is taken for the name of a class"),
        (["a", "b"], ""),
        (["x; y", "z"], ""),
    ],
)
def test_classes_that_look_like_something_else_are_told(
    labels: list[str], note: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "t.csv", (labels * COUNT)[:COUNT])
    task = task_from_data(path)
    assert task.classes == sorted(labels)
    assert note in "\n".join(task.notes)
    assert bool(task.notes) == bool(note)
    assert task_from_data(path, problem="classes").notes == ()


@pytest.mark.parametrize("form", ["{:.4f}", "{:.3e}", "{:.0f}"])
def test_labels_that_are_numbers_are_refused_until_the_user_says_what_they_are(
    form: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "t.csv", [form.format(1000 + i * 3.37) for i in range(COUNT)])
    with pytest.raises(InputError, match="the labels are numbers, 60 different ones in 60 rows"):
        task_from_data(path)
    assert task_from_data(path, problem="regression").problem == "regression"
    few = write(tmp_path / "f.csv", [f"{i % 3}.5" for i in range(COUNT)])
    assert task_from_data(few).classes == ["0.5", "1.5", "2.5"]


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (["1", "x"], "line 3: label is 'x', not a finite number; remove the row"),
        (["1", "nan"], "line 3: label is 'nan', not a finite number"),
        (["1", ""], "line 3: the label is ''; give the row a label"),
        (["1", "1"], "all 60 rows have the number 1"),
    ],
)
def test_numbers_that_are_none_are_named(labels: list[str], says: str, tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", (labels * COUNT)[:COUNT])
    with pytest.raises(InputError, match=says):
        task_from_data(path, problem="regression")


def test_tasks_of_one_table_are_never_learned_as_one_unsaid(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = ["H3", "promoter", "splice"] * 20
    labels = [str(i // 3 % 2) for i in range(COUNT)]
    path = write(tmp_path / "t.csv", labels, task=tasks, Chrom=["c1"] * COUNT)
    command: list[str | Path] = ["train", checkpoint, "--data", path, "--out", tmp_path / "o"]
    assert run(*command) == 1
    said = capsys.readouterr().err
    assert "the column 'task' (3 values: H3, promoter, splice) is ignored" in said
    assert "give --task H3, or --task all" in said
    task = task_from_data(path, Columns(where=RowFilter({"task": ["H3"]})))
    assert len(task.train.labels) + len(task.test.labels) == 20
    assert task.notes == (
        "the column 'Chrom' (1 value: c1) is ignored; --where COLUMN=VALUE takes some rows",
    )
    both = task_from_data(path, every_task=True)
    assert len(both.train.labels) + len(both.test.labels) == COUNT
    assert "the columns 'task' (3 values" in both.notes[0]
    assert run(*command, "--task", "H4") == 1
    assert "no row has task = H4; there are H3, promoter, splice" in capsys.readouterr().err
    one_task = write(tmp_path / "one.csv", labels, task=["H3"] * COUNT)
    assert "1 value: H3" in task_from_data(one_task).notes[0]
