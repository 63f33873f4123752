"""One file, one document: whatever bytes it has."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from modalities.errors import InputError
from pipelines.documents import Document, Dropped


@pytest.mark.parametrize(
    ("stored", "data"),
    [
        (b"no end", b"no end"),
        (b"a\r\nb\r\n", b"a\r\nb\r\n"),
        (b"\xef\xbb\xbfa", b"a"),
        (b"\xef\xbb\xbf\xef\xbb\xbfa", b"\xef\xbb\xbfa"),
        (b"\n a \n", b"\n a \n"),
        ("漢字é🧬".encode(), "漢字é🧬".encode()),
        (b"x" * 300 + b"\0", b"x" * 300 + b"\0"),
        (b"y" * 3_000_000, b"y" * 3_000_000),
    ],
)
def test_text_is_kept_as_it_is_but_for_the_byte_order_mark(
    tmp_path: Path, read: Any, stored: bytes, data: bytes
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(stored)
    assert read(path) == [Document("a.txt", data)]


def test_line_ends_become_lf_on_request(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"a\r\nb\rc\n\r\n")
    assert read(path, line_ends="lf")[0].data == b"a\nb\nc\n\n"


@pytest.mark.parametrize("stored", [b"", b"\xef\xbb\xbf", b" \r\n\t"])
def test_what_holds_nothing_is_empty(tmp_path: Path, read: Any, stored: bytes) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(stored)
    assert read(path) == [Dropped("a.txt", "empty")]


def test_compressed_files_are_read_by_their_first_bytes(tmp_path: Path, read: Any) -> None:
    text = os.urandom(2_000_000).hex().encode()
    zstd = pa.compress(text, codec="zstd", asbytes=True)
    for name, data in (("a.txt.gz", gzip.compress(text)), ("b.txt.zst", zstd), ("c", zstd)):
        (tmp_path / name).write_bytes(data)
        assert read(tmp_path / name) == [Document(name, text)]
    # Two frames, as parallel compressors write them.
    (tmp_path / "d.zst").write_bytes(zstd + zstd)
    assert read(tmp_path / "d.zst")[0].data == text + text


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_truncated_data_is_an_error_with_its_place(tmp_path: Path, read: Any, codec: str) -> None:
    text = os.urandom(2_000_000).hex().encode()
    whole = gzip.compress(text) if codec == "gzip" else pa.compress(text, "zstd", asbytes=True)
    path = tmp_path / "a.txt"
    path.write_bytes(whole[:-5])
    with pytest.raises(InputError, match=r"a\.txt: after byte \d+ of .*truncated"):
        read(path)


def test_bytes_that_are_not_utf8_follow_the_policy(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc\xe9 d\xff")
    says = rf"^{path}: byte 4: byte 0xe9 is not UTF-8; convert the text"
    with pytest.raises(InputError, match=says):
        read(path)
    assert read(path, invalid_utf8="drop") == [Dropped("a.txt", "not_utf8")]
    assert read(path, invalid_utf8="replace")[0].data.decode() == "abc\ufffd d\ufffd"


def test_the_markers_never_come_out_of_a_text(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(bytes(range(1, 256)) * 3)
    data = read(path, invalid_utf8="replace")[0].data
    assert not {254, 255} & set(data)


def test_utf16_is_named_as_such(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("some text".encode("utf-16"))
    with pytest.raises(InputError, match="looks like UTF-16"):
        read(path)


@pytest.mark.parametrize(
    "stored",
    [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\x7fELF\x02\x01\x01\0\0\xff", b"abc\0\0\0def", b"\0"],
)
def test_binary_files_are_left_out_whatever_the_policy(
    tmp_path: Path, read: Any, stored: bytes
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(stored)
    assert read(path) == [Dropped("a.txt", "binary")]


def test_documents_out_of_their_size_are_left_out(tmp_path: Path, read: Any) -> None:
    for length in (3, 4, 6, 7):
        (tmp_path / f"{length}.txt").write_bytes("\ufeff".encode() + b"x" * length)
    reasons = [getattr(item, "reason", "") for item in read(tmp_path, min_bytes=4, max_bytes=6)]
    assert reasons == ["too_small", "", "", "too_large"]


def test_of_a_file_that_is_too_large_only_the_beginning_is_read(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "a.txt.gz"
    whole = gzip.compress(os.urandom(8_000_000).hex().encode())
    # Cut far behind the limit: whoever reads on to the cut fails.
    path.write_bytes(whole[: len(whole) // 2])
    assert read(path, max_bytes=1000) == [Dropped("a.txt.gz", "too_large")]
