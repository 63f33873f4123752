"""One reader of tables: what a row says does not depend on how the table is written."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modalities.errors import InputError, UsageError
from pipelines.formats import table_rows
from pipelines.formats.table_rows import RowFilter
from pipelines.formats.table_text import plain_number
from pipelines.formats.tables import Table

ROWS = [("ACGT", "a, b", "1"), ("GGG", 'say "x"', ""), ("TTT", "c;d", "2.5")]


def text(mark: str, *, end: str = "\n", quote: bool = False, above: str = "") -> bytes:
    def quoted(row: tuple[str, ...]) -> str:
        return mark.join(
            f'"{value.replace(chr(34), chr(34) * 2)}"'
            if quote or set(value) & set(',;"')
            else value
            for value in row
        )

    lines = [quoted(("Sequence", "Of  what", "VALUE")), *map(quoted, ROWS)]
    return (above + end.join(lines) + end).encode()


def parquet(**kinds: pa.DataType) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        columns = zip(*ROWS, strict=True)
        arrays = [pa.array([v or None for v in column]) for column in columns]
        names = ["Sequence", "Of  what", "VALUE"]
        arrays = [a.cast(kinds.get("kind", pa.string())) for a in arrays]
        pq.write_table(pa.table(dict(zip(names, arrays, strict=True))), path)

    return write


def raw(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


WRITTEN: dict[str, Callable[[Path], object]] = {
    "commas": raw(text(",")),
    "semicolons": raw(text(";")),
    "tabs": raw(text("\t")),
    "CRLF and quotes": raw(text(",", end="\r\n", quote=True)),
    "a byte order mark": raw(b"\xef\xbb\xbf" + text(";")),
    "comments above": raw(text("\t", above="# made, by; hand\n#\n")),
    "a declared separator": raw(text(";", above="sep=;\r\n")),
    "comments and blank lines below": raw(text(",") + b"\n# the end\n,,\n\n"),
    "gzip": raw(gzip.compress(text(","))),
    "zstd": raw(pa.compress(text(";"), "zstd", asbytes=True)),
    "Parquet": parquet(),
    "Parquet of large strings": parquet(kind=pa.large_string()),
    "Parquet of string views": parquet(kind=pa.string_view()),
    "Parquet of categories": parquet(kind=pa.dictionary(pa.int32(), pa.string())),
    "Parquet of large categories": parquet(kind=pa.dictionary(pa.int8(), pa.large_string())),
    "Parquet of bytes": parquet(kind=pa.binary()),
}


@pytest.mark.parametrize("form", WRITTEN)
def test_every_form_gives_the_same_rows(form: str, tmp_path: Path) -> None:
    path = tmp_path / "no extension"
    WRITTEN[form](path)
    table = Table(path)
    table.require_text("sequence")
    wanted = ["value", "SEQUENCE", "of what"]
    found = [tuple(row.text(name) for name in wanted) for row in table.rows(wanted)]
    assert found == [(value, letters, what) for letters, what, value in ROWS]


@pytest.mark.parametrize(
    ("header", "names"),
    [("#chrom,pos", ["chrom", "pos"]), ("# chrom\tpos", ["chrom", "pos"]), ("chrom;pos", None)],
)
def test_a_header_may_begin_with_the_mark_of_comments(
    header: str, names: list[str] | None, tmp_path: Path
) -> None:
    path = tmp_path / "t"
    path.write_text(f"# of chrom and pos\n{header}\n")
    assert Table(path, expected=("chrom",)).names == (names or ["chrom", "pos"])


def test_a_comma_is_the_decimal_mark_where_semicolons_separate(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_text("y;x\n0,5;1\n")
    table = Table(path)
    assert [table.number(x) for x in ("0,5", "-1,5e3", "2", "1.5", "1,000,0", "x", "nan")] == [
        0.5,
        -1500.0,
        2.0,
        1.5,
        None,
        None,
        None,
    ]
    path.write_text("y,x\n1,2\n")
    assert Table(path).number("0,5") is None


def test_rows_are_chosen_by_their_columns(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_text("x,Task,n\na,H3,1\nb,splice,1\nc,H3,2\nd,promoter,1.0\n")

    def found(*conditions: str) -> list[str]:
        table = Table(path, where=RowFilter.parse(conditions))
        return [row.text("x") for row in table.rows(["x"])]

    assert found("task=H3") == ["a", "c"]
    assert found("task=H3", "TASK = splice", "n=1") == ["a", "b"]
    assert found("n=1") == ["a", "b", "d"]
    with pytest.raises(InputError, match="no row has task = H4; there are H3, splice, promoter"):
        found("task=H4")
    with pytest.raises(InputError, match="no column 'of', but x, Task, n"):
        found("of=H4")
    with pytest.raises(UsageError, match="where: is 'task'; expected COLUMN=VALUE"):
        RowFilter.parse(["task"])


def test_wanted_values_are_looked_at_once_and_cells_once_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def counted(text: str) -> str:
        seen.append(text)
        return plain_number(text)

    monkeypatch.setattr(table_rows, "plain_number", counted)
    path = tmp_path / "t"
    path.write_text("x,n\na,1\nb,2.0\nc,3\n")
    table = Table(path, where=RowFilter.parse(["n=2", "n=3.0"]))
    assert [row.text("x") for row in table.rows(["x"])] == ["b", "c"]
    assert seen.count("3.0") == 1
    assert len(seen) == 5


BAD: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "line 1: no column 'x', but nothing"),
    "another column": (b"a,b\n1,2\n", "line 1: no column 'x', but a, b; name one so"),
    "a column twice": (b"x,X\n1,2\n", "line 1: two columns have one name, 'x' and 'X'; rename one"),
    "no rows": (b"# c\nx,y\n# no\n", "line 3: holds a header and no rows"),
    "too few fields": (b"x,y\n1,2\n3\n", "line 3: 1 fields, but the header names 2"),
    "too many below a comment": (b"# c\nx,y\n1,2,3\n", "line 3: 3 fields, but the header names 2"),
    "an open quote": (b'x,y\n1,2\n"3,4\n5,6\n', "line 3: not CSV: unexpected end of data; a quote"),
    "a quote inside": (b'x,y\n"a" b,2\n', "line 2: not CSV: ',' expected after '\"'; a quote"),
    "CR alone": (b"x,y\r1,2\r", "line 1: not CSV: line ends are CR alone"),
    "Latin-1": (b"x,y\na,2\nb\xe9,3\n", "line 3: byte 0xe9 is not UTF-8"),
    "UTF-16": ("x,y\n1,2\n".encode("utf-16"), "line 1: byte 0xff is not UTF-8"),
    "JSON lines": (b'{"x": 1, "y": 2}\n', "line 1: is JSON"),
    "an array of JSON": (b'[{"x": 1}]\n', "line 1: is JSON"),
    "gzip cut short": (gzip.compress(b"x,y\n" + b"1,2\n" * 99)[:-9], "truncated; fetch it again"),
    "zstd cut short": (
        pa.compress(b"x,y\n" + b"1,2\n" * 99, "zstd", asbytes=True)[:-3],
        "zstd data is truncated or damaged",
    ),
    "no Parquet": (b"PAR1 and no more", "is a damaged Parquet file"),
    "xz": (b"\xfd7zXZ\x00", "is a xz file; give it plain, gzip, bgzip or zstd"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_table_is_one_line_with_place_and_remedy(case: str, tmp_path: Path) -> None:
    data, says = BAD[case]
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    with pytest.raises(InputError) as raised:
        list(Table(path).rows(["x"]))
    said = str(raised.value)
    assert said.startswith(f"{path}: ")
    assert says in said
    assert "\n" not in said


@pytest.mark.parametrize("values", [[1, 2], [1.5], [[1]], [True]])
def test_a_column_of_something_else_is_no_text(values: list[Any], tmp_path: Path) -> None:
    path = tmp_path / "t"
    pq.write_table(pa.table({"x": values}), path)
    with pytest.raises(InputError, match=r"column 'x' is .*, expected strings"):
        Table(path).require_text("x")


def test_gaps_and_lists_of_parquet(tmp_path: Path) -> None:
    path = tmp_path / "t"
    pq.write_table(pa.table({"x": [["a", None, "b"], [], None], "y": [1.0, float("nan"), 3]}), path)
    rows = list(Table(path).rows(["x", "y"]))
    assert [row.cells["x"] for row in rows] == [["a", "b"], [], ""]
    assert [row.text("y") for row in rows] == ["1.0", "", "3.0"]
    assert [row.where for row in rows] == ["row 1", "row 2", "row 3"]
