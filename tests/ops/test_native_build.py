"""The CPU kernels are built once, and done without where that cannot be."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hnet_seq.ops.native import build, objection
from hnet_seq.ops.registry import choose
from tests.ops.conftest import compiler_script, needs_compiler

fcntl = pytest.importorskip("fcntl")  # absent on Windows
pytestmark = pytest.mark.usefixtures("fresh")
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
#: A process that has the threads, as with PyTorch, but starts at once.
ALONE = """
import ctypes, runpy, sys
ctypes.CDLL(sys.argv[1], ctypes.RTLD_GLOBAL)
print(runpy.run_path(sys.argv[2])["why_not"]())
"""


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
    (kept,) = (tmp_path / "cache").glob("kernels-*")
    assert kept.name == f"kernels-{build.fingerprint(build.compiler())}.so"


@needs_compiler
def test_they_are_built_once_and_kept(quick: Callable[[str], None], tmp_path: Path) -> None:
    quick("9")
    build.library()
    (kept,) = (tmp_path / "cache").glob("kernels-*")
    written = kept.stat().st_mtime_ns
    build.library.cache_clear()
    build.library()
    assert [kept] == list((tmp_path / "cache").glob("kernels-*"))
    assert kept.stat().st_mtime_ns == written


@needs_compiler
def test_another_compiler_builds_its_own(quick: Callable[[str], None], tmp_path: Path) -> None:
    for version, kept in (("9", 1), ("9", 1), ("10", 2)):
        quick(version)
        build.library()
        assert len(list((tmp_path / "cache").glob("kernels-*"))) == kept


def test_a_wrapper_of_the_same_compiler_is_another(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("plain", "wide")]
    for folder in folders:
        folder.mkdir()
    plain, wide = (build.fingerprint(compiler_script(folder, "echo 9")) for folder in folders)
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
    monkeypatch.setenv("CXX", compiler_script(tmp_path, "echo out of cheese >&2; exit 3"))
    assert "out of cheese" in str(objection(CPU, torch.float32))
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["building.lock"]


@needs_compiler
def test_what_does_not_load_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = 'while [ $# -gt 0 ]; do [ "$1" = -o ] && echo junk > "$2"; shift; done; exit 0'
    monkeypatch.setenv("CXX", compiler_script(tmp_path, script))
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
    (kept,) = (tmp_path / "cache").glob("kernels-*")
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
    maps = Path("/proc/self/maps").read_text().splitlines()
    threads = next(line.split(maxsplit=5)[5] for line in maps if "libgomp" in line)
    command = [sys.executable, "-IS", "-c", ALONE, threads, build.__file__]
    pipe = subprocess.PIPE
    together = [subprocess.Popen(command, stdout=pipe, text=True) for _ in range(3)]
    assert [one.communicate()[0].strip() for one in together] == ["None"] * 3
    assert links.read_text() == "\n"


@needs_compiler
def test_what_a_killed_build_left_is_swept_but_not_what_another_machine_builds(
    quick: Callable[[str], None], tmp_path: Path
) -> None:
    quick("9")
    for name in ("building-dead", "building-now"):
        (tmp_path / "cache" / name).mkdir(parents=True)
    os.utime(tmp_path / "cache" / "building-dead", (0, 0))
    build.library()
    left = {path.name.split("-")[0] for path in (tmp_path / "cache").iterdir()}
    assert left == {"building", "building.lock", "kernels"}
    assert not (tmp_path / "cache" / "building-dead").exists()


@needs_compiler
def test_a_builder_that_hangs_is_not_waited_for_without_end(
    quick: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick("9")
    monkeypatch.setattr(build, "_SECONDS", 0.5)
    (tmp_path / "cache").mkdir()
    with (tmp_path / "cache" / "building.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        build.library()


@needs_compiler
def test_a_fork_does_not_keep_the_lock(tmp_path: Path) -> None:
    with build._alone(tmp_path):
        forked = os.open("/dev/null", os.O_RDONLY)
        (held,) = (
            int(path.name)
            for path in Path("/proc/self/fd").iterdir()
            if path.exists() and path.samefile(tmp_path / "building.lock")
        )
        os.dup2(held, forked)  # as it has a copy of all descriptors
    try:
        with (tmp_path / "building.lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(forked)


@needs_compiler
def test_what_another_has_built_without_a_lock_is_not_replaced(
    quick: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick("9")
    target = tmp_path / Path(build.library()._name).name
    built = Path(build.library()._name).read_bytes()
    compiled = build._run

    def meanwhile(command: list[str]) -> None:
        compiled(command)
        target.write_bytes(built)

    monkeypatch.setattr(build, "_run", meanwhile)
    target.write_bytes(b"damaged")
    first = target.stat().st_ino
    build._compile(build.compiler(), target)
    assert target.stat().st_ino == first


@needs_compiler
def test_what_is_whole_and_does_not_load_is_not_built_by_each_process(
    quick: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where no program may lie."""
    script = 'while [ $# -gt 0 ]; do [ "$1" = -o ] && echo junk > "$2"; shift; done; exit 0'
    monkeypatch.setenv("CXX", compiler_script(tmp_path, script))
    first = str(build.why_not())
    monkeypatch.setattr(build, "_compile", lambda *_: pytest.fail("built again"))
    build.why_not.cache_clear()
    build.library.cache_clear()
    assert str(build.why_not()) == first


def test_a_compiler_that_hangs_is_named_in_a_short_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "_SECONDS", 0.1)
    compiler = compiler_script(tmp_path, "exec sleep 20")
    with pytest.raises(build.CannotBuild, match=r"it took more than 0.1 s\); set CXX to another$"):
        build.fingerprint(compiler)


def test_other_devices_and_types_are_refused_without_a_build(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def build_now() -> None:
        raise AssertionError("built")

    monkeypatch.setattr(build, "library", build_now)
    assert objection(torch.device("cuda"), torch.float32) == "its kernels are for CPUs"
    assert "not bfloat16" in str(objection(CPU, torch.bfloat16))
