"""More inputs as people have them, kind by kind: right, or one line that names place and remedy."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hnet_seq.tasks.classification.labelled_rows import Columns
from hnet_seq.tasks.classification.task import task_from_data
from hnet_seq.tasks.sequences.inputs import open_sequences
from hnet_seq.tasks.sequences.reading import Reading
from modalities import dna
from modalities.errors import InputError, UsageError
from pipelines.formats.annotation_file import gene_format, read_features
from pipelines.formats.intervals import read_intervals
from pipelines.formats.table_rows import RowFilter
from pipelines.formats.variants import read_variants
from tests.malformed.conftest import Good, Refused

DATA = 1
BASES = "CCGTAATGCCTTTCCCTAACACAGAGTTTTTCGAAC"
SEQUENCES = [f"{'ACGT'[i % 4]}{'ACGT'[i // 4 % 4]}{'ACGT'[i // 16]}ACG" for i in range(24)]

# How a file of places begins, and the letters that come out or what is said.
PLACES: dict[str, tuple[str, list[str] | str]] = {
    "a byte order mark": ("\ufeffc\t0\t3\n", ["CCG"]),
    "a header after it": ("\ufeffchrom\tstart\tend\nc\t0\t3\n", ["CCG"]),
    "its strand elsewhere": (
        "Chr\tStart\tEnd\tStrand\nc\t0\t3\t-\n",
        "line 1: the header has the strand in column 4, and BED in column 6",
    ),
    "its strand there": ("chrom\tstart\tend\tname\tscore\tstrand\nc\t0\t3\tx\t0\t-\n", ["CGG"]),
    "ranges of R": (
        "seqnames\tstart\tend\twidth\tstrand\nc\t1\t3\t3\t-\n",
        "line 1: the header is that of a table of ranges from R, which count from 1",
    ),
    "genes of BioMart": ("c\tstart_position\tend_position\nc\t1\t3\n", "line 1: the start is"),
    "one block, shorter": (
        "c\t0\t9\tt\t0\t+\t0\t9\t0\t1\t3,\t0,\n",
        "line 1: the blocks (columns 10 to 12) overlap, are out of order",
    ),
    "one block, whole": ("c\t0\t9\tt\t0\t+\t0\t9\t0\t1\t9,\t0,\n", ["CCGTAATGC"]),
    "no blocks": ("c\t0\t9\tt\t0\t+\t0\t9\t0\t0\t\t\n", ["CCGTAATGC"]),
    "two blocks": ("c\t0\t9\tt\t0\t-\t0\t9\t0\t2\t3,2\t0,7\n", ["GCCGG"]),
    "commas": ("c,0,3\n", "line 1: 1 columns, expected record, start and end (BED) between tabs"),
    "GFF": ("c\tx\tgene\t1\t3\t.\t+\t.\tID=a\n", "line 1: the start is 'x', expected a whole"),
    "VCF": (
        "##fileformat=VCFv4.2\n#CHROM\nc\t5\t.\tA\tC\t.\t.\t.\n",
        "line 3: the end is '.', expected a whole number of bases; this looks like VCF",
    ),
    "an interval list": ("@HD\tVN:1.0\nc\t1\t3\t+\tx\n", "line 1: 2 columns, expected record"),
    "nothing": ("", "whole file: no lines of BED; expected record, start and end"),
    "CR alone": ("c\t0\t3\rc\t1\t4\r", "line ends are CR alone (old Mac text); convert them"),
}
# Labels of rows, in turns; the problem that is given; the classes or what is said; words of notes.
LABELS: dict[str, tuple[list[str], str | None, list[str] | str, str]] = {
    "a plus": (["1", "-1", "+1"], None, ["-1", "1"], ""),
    "minus nothing": (["-0.0", "0", "1"], None, ["0", "1"], ""),
    "codes with zeros": (["01", "1"], None, ["01", "1"], ""),
    "two cases": (["True", "true", "x"], None, ["True", "true", "x"], "'True' and 'true' differ"),
    "lists of JSON": (['["a", "c"]', '["b"]', "[]"], "multi-label", ["a", "b", "c"], ""),
    "lists of Python": (["['a', 'c']", "['b']"], "multi-label", ["a", "b", "c"], ""),
    "lists of NumPy": (["['a' 'c']", "['3\" end']"], "multi-label", ['3" end', "a", "c"], ""),
    "lists of numbers": (["[1, 2]", "[2]"], "multi-label", ["1", "2"], ""),
    "lists unasked": (["['a', 'c']", "['b']"], None, "the labels are lists; learn several", ""),
    "brackets of names": (["[A]", "[B]"], None, ["[A]", "[B]"], ""),
    "names in brackets": (
        ["[2Fe-2S];[4Fe-4S]", "[2Fe-2S]"],
        "multi-label",
        ["[2Fe-2S]", "[4Fe-4S]"],
        "",
    ),
    "brackets as mark": (["['a']['b']", "['c']"], "multi-label", ["['a']['b']", "c"], ""),
    "a backslash": (['["caf\\u00e9", "b"]', "[]"], "multi-label", ["b", "café"], ""),
    "vectors": (
        ["[0, 1, 1]", "[1, 0, 0]"],
        "multi-label",
        "vectors of 3 zeros and ones",
        "",
    ),
    "vectors of NumPy": (["[0. 1.]", "[1. 0.]"], None, "vectors of 2 zeros and ones", ""),
    "vectors between marks": (["0;1", "1;1"], "multi-label", "vectors of 2 zeros and ones", ""),
    "a label 0": (["[0, 1]", "[1]"], "multi-label", ["0", "1"], ""),
    "lists as classes": (["['a']", "['b']"], "classes", ["['a']", "['b']"], ""),
    "another mark": (["a,c", "b", "c"], "multi-label", ["a,c", "b", "c"], "--label-separator ','"),
    "decimal commas": (["0,5", "1,5"], "regression", "a finite number; write a point as", ""),
}
HEAD = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
ROW = "c\t5\t.\tA\tC\t.\t.\tN=1\n"
VARIANTS: dict[str, tuple[bytes, int | str]] = {
    "Latin-1 in INFO": ((HEAD + ROW.replace("N=1", "N=\xe9")).encode("latin-1"), 1),
    "Latin-1 in a name": (
        (HEAD + ROW.replace("c\t", "\xe9\t")).encode("latin-1"),
        "line 3: is not UTF-8 text; convert the file's encoding (`keep_faults` keeps",
    ),
    "CR alone": ((HEAD + ROW).replace("\n", "\r").encode(), "line ends are CR alone (old Mac"),
    "no header": (ROW.encode(), "line 1: expected the tab-separated header #CHROM POS ID REF ALT"),
    "a comment below": ((HEAD + "#x\n" + ROW).encode(), "line 3: begins with # below the header"),
    "other names": (b"chr,position,ref,alt\nc,5,A,C\n", "line 1: no column 'chrom', but chr, posi"),
    "a row of nonsense": (
        (HEAD + "c\tx\t.\tA\tC\t.\t.\t.\n").encode(),
        "(`keep_faults` keeps such rows)",
    ),
}


@pytest.mark.parametrize("case", PLACES)
def test_places(case: str, tmp_path: Path) -> None:
    content, expected = PLACES[case]
    genome, path = tmp_path / "g.fa", tmp_path / "p.bed"
    genome.write_text(f">c\n{BASES}\n")
    path.write_text(content, newline="")

    def letters() -> list[str]:
        found = open_sequences(path, Reading(genome, blocks=True))
        return [dna.decode(one.tokens) for one in found.sequences()]

    if isinstance(expected, list):
        assert letters() == expected
        return
    with pytest.raises(InputError) as raised:
        letters()
    assert f"{path}: {expected}" in f"{raised.value}"


@pytest.mark.parametrize("case", LABELS)
def test_labels(case: str, tmp_path: Path) -> None:
    labels, problem, expected, note = LABELS[case]
    path = tmp_path / "t.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["sequence", "y"])
        rows.writerows(zip(SEQUENCES, labels * 12, strict=False))
    if isinstance(expected, list):
        task = task_from_data(path, Columns(label="y"), problem=problem)  # type: ignore[arg-type]
        assert task.classes == expected
        assert note in " ".join(task.notes)
        assert note or not any("look" in said or "differ" in said for said in task.notes)
        return
    with pytest.raises(InputError) as raised:
        task_from_data(path, Columns(label="y"), problem=problem)  # type: ignore[arg-type]
    assert f"{raised.value}".startswith(f"{path}: ")
    assert expected in f"{raised.value}"


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("NA", "line 3: the sequence is 'NA', a word for a gap; remove the row"),
        ("nan", "line 3: the sequence is 'nan', a word for a gap"),
        ("", "line 3: the sequence is empty; remove the row"),
        ("A\0C", "line 3: byte 0x00: is it UTF-16, or no text? write UTF-8"),
    ],
)
def test_a_gap_is_no_sequence_in_any_verb(
    cell: str, says: str, good: Good, tmp_path: Path, refused: Refused
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"sequence,label\nACGT,1\n{cell},2\nACCT,3\n")
    out = ["--out", f"{tmp_path / 'o'}"]
    for command in (
        ["embed", f"{good.model}", f"{path}", "--out", f"{tmp_path / 'v.npy'}"],
        ["classify", "train", f"{good.model}", "--data", f"{path}", *out],
        ["score", f"{good.model}", f"{path}", "--measured", "label"],
    ):
        assert says in refused(command, DATA, f"{path}: ")


def test_a_filter_takes_a_number_in_each_spelling(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = "".join(f"{s},{'ab'[i % 2]},{i % 3 + 1}\n" for i, s in enumerate(SEQUENCES))
    path.write_text(f"sequence,label,fold\n{rows}")
    for value in ("1", "1.0", "+1"):
        columns = Columns(where=RowFilter.parse([f"fold={value}"]))
        task = task_from_data(path, columns)
        assert sum(len(each.labels) for each in task.splits.values()) == 8


def test_rows_without_a_task_are_of_another(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("sequence,label,task\nACGT,a,one\nACCT,b,\n")
    with pytest.raises(InputError, match=r"2 values: one, \(empty\)\) is ignored .* `task` one"):
        task_from_data(path)


def test_labels_are_no_sequences() -> None:
    with pytest.raises(UsageError, match="is 'Sequence', the sequences; name another column"):
        Columns(label="Sequence")


def test_lists_of_parquet_are_told(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    table = pa.table({"sequence": SEQUENCES, "label": [["a", "c"], ["b"]] * 12})
    pq.write_table(table, path)
    with pytest.raises(InputError, match="column label: the labels are lists; learn several"):
        task_from_data(path)
    assert task_from_data(path, problem="multi-label").classes == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('[\n {"sequence": "ACGT"}]\n', "line 1: is JSON, which holds documents for hnet-seq"),
        (">a\nACGT\n", "line 1: is FASTA, which has no columns; write a table"),
    ],
)
def test_what_is_no_table_is_named(content: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=says):
        task_from_data(path)


@pytest.mark.parametrize("case", VARIANTS)
def test_variants(case: str, tmp_path: Path) -> None:
    data, expected = VARIANTS[case]
    path = tmp_path / "v"
    path.write_bytes(data)
    if isinstance(expected, int):
        assert [each.alt for each in read_variants(path)] == ["C"] * expected
        return
    with pytest.raises(InputError) as raised:
        list(read_variants(path))
    assert f"{raised.value}".startswith(f"{path}: ")
    assert expected in f"{raised.value}"


def test_a_list_of_alternatives_in_parquet_is_several(tmp_path: Path) -> None:
    path = tmp_path / "v.parquet"
    columns = {"chrom": ["c"], "pos": [5], "ref": ["A"], "alt": [["C", "<DEL>"]]}
    pq.write_table(pa.table(columns), path)
    assert [each.alt for each in read_variants(path)] == ["C", "<DEL>"]


def genbank(sequence: str = "ORIGIN\n        1 acgtacgtac gt\n", features: bool = True) -> str:
    table = (
        "FEATURES             Location/Qualifiers\n     CDS             join(10..12,1..6)\n"
        '                     /locus_tag="a"\n'
    )
    return (
        "LOCUS       X1                        12 bp    DNA     circular BCT 01-JAN-2000\n"
        f"ACCESSION   X1\nVERSION     X1.1\n{table if features else ''}{sequence}//\n"
    )


@pytest.mark.parametrize("sequence", ["", "CONTIG      join(AB1.1:1..12)\n", "ORIGIN\n"])
def test_genbank_without_a_sequence_is_an_annotation(sequence: str, tmp_path: Path) -> None:
    path = tmp_path / "x.gb"
    path.write_text(genbank(sequence) * 2)
    features, circular = read_features(path, gene_format(path), lengths={"X1.1": 12})
    assert [(each.start, each.end) for each in features] == [(9, 12), (0, 6)] * 2
    assert circular == {"X1.1"}
    with pytest.raises(InputError, match=r"record X1, line .*: the record has no sequence"):
        list(open_sequences(path).sequences())


def test_genbank_without_features_or_with_one_name_twice_is_sequences(tmp_path: Path) -> None:
    path = tmp_path / "x.gb"
    path.write_text(genbank(features=False) * 2)
    assert [each.name for each in open_sequences(path).sequences()] == ["X1.1"] * 2


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("header", ["##gff-version 3{}", ""])
def test_a_byte_order_mark_before_gff(header: str, end: str, tmp_path: Path) -> None:
    path = tmp_path / "x.gff"
    rows = f"c\tx\tgene\t1\t9\t.\t+\t.\tID=a{end}" * 2
    path.write_text(f"\ufeff{header.format(end)}{rows}", newline="")
    found = read_intervals(path, lengths={"c": 20})
    assert [(each.start, each.end) for each in found["c"]] == [(0, 9)]
    path.write_text(path.read_text().replace("\n", "\r"), newline="")
    with pytest.raises(InputError, match="line ends are CR alone"):
        read_intervals(path, lengths={"c": 20})
