"""Labelled sequences in the layouts of the field, and what is said about those that are broken."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hnet_seq.evidence.audit.task import Origin
from hnet_seq.tasks.classification.labelled_data import read_labelled
from hnet_seq.tasks.classification.labelled_rows import Columns, GroupRule
from hnet_seq.tasks.classification.task import Task, task_from_data
from modalities import dna
from modalities.errors import InputError, UsageError

TRAIN = [("ACGTAC", "b"), ("GGATTA", "a"), ("CCATGC", "b"), ("TTAGAC", "a")]
DEV = [("AACCGT", "a"), ("GATTAC", "b")]
TEST = [("TTTACG", "b"), ("CAGACA", "a")]


def csv_text(rows: list[tuple[str, str]]) -> str:
    return "\n".join(["sequence,label", *(",".join(row) for row in rows)]) + "\n"


def gue(folder: Path) -> Path:
    for name, rows in (("train", TRAIN), ("dev", DEV), ("test", TEST)):
        (folder / f"{name}.csv").write_text(csv_text(rows))
    return folder


def genomic_benchmarks(folder: Path) -> Path:
    for name, rows in (("train", TRAIN), ("valid", DEV), ("test", TEST)):
        for index, (letters, label) in enumerate(rows):
            file = folder / name / label / f"{index}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{letters}\n")
    return folder


def nucleotide_transformer(folder: Path) -> Path:
    (folder / "data").mkdir()
    for name, rows in (("train", TRAIN), ("validation", DEV), ("test", TEST)):
        table = pa.table(
            {
                "sequence": [letters for letters, _ in rows],
                "label": [label for _, label in rows],
                "name": [f"{name}{index}" for index in range(len(rows))],
            }
        )
        pq.write_table(table, folder / "data" / f"{name}-00000-of-00001.parquet")
    return folder


def one_parquet(folder: Path) -> Path:
    rows = [*TRAIN, *DEV, *TEST]
    split = ["train"] * 4 + ["validation"] * 2 + ["test"] * 2
    letters, labels = zip(*rows, strict=True)
    pq.write_table(pa.table([letters, labels, split], ["sequence", "label", "split"]), folder / "x")
    return folder / "x"


def one_table(folder: Path) -> Path:
    lines = ["id\tsplit\tlabel\tsequence"]
    for split, rows in (("train", TRAIN), ("val", DEV), ("test", TEST)):
        lines += [f"same\t{split}\t{label}\t{letters.lower()}" for letters, label in rows]
    (folder / "x.tsv.gz").write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))
    return folder / "x.tsv.gz"


LAYOUTS = [gue, genomic_benchmarks, nucleotide_transformer, one_parquet, one_table]


def contents(task: Task) -> dict[str, list[tuple[str, str]]]:
    return {
        name: sorted(
            (dna.decode(sequence), task.classes[label])
            for sequence, label in zip(examples.sequences, examples.labels, strict=True)
        )
        for name, examples in task.splits.items()
    }


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_every_layout_gives_the_same_task(layout: Callable[[Path], Path], tmp_path: Path) -> None:
    task = task_from_data(layout(tmp_path))
    assert task.classes == ["a", "b"]
    assert contents(task) == {
        "train": sorted(TRAIN),
        "validation": sorted(DEV),
        "test": sorted(TEST),
    }
    assert task.about["split"] == "given"


def test_a_task_knows_its_split_and_the_column_of_its_ids(tmp_path: Path) -> None:
    assert task_from_data(nucleotide_transformer(tmp_path)).origin == Origin("given", "name")
    (tmp_path / "tables").mkdir()
    table = one_table(tmp_path / "tables")
    assert task_from_data(table).origin == Origin("given", "id")
    assert task_from_data(table, rule="random", test_fraction=0.3).origin == Origin("drawn", "id")
    similar = task_from_data(table, rule="similarity", test_fraction=0.3)
    assert similar.origin == Origin("similarity", "id")


def test_files_that_name_their_ids_differently_have_no_column_of_ids(tmp_path: Path) -> None:
    for name, column in (("train", "id"), ("test", "name")):
        (tmp_path / f"{name}.csv").write_text(f"{column},sequence,label\nx,ACGT,a\ny,AAGT,b\n")
    assert task_from_data(tmp_path).origin == Origin("given", None)


def test_letter_case_reaches_the_audit_and_not_the_tokens(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("sequence,label\nacGT,a\nNRGT,b\n")
    one, other = read_labelled(path)
    assert (one.lower_case, other.lower_case) == (0.5, 0.0)
    assert (other.unknown, other.ambiguous) == (0.25, 0.25)
    assert dna.decode(one.tokens) == "ACGT"


def test_columns_are_chosen_by_name_whatever_their_case(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("Seq,Activity class,id\nACGT,on,x\nAAGT,off,x\n")
    rows = read_labelled(path, Columns("SEQ", "activity Class"))
    assert [(row.label, row.id) for row in rows] == [("on", "x"), ("off", "x")]


def test_numbers_and_bytes_of_parquet_are_labels_as_text(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table([["ACGT", "AAAT"], [10, 9]], ["sequence", "label"]), path)
    assert [row.label for row in read_labelled(path)] == ["10", "9"]


def test_a_whole_number_is_one_label_in_whichever_spelling_a_file_has(tmp_path: Path) -> None:
    # A column of numbers with a gap is one of decimals when pandas writes it.
    (tmp_path / "train.csv").write_text("sequence,label\nACGT,0\nAACT,1\nAAGT,2.5\n")
    (tmp_path / "test.csv").write_text("sequence,label\nTCGT,0.0\nTACT,1.0\n")
    assert [row.label for row in read_labelled(tmp_path)] == ["0", "1", "2.5", "0", "1"]


def test_labels_of_one_spelling_stay_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("sequence,label\nACGT,0.0\nAACT,1.0\nAAGT,v1.0\n")
    assert [row.label for row in read_labelled(path)] == ["0.0", "1.0", "v1.0"]


def test_a_group_is_the_first_capture_of_an_expression(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,sequence,label\nK09B3.1a.1#e0,ACGT,a\nK09B3.2.1#i0,AACT,b\n")
    rule = GroupRule.parse(r"ID:^([^.]+\.\d+)")
    assert [row.group for row in read_labelled(path, Columns(group=rule))] == ["K09B3.1", "K09B3.2"]
    genes = GroupRule.parse("label")
    assert [row.group for row in read_labelled(path, Columns(group=genes))] == ["a", "b"]


H = "sequence,label\n"
S = "sequence,label,split\n"
BAD = {
    "one class": (H + "ACGT,a\nACCT,a\n", "all 2 rows have the label 'a'"),
    "empty label": (H + "ACGT,a\nACCT,\n", "line 3: the label is ''"),
    "empty sequence": (H + "ACGT,a\n,b\n", "line 3: the sequence is empty"),
    "not DNA": (H + "AC!T,a\nAC,b\n", "line 2: sequence, position 3: '!'"),
    "protein": (H + "MKEFLIP,a\nAC,b\n", "line 2: sequence, position 3: 'E'"),
    "missing label column": ("sequence,class\nACGT,a\n", "no column 'label', but sequence, class"),
    "missing sequence column": ("seq,label\nACGT,a\n", "say which with `sequence_column`"),
    "unknown split": (S + "ACGT,a,train\nACCT,b,held\n", "line 3: the split is 'held', not train"),
    "split in some rows": (S + "ACGT,a,train\nACCT,b,all\n", "line 3: is in no split, but other"),
    "no test": (S + "ACGT,a,train\nACCT,b,train\n", "column split: no row is in test"),
    "no train": (S + "ACGT,a,dev\nACCT,b,test\n", "column split: no row is in train"),
    "class only in test": (
        S + "ACGT,a,train\nACCT,b,test\nAC,a,train\n",
        "no training row has the label 'b'; remove it from test",
    ),
    "class only in dev": (
        S + "ACGT,a,train\nACCT,b,dev\nAC,a,test\n",
        "no training row has the label 'b'; remove it from validation",
    ),
    "fields": (H + "ACGT,a,9\nAC,b\n", "line 2: 3 fields, but the header names 2"),
    "no rows": (H, "holds a header and no rows"),
    "nothing": ("", "no column 'sequence', but nothing"),
    "repeated column": (H.replace("\n", ",label\n") + "A,b,c\n", "two columns have one name"),
    "too few": (H + "ACGT,a\nACCT,b\n", "1 group that must stay together, are too few"),
    "copies of one sequence": (
        H + "AAAC,a\nGTTT,a\nAAAC,a\nACCT,b\nGCCT,b\n",
        "5 rows, 3 of them 'a' in 1 group that must stay together, are too few to hold out 0.2",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_table_is_one_line_with_place_and_remedy(case: str, tmp_path: Path) -> None:
    text, message = BAD[case]
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(InputError) as raised:
        task_from_data(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def remove(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / name
        for file in path.rglob("*.txt") if path.is_dir() else [path]:
            file.unlink()
        if path.is_dir():
            for inner in sorted(path.rglob("*"), reverse=True):
                inner.rmdir()
            path.rmdir()

    return change


def write(name: str, text: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)

    return change


BAD_FOLDERS: dict[str, tuple[Callable[[Path], Path], Callable[[Path], None], str]] = {
    "no train folder": (genomic_benchmarks, remove("train"), "has test/, valid/ but no train/"),
    "no test folder": (genomic_benchmarks, remove("test"), "has train/, valid/ but no test/"),
    "no train file": (gue, remove("train.csv"), "has no train file"),
    "two of one split": (gue, write("test.tsv", "x"), "test.csv and test.tsv are both test"),
    "mixed columns": (gue, write("test.csv", "seq,label\nAC,a\n"), "test.csv: line 1: no column"),
    "bad row": (gue, write("test.csv", "sequence,label\nAC,\n"), "test.csv: line 2: the label is"),
    "FASTA": (genomic_benchmarks, write("train/a/x.txt", ">x\nAC"), "train/a/x.txt: is FASTA"),
    "bad letters": (
        genomic_benchmarks,
        write("train/a/x.txt", "A*"),
        "train/a/x.txt: sequence, ",
    ),
    "empty file": (genomic_benchmarks, write("test/a/x.txt", ""), "test/a/x.txt: the sequence is"),
    "empty class": (genomic_benchmarks, write("train/c/y.md", ""), "train/c: the class is empty"),
    "class only in test": (
        genomic_benchmarks,
        write("test/c/1.txt", "ACGT"),
        "no training row has the label 'c'",
    ),
    "nothing known": (lambda folder: folder, write("x.md", ""), "holds no split; expected train"),
}


@pytest.mark.parametrize("case", BAD_FOLDERS)
def test_a_bad_folder_is_one_line_with_place_and_remedy(case: str, tmp_path: Path) -> None:
    layout, change, message = BAD_FOLDERS[case]
    change(layout(tmp_path))
    with pytest.raises(InputError) as raised:
        task_from_data(tmp_path)
    assert message in str(raised.value)
    assert str(tmp_path) in str(raised.value)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("gene", "no column 'gene', but id, sequence, label"),
        ("id:^(x[0-9]+)", "line 3: `group_by` id:^(x[0-9]+) finds no group in the id 'y'"),
        ("id:^(.)", "1 of them 'a' in 1 group that must stay together"),
    ],
)
def test_groups_that_cannot_be_found(rule: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,sequence,label\nx1,ACGT,a\ny,AACT,b\n")
    with pytest.raises(InputError) as raised:
        task_from_data(path, Columns(group=GroupRule.parse(rule)))
    assert message in str(raised.value)


@pytest.mark.parametrize("rule", ["", ":x", "id:", "id:(", "id:gene"])
def test_group_rules_that_cannot_be_meant(rule: str) -> None:
    with pytest.raises(UsageError, match="group_by"):
        GroupRule.parse(rule)


def test_damaged_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match="damaged Parquet"):
        read_labelled(tmp_path / "x")
