"""JSON lines: fields, broken lines, odd strings, and errors that name the line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from modalities.errors import InputError
from pipelines.documents import Document, Dropped
from pipelines.documents import jsonl as module

BROKEN = {
    b"{": r"no JSON object \(Expecting property name enclosed in double quotes at character 2\)",
    b'{"text": "a"} x': r"no JSON object \(Extra data at character 15\)",
    b"[1]": "found a list, expected an object with 'text'",
    b'"a"': "found a string, expected an object",
    b"3": "found a number, expected an object",
    b"null": "found null, expected an object",
    b'{"body": "a", "lang": "en"}': "no field 'text', found body, lang; name it with `text_field`",
    b"{}": "no field 'text', found none",
    b'{"text": null}': "'text' is null, expected a string",
    b'{"text": 3}': "'text' is a number, expected a string",
    b'{"text": true}': "'text' is a truth value, expected a string",
    b'{"text": ["a"]}': "'text' is a list, expected a string",
    b'{"text": "a\x01"}': "Invalid control character",
    b"[" * 100_000: "JSON nested too deeply",
    b'{"text": ' + b"1" * 5000 + b"}": "JSON that cannot be read",
}


@pytest.mark.parametrize("line", BROKEN, ids=lambda line: line[:20].decode())
@pytest.mark.parametrize("unit_bytes", [1 << 20, 12])
def test_a_broken_line_is_an_error_with_its_number_or_left_out(
    tmp_path: Path, read: Any, line: bytes, unit_bytes: int
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "first"}\n\n' + line + b'\n{"text": "last"}')
    with pytest.raises(InputError, match=rf"^{path}: line 3: .*{BROKEN[line]}.*; correct it, or"):
        read(path, unit_bytes=max(unit_bytes, len(line) // 4))
    first, dropped, last = read(path, broken_lines="drop")
    assert dropped == Dropped("a.jsonl@19", "broken_line")
    assert (first.data, last.data) == (b"first", b"last")


def test_fields_name_and_label_a_document(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "a.jsonl"
    records: list[dict[str, Any]] = [
        {"text": "a", "path": "x/y.txt", "lang": "EN"},
        {"text": "b", "language": "fr"},
        {"text": "c", "path": None, "lang": 3},
        {"text": "d", "path": "new\nline", "lang": "a\nb"},
        {"text": "e", "path": "\ud800", "lang": "\ud800"},
    ]
    path.write_text("\n".join(map(json.dumps, records)))
    found = read(path)
    assert [item.label for item in found] == ["en", "fr", "", "a\\x0ab", "\\ud800"]
    assert [item.name for item in found[:2]] == ["x/y.txt", "a.jsonl@47"]
    assert [item.name for item in found[3:]] == ["new\\x0aline", "\\ud800"]


def test_another_field_can_hold_the_text(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"content": "a", "text": 0}')
    assert read(path, text_field="content") == [Document("a.jsonl@0", b"a")]


def test_line_ends_byte_order_mark_and_blank_lines_are_no_part_of_the_text(
    tmp_path: Path, read: Any
) -> None:
    path = tmp_path / "a.ndjson"
    path.write_bytes(b'\xef\xbb\xbf{"text": "a"}\r\n  \r\n\n{"text": "\\ufeffb\\r\\n"}\r\n')
    assert [item.data for item in read(path)] == [b"a", b"b\r\n"]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_a_file_without_lines_has_no_documents(tmp_path: Path, read: Any, content: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    assert read(path) == []


def test_half_a_surrogate_pair_follows_the_policy(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "\\ud83e\\uddec"}\n{"text": "a\\ud800b"}\n')
    with pytest.raises(InputError, match=r"line 2, character 2 of the text: U\+D800 is half a"):
        read(path)
    whole, half = read(path, invalid_utf8="replace")
    assert whole.data == "🧬".encode()
    assert half.data == "a\ufffdb".encode()
    assert read(path, invalid_utf8="drop")[1] == Dropped("a.jsonl@25", "not_utf8")


def test_a_line_that_is_not_utf8_follows_the_policy(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "a"}\n{"text": "\xe9"}\n')
    with pytest.raises(InputError, match=r"line 2, byte 25: byte 0xe9 is not UTF-8"):
        read(path)
    assert read(path, invalid_utf8="replace")[1].data == "\ufffd".encode()
    assert read(path, invalid_utf8="drop")[1] == Dropped("a.jsonl@14", "not_utf8")


def test_nul_bytes_in_strings_make_a_text_binary(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": "\0" * 10}) + "\n" + json.dumps({"text": "x" * 500 + "\0"}))
    assert [getattr(item, "reason", "") for item in read(path)] == ["binary", ""]


def test_compressed_lines_equal_plain_ones(tmp_path: Path, read: Any) -> None:
    text = b"".join(b'{"text": "%d %b"}\n' % (n, b"x" * (n % 7)) for n in range(70_000))
    (tmp_path / "a.jsonl").write_bytes(text)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(text, 1))
    (tmp_path / "a.jsonl.zst").write_bytes(pa.compress(text, "zstd", asbytes=True))
    plain, gzipped, zstd = (
        [item.data for item in read(tmp_path / f"a.jsonl{end}", unit_bytes=500_000)]
        for end in ("", ".gz", ".zst")
    )
    assert len(plain) == 70_000
    assert plain == gzipped == zstd


def test_a_huge_line_is_read_whole_and_an_endless_one_refused(
    tmp_path: Path, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": "x" * 5_000_000}) + '\n{"text": "b"}')
    assert [len(item.data) for item in read(path, unit_bytes=1_000_000)] == [5_000_000, 1]
    monkeypatch.setattr(module, "LONGEST_LINE", 1 << 21)
    with pytest.raises(InputError, match=r"byte 1: a line of more than 2 MiB; are these JSON"):
        read(path)
