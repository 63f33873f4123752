"""Compile the C++ beside this file once, and load it.

A few hundred lines without any header of PyTorch: seconds, not minutes. The result is kept in the
user's cache under a name made of the sources, the compiler and the processor, so a shared home
directory serves different machines.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

CACHE_VARIABLE = "HNET_SEQ_CACHE"  # downloaded shards lie there too; their names differ
_SOURCES = Path(__file__).parent
_FLAGS = (
    "-O3",
    "-march=native",
    "-std=c++17",
    "-fPIC",
    "-fopenmp",
    # Neither changes a result: errno is not read and no floating-point exception is caught.
    "-fno-math-errno",
    "-fno-trapping-math",
    "-Wno-psabi",
)
_SECONDS = 300


class CannotBuild(Exception):
    """Why there is no library, with the remedy."""


@cache
def library() -> ctypes.CDLL:
    """The compiled kernels.

    Raises:
        CannotBuild: there is no compiler, it fails, or PyTorch's threads cannot be shared.
    """
    if not sys.platform.startswith("linux"):
        raise CannotBuild("its kernels are built on Linux only")
    if not hasattr(ctypes.CDLL(None), "GOMP_parallel"):
        # A second OpenMP beside PyTorch's would fight it for the cores.
        raise CannotBuild("this PyTorch does not share its OpenMP threads")
    cxx = compiler()
    sources = sorted(_SOURCES.glob("*.cpp"))
    try:
        target = _folder() / f"kernels-{fingerprint(cxx)}.so"
        if target.exists():
            with contextlib.suppress(OSError):  # a file that was damaged is built again
                return ctypes.CDLL(str(target))
        _compile(cxx, sources, target)
    except OSError as error:
        raise CannotBuild(f"there is nowhere to build its kernels ({error})") from error
    try:
        return ctypes.CDLL(str(target))
    except OSError as error:
        remedy = f"set CXX to g++, or {CACHE_VARIABLE} to a folder that programs may lie in"
        raise CannotBuild(f"what {cxx} built does not load ({error}); {remedy}") from error


@cache
def why_not() -> str | None:
    """None where the library is there, else the reason."""
    try:
        library()
    except CannotBuild as error:
        return str(error)
    return None


def compiler() -> str:
    """Where the C++ compiler is: CXX, or the first of the usual names."""
    for name in (os.environ.get("CXX"), "c++", "g++", "clang++"):
        found = shutil.which(name) if name else None
        if found:
            return found
    raise CannotBuild("no C++ compiler was found; install g++, or set CXX")


def fingerprint(compiler: str) -> str:
    """Of all that the built file depends on; a wrapper that adds flags has a path of its own."""
    digest = hashlib.sha256(repr((compiler, _FLAGS)).encode())
    for path in sorted([*_SOURCES.glob("*.cpp"), *_SOURCES.glob("*.h")]):
        digest.update(path.name.encode() + path.read_bytes())
    try:
        version = subprocess.run([compiler, "--version"], capture_output=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotBuild(f"{compiler} does not run ({error}); set CXX to another") from error
    digest.update(version.stdout)
    digest.update(platform.machine().encode())
    cpu = Path("/proc/cpuinfo")
    if cpu.exists():
        lines = cpu.read_text().splitlines()
        of_processor = ("flags", "Features", "model name")
        digest.update("".join(x for x in lines[:40] if x.startswith(of_processor)).encode())
    return digest.hexdigest()[:16]


def _folder() -> Path:
    """Where compiled kernels are kept; this process's own where the cache cannot be written."""
    wanted = Path(os.environ.get(CACHE_VARIABLE) or _cache_home() / "hnet-seq" / "kernels")
    try:
        wanted = wanted.expanduser()
        wanted.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=wanted).close()
    except (OSError, RuntimeError):  # RuntimeError: this user has no home, as in some containers
        own = tempfile.mkdtemp(prefix="hnet_seq_")
        atexit.register(shutil.rmtree, own, ignore_errors=True)
        return Path(own)
    return wanted


def _cache_home() -> Path:
    # The XDG specification has relative paths ignored.
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return base if base.is_absolute() else Path("~/.cache")


def _compile(compiler: str, sources: list[Path], target: Path) -> None:
    """Under a temporary name first: another process may build, or want, the same."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        built = Path(folder) / target.name
        # Linked by hand without -fopenmp: its symbols are PyTorch's, which are loaded already.
        objects = [Path(folder) / f"{source.stem}.o" for source in sources]
        commands = [
            [compiler, *_FLAGS, "-c", str(source), "-o", str(obj)]
            for source, obj in zip(sources, objects, strict=True)
        ]
        commands.append([compiler, "-shared", "-o", str(built), *map(str, objects)])
        for command in commands:
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
            except (OSError, subprocess.TimeoutExpired) as error:
                raise CannotBuild(f"{compiler} did not run to its end ({error})") from error
            if done.returncode:
                message = " ".join(done.stderr.split())[:300]
                raise CannotBuild(f"{compiler} failed: {message}")
        os.replace(built, target)
