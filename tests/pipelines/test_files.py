"""What is written is whole or not there, and what cannot be written is known before the work."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modalities.errors import UsageError
from pipelines.storage.files import (
    DiskError,
    append_line,
    check_file,
    check_folder,
    filled_folder,
    replaced_file,
    replaced_path,
    replaced_stream,
)
from pipelines.storage.leftovers import remove, temporary_name
from tests.full_disk import entries, files_of_at_most


def test_a_file_appears_when_it_is_complete_and_makes_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.txt"
    with replaced_file(path) as file:
        file.write("é\n")
        assert not path.exists()
    assert path.read_bytes() == "é\n".encode()
    assert [entry.name for entry in path.parent.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("stop", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, stop: type[BaseException]
) -> None:
    def write_half() -> None:
        with replaced_file(path) as file:
            file.write("half")
            raise stop

    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(stop):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "real" / "a.txt", tmp_path / "a.txt"
    target.parent.mkdir()
    target.write_text("old")
    link.symlink_to(target)
    with replaced_file(link) as file:
        file.write("new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with replaced_file(pipe) as file:
            file.write("through")
        assert os.read(reader, 100) == b"through"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_where_a_file_can_be_written_its_path_comes_back(tmp_path: Path) -> None:
    assert check_file(tmp_path / "absent" / "a.txt") == tmp_path / "absent" / "a.txt"
    assert check_file("a.txt") == Path("a.txt")
    assert check_folder(tmp_path) == tmp_path
    assert check_folder(str(tmp_path / "absent" / "deeper")) == tmp_path / "absent" / "deeper"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_for_a_file_and_a_file_for_a_folder_are_misuse(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for check, path, says in (
        (check_file, tmp_path, f"bed: {tmp_path} is a folder; name a file in it"),
        (check_file, file / "a", f"{file} is a file, not a folder"),
        (check_folder, file, f"bed: {file} is a file; name a folder"),
        (check_folder, file / "a", f"{file} is a file, not a folder"),
    ):
        with pytest.raises(UsageError) as caught:
            check(path, "--bed")
        assert says in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to_is_misuse(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(UsageError, match="no permission"):
            check_file(tmp_path / "a.txt")
    finally:
        tmp_path.chmod(0o700)


VALUES = np.random.default_rng(0).random(5_000)


def as_text(stream: IO[bytes]) -> None:
    for value in VALUES:
        stream.write(f"{value}\n".encode())


def as_npz(stream: IO[bytes]) -> None:
    np.savez(stream, first=VALUES, second=VALUES)


def as_gzip(stream: IO[bytes]) -> None:
    with gzip.GzipFile("", "wb", fileobj=stream, mtime=0) as packed:
        packed.write(VALUES.data)


def as_parquet(stream: IO[bytes]) -> None:
    table = pa.table({"value": VALUES})
    with pq.ParquetWriter(stream, table.schema) as writer:
        for _ in range(3):
            writer.write_table(table)


def as_who_keeps_errors_to_himself(stream: IO[bytes]) -> None:
    with suppress(OSError):
        as_text(stream)


@pytest.mark.parametrize(
    "write", [as_text, as_npz, as_gzip, as_parquet, as_who_keeps_errors_to_himself]
)
def test_on_a_full_disk_there_is_no_file_and_its_name_is_told(
    tmp_path: Path, write: Callable[[IO[bytes]], None]
) -> None:
    def make(path: Path) -> None:
        with replaced_stream(path) as stream:
            write(stream)

    whole, out = tmp_path / "whole", tmp_path / "new" / "out"
    make(whole)
    size = whole.stat().st_size
    for limit in (0, 1, 4, 1_000, size // 3, size // 2, size - 9, size - 1):
        with (
            files_of_at_most(limit),
            pytest.raises(DiskError, match=r"File too large; raise the limit") as caught,
        ):
            make(out)
        assert caught.value.filename == str(out)
        assert entries(tmp_path) == ["whole"], limit
    with files_of_at_most(size):
        make(out)
    assert out.read_bytes() == whole.read_bytes()


def test_of_two_files_that_are_written_at_once_the_full_one_is_named(tmp_path: Path) -> None:
    def write_both() -> None:
        with replaced_stream(first) as one, replaced_stream(second) as other:
            other.write(b"short")
            one.write(bytes(1 << 20))

    first, second = tmp_path / "first", tmp_path / "second"
    with files_of_at_most(100), pytest.raises(DiskError) as caught:
        write_both()
    assert caught.value.filename == str(first)
    assert entries(tmp_path) == []


def test_a_line_is_appended_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append_line(path, "a" * 10)
    with files_of_at_most(15), pytest.raises(DiskError, match=r"metrics\.jsonl"):
        append_line(path, "b" * 10)
    append_line(path, "é")
    assert path.read_text() == f"{'a' * 10}\né\n"


def test_a_folder_appears_when_all_of_it_is_there(tmp_path: Path) -> None:
    def fill(size: int) -> None:
        with filled_folder(out) as folder:
            for name in ("a", "b"):
                with replaced_stream(folder / name) as stream:
                    stream.write(bytes(size))

    out = tmp_path / "out"
    with files_of_at_most(10), pytest.raises(DiskError) as caught:
        fill(20)
    assert caught.value.filename == str(out / "a")
    assert entries(tmp_path) == []
    fill(20)
    (out / "own").write_text("stays")
    fill(30)
    assert entries(out) == ["a", "b", "own"]
    assert (out / "a").stat().st_size == 30


def test_a_folder_takes_the_place_of_another(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name in ("first", "second"):
        with replaced_path(out) as folder:
            folder.mkdir()
            (folder / name).write_text("")
    assert entries(tmp_path) == ["out", "out/second"]


def test_what_a_dead_process_left_goes_and_a_living_ones_stays(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    own = temporary_name(tmp_path / "out").name
    mine, theirs = f"-{os.getpid()}.", f"-{dead.pid}."
    other = own.replace(mine, f"-{os.getppid()}.")
    elsewhere = f".out.00000000{theirs}tmp"
    for name in (own.replace(mine, theirs), other, elsewhere, ".out.tmp", ".old.1.tmp"):
        (tmp_path / name).write_text("")
    (tmp_path / own.replace(mine, theirs).replace("out", "folder")).mkdir()
    with replaced_file(tmp_path / "another") as file:
        file.write("whole")
    assert entries(tmp_path) == sorted([other, elsewhere, ".out.tmp", ".old.1.tmp", "another"])


def test_a_folder_is_taken_away_wholly_also_where_a_signal_comes_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").touch()

    def stopped(*_: object, **__: object) -> None:
        monkeypatch.undo()
        raise SystemExit(143)

    monkeypatch.setattr(shutil, "rmtree", stopped)
    with pytest.raises(SystemExit):
        remove(folder)
    assert entries(tmp_path) == []


def test_a_folder_goes_again_where_a_signal_comes_as_soon_as_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir = Path.mkdir

    def stopped(path: Path, *about: Any, **options: Any) -> None:
        mkdir(path, *about, **options)
        raise SystemExit(143)

    monkeypatch.setattr(Path, "mkdir", stopped)
    with pytest.raises(SystemExit), replaced_file(tmp_path / "new" / "a.txt"):
        raise AssertionError("it was opened")
    assert entries(tmp_path) == []
