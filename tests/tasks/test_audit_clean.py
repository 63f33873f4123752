"""The folder of ``hnet-seq audit --clean``: what it takes the place of, and what its rows keep."""

from __future__ import annotations

from pathlib import Path

import pytest

from hnet_seq import read_result
from hnet_seq.cli import main
from hnet_seq.results.audited import Audited
from tests.tasks.test_audit import HEAD, leaky, rows_of, table, write


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_clean_never_takes_the_place_of_its_input(capsys: pytest.CaptureFixture[str]) -> None:
    Path("data").mkdir()
    Path("links").mkdir()
    write(leaky(), "data/train.csv")
    write(leaky()[:9], "data/test.csv")
    for split in ("train", "test"):
        Path(f"links/{split}.csv").symlink_to(Path(f"data/{split}.csv").resolve())
    before = {file: file.read_bytes() for file in Path("data").iterdir()}
    for source in ("data/train.csv", "links"):
        words = ["audit", source, "--clean", "data", "--mode", "resplit"]
        assert main(words) == 2
        assert "train.csv is the input" in capsys.readouterr().err
        assert {file: file.read_bytes() for file in Path("data").iterdir()} == before


def test_a_clean_takes_the_place_of_an_earlier_one_as_a_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = leaky()
    for row in rows[:40:4]:
        row[3] = "validation"
    assert main(["audit", write(rows), "--clean", "c"]) == 0
    assert Path("c/validation.csv").exists()
    assert main(["audit", write(leaky(), "two.csv"), "--clean", "c"]) == 0
    assert sorted(file.name for file in Path("c").iterdir()) == [
        *("audit.json", "changes.tsv", "test.csv", "train.csv")
    ]
    # Other files are neither taken away nor made part of the cleaned set.
    write(rows, "c/dev.csv")
    Path("d").mkdir()
    write(rows, "d/changes.tsv")
    for folder, said in (("c", "c has dev.csv, which no --clean"), ("d", "d has files that no")):
        assert main(["audit", "two.csv", "--clean", folder]) == 2
        assert said in capsys.readouterr().err
    assert Path("c/dev.csv").exists()


def test_the_folder_may_be_the_current_one(monkeypatch: pytest.MonkeyPatch) -> None:
    write(leaky())
    for name in ("x", "y"):
        Path(name).mkdir()
    monkeypatch.chdir("x")
    assert main(["audit", "../t.csv", "--out", "."]) == 0
    assert Path("audit.json").exists()
    monkeypatch.chdir("../y")
    for folder in (".", "../y"):
        assert main(["audit", "../t.csv", "--clean", folder]) == 0
    assert Path("test.csv").exists()
    Path("sub").mkdir()
    monkeypatch.chdir("sub")
    assert main(["audit", "../../t.csv", "--out", ".."]) == 0


def test_a_class_that_a_clean_loses_is_named_and_the_audit_stays(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = rows_of()
    for i in range(4):  # the only ones of c, half of them in train; unknown letters there
        rows[i][2] = "c"
        rows[i][1] = rows[i][1] if rows[i][3] == "test" else "N" * 120
    assert main(["audit", write(rows), "--clean", "c", "--out", "o"]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert line == (
        "hnet-seq audit: t.csv: nothing of 'c' is left in train, and test has it: 3 rows are "
        "dropped as 'most bases unknown'; try --mode resplit, or another --by"
    )
    assert not Path("c").exists()
    assert read_result("o/audit.json", Audited).tasks[0]["clean"] is None
    for row in rows:
        row[1] = row[1] if row[2] == "a" else "N" * 120
    assert main(["audit", write(rows), "--clean", "c"]) == 1
    assert "all that is left is 'a': " in capsys.readouterr().err
    for i, row in enumerate(rows_of()):  # numbers of which one is left
        rows[i] = [*row[:2], "1", *row[3:]]
        if i % 5 == 0:
            rows[i][1:3] = ["N" * 120, "2"]
    assert main(["audit", write(rows), "--problem", "regression", "--clean", "c"]) == 1
    said = capsys.readouterr().err
    assert "what is left is no data set: c: column label: all 96 rows have the number 1" in said
    assert ".tmp" not in said


@pytest.mark.parametrize("mode", ["filter", "resplit"])
def test_a_clean_split_has_the_columns_of_every_table_and_the_letters_of_every_file(
    mode: str,
) -> None:
    rows = rows_of()
    for row in rows[::2]:
        row[1] = row[1].lower()
    by_id = {row[0]: row for row in rows}
    Path("files").mkdir()
    own = {split: [row for row in rows if row[3] == split] for split in ("train", "test")}
    write([[*row[:3], row[4]] for row in own["train"]], "files/train.csv", [*HEAD[:3], "note"])
    write([[*row[:3], row[4]] for row in own["test"]], "files/test.csv", ["ID", *HEAD[1:3], "more"])
    for row in rows:
        file = Path("classes", row[3], row[2], f"{row[0]}.txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(row[1])
    for source in ("files", "classes"):
        assert main(["audit", source, "--clean", f"of_{source}", "--mode", mode]) == 0
        kept = table(f"of_{source}/train.csv") + table(f"of_{source}/test.csv")
        assert len(kept) == len(rows)
        assert all(each["sequence"] == by_id[each["id"]][1] for each in kept)
        for each in kept if source == "files" else ():
            was = by_id[each["id"]]
            expected = [was[4], ""] if was[3] == "train" else ["", was[4]]
            assert [each["note"], each["more"]] == expected
