"""Where the CPU kernels are kept, and what serves where nothing can be."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from hnet_seq.ops.native import build
from tests.ops.conftest import needs_compiler

pytestmark = pytest.mark.usefixtures("fresh")


@needs_compiler
@pytest.mark.parametrize("place", [".", "here"])
def test_a_cache_by_a_relative_name(
    place: str, quick: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick("9")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HNET_SEQ_CACHE", place)
    assert Path(build.library()._name).parent == tmp_path / place


@needs_compiler
def test_without_any_place_for_temporary_files_what_is_kept_serves(
    quick: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container whose file system can only be read."""

    def nowhere(*_: object, **__: object) -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    quick("9")
    built = build.library()._name
    for name in ("gettempdir", "mkdtemp", "TemporaryFile"):
        monkeypatch.setattr(build.tempfile, name, nowhere)
    build.library.cache_clear()
    assert build.library()._name == built
    Path(built).unlink()
    build.library.cache_clear()
    why = str(build.why_not())
    assert "nowhere to build its kernels ([Errno 2] No usable temporary" in why
    assert why.endswith("set HNET_SEQ_CACHE to a folder that can be written")


@needs_compiler
@pytest.mark.parametrize("name", ["n" * 300, "file/below"])
def test_a_cache_whose_name_cannot_be_costs_no_more_than_a_build(
    name: str, quick: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick("9")
    (tmp_path / "file").touch()
    monkeypatch.setenv("HNET_SEQ_CACHE", str(tmp_path / name))
    assert build.why_not() is None
    (made,) = (tmp_path / "temporary").iterdir()
    assert list(made.glob("kernels-*.so"))


@needs_compiler
def test_a_cache_that_is_full_costs_a_build(
    quick: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick("9")
    monkeypatch.setattr(build.tempfile, "TemporaryFile", lambda dir: _of_disk(dir, tmp_path))
    assert build.why_not() is None
    assert list((tmp_path / "temporary").glob("hnet_seq_*/kernels-*.so"))


def _of_disk(folder: Path, root: Path) -> IO[bytes]:
    full = folder == root / "cache"
    return open("/dev/full" if full else root / "temporary" / "some", "wb")


@needs_compiler
def test_looking_for_them_leaves_no_folder_of_temporary_files(
    quick: Callable[[str], None], tmp_path: Path
) -> None:
    quick("9")
    build.library()
    assert list((tmp_path / "temporary").iterdir()) == []


@needs_compiler
def test_where_no_compiler_is_those_of_another_machine_like_it_serve(
    quick: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick("9")
    built = build.library()._name
    build.library.cache_clear()
    monkeypatch.setattr(build.shutil, "which", lambda name: None)
    assert build.library()._name == built


@needs_compiler
def test_a_cache_that_is_only_read_serves(
    quick: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick("9")
    built = build.library()._name
    build.library.cache_clear()

    def read_only(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(build.tempfile, "TemporaryFile", read_only)
    assert build.library()._name == built


@needs_compiler
def test_a_cache_that_cannot_be_written_costs_a_build(
    quick: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick("9")
    (tmp_path / "file").touch()
    monkeypatch.setenv("HNET_SEQ_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(build.tempfile, "tempdir", str(tmp_path))
    assert build.why_not() is None
    assert list(tmp_path.glob("hnet_seq_*/kernels-*.so"))


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    for variable in ("HNET_SEQ_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(build.Path, "expanduser", no_home)


@pytest.mark.usefixtures("homeless")
def test_a_user_without_a_home_keeps_them_where_temporary_files_lie(tmp_path: Path) -> None:
    folder = build._folder()
    assert folder == tmp_path / "temporary" / f"hnet_seq_{os.getuid()}"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert build._folder() == folder


@pytest.mark.usefixtures("homeless")
@pytest.mark.parametrize("theirs", ["writable by others", "a link", "replaceable by others"])
def test_what_others_may_write_is_not_run(
    theirs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_exit: list[tuple[Callable[..., object], str]] = []
    monkeypatch.setattr(build.atexit, "register", lambda f, path, **_: at_exit.append((f, path)))
    shared = tmp_path / "temporary" / f"hnet_seq_{os.getuid()}"
    if theirs == "a link":
        shared.symlink_to(tmp_path)
    elif theirs == "replaceable by others":
        shared.mkdir(mode=0o700)
        shared.parent.chmod(0o777)
    else:
        shared.mkdir()
        shared.chmod(0o777)
    folder = build._folder()
    assert folder.parent == shared.parent
    assert folder != shared
    ((remove, path),) = at_exit  # of this process alone
    remove(path)
    assert not folder.exists()


def test_without_a_choice_they_lie_in_the_users_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HNET_SEQ_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    for chosen, folder in ((str(tmp_path / "xdg"), "xdg"), ("relative", ".cache"), ("", ".cache")):
        monkeypatch.setenv("XDG_CACHE_HOME", chosen)
        assert build._folder() == tmp_path / folder / "hnet-seq" / "kernels"


@needs_compiler
def test_a_full_disk_costs_the_kernels_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(build, "_compile", full)
    assert "nowhere to build its kernels ([Errno 28] No space left" in str(build.why_not())
