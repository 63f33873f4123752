"""The CPU kernels are built once, kept, and done without where that cannot be."""

from __future__ import annotations

import ctypes
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from hnet_seq.ops.native import build, objection
from hnet_seq.ops.registry import choose
from tests.forked import Forked

CPU = torch.device("cpu")
#: With threads, which are PyTorch's.
SUM = """
extern "C" int sum_below(int end) {
    int sum = 0;
#pragma omp parallel for num_threads(2) reduction(+ : sum)
    for (int i = 0; i < end; i++) sum += i;
    return sum;
}
"""


def tell_why_not() -> None:
    """Of a process of its own."""
    print(build.why_not())


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Nothing is built yet, as far as this test knows."""
    monkeypatch.setenv("HNET_SEQ_CACHE", str(tmp_path / "cache"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(build.tempfile, "tempdir", str(tmp_path / "temporary"))
    caches = (build.library, build.why_not)
    for known in caches:
        known.cache_clear()
    yield
    for known in caches:
        known.cache_clear()


needs_compiler = pytest.mark.skipif(
    shutil.which("c++") is None or not hasattr(ctypes.CDLL(None), "GOMP_parallel"),
    reason="there is no C++ compiler, or PyTorch's threads are not shared",
)


def _compiler(folder: Path, script: str) -> str:
    path = folder / "compiler"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.fixture(scope="module")
def kernels() -> Path:
    """What the machine's compiler made of the sources for all tests."""
    return Path(build.library()._name)


@pytest.fixture
def quick(kernels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Choose a compiler of this version that has its result ready: what is kept, and where."""

    def choose_it(version: str) -> None:
        asked = f'[ "$1" = --version ] && exec echo {version}'
        out = f'while [ $# -gt 0 ]; do [ "$1" = -o ] && cp "{kernels}" "$2"; shift; done'
        monkeypatch.setenv("CXX", _compiler(tmp_path, f"{asked}\n{out}\nexit 0"))
        build.library.cache_clear()

    return choose_it


@needs_compiler
def test_the_machines_compiler_makes_what_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one source, in a second; all of them are what the tests of operations run."""
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "one.cpp").write_text(SUM)
    monkeypatch.setattr(build, "_SOURCES", sources)
    assert build.library().sum_below(5) == 10
    (kept,) = (tmp_path / "cache").iterdir()
    assert kept.name == f"kernels-{build.fingerprint(build.compiler())}.so"


@needs_compiler
def test_they_are_built_once_and_kept(quick: Callable[[str], None], tmp_path: Path) -> None:
    quick("9")
    build.library()
    (kept,) = (tmp_path / "cache").iterdir()
    written = kept.stat().st_mtime_ns
    build.library.cache_clear()
    build.library()
    assert [kept] == list((tmp_path / "cache").iterdir())
    assert kept.stat().st_mtime_ns == written


@needs_compiler
def test_another_compiler_builds_its_own(quick: Callable[[str], None], tmp_path: Path) -> None:
    for version, kept in (("9", 1), ("9", 1), ("10", 2)):
        quick(version)
        build.library()
        assert len(list((tmp_path / "cache").iterdir())) == kept


def test_a_wrapper_of_the_same_compiler_is_another(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("plain", "wide")]
    for folder in folders:
        folder.mkdir()
    plain, wide = (build.fingerprint(_compiler(folder, "echo 9")) for folder in folders)
    assert plain != wide


def test_without_a_compiler_plain_pytorch_is_used_and_the_remedy_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(build.shutil, "which", lambda name: None)
    used, why = choose("ssd", CPU, torch.float32)
    assert used == "torch"
    if build.sys.platform.startswith("linux"):
        assert "no C++ compiler was found; install g++, or set CXX" in why


@needs_compiler
def test_a_compiler_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", _compiler(tmp_path, "echo out of cheese >&2; exit 3"))
    assert "out of cheese" in str(objection(CPU, torch.float32))
    assert list((tmp_path / "cache").iterdir()) == []


@needs_compiler
def test_what_does_not_load_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = 'while [ $# -gt 0 ]; do [ "$1" = -o ] && echo junk > "$2"; shift; done; exit 0'
    monkeypatch.setenv("CXX", _compiler(tmp_path, script))
    assert "does not load" in str(build.why_not())
    assert "set CXX to g++, or HNET_SEQ_CACHE" in str(build.why_not())


@needs_compiler
def test_a_damaged_file_is_built_again(quick: Callable[[str], None], tmp_path: Path) -> None:
    quick("9")
    name = f"kernels-{build.fingerprint(build.compiler())}.so"
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / name).write_bytes(b"not a library")
    assert build.why_not() is None
    assert (tmp_path / "cache" / name).stat().st_size > 10_000


@needs_compiler
def test_half_a_file_is_never_loaded(quick: Callable[[str], None], tmp_path: Path) -> None:
    """As a disk that lost power may keep; most of it loads, and crashes where the rest is used."""
    quick("9")
    build.library()
    (kept,) = (tmp_path / "cache").iterdir()
    whole = kept.read_bytes()
    kept.unlink()  # it is in use
    kept.write_bytes(whole[: len(whole) - 5000])
    quick("9")
    build.library()
    assert kept.read_bytes() == whole


@needs_compiler
def test_processes_that_come_together_build_once(
    quick: Callable[[str], None], tmp_path: Path
) -> None:
    quick("9")
    compiler, links = Path(build.compiler()), tmp_path / "links"
    slow = f'[ "$1" = -shared ] && echo >> "{links}" && sleep 0.3'
    compiler.write_text(compiler.read_text().replace("echo 9\n", f"echo 9\n{slow}\n", 1))
    together = [Forked(tell_why_not, folder=tmp_path, name=f"{n}") for n in range(3)]
    assert [one.end().out.strip() for one in together] == ["None"] * 3
    assert links.read_text() == "\n"


@needs_compiler
def test_what_a_killed_build_left_is_swept(quick: Callable[[str], None], tmp_path: Path) -> None:
    quick("9")
    (tmp_path / "cache" / "building-dead").mkdir(parents=True)
    build.library()
    (kept,) = (tmp_path / "cache").iterdir()
    assert kept.suffix == ".so"


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
@pytest.mark.parametrize("theirs", ["writable by others", "a link"])
def test_what_others_may_write_is_not_run(
    theirs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_exit: list[tuple[Callable[..., object], str]] = []
    monkeypatch.setattr(build.atexit, "register", lambda f, path, **_: at_exit.append((f, path)))
    shared = tmp_path / "temporary" / f"hnet_seq_{os.getuid()}"
    if theirs == "a link":
        shared.symlink_to(tmp_path)
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


def test_other_devices_and_types_are_refused_without_a_build(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def build_now() -> None:
        raise AssertionError("built")

    monkeypatch.setattr(build, "library", build_now)
    assert objection(torch.device("cuda"), torch.float32) == "its kernels are for CPUs"
    assert "not bfloat16" in str(objection(CPU, torch.bfloat16))
