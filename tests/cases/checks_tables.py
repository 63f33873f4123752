"""Tables, labels, BED, JSON, compression: see each case's own words."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from modalities import dna
from tests.cases.case import Case


def _train(case: Case, *options: str) -> tuple[str, str, Path]:
    out = case.out / "probe"
    command: Words = [
        "classify",
        "train",
        case.model,
        "--data",
        case["data.csv"],
        "--out",
        out,
    ]
    answer = case.right(*command, *options)
    return answer.out, answer.err, out


def _embedded(case: Case, source: Path, *options: str | Path, name: str = "v.npy") -> np.ndarray:
    out = case.out / name
    case.right("embed", case.model, source, "--out", out, *options)
    found: np.ndarray = np.load(out)
    return found


Words = list[str | Path]


def _rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines(), delimiter="\t"))


def json_gz_lines_as_text(case: Case) -> None:
    out = case.out / "shards"
    command: Words = [
        "shard",
        case.folder,
        "--modality",
        "text",
        "--validation",
        "fraction:0.3",
    ]
    copies = case.out / "files"
    copies.mkdir()
    for path in case.folder.glob("*.json.gz"):
        (copies / path.name).write_bytes(path.read_bytes())
    command[1] = copies
    answer = case.right(*command, "--out", out)
    said = " ".join((answer.out + answer.err).split())
    assert "documents read 24" in said, said
    assert not any(b'"text":' in path.read_bytes() for path in out.glob("*.tar"))


def column_task_ignored(case: Case) -> None:
    out = case.out / "probe"
    command: Words = [
        "classify",
        "train",
        case.model,
        "--data",
        case["data.csv"],
        "--out",
        out,
    ]
    answer = case.run(*command)
    assert answer.code in (0, 1)
    told = answer.out + answer.err
    assert "column 'task' (3 values: H3, promoter, splice) is ignored" in told
    for option in (("--where", "task=H3"), ("--task", "H3")):
        case.right(*command, *option)
        counts = json.loads((out / "classification.json").read_text())["n_of_classes"]
        assert [sum(of[name] for of in counts.values()) for name in ("0", "1")] == [20, 20]


def multi_label_semicolon(case: Case) -> None:
    _, told, _ = _train(case)
    assert "'a;c' and 'b;c' look like lists of a, b, c" in told
    shown, _, out = _train(case, "--problem", "multi-label")
    found = json.loads((out / "classification.json").read_text())
    assert found["classes"] == ["a", "b", "c"]
    counts = found["n_of_classes"].values()
    assert [sum(of[name] for of in counts) for name in "abc"] == [30, 30, 30]
    assert "micro F1" in shown
    model = next(row for row in found["rows"] if row["kind"] == "model")
    assert set(model["of_labels"]) == {"a", "b", "c"}


def numeric_labels(case: Case) -> None:
    out = case.out / "probe"
    command: Words = [
        "classify",
        "train",
        case.model,
        "--data",
        case["data.csv"],
        "--out",
        out,
    ]
    answer = case.refused(*command, naming="--problem regression")
    assert answer.code == 1
    assert "the labels are numbers" in answer.err
    case.right(*command, "--problem", "regression")
    rows = json.loads((out / "classification.json").read_text())["rows"]
    by_name = {row["name"]: row["metrics"] for row in rows}
    assert by_name["share of G and C"]["pearson"] > 0.8


def class_called_na(case: Case) -> None:
    _, _, out = _train(case)
    found = json.loads((out / "classification.json").read_text())
    assert found["classes"] == ["HA", "MP", "NA", "PB2"]
    counts = found["n_of_classes"].values()
    assert {sum(of[name] for of in counts) for name in found["classes"]} == {15}


def measured_random_split_reverse_complements(case: Case) -> None:
    rows = list(csv.DictReader(case["pairs.csv"].read_text().splitlines()))
    keys = []
    for row in rows:
        tokens = dna.encode(row["sequence"])
        keys.append(min(tokens.tobytes(), dna.reverse_complement(tokens).tobytes()))
    out = case.out / "measured.tsv"
    for seed in ("0", "1"):
        command: Words = [
            "score",
            case.model,
            case["pairs.csv"],
            "--measured",
            "y",
            "--seed",
            seed,
        ]
        case.right(*command, "--out", out)
        lines = [int(line.split("\t")[0]) for line in out.read_text().splitlines()[1:]]
        tested = [keys[line - 2] for line in lines]
        assert tested
        assert all(tested.count(key) == keys.count(key) for key in tested)


def measured_column_case(case: Case) -> None:
    out = case.out / "measured.tsv"
    case.right("score", case.model, case["pairs.csv"], "--measured", "y", "--out", out)
    assert len(out.read_text().splitlines()) > 2


def variants_semicolon_table(case: Case) -> None:
    scores = []
    commas = case.out / "commas.csv"
    commas.write_text(case["variants.csv"].read_text().replace(";", ","))
    for path in (case["variants.csv"], commas):
        out = case.out / "scores.tsv"
        command: Words = [
            "score",
            case.model,
            path,
            "--genome",
            case["genome.fa"],
            "--window",
            "64",
        ]
        case.right(*command, "--out", out)
        scores.append([row["llr"] for row in _rows(out)])
    assert len(scores[0]) == 2
    assert scores[0] == scores[1]


def categorical_parquet(case: Case) -> None:
    found = _embedded(case, case["sequences.parquet"])
    assert len(found) == 6
    np.testing.assert_allclose(found[[0, 1]], found[[4, 5]], atol=1e-5)


def zstd_fasta(case: Case) -> None:
    import pyarrow as pa

    plain = case.out / "plain.fa"
    with pa.input_stream(str(case["sequences.fa.zst"]), compression="zstd") as stream:
        plain.write_bytes(stream.read())
    found = _embedded(case, case["sequences.fa.zst"])
    assert len(found) == 2
    np.testing.assert_array_equal(found, _embedded(case, plain, name="w.npy"))


def zstd_vcf(case: Case) -> None:
    out = case.out / "scores.tsv"
    command: Words = [
        "score",
        case.model,
        case["variants.vcf.zst"],
        "--genome",
        case["genome.fa"],
    ]
    case.right(*command, "--window", "64", "--out", out)
    (row,) = _rows(out)
    assert np.isfinite(float(row["llr"]))


def bed12_blocks(case: Case) -> None:
    genome: Words = ["--genome", case["genome.fa"]]
    joined = _embedded(case, case["transcripts.bed"], *genome, "--blocks")
    spliced = _embedded(case, case["spliced.fa"], name="w.npy")
    np.testing.assert_allclose(joined, spliced, atol=1e-6)
    out = case.out / "whole.npy"
    answer = case.right("embed", case.model, case["transcripts.bed"], *genome, "--out", out)
    assert "950 bases" in answer.err
    assert "2 BED rows have blocks, which are ignored" in answer.err


def bed_with_header(case: Case) -> None:
    places = case.out / "places.bed"
    places.write_text("".join(case["places.bed"].read_text().splitlines(keepends=True)[1:]))
    genome: Words = ["--genome", case["genome.fa"]]
    found = _embedded(case, case["places.bed"], *genome)
    assert len(found) == 2
    np.testing.assert_array_equal(found, _embedded(case, places, *genome, name="w.npy"))


def bed_scientific_first_line(case: Case) -> None:
    out = case.out / "v.npy"
    command: Words = [
        "embed",
        case.model,
        case["places.bed"],
        "--genome",
        case["genome.fa"],
    ]
    answer = case.refused(*command, "--out", out, naming="places.bed: line 1: the end is '2e+03'")
    assert answer.code == 1
    assert "expected a whole number" in answer.err


def embed_repeated_names(case: Case) -> None:
    out = case.out / "v.parquet"
    case.right("embed", case.model, case["sequences.fa"], "--out", out)
    assert pq.read_table(out)["id"].to_pylist() == ["seq 0", "seq 1", "seq 2"]
