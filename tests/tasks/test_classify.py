"""classify: probes beside baselines, class names that keep their numbers, errors with a place."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from hnet_seq.cli import main
from hnet_seq.tasks.classification.labelled_data import read_labelled
from hnet_seq.tasks.classification.probe_file import load_probe
from hnet_seq.tasks.classification.task import task_from_data
from modalities import dna
from modalities.errors import InputError
from tests.conftest import make_model

BASELINES = [
    "majority class",
    "length",
    "base composition",
    "1- to 5-mer frequencies",
    "one-hot letters by position",
]
TWIN = "untrained twin, mean over chunks"
MODELS = ["H-Net, mean over chunks", "H-Net, mean over bases", "H-Net, last position"]


def labelled(count: int, seed: int) -> list[tuple[str, str]]:
    """Sequences rich in G are ``zeta``, the others ``alpha``: the second name sorts first."""
    generator = np.random.default_rng(seed)
    rows = []
    for index in range(count):
        weights = [1, 1, 4, 1] if index % 2 else [1, 1, 1, 1]
        letters = generator.choice(list("ACGT"), 30, p=np.array(weights) / sum(weights))
        rows.append(("".join(letters), "zeta" if index % 2 else "alpha"))
    return rows


def write_table(path: Path, rows: Sequence[tuple[str, ...]], header: str) -> Path:
    text = "\n".join([header, *(",".join(row) for row in rows)]) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.replace(",", "\t").encode()))
    else:
        path.write_text(text)
    return path


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [(*row, "train") for row in labelled(60, 0)]
    test = [(*row, "test") for row in labelled(40, 1)]
    test[0] = (rows[0][0], "alpha", "test")  # leaked as it stands
    test[2] = (dna.decode(dna.reverse_complement(dna.encode(rows[2][0]))).lower(), "alpha", "test")
    test[4] = (rows[4][0][:-4] + "ACGT", "alpha", "test")  # all but its end leaked
    return write_table(
        tmp_path_factory.mktemp("table") / "t.csv", rows + test, "sequence,label,split"
    )


@pytest.fixture(scope="module")
def trained(checkpoint: Path, table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out, said = tmp_path_factory.mktemp("out"), io.StringIO()
    command = ["classify", "train", str(checkpoint), "--data", str(table), "--out", str(out)]
    with contextlib.redirect_stdout(said):
        assert main(command) == 0
    (out / "said.txt").write_text(said.getvalue())
    return out


def test_train_scores_every_pooling_beside_every_baseline(trained: Path) -> None:
    results = json.loads((trained / "classification.json").read_text())
    rows = results["rows"]
    assert [row["name"] for row in rows] == [*MODELS, TWIN, *BASELINES]
    assert [row["kind"] for row in rows] == ["model"] * 3 + ["baseline"] * 6
    assert results["twin"] == "seed 0, residual_proj zero"
    for row in rows:
        assert row["n"] == 40
        ends = row["intervals"]["mcc"]
        assert ends[0] <= row["mcc"] <= ends[1] if ends else row["no_interval"]["mcc"]
        assert row["without_leaked"]["n"] == 37
    assert (results["n_train"], results["n_test"]) == (60, 40)
    assert results["classes"] == ["alpha", "zeta"]
    assert results["n_of_classes"]["test"] == {"alpha": 20, "zeta": 20}
    assert results["headline"] == MODELS[0]  # the one that probe.npz holds
    comparisons = {each["other"]: each for each in results["comparisons"]}
    assert list(comparisons) == [*MODELS[1:], TWIN, *BASELINES]
    for row in rows[1:]:
        less = comparisons[row["name"]]
        assert (less["model"], less["kind"]) == (MODELS[0], row["kind"])
        assert less["mcc"] == pytest.approx(rows[0]["mcc"] - row["mcc"])
    assert results["seeds"] == [0]
    (overlap,) = results["audit"]["overlaps"]
    assert [overlap[key] for key in ("exact", "reverse_complement", "near")] == [1, 1, 1]
    assert results["window"] == 30
    # G-rich against uniform is plain to see: a random model's mean vector tells it too.
    score = {row["name"]: row["accuracy"] for row in rows}
    assert score["base composition"] > 0.8
    assert score["H-Net, mean over bases"] > 0.8


def test_leaks_are_printed_above_the_scores(trained: Path) -> None:
    lines = (trained / "said.txt").read_text().splitlines()
    leak = next(
        i for i, line in enumerate(lines) if "3 of 40 test sequences stand in train" in line
    )
    assert leak < next(i for i, line in enumerate(lines) if line.startswith("classifier"))


def test_the_same_command_gives_the_same_files(
    checkpoint: Path, table: Path, trained: Path, tmp_path: Path
) -> None:
    main(["classify", "train", str(checkpoint), "--data", str(table), "--out", str(tmp_path)])
    for name in ("classification.json", "probe.npz"):
        assert (tmp_path / name).read_bytes() == (trained / name).read_bytes()


def test_predict_agrees_with_evaluate_and_keeps_order(
    trained: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = labelled(24, 7)
    fasta = tmp_path / "in.fa"
    fasta.write_text("".join(f">s{i}\n{letters}\n" for i, (letters, _) in enumerate(rows)))
    probe = str(trained / "probe.npz")
    capsys.readouterr()
    assert main(["classify", "predict", probe, str(fasta)]) == 0
    predicted = list(csv.DictReader(io.StringIO(capsys.readouterr().out), delimiter="\t"))
    assert [row["id"] for row in predicted] == [f"s{i}" for i in range(24)]
    for row in predicted:
        assert float(row["alpha"]) + float(row["zeta"]) == pytest.approx(1, abs=1e-5)
        assert row["label"] == max(("alpha", "zeta"), key=lambda name: float(row[name]))
    right = np.mean(
        [row["label"] == label for row, (_, label) in zip(predicted, rows, strict=True)]
    )
    assert right > 0.7

    labels = write_table(tmp_path / "l.tsv.gz", rows, "sequence,label")
    assert main(["classify", "evaluate", probe, str(labels)]) == 0
    assert f"{right:.3f}" in capsys.readouterr().out

    out = tmp_path / "p.tsv"
    assert main(["classify", "predict", probe, str(labels), "--out", str(out)]) == 0
    of_table = list(csv.DictReader(io.StringIO(out.read_text()), delimiter="\t"))
    assert len({row["id"] for row in of_table}) == 24
    assert [row["label"] for row in of_table] == [row["label"] for row in predicted]

    binary = tmp_path / "p.parquet"
    assert main(["classify", "predict", probe, str(labels), "--out", str(binary)]) == 0
    found = pq.read_table(binary).to_pylist()
    assert [row["id"] for row in found] == [row["id"] for row in of_table]
    assert [row["label"] for row in found] == [row["label"] for row in predicted]
    assert found[0]["zeta"] == pytest.approx(float(predicted[0]["zeta"]), abs=1e-6)


def test_evaluate_leaves_the_training_rows_out_and_names_a_baseline(
    trained: Path, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = json.loads((trained / "classification.json").read_text())
    test_score = f"{results['rows'][0]['mcc']:.3f}"
    probe = str(trained / "probe.npz")
    for options, count in (([], 40), (["--split", "test"], 40), (["--split", "train"], 60)):
        capsys.readouterr()
        assert main(["classify", "evaluate", probe, str(table), *options]) == 0
        lines = capsys.readouterr().out.splitlines()
        split = options[1] if options else "test"
        assert lines[0] == f"{count} {split} sequences: alpha, zeta"
        assert (test_score in lines[2]) == (split == "test")
        assert lines[3].split()[:3] == ["majority", "class", "0.000"]


def test_evaluate_knows_what_a_probe_was_trained_on_by_either_strand(
    trained: Path, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The table has one test sequence that stands in train, and one as its reverse complement.
    capsys.readouterr()
    assert main(["classify", "evaluate", str(trained / "probe.npz"), str(table)]) == 0
    said = capsys.readouterr()
    assert "2 of 40 test sequences were trained on" in said.err
    assert "clean MCC is that of the 38 others" in said.err
    assert "clean MCC" in said.out
    options = ["--split", "train"]
    assert main(["classify", "evaluate", str(trained / "probe.npz"), str(table), *options]) == 0
    assert "60 of 60 train sequences were trained on" in capsys.readouterr().err


def test_predict_writes_nothing_where_the_last_sequence_is_bad(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fasta, out = tmp_path / "in.fa", tmp_path / "out.tsv"
    fasta.write_text(">a\nACGT\n>b\nAC!T\n")
    for options in ([], ["--out", str(out)]):
        command = ["classify", "predict", str(trained / "probe.npz"), str(fasta), *options]
        assert main(command) == 1
        said = capsys.readouterr()
        assert said.out == ""
        assert "record b, line 4: '!' is not a nucleotide" in said.err
    assert not out.exists()


def test_classes_are_sorted_whatever_the_order_of_rows(table: Path, tmp_path: Path) -> None:
    header, *rows = table.read_text().splitlines()
    reverse = tmp_path / "reverse.csv"
    reverse.write_text("\n".join([header, *rows[::-1]]) + "\n")
    one, other = task_from_data(table), task_from_data(reverse)
    assert one.classes == other.classes == ["alpha", "zeta"]
    assert np.array_equal(one.train.labels[::-1], other.train.labels)


def test_a_probe_refuses_another_models_vectors(
    trained: Path, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_model("one stage", seed=9).save_pretrained(tmp_path / "other")
    command = ["classify", "evaluate", str(trained / "probe.npz"), str(table)]
    assert main([*command, "--checkpoint", str(tmp_path / "other")]) == 1
    assert "was trained on other weights" in capsys.readouterr().err
    assert main([*command, "--checkpoint", str(tmp_path / "absent")]) == 1
    assert "its model is not there" in capsys.readouterr().err


def test_more_than_two_classes(checkpoint: Path, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    rows = [
        ("".join(generator.choice(list("ACGT"), 30, p=np.eye(4)[i % 3] * 0.6 + 0.1)), f"c{i % 3}")
        for i in range(90)
    ]
    path = write_table(tmp_path / "t.csv", rows, "sequence,label")
    out = tmp_path / "out"
    command = ["classify", "train", str(checkpoint), "--data", str(path), "--out", str(out)]
    assert main([*command, "--strands", "average"]) == 0
    results = json.loads((out / "classification.json").read_text())
    assert results["n_test"] == 18
    assert results["split"] == "random, stratified, 0.2 for testing"
    best = {row["name"]: row for row in results["rows"]}["1- to 5-mer frequencies, both strands"]
    assert best["accuracy"] > 0.6
    assert best["auroc"] > 0.8
    assert load_probe(out / "probe.npz").embedding.strands == "average"


def test_an_isotropic_model_is_pooled_over_bases(table: Path, tmp_path: Path) -> None:
    make_model("isotropic").save_pretrained(tmp_path / "model")
    out = tmp_path / "out"
    model = str(tmp_path / "model")
    assert main(["classify", "train", model, "--data", str(table), "--out", str(out)]) == 0
    results = json.loads((out / "classification.json").read_text())
    assert [row["name"] for row in results["rows"] if row["kind"] == "model"] == MODELS[1:]
    assert results["probe_pooling"] == "bases"


def test_windows_of_a_genome(checkpoint: Path, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    letters = "".join(generator.choice(list("ACGT"), 4000))
    genome, annotation = tmp_path / "g.fa", tmp_path / "g.gff"
    genome.write_text(f">g\n{letters}\n")
    annotation.write_text(
        "\n".join(f"g\tx\tCDS\t{s + 1}\t{s + 250}\t.\t+\t0\tID={s}" for s in range(0, 4000, 500))
    )
    out = tmp_path / "out"
    command = ["classify", "train", str(checkpoint), "--genome", str(genome)]
    command += ["--annotation", str(annotation), "--test-region", "g:2001-4000"]
    assert main([*command, "--length", "40", "--guard", "100", "--out", str(out)]) == 0
    results = json.loads((out / "classification.json").read_text())
    assert results["regions"] == {"train": ["g:1-1900"], "test": ["g:2001-4000"]}
    assert results["window"] == 40
    assert results["classes"] == ["coding", "intergenic"]
    assert results["n_test"] == 48


def test_nothing_is_written_where_the_table_is_bad(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "t.csv", tmp_path / "out"
    path.write_text("sequence,label\nACGT,a\nAC!T,b\n")
    command = ["classify", "train", str(checkpoint), "--data", str(path), "--out", str(out)]
    assert main(command) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"{path}: line 3: sequence, position 3: '!'" in error
    assert not out.exists()


def test_what_the_csv_reader_refuses_is_named_in_the_header_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.formats.tables._FIELD_LIMIT", 10)
    for text, line in (("sequence,label_of_row\nAC,a\n", 1), ("sequence,label\nA,b\n", 3)):
        path = tmp_path / "t.csv"
        path.write_text(text + "ACGTACGTACGT,a\n")
        with pytest.raises(InputError, match=rf"t\.csv: line {line}: not CSV: field larger"):
            read_labelled(path)


def test_damaged_files_are_named(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "t.tsv.gz"
    cut.write_bytes(gzip.compress(b"sequence\tlabel\n" + b"ACGT\ta\n" * 99)[:-9])
    probe = tmp_path / "probe.npz"
    probe.write_text("no archive")
    for command, message in (
        (["evaluate", str(trained / "probe.npz"), str(cut)], "truncated"),
        (["evaluate", str(probe), str(cut)], "is no probe"),
        (["predict", str(tmp_path), str(cut)], "is a folder; give the probe.npz"),
        (["predict", str(tmp_path / "none.npz"), str(cut)], "no such file"),
    ):
        assert main(["classify", *command]) == 1
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1


def test_a_label_the_probe_does_not_know(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_table(tmp_path / "t.csv", [("ACGT", "alpha"), ("ACGT", "beta")], "sequence,label")
    assert main(["classify", "evaluate", str(trained / "probe.npz"), str(path)]) == 1
    assert "line 3: the probe does not know the label 'beta'" in capsys.readouterr().err


def test_a_number_of_another_spelling_is_the_class_that_the_probe_knows(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [(letters, "1" if label == "zeta" else "0") for letters, label in labelled(40, 3)]
    path = write_table(tmp_path / "t.csv", rows, "sequence,label")
    command = ["classify", "train", str(checkpoint), "--data", str(path), "--out", str(tmp_path)]
    assert main(command) == 0
    scores = []
    for suffix in ("", ".0"):
        table = write_table(
            tmp_path / "e.csv", [(s, n + suffix) for s, n in rows], "sequence,label"
        )
        capsys.readouterr()
        assert main(["classify", "evaluate", str(tmp_path / "probe.npz"), str(table)]) == 0
        scores.append(capsys.readouterr().out)
    assert scores[0] == scores[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "--data: is missing; or give --genome, --annotation and --test-region"),
        (["--genome", "g.fa"], "--data: is missing; or give --genome, --annotation and"),
        (["--genome", "g.fa", "--table", "t.csv"], "leave --genome"),
        (["--table", "t.csv", "--test-fraction", "1"], "--test-fraction: is 1.0"),
        (["--table", "t.csv", "--stage", "4"], "--stage: is 4"),
        (
            ["--genome", "g", "--annotation", "a", "--test-region", "last:0.1", "--group-by", "x"],
            "--gr",
        ),
        (["--data", "t.csv", "--seed", "-1"], "--seed: is -1; expected 0 to 4294967295"),
    ],
)
def test_misuse_exits_with_2(
    checkpoint: Path,
    tmp_path: Path,
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_table(Path("t.csv"), [("ACGT", "a")], "sequence,label")
    command = ["classify", "train", str(checkpoint), "--out", str(tmp_path / "o"), *options]
    assert main(command) == 2
    assert message in capsys.readouterr().err


def test_tables_are_read_whatever_their_line_ends_order_and_case(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_bytes("\ufeffLabel\tid\tSequence\r\nb\tx\tacgu\r\n\r\na\ty\tNNRT\r\n".encode())
    rows = read_labelled(path)
    assert [row.label for row in rows] == ["b", "a"]
    assert [row.place for row in rows] == ["line 2", "line 4"]
    assert [row.id for row in rows] == ["x", "y"]
    assert [dna.decode(row.tokens) for row in rows] == ["ACGT", "NNNT"]
