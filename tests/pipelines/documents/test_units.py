"""Inputs become units by name and size alone, and no document is in two of them or in none."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modalities.errors import InputError, UsageError
from pipelines.documents import Document, DocumentOptions, Dropped, plan_units, read_unit

needs_permissions = pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_small_files_share_units_up_to_their_size(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {f"{n}.txt": "x" * 40 for n in range(5)})
    units = plan_units([folder], unit_bytes=100)
    assert [len(unit.paths) for unit in units] == [2, 2, 1]
    assert [unit.bytes for unit in units] == [80, 80, 40]
    assert {unit.kind for unit in units} == {"files"}


def test_a_file_above_the_size_of_a_unit_is_one_unit(tmp_path: Path) -> None:
    folder = write(tmp_path / "in", {"a": "x", "b": "x" * 500, "c": "x"})
    assert [unit.bytes for unit in plan_units([folder], unit_bytes=100)] == [1, 500, 1]


def test_a_folder_is_read_in_the_order_of_its_names_without_what_is_hidden(
    tmp_path: Path, read: Any
) -> None:
    folder = write(
        tmp_path / "in",
        {
            "b.txt": "b",
            "a/z.txt": "z",
            "a.txt": "a",
            "Z.txt": "Z",
            ".hidden": "no",
            ".git/config": "no",
            "CVS/Entries": "no",
            "a/.svn/entries": "no",
        },
    )
    names = [item.name for item in read(folder)]
    assert names == ["in/Z.txt", "in/a.txt", "in/a/z.txt", "in/b.txt"]


def test_names_do_not_depend_on_where_the_folder_lies(
    tmp_path: Path, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "in", {"a/b.txt": "b"})
    monkeypatch.chdir(folder)
    assert read(Path("."))[0].name == read(folder)[0].name == "in/a/b.txt"
    assert read(folder / "a" / "b.txt")[0].name == "b.txt"


def test_a_loop_of_links_ends_and_linked_files_are_read(tmp_path: Path, read: Any) -> None:
    folder = write(tmp_path / "in", {"a.txt": "a"})
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "self").symlink_to(folder / "self")
    (folder / "link.txt").symlink_to(folder / "a.txt")
    (folder / "gone.jsonl").symlink_to(folder / "absent")
    os.mkfifo(folder / "pipe")
    found = {item.name: getattr(item, "reason", "read") for item in read(folder)}
    assert found == {
        "in/a.txt": "read",
        "in/link.txt": "read",
        "in/self": "not_a_file",
        "in/gone.jsonl": "not_a_file",
        "in/pipe": "not_a_file",
    }


def test_odd_file_names_become_one_printable_line(tmp_path: Path, read: Any) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "new\nline.txt").write_text("a")
    with open(os.fsencode(tmp_path / "in") + b"/caf\xe9.txt", "w") as file:
        file.write("b")
    (tmp_path / "in" / "é.txt").write_text("c")
    names = [item.name for item in read(tmp_path / "in")]
    assert sorted(names) == sorted(["in/new\\x0aline.txt", "in/caf\\xe9.txt", "in/é.txt"])


def contents(item: Document | Dropped) -> bytes:
    assert isinstance(item, Document)
    return item.data


def test_units_can_be_sent_to_other_processes(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/caf\xe9.txt", "w") as file:
        file.write("b")
    units = plan_units([tmp_path])
    again = pickle.loads(pickle.dumps(units))
    assert again == units
    assert [contents(item) for item in read_unit(again[0], DocumentOptions())] == [b"b"]


@given(
    st.lists(st.integers(0, 40), max_size=30), st.integers(1, 200), st.sampled_from(["", "\n", " "])
)
def test_however_json_lines_are_cut_each_is_read_once(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], unit_bytes: int, end: str
) -> None:
    path = tmp_path_factory.mktemp("lines") / "a.jsonl"
    texts = [f"{number}é" + "x" * length for number, length in enumerate(lengths)]
    path.write_text("\n".join(json.dumps({"text": text}) for text in texts) + end)
    units = plan_units([path], unit_bytes=unit_bytes)
    assert len(units) == max(1, -(-path.stat().st_size // unit_bytes))
    items = [item for unit in units for item in read_unit(unit, DocumentOptions())]
    assert [contents(item).decode() for item in items] == texts
    whole = [item for unit in plan_units([path]) for item in read_unit(unit, DocumentOptions())]
    assert items == whole


def test_consecutive_files_of_one_folder_share_a_unit_and_order_is_kept(tmp_path: Path) -> None:
    write(tmp_path, {"a": "a", "b": "b", "c.jsonl": "", "d": "d", "e/f": "f"})
    inputs = [tmp_path / name for name in ("b", "a", "c.jsonl", "d", "e/f")]
    units = plan_units(inputs)
    assert [unit.kind for unit in units] == ["files", "jsonl", "files", "files"]
    assert [len(unit.paths) for unit in units] == [2, 1, 1, 1]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "no such file or folder"),
        (lambda path: path.mkdir(), "no files in this folder"),
        (lambda path: os.mkfifo(path), "is a pipe, a device or a broken link"),
        (lambda path: path.symlink_to("absent"), "is a pipe, a device or a broken link"),
        (lambda path: path.write_bytes(b"PK\x03\x04rest"), "is a zip file; unpack it"),
        (lambda path: path.write_bytes(b"\xfd7zXZ\x00rest"), "is a xz file; unpack it"),
    ],
)
def test_an_input_that_cannot_be_read_is_named(tmp_path: Path, make: Any, says: str) -> None:
    path = tmp_path / "in"
    make(path)
    with pytest.raises(InputError, match=f"^{path}: {says}"):
        plan_units([path])


@needs_permissions
def test_what_may_not_be_read_is_an_error_and_not_left_out(tmp_path: Path, read: Any) -> None:
    folder = write(tmp_path / "in", {"a.txt": "a", "b/c.txt": "c"})
    (folder / "a.txt").chmod(0)
    with pytest.raises(InputError, match=r"in/a\.txt: cannot be read \(Permission denied\)"):
        read(folder)
    with pytest.raises(InputError, match=r"in/a\.txt: cannot be read \(Permission denied\)"):
        plan_units([folder / "a.txt"])
    (folder / "a.txt").chmod(0o600)
    (folder / "b").chmod(0)
    with pytest.raises(InputError, match=r"in/b: cannot be listed \(Permission denied\)"):
        plan_units([folder])
    (folder / "b").chmod(0o700)


def test_misuse_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none given"):
        plan_units([])
    write(tmp_path, {"a.txt": "a"})
    with pytest.raises(UsageError, match="is given twice"):
        plan_units([tmp_path, tmp_path / "."])
    with pytest.raises(UsageError, match="unit_bytes: is 0"):
        plan_units([tmp_path], unit_bytes=0)
