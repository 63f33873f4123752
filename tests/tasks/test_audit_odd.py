"""Unusual labelled files and folders: what ``audit`` reads of them, and what it says it did not."""

from __future__ import annotations

from pathlib import Path

import pytest

from hnet_seq import InputError, UsageError, audit, read_result, task_from_data
from hnet_seq.cli import main
from hnet_seq.evidence.audit.loci import _place
from hnet_seq.results.audited import Audited
from tests.tasks.test_audit import HEAD, audited, kinds, leaky, rows_of, write


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("digits", [16, 19, 20, 400, 5000])
def test_ids_whose_numbers_are_none_of_a_genome_are_no_places(digits: int) -> None:
    rows = rows_of()
    for i, row in enumerate(rows):
        row[0] = f"chr1:{'9' * digits}{i:03}-{'9' * digits}{i + 120:03}"
    assert audited(write(rows))["loci"] == []


def test_a_number_with_many_zeros_before_it_is_itself() -> None:
    assert [_place(each) for each in ("0" * 30 + "123", "1,234", "0", "9" * 30)] == [
        123,
        1234,
        0,
        -1,
    ]


def test_columns_of_places_are_read_and_what_has_none_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    places = [["chr1", f"{i * 500}", f"{i * 500 + 120}"] for i in range(120)]
    head = [*HEAD, "chrom", "start", "end"]
    cells = [row + place for row, place in zip(rows_of(), places, strict=True)]
    audited(write(cells, head=head))
    err = capsys.readouterr().err
    assert "'chrom'" not in err
    assert "no place" not in err
    for at, wrong in ((5, ""), (6, "-5"), (6, "20.5"), (7, "nan"), (7, "0"), (6, "9" * 30)):
        odd = [[*row] for row in cells]
        for row in odd[30:50]:
            row[at] = wrong
        assert audited(write(odd, head=head))["loci"][0]["n"] == 30
        said = capsys.readouterr().err
        assert (
            "20 of 120 rows have no place in columns chrom, start, end, such as line 32: " in said
        )
        assert repr(wrong) in said
    for row in cells:
        row[6], row[7] = row[7], row[6]
    assert audited(write(cells, head=head))["loci"] == []
    assert "120 of 120 rows have no place in columns chrom, start, end" in capsys.readouterr().err
    assert audited(write([row[:-1] for row in cells], head=head[:-1]))["loci"] == []
    assert "'chrom' (1 value: chr1)" in capsys.readouterr().err  # without an end it says nothing


@pytest.mark.parametrize("mode", ["filter", "resplit"])
def test_where_nothing_at_all_is_left_no_mode_helps(
    mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = rows_of()
    for i in range(0, 120, 2):
        rows[i + 1][1], rows[i][2], rows[i + 1][2] = rows[i][1], "a", "b"
    for i, row in enumerate(rows):
        row[3] = "train" if i < 80 else "test"
    assert main(["audit", write(rows), "--clean", "c", "--mode", mode]) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert line == (
        "hnet-seq audit: t.csv: nothing is left: 120 rows are dropped as 'two labels'; mend the "
        "labels or sequences of these"
    )
    assert not Path("c").exists()


def test_the_terminal_says_where_a_cleaned_split_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", write(leaky()), "--clean", "some/where"]) == 0
    said = "some/where: train.csv, test.csv, changes.tsv, audit.json; audited again:"
    assert said in capsys.readouterr().out


def test_from_python_the_record_is_that_of_the_command() -> None:
    def without_times(found: Audited) -> Audited:
        for task in found.tasks:
            task["seconds"] = {}
        return found

    table = write(leaky())
    by_command = audited(table, "--clean", "c")
    found = audit(table, clean="d")
    assert kinds(found.tasks[0]) == kinds(by_command)
    changes = [each["clean"] for each in (found.tasks[0], by_command)]
    assert changes[0] is not None
    assert changes[1] is not None
    assert changes[0]["after"] == changes[1]["after"]
    assert Path("d/test.csv").read_bytes() == Path("c/test.csv").read_bytes()
    write(rows_of(seed=1), "two.csv")
    both = audit([Path(table), "two.csv"])
    assert main(["audit", table, "two.csv", "--out", "o"]) == 0
    kept = read_result("o/audit.json", Audited)
    assert without_times(both) == without_times(kept)
    both.write(Path("mine.json"))
    assert read_result("mine.json", Audited) == both


def test_from_python_notes_are_heard() -> None:
    head = [*HEAD, "chrom", "start", "end"]
    table = write([[*row, "", "", ""] for row in rows_of()], head=head)
    heard: list[str] = []
    audit(table, tell=heard.append)
    assert "t.csv: 120 of 120 rows have no place in columns chrom, start, end" in heard[-1]


def test_from_python_what_cannot_be_meant_names_its_parameter() -> None:
    table = write(rows_of())
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("keep")
    for wrong in (
        {"clean": "mine"},
        {"clean": "c", "mode": "drop"},
        {"clean": "c", "by": "gene"},
        {"test_fraction": 2},
        {"seed": -1},
        {"clean": table},
        {"clean": ""},
        {"split": "leave-one-out"},
        {"problem": "ranking"},
    ):
        with pytest.raises(UsageError, match=next(reversed(wrong))):
            audit(table, **wrong)
    for shards in ("gone", ["gone"]):
        with pytest.raises(InputError, match="gone"):
            audit(table, shards=shards)
    with pytest.raises(UsageError, match=r"rule: is 'drawn'; expected given, random, similarity"):
        task_from_data(table, rule="drawn")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="files"):
        audit([])
    with pytest.raises(UsageError, match="files"):
        audit([table, table])
    with pytest.raises((InputError, FileNotFoundError), match=r"none\.csv"):
        audit("none.csv")
    assert sorted(each.name for each in Path().iterdir()) == ["mine", "t.csv"]
