"""Tables: columns, types of text, row groups, and what is wrong with a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modalities.errors import InputError
from pipelines.documents import Document, Dropped, plan_units


def table(path: Path, columns: dict[str, Any], row_group: int = 1000) -> Path:
    pq.write_table(pa.table(columns), path, row_group_size=row_group)
    return path


def test_rows_are_documents_with_their_columns(tmp_path: Path, read: Any) -> None:
    path = table(
        tmp_path / "a.parquet",
        {"lang": ["EN", None], "other": [1, 2], "text": ["a é", "b"], "path": ["x.txt", None]},
    )
    assert read(path) == [Document("x.txt", "a é".encode(), "en"), Document("a.parquet@2", b"b")]


def test_units_are_whole_row_groups_and_names_do_not_depend_on_them(
    tmp_path: Path, read: Any
) -> None:
    texts = [str(number) * 50 for number in range(100)]
    path = table(tmp_path / "a.parquet", {"text": texts}, row_group=10)
    units = plan_units([path], unit_bytes=1)
    assert [(unit.start, unit.stop) for unit in units] == [(n, n + 1) for n in range(10)]
    assert len(plan_units([path])) == 1
    whole = read(path)
    assert [item.data.decode() for item in whole] == texts
    assert read(path, unit_bytes=1) == read(path, unit_bytes=3000) == whole


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())],
    ids=str,
)
def test_any_type_of_string_is_text(tmp_path: Path, read: Any, kind: pa.DataType) -> None:
    values: list[Any] = [b"a", b"b"] if pa.types.is_binary(kind) else ["a", "b"]
    path = table(tmp_path / "a.parquet", {"content": pa.array(values, kind)})
    assert [item.data for item in read(path, text_field="content")] == [b"a", b"b"]


def test_a_missing_or_numeric_column_is_an_error_that_names_the_others(
    tmp_path: Path, read: Any
) -> None:
    path = table(tmp_path / "a.parquet", {"content": ["a"], "size": [1]})
    with pytest.raises(InputError, match="no column 'text', found content, size; name it with"):
        read(path, broken_lines="drop")
    with pytest.raises(InputError, match="column 'size' is int64, expected a string"):
        read(path, text_field="size")


def test_a_row_without_text_is_an_error_or_left_out(tmp_path: Path, read: Any) -> None:
    path = table(tmp_path / "a.parquet", {"text": ["a", None, ""]})
    with pytest.raises(InputError, match=r"a\.parquet: row 2: 'text' is null, expected a string"):
        read(path)
    assert read(path, broken_lines="drop")[1:] == [
        Dropped("a.parquet@2", "broken_sample"),
        Dropped("a.parquet@3", "empty"),
    ]


def test_a_string_column_with_other_bytes_follows_the_policy(tmp_path: Path, read: Any) -> None:
    text = pa.array([b"a\xff"], pa.binary()).view(pa.string())
    path = table(tmp_path / "a.parquet", {"text": text})
    with pytest.raises(InputError, match=r"row 1, byte 2 of the text: byte 0xff is not UTF-8"):
        read(path)
    assert read(path, invalid_utf8="replace")[0].data.decode() == "a\ufffd"


@pytest.mark.parametrize("keep", [0, 3, -40])
def test_what_is_no_whole_parquet_is_an_error(tmp_path: Path, keep: int) -> None:
    path = table(tmp_path / "a.parquet", {"text": ["a"] * 100})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"a\.parquet: cannot be read as parquet \("):
        plan_units([path])


def test_damage_inside_is_an_error_when_it_is_read(tmp_path: Path, read: Any) -> None:
    path = table(tmp_path / "a.parquet", {"text": [str(n) for n in range(1000)]})
    data = bytearray(path.read_bytes())
    data[10:500] = bytes(490)
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"a\.parquet: cannot be read as parquet \("):
        read(path)


def test_a_table_without_rows_has_no_documents(tmp_path: Path, read: Any) -> None:
    assert read(table(tmp_path / "a.parquet", {"text": pa.array([], pa.string())})) == []
