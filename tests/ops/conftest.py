"""A compiler that takes no time, and kernels that nobody has built yet."""

from __future__ import annotations

import ctypes
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hnet_seq.ops.native import build

needs_compiler = pytest.mark.skipif(
    not sys.platform.startswith("linux")
    or shutil.which("c++") is None
    or not hasattr(ctypes.CDLL(None), "GOMP_parallel"),
    reason="not Linux, there is no C++ compiler, or PyTorch's threads are not shared",
)


def compiler_script(folder: Path, script: str) -> str:
    path = folder / "compiler"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.fixture
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


@pytest.fixture(scope="session")
def kernels() -> Path:
    """What the machine's compiler made of the sources for all tests."""
    return Path(build.library()._name)


@pytest.fixture
def quick(
    kernels: Path, fresh: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """Choose a compiler of this version that has its result ready: what is kept, and where."""

    def choose_it(version: str) -> None:
        asked = f'[ "$1" = --version ] && exec echo {version}'
        out = f'while [ $# -gt 0 ]; do [ "$1" = -o ] && cp "{kernels}" "$2"; shift; done'
        monkeypatch.setenv("CXX", compiler_script(tmp_path, f"{asked}\n{out}\nexit 0"))
        build.library.cache_clear()

    return choose_it
