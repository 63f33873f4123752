"""A table, BED or JSON that is wrong is told alike by every verb: place and remedy, in one line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from hnet_seq.cli import main
from tests.malformed.conftest import Good, Refused

DATA = 1
HEADER = "sequence,label,y,chrom,pos,ref,alt\n"
ROW = "ACGTACGTAC,a,1,chr2:a,5,G,C\n"

# Of each: what the file holds, and what every verb says.
TABLES: dict[str, tuple[bytes, str]] = {
    "too few fields": (
        f"{HEADER}{ROW}ACGT,a\n".encode(),
        "line 3: 2 fields, but the header na",
    ),
    "an open quote": (f'{HEADER}{ROW}"ACGT{ROW}'.encode(), "line 3: not CSV: unexpected end"),
    "line ends of CR alone": (
        (HEADER + ROW).replace("\n", "\r").encode(),
        "line ends are CR alone",
    ),
    "Latin-1": (HEADER.encode() + ROW.encode() + b"AC\xe9,a,1,c,5,A,C\n", "line 3: byte 0xe9"),
    "UTF-16": ((HEADER + ROW).encode("utf-16-le"), "line 1"),
    "a column twice": (
        (HEADER.replace("\n", ",Sequence,Pos\n") + ROW.replace("\n", ",A,1\n")).encode(),
        "line 1: two columns have one name",
    ),
    "gzip cut short": (gzip.compress((HEADER + ROW * 99).encode())[:-9], "the file is truncated"),
    "zstd cut short": (
        pa.compress((HEADER + ROW * 99).encode(), "zstd", asbytes=True)[:-3],
        "zstd data is truncated or damaged",
    ),
    "Parquet cut short": (b"PAR1" + bytes(20), "is a damaged Parquet file"),
    "gzip of Parquet": (gzip.compress(b"PAR1" + bytes(20)), "is compressed Parquet; unpack it"),
    "zip": (b"PK\x03\x04", "is a zip file; give it plain, gzip, bgzip or zstd"),
}
VERBS = ("embed", "train", "measured", "variants")


def command(verb: str, path: Path, good: Good, folder: Path) -> list[str]:
    out = ["--out", f"{folder / 'out.tsv'}"]
    return {
        "embed": ["embed", f"{good.model}", f"{path}", "--out", f"{folder / 'out.npy'}"],
        "train": ["classify", "train", f"{good.model}", "--data", f"{path}", *out],
        "measured": ["score", f"{good.model}", f"{path}", "--measured", "y", *out],
        "variants": ["score", f"{good.model}", f"{path}", "--genome", f"{good.genome}", *out],
    }[verb]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("case", TABLES)
def test_a_table_that_is_wrong_is_told_alike(
    case: str, verb: str, good: Good, tmp_path: Path, refused: Refused
) -> None:
    data, says = TABLES[case]
    if verb == "variants":  # what has sequences is no table of variants
        data = data if b"\x00" in data or data[:2] == b"PK" else _without_sequences(data)
    path = tmp_path / "table.csv"
    path.write_bytes(data)
    said = refused(command(verb, path, good, tmp_path), DATA, f"{path}: ")
    assert says in said


def _without_sequences(data: bytes) -> bytes:
    return data.replace(b"sequence,", b"letters,").replace(b",Sequence,", b",Letters,")


LABELS: dict[str, tuple[str, list[str], str]] = {
    "an empty label": ("sequence,label\nACGT,a\nGGGG,\n", [], "line 3: the label is ''"),
    "numbers": (
        "sequence,label\n" + "".join(f"ACGTACGT,{i}.5\n" for i in range(30)),
        [],
        "the labels are numbers, 30 different ones in 30 rows; learn them as numbers with --",
    ),
    "no number": (
        "sequence,label\nACGT,1\nGGGG,high\n",
        ["--problem", "regression"],
        "line 3: label is 'high', not a finite number; remove the row",
    ),
    "an infinite number": (
        "sequence,label\nACGT,1\nGGGG,inf\n",
        ["--problem", "regression"],
        "line 3: label is 'inf', not a finite number",
    ),
    "several tasks": (
        "sequence,label,Task\nACGT,0,H3\nGGGG,1,splice\n",
        [],
        "the column 'Task' (2 values: H3, splice) is ignored unless a task is chosen",
    ),
    "a task that is not there": (
        "sequence,label,task\nACGT,0,H3\nGGGG,1,splice\n",
        ["--task", "h4"],
        "no row has task = h4; there are H3, splice",
    ),
    "a filter of another column": (
        "sequence,label\nACGT,0\n",
        ["--where", "fold=1"],
        "line 1: no column 'fold', but sequence, label",
    ),
    "no labels": (
        "sequence,label\nACGT,\nGGGG,;\n",
        ["--problem", "multi-label"],
        "column label: no row has a label; check --label",
    ),
    "JSON lines": ('{"sequence": "ACGT", "label": "a"}\n', [], "line 1: is JSON"),
}


@pytest.mark.parametrize("case", LABELS)
def test_labels_that_cannot_be_meant(
    case: str, good: Good, tmp_path: Path, refused: Refused
) -> None:
    content, options, says = LABELS[case]
    path = tmp_path / "table.csv"
    path.write_text(content)
    assert says in refused([*command("train", path, good, tmp_path), *options], DATA, f"{path}: ")


BED: dict[str, tuple[str, list[str], str]] = {
    "a number as R writes it": ("chr2:a\t1\t2e+03\n", [], "line 1: the end is '2e+03'"),
    "other columns": ("name\tscore\tend\nchr2:a\t1\t2\n", [], "line 1: the start is 'score'"),
    "a header in the middle": ("chr2:a\t1\t5\nchrom\tstart\tend\n", [], "line 2: the start is"),
    "comments only": ("# nothing\ntrack x\n", [], "no lines of BED"),
    "words": ("some words here\n", [], "line 1: the start is 'words'"),
    "blocks that overlap": (
        "chr2:a\t0\t100\tx\t0\t+\t0\t100\t0\t2\t60,60\t0,40\n",
        ["--blocks"],
        "line 1: the blocks (columns 10 to 12) overlap",
    ),
    "blocks of another number": (
        "chr2:a\t0\t100\tx\t0\t+\t0\t100\t0\t3\t60,40\t0,60\n",
        ["--blocks"],
        "line 1: the block count is 3, with 2 sizes and 2 starts",
    ),
}


@pytest.mark.parametrize("case", BED)
def test_bed_that_is_wrong(case: str, good: Good, tmp_path: Path, refused: Refused) -> None:
    content, options, says = BED[case]
    path = tmp_path / "places.bed"
    path.write_text(content)
    embed = command("embed", path, good, tmp_path)
    assert says in refused([*embed, "--genome", f"{good.genome}", *options], DATA, f"{path}: ")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.json", '{"title": "x"}', "line 1: no field 'text', found title; name it with --text-f"),
        (
            "a.txt",
            '[{"text": "x"}, {"text": 1}]',
            "record 2: 'text' is a number, expected",
        ),
        ("part-0", '["x", "y"]', "record 1: found a string, expected an object with 'text'"),
        ("a.json", '{"text": "x"}\n{"text": \n', "line 2: no JSON object"),
    ],
)
def test_json_that_is_wrong_is_never_text(
    name: str, content: str, says: str, tmp_path: Path, refused: Refused
) -> None:
    path = tmp_path / "in" / name
    path.parent.mkdir()
    path.write_text(content)
    out = ["--modality", "text", "--out", f"{tmp_path / 'out'}"]
    for source in (path, path.parent):
        assert says in refused(["shard", f"{source}", *out], DATA, f"{path}: ")


ODD: dict[str, bytes] = {
    "semicolons, CRLF and a byte order mark": b"\xef\xbb\xbfid;Sequence\r\na;ACGT\r\nb;GGGA\r\n",
    "a comment and quotes": b'# made by hand\n"ID","SEQUENCE"\n"a","ACGT"\n"b","GGGA"\n',
    "a declared separator": b"sep=;\nid;sequence\na;ACGT\nb;GGGA\n",
    "rows of nothing at the end": b"id\tsequence\na\tACGT\nb\tGGGA\n\t\n\n",
    "zstd": pa.compress(b"id,sequence\na,ACGT\nb,GGGA\n", "zstd", asbytes=True),
    "FASTA in zstd": pa.compress(b">a x\nACGT\n>b\nGGGA\n", "zstd", asbytes=True),
}


@pytest.mark.parametrize("case", ODD)
def test_what_is_odd_and_right_is_read(case: str, good: Good, tmp_path: Path) -> None:
    path = tmp_path / "in"
    path.write_bytes(ODD[case])
    out = tmp_path / "out.npy"
    assert main(["embed", f"{good.model}", f"{path}", "--out", f"{out}"]) == 0
    assert (tmp_path / "out.ids.txt").read_text() == "a\nb\n"
