"""What is written is whole or not there, and what cannot be written is known before the work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modalities.errors import UsageError
from pipelines.files import check_file, check_folder, replaced_file


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
        (check_file, tmp_path, f"--bed: {tmp_path} is a folder; name a file in it"),
        (check_file, file / "a", f"{file} is a file, not a folder"),
        (check_folder, file, f"--bed: {file} is a file; name a folder"),
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
