"""``hnet-seq audit``: kinds of input, a cleaner split, exit codes, and what it leaves."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hnet_seq import read_result
from hnet_seq.cli import main
from hnet_seq.report.page import build_results_page
from hnet_seq.results.audited import Audited, AuditedTask
from modalities import dna
from tests.evidence.audited import random_letters

HEAD = ["id", "sequence", "label", "split", "note"]
Row = list[str]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def rows_of(count: int = 120, seed: int = 0) -> list[Row]:
    letters = random_letters(count, seed)
    return [
        [f"r{seed}_{i}", each, "ab"[i // 4 % 2], "test" if i % 4 == 3 else "train", f"n{i}"]
        for i, each in enumerate(letters)
    ]


def write(rows: list[Row], path: str = "t.csv", head: list[str] = HEAD, mark: str = ",") -> str:
    with open(path, "w", newline="") as stream:
        csv.writer(stream, delimiter=mark).writerows([head, *rows])
    return path


def leaky() -> list[Row]:
    """Six test rows have a training row's sequence: copies, the other strand, nearly."""
    rows = rows_of()
    for n, i in enumerate(range(3, 27, 4)):
        other = rows[i - 1]
        letters = other[1]
        if n % 3 == 1:
            letters = dna.DNA.decode(dna.COMPLEMENT[dna.encode(letters)[::-1]])
        elif n % 3 == 2:
            letters = "".join(
                "ACGT"["ACGT".index(x) - 1] if place % 8 == 0 else x
                for place, x in enumerate(letters)
            )
        rows[i][1], rows[i][2] = letters, other[2]
    return rows


def audited(*words: str, code: int = 0) -> AuditedTask:
    assert main(["audit", *words, "--out", "o"]) == code
    found = read_result("o/audit.json", Audited)
    return found.tasks[0]


def kinds(found: AuditedTask) -> set[tuple[str, str]]:
    return {(each["severity"], each["kind"]) for each in found["findings"]}


def table(path: str, mark: str = ",") -> list[dict[str, str]]:
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream, delimiter=mark))


def test_a_perfect_leak_is_called_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    rows = rows_of()
    train = [row for row in rows if row[3] == "train"]
    write([*train, *([f"x{n}", *row[1:3], "test", ""] for n, row in enumerate(train))])
    found = audited("t.csv")
    assert ("high", "memory") in kinds(found)
    assert "!! memory: every test sequence has a copy in train" in capsys.readouterr().out
    assert found["signal"] is not None
    assert found["signal"]["lookup"] == 1


def test_shuffled_labels_are_called_what_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    rows = rows_of(400)
    labels = np.random.default_rng(1).permutation([row[2] for row in rows])
    for row, label in zip(rows, labels, strict=True):
        row[2] = str(label)
    audited(write(rows))
    assert "signal: nothing simple tells the label" in capsys.readouterr().out
    copies = [[f"c{row[0]}", row[1], row[2], "test", ""] for row in rows if row[3] == "train"]
    for row, label in zip(copies, np.random.default_rng(2).permutation(len(copies)), strict=True):
        row[2] = copies[label][2]
    audited(write([*rows, *copies]))
    assert "!! signal: labels look shuffled" in capsys.readouterr().out


def test_every_layout_that_classify_reads_has_one_audit() -> None:
    rows = leaky()
    expected = audited(write(rows))
    assert ("high", "leak") in kinds(expected)
    assert expected["relatives"][0]["found"] == 2
    write(rows, "t.tsv", mark="\t")
    columns = {name: [row[i] for row in rows] for i, name in enumerate(HEAD)}
    pq.write_table(pa.table(columns), "t.parquet")
    for folder in ("files", "classes"):
        Path(folder).mkdir()
    for split in ("train", "test"):
        own = [row for row in rows if row[3] == split]
        write([[*row[:3], row[4]] for row in own], f"files/{split}.csv", [*HEAD[:3], "note"])
        for row in own:
            file = Path("classes", split, row[2], f"{row[0]}.txt")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(row[1])
    for source in ("t.tsv", "t.parquet", "files", "classes"):
        found = audited(source)
        assert kinds(found) == kinds(expected), source
        assert found["audit"]["overlaps"][0]["exact"] == expected["audit"]["overlaps"][0]["exact"]
        assert found["relatives"][0]["identities"] == expected["relatives"][0]["identities"]


def test_filter_drops_what_has_its_like_in_train_and_says_why() -> None:
    rows = leaky()
    rows += [["two", rows[0][1], "b", "train", "other label"]]
    found = audited(write(rows), "--clean", "cleaned")
    change = found["clean"]
    assert change is not None
    assert change["before"] == {"train": 91, "test": 30}
    assert change["after"] == {"train": 89, "test": 24}
    assert change["dropped"] == {
        "copy in train": 2,
        "reverse complement in train": 2,
        "relative in train": 2,
        "two labels": 2,
    }
    again = read_result("cleaned/audit.json", Audited).tasks[0]
    assert again["findings"] == change["findings"]
    assert not {kind for _, kind in kinds(again)} & {"leak", "homology", "labels", "memory"}
    changes = {row["id"]: row for row in table("cleaned/changes.tsv", "\t")}
    assert len(changes) == 8
    assert changes["r0_3"]["after"] == "dropped"
    assert changes["r0_3"]["other"] == "train, line 4 (r0_2)"
    kept = table("cleaned/train.csv") + table("cleaned/test.csv")
    assert {row["id"] for row in kept} == {row[0] for row in rows} - changes.keys()
    # Every column, and every cell as it was.
    by_id = {row[0]: row for row in rows}
    assert all([row[name] for name in HEAD] == by_id[row["id"]] for row in kept)


def test_resplit_keeps_groups_on_one_side_and_every_other_row() -> None:
    rows = leaky()
    change = audited(write(rows), "--clean", "anew", "--mode", "resplit")["clean"]
    assert change is not None
    assert sum(change["after"].values()) == 120
    assert change["dropped"] == {}
    assert change["after"]["test"] == pytest.approx(30, abs=3)
    train, test = ({row["id"] for row in table(f"anew/{split}.csv")} for split in ("train", "test"))
    for i in range(3, 27, 4):
        assert len({f"r0_{i}", f"r0_{i - 1}"} & train) in (0, 2)
    moved = [row for row in table("anew/changes.tsv", "\t") if row["reason"] == "drawn anew"]
    assert len(moved) == change["moved"]
    assert {row["id"] for row in moved if row["after"] == "test"} <= test
    again = read_result("anew/audit.json", Audited).tasks[0]
    assert not {kind for _, kind in kinds(again)} & {"leak", "homology"}
    assert {row["split"] for row in table("anew/test.csv")} == {"test"}


@pytest.mark.parametrize("by", ["cluster", "locus", "chromosome"])
def test_coordinates_say_what_lies_together(by: str) -> None:
    rows = rows_of()
    for i, row in enumerate(rows):
        row[0] = f"chr{i % 6}:{i * 30_000}-{i * 30_000 + 120}"
    rows[3][0] = f"chr2:{2 * 30_000 + 100}-{2 * 30_000 + 220}"  # on the one before
    rows[7][0] = f"chr0:{6 * 30_000 + 5000}-{6 * 30_000 + 5120}"  # near it
    found = audited(write(rows), "--clean", "cleaned", "--mode", "resplit", "--by", by)
    (loci,) = found["loci"]
    assert (loci["overlapping"], loci["within"], loci["overlap"]) == (1, 2, 20)
    assert ("high", "windows") in kinds(found)
    (after,) = read_result("cleaned/audit.json", Audited).tasks[0]["loci"]
    assert after["overlapping"] == 0
    assert by == "cluster" or after["within"] == 0
    assert by != "chromosome" or after["chromosomes"] == 0


def test_coordinates_may_be_columns() -> None:
    rows = [
        [*row, f"chr{i % 6}", f"{i * 30_000}", f"{i * 30_000 + 120}"]
        for i, row in enumerate(rows_of())
    ]
    rows[3][5:] = ["chr2", f"{2 * 30_000 + 100}", f"{2 * 30_000 + 220}"]
    found = audited(write(rows, head=[*HEAD, "Chrom", "chromStart", "chromEnd"]))
    assert found["loci"][0]["overlapping"] == 1
    assert found["loci"][0]["rule"] == "columns Chrom, chromStart, chromEnd"


def test_coordinates_of_a_column_with_gaps_are_places() -> None:
    rows = [
        [*row, f"chr{i % 6}", f"{i * 30_000}.0", f"{i * 30_000 + 120}.0"]
        for i, row in enumerate(rows_of())
    ]
    rows[3][5:] = ["chr2", f"{2 * 30_000 + 100}.0", f"{2 * 30_000 + 220}.0"]
    rows[9][5:] = ["chr3", "", "nan"]
    head = [*HEAD, "chrom", "start", "end"]
    assert audited(write(rows, head=head))["loci"][0]["overlapping"] == 1
    for i, row in enumerate(rows):  # what the columns do not know the ids may
        row[0] = f"chr{row[5][3:]}:{i * 500}-{i * 500 + 120}"
        row[6:] = ["", ""]
    assert audited(write(rows, head=head))["loci"][0]["rule"] == "ids"


def test_labels_of_lists_are_the_same_in_a_clean_split() -> None:
    rows = leaky()
    columns: dict[str, list[object]] = {
        name: [row[i] for row in rows] for i, name in enumerate(HEAD)
    }
    columns["label"] = [[["a"], ["a", "b"], ["c"]][i // 4 % 3] for i in range(len(rows))]
    pq.write_table(pa.table(columns), "t.parquet")
    words = ["t.parquet", "--problem", "multi-label", "--label-separator", "|", "--clean", "c"]
    found = audited(*words)
    assert found["classes"] == ["a", "b", "c"]
    assert read_result("c/audit.json", Audited).tasks[0]["classes"] == ["a", "b", "c"]
    assert {row["label"] for row in table("c/train.csv")} == {"a", "a|b", "c"}


def test_a_genome_and_shards_say_what_stands_in_them(capsys: pytest.CaptureFixture[str]) -> None:
    (genome,) = random_letters(1, 9, 24_000)
    rows = rows_of(200, 3)
    for i, row in enumerate(rows):
        if row[2] == "a":
            row[1] = genome[i * 120 : i * 120 + 120]
    Path("g.fa").write_text(f">chr1 of it\n{genome}\n")
    assert main(["shard", "g.fa", "--out", "s", "--validation", "last:0.5", "--guard", "0"]) == 0
    found = audited(write(rows), "--genome", "g.fa", "--shards", "s")
    assert found["genome"] is not None
    assert found["genome"]["members"] == {"a": 1.0, "b": 0.0}
    assert found["genome"]["test_mcc"] == 1
    held = {each["split"]: each for each in found["pretrained"]}
    # The manifest says which half trains.
    assert held["test"]["found"] == pytest.approx(12.5, abs=1)
    assert held["test"]["classes"]["b"] == 0
    assert held["test"]["example"] is not None
    assert held["test"]["example"][1].startswith("chr1:1-12")
    assert {("high", "genome"), ("high", "pretraining")} <= kinds(found)
    assert "a model that remembers what it saw tells the classes" in capsys.readouterr().out


def test_copies_among_data_sets_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    one, other = rows_of(), rows_of(seed=1)
    for i in range(3, 23, 4):
        other[i][1] = one[i - 1][1]
    assert main(["audit", write(one, "one.csv"), write(other, "other.csv"), "--out", "o"]) == 0
    found = read_result("o/audit.json", Audited)
    assert [task["task"] for task in found.tasks] == ["one.csv", "other.csv"]
    (between,) = found.between
    assert between["text"].startswith(
        "5 of 30 test sequences of other.csv have their like in train of one.csv (5 copies)"
    )
    assert "between: 5 of 30" in capsys.readouterr().out


@pytest.mark.parametrize(("level", "code"), [("serious", 0), ("known", 1), ("minor", 1)])
def test_an_exit_code_says_how_bad_it_is(
    level: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Random letters are worth knowing of, and no more."""
    assert main(["audit", write(rows_of(400)), "--fail-on", level]) == code
    assert ("findings are known or worse" in capsys.readouterr().err) is (level == "known")
    assert main(["audit", write(leaky()), "--fail-on", "serious"]) == 1


def test_with_clean_the_exit_code_is_of_what_is_left() -> None:
    assert main(["audit", write(leaky()), "--fail-on", "serious", "--clean", "c"]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["t.csv", "--mode", "resplit"], "--mode: goes with --clean"),
        (["t.csv", "--clean", "c", "--by", "locus"], "says nowhere where its sequences lie"),
        (["t.csv", "t.csv"], "has one file twice"),
        (["t.csv", "o.csv", "--clean", "c"], "is for one data set, and 2 are given"),
        (["train.csv", "test.csv"], "are splits of one data set by their names"),
        (["t.csv", "--clean", "c", "--out", "c"], "c is --out, and both have an audit.json"),
        (["folder", "--clean", "folder/c"], "lies in the input folder"),
        (["t.csv", "--shards", "folder"], "not a folder of shards"),
        (["t.csv", "--genome", "none.fa"], "no such file"),
        (["t.csv", "--test-fraction", "0.3"], "--test-fraction: is for a drawn split"),
        (["t.csv", "--label", "none"], "no column 'none'"),
    ],
)
def test_what_cannot_be_meant_is_one_line(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("t.csv", "o.csv", "train.csv", "test.csv"):
        write(rows_of(), name)
    Path("folder").mkdir()
    assert main(["audit", *words]) in (1, 2)
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert line.startswith("hnet-seq audit: ")
    assert said in line
    assert not Path("c").exists()


def test_a_split_of_which_nothing_is_left_is_told_and_leaves_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = rows_of()
    for i in range(3, 120, 4):
        rows[i][1:3] = rows[i - 1][1:3]
    assert main(["audit", write(rows), "--clean", "c"]) == 1
    assert "nothing is left of test: 30 rows are dropped as 'copy in train'" in (
        capsys.readouterr().err
    )
    assert not Path("c").exists()
    assert main(["audit", "t.csv", "--clean", "c", "--mode", "resplit"]) == 0
    for i, row in enumerate(rows):
        row[0] = f"chr1:{i * 500}-{i * 500 + 120}"
    words = ["audit", write(rows), "--clean", "d", "--mode", "resplit", "--by", "chromosome"]
    assert main(words) == 1
    said = "nothing is left of test: what stays together by chromosome is 1 group; try"
    assert said in capsys.readouterr().err
    assert not Path("d").exists()


def test_what_is_mostly_unknown_is_dropped_as_that(capsys: pytest.CaptureFixture[str]) -> None:
    rows = rows_of()
    for i in (0, 3, 5):
        rows[i][1] = "N" * 70 + rows[i][1][:50]
    rows[7][1] = "N" * 120
    found = audited(write(rows), "--clean", "c")
    assert ("medium", "unknown") in kinds(found)
    assert found["clean"] is not None
    assert found["clean"]["dropped"] == {"most bases unknown": 4}


@pytest.mark.parametrize(
    ("problem", "labels"), [("regression", ["0.5", "1.25"]), ("multi-label", ["a;b", "b"])]
)
def test_numbers_and_several_labels_have_what_needs_no_classes(
    problem: str, labels: list[str]
) -> None:
    rows = leaky()
    for i, row in enumerate(rows):
        row[2] = labels[i // 4 % 2] if i % 7 else labels[0]
    found = audited(write(rows), "--problem", problem, "--clean", "c")
    assert ("high", "leak") in kinds(found)
    assert found["relatives"][0]["found"] == 2
    assert found["signal"] is found["places"] is None
    assert found["twins"] == []
    change = found["clean"]
    assert change is not None
    assert change["after"]["test"] <= 24


def test_the_page_has_findings_counts_and_changes() -> None:
    audited(write(leaky()), "--clean", "cleaned")
    page = build_results_page(Path("o"))
    assert "Audit of labelled sequences" in page
    assert "of 30 test sequences stand in train" in page
    assert "Sequences of one split that have their like in another" in page
    assert "filter by cluster, into cleaned" in page
    assert json.loads(Path("o/audit.json").read_text())["kind"] == "audit"


def test_an_audit_is_the_same_each_time() -> None:
    def without_times() -> AuditedTask:
        found = audited("t.csv")
        found["seconds"] = {}
        return found

    write(leaky())
    assert without_times() == without_times()
