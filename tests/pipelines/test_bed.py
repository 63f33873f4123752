"""BED is read the same wherever it is taken: headers are skipped, blocks are never lost unsaid."""

from __future__ import annotations

from pathlib import Path

import pytest

from modalities.errors import InputError
from pipelines.formats.bed import bed_rows, count_with_blocks, looks_like_bed
from pipelines.formats.intervals import annotation_format, read_intervals
from pipelines.formats.stranded_bed import read_bed_features


def bed(folder: Path, content: str) -> Path:
    path = folder / "t.bed"
    path.write_text(content)
    return path


HEADERS = [
    "",
    "# a comment\n",
    "track name=x\nbrowser position c1:1-2\n",
    "chrom\tstart\tend\n",
    "#chrom\tstart\tend\n",
    "track name=x\nchromosome\tchromStart\tchromEnd\tname\tscore\tstrand\tthickStart\tthickEnd\n",
    'Chr "Start" "Stop"\n',
]


@pytest.mark.parametrize("header", HEADERS)
def test_headers_are_no_rows(header: str, tmp_path: Path) -> None:
    path = bed(tmp_path, f"{header}c1\t10\t20\tx\t0\t-\n\nc1\t5\t7\n")
    assert [(row.record, row.start, row.end) for row in bed_rows(path)] == [
        ("c1", 10, 20),
        ("c1", 5, 7),
    ]
    assert annotation_format(path) == "BED"
    assert [(i.start, i.end) for i in read_intervals(path)["c1"]] == [(5, 7), (10, 20)]
    assert [feature.strand for feature in read_bed_features(path)] == ["-", "."]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("c1\t1\t2e+03\n", "line 1: the end is '2e.03', expected a whole number"),
        ("c1\t1\t2\nc1\t1.0\t3\n", "line 2: the start is '1.0'"),
        ("c1\t1\t2\nchrom\tstart\tend\n", "line 2: the start is 'start'"),
        ("name\tscore\tend\n", "line 1: the start is 'score'.*a header of BED names"),
        ("c1\t-1\t2\n", "line 1: the start is '-1'"),
        ("c1\t5\t2\n", "line 1: the end, 2, lies before the start, 5"),
        ("c1 1\n", "line 1: 2 columns, expected record, start and end"),
    ],
)
def test_a_bad_row_is_named(content: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says):
        list(bed_rows(bed(tmp_path, content)))


def twelve(count: str, sizes: str, starts: str) -> str:
    return f"c1\t100\t200\tx\t0\t+\t100\t200\t0\t{count}\t{sizes}\t{starts}\n"


def test_blocks_are_stretches_of_the_record(tmp_path: Path) -> None:
    path = bed(tmp_path, twelve("2", "10,20,", "0,80,") + twelve("1", "100", "0") + "c1\t1\t2\n")
    assert [row.blocks for row in bed_rows(path)] == [
        [(100, 110), (180, 200)],
        [(100, 200)],
        [(1, 2)],
    ]
    assert count_with_blocks(path) == 1


@pytest.mark.parametrize(
    "columns",
    [
        ("2", "10", "0,80"),
        ("3", "10,20", "0,80"),
        ("2", "10,30", "0,80"),
        ("2", "10,20", "5,80"),
        ("2", "90,20", "0,80"),
        ("2", "20,10", "80,0"),
        ("2", "0,20", "0,80"),
        ("2", "1e1,20", "0,80"),
        ("x", "10,20", "0,80"),
    ],
)
def test_blocks_that_cannot_be_are_refused(columns: tuple[str, str, str], tmp_path: Path) -> None:
    (row,) = bed_rows(bed(tmp_path, twelve(*columns)))
    with pytest.raises(ValueError, match="block"):
        _ = row.blocks


def test_a_table_is_no_bed() -> None:
    assert looks_like_bed("c1 1 2")
    assert looks_like_bed("chrom\tstart\tend")
    assert not looks_like_bed("id,sequence,label")
    assert not looks_like_bed("name\tstarts\tend")


@pytest.mark.parametrize("mark", ["", "#", "# "])
@pytest.mark.parametrize("between", ["\t", " "])
def test_a_strand_in_another_column_is_refused_where_strands_are_read(
    mark: str, between: str, tmp_path: Path
) -> None:
    lines = [[f"{mark}chrom", "start", "end", "strand"], ["c1", "1", "5", "-"]]
    path = bed(tmp_path, "".join(f"{between.join(line)}\n" for line in lines))
    with pytest.raises(InputError, match="line 1: the header has the strand in column 4, and BED"):
        read_bed_features(path)
    assert [feature.strand for feature in read_bed_features(path, strands=False)] == ["."]
    assert [(i.start, i.end) for i in read_intervals(path)["c1"]] == [(1, 5)]


@pytest.mark.parametrize(
    "remark",
    [
        "#c start end, and the strand",
        "#from start to end of a strand",
        "#c\tstart\tend\tstrand",
    ],
)
def test_a_remark_is_no_header(remark: str, tmp_path: Path) -> None:
    path = tmp_path / "t.bed"
    path.write_bytes(f"{remark} é\n".encode("latin-1") + b"c1\t1\t5\tx\t0\t-\n")
    assert [feature.strand for feature in read_bed_features(path)] == ["-"]


def test_ranges_of_r_are_refused_below_a_mark_as_well(tmp_path: Path) -> None:
    path = bed(tmp_path, "#seqnames\tstart\tend\twidth\tstrand\nc1\t1\t5\t5\t-\n")
    with pytest.raises(InputError, match="line 1: the header is that of a table of ranges from R"):
        read_intervals(path)
