"""WebDataset tars of other makers: keys, members, and tars that are something else."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import webdataset

from modalities.errors import InputError
from pipelines.documents import Document, Dropped


def write_tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def test_samples_that_webdataset_writes_are_read(tmp_path: Path, read: Any) -> None:
    path = tmp_path / "a.tar"
    with webdataset.TarWriter(str(path)) as writer:
        writer.write({"__key__": "0", "txt": "a é"})
        writer.write({"__key__": "d/1", "json": {"text": "b", "lang": "en", "path": "x.txt"}})
        writer.write({"__key__": "2", "txt": "c", "json": {"text": "no", "lang": "fr"}})
        writer.write({"__key__": "3", "npy": np.frombuffer("d é".encode(), np.uint8)})
    assert read(path) == [
        Document("a.tar@0", "a é".encode()),
        Document("x.txt", b"b", "en"),
        Document("a.tar@2", b"c", "fr"),
        Document("a.tar@3", "d é".encode()),
    ]


def test_keys_end_at_the_first_dot_after_the_folder(tmp_path: Path, read: Any) -> None:
    path = write_tar(
        tmp_path / "a.tar",
        {"v1.0/a.txt": b"1", "v1.0/a.seg.txt": b"other", "v1.0/b.TXT": b"2", "no_extension": b"3"},
    )
    assert read(path) == [Document("a.tar@v1.0/a", b"1"), Document("a.tar@v1.0/b", b"2")]


def test_a_tar_of_source_files_is_refused_with_advice(tmp_path: Path, read: Any) -> None:
    path = write_tar(tmp_path / "a.tar", {"src/a.py": b"x = 1"})
    with pytest.raises(InputError, match=r"a\.tar: sample src/a: has py, expected \.txt, \.json"):
        read(path)
    path = write_tar(tmp_path / "a.tar", {"a.txt": b"1", "./a.txt": b"2", "b.txt": b"1"})
    assert [item.data for item in read(path)] == [b"1", b"2", b"1"]
    with tarfile.open(path, "w") as tar:
        for _ in range(2):
            tar.addfile(tarfile.TarInfo("gi|1.txt"), io.BytesIO(b""))
    with pytest.raises(InputError, match=r"sample gi\|1: has two members \.txt; .*unpack the tar"):
        read(path)


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"a.json": b"{"}, r"the \.json cannot be read"),
        ({"a.json": b"[]"}, "found a list, expected an object"),
        ({"a.json": b"{}"}, "no field 'text', found none"),
        ({"a.npy": b"x"}, r"the \.npy cannot be read"),
        ({"a.npy": npy(np.zeros(2))}, r"the \.npy is float64 \(2,\), expected uint8"),
        ({"a.npy": npy(np.zeros((2, 2), np.uint8))}, r"the \.npy is uint8 \(2, 2\)"),
        ({"a.jpg": b"x", "a.cls": b"1"}, "has cls, jpg, expected"),
    ],
)
def test_a_broken_sample_is_an_error_or_left_out(
    tmp_path: Path, read: Any, members: dict[str, bytes], says: str
) -> None:
    path = write_tar(tmp_path / "a.tar", {**members, "b.txt": b"b"})
    with pytest.raises(InputError, match=f"^{path}: sample a: {says}.*`broken_lines` drop"):
        read(path)
    expected = [Dropped("a.tar@a", "broken_sample"), Document("a.tar@b", b"b")]
    assert read(path, broken_lines="drop") == expected


def test_an_array_of_objects_is_never_unpickled(tmp_path: Path, read: Any) -> None:
    stream = io.BytesIO()
    np.save(stream, np.array([{}], object), allow_pickle=True)
    path = write_tar(tmp_path / "a.tar", {"a.npy": stream.getvalue()})
    with pytest.raises(InputError, match=r"the \.npy cannot be read"):
        read(path)


def test_a_text_that_is_not_utf8_follows_the_policy(tmp_path: Path, read: Any) -> None:
    path = write_tar(tmp_path / "a.tar", {"a.txt": b"a\xff"})
    with pytest.raises(InputError, match="sample a, byte 2 of the text: byte 0xff is not UTF-8"):
        read(path)
    assert read(path, invalid_utf8="drop") == [Dropped("a.tar@a", "not_utf8")]


def test_compressed_tars_are_read(tmp_path: Path, read: Any) -> None:
    plain = write_tar(tmp_path / "a.tar", {f"{n}.txt": b"%d" % n for n in range(100)})
    for name in ("a.tar.gz", "a.tgz"):
        (tmp_path / name).write_bytes(gzip.compress(plain.read_bytes()))
        assert [item.data for item in read(tmp_path / name)] == [b"%d" % n for n in range(100)]


@pytest.mark.parametrize("content", [b"", b"no tar" * 200])
def test_what_is_no_tar_is_an_error(tmp_path: Path, read: Any, content: bytes) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.tar: cannot be read as a tar \("):
        read(path)


@pytest.mark.parametrize("place", [130, 150, 300])
def test_a_damaged_header_does_not_end_a_tar(tmp_path: Path, read: Any, place: int) -> None:
    path = write_tar(tmp_path / "a.tar", {f"{i}.txt": b"text" for i in range(5)})
    data = bytearray(path.read_bytes())
    data[2 * 1024 + place] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"a\.tar: cannot be read as a tar \(bad checksum at byte"):
        read(path)


def test_a_truncated_tar_is_an_error(tmp_path: Path, read: Any) -> None:
    path = write_tar(tmp_path / "a.tar", {"a.txt": b"a" * 2000, "b.txt": b"b" * 2000})
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(InputError, match=r"a\.tar: cannot be read as a tar \("):
        read(path)


def test_odd_keys_become_one_line(tmp_path: Path, read: Any) -> None:
    path = write_tar(tmp_path / "a.tar", {"a\nb.txt": json.dumps("x").encode()})
    assert read(path)[0].name == "a.tar@a\\x0ab"
