"""Compile the C++ beside this file once, and load it.

Without any header of PyTorch: seconds, not minutes, and one result for all its versions. It is kept
in the user's cache under a name made of the sources, the compiler and the processor, so that all
environments of a user, and machines that share a home directory, find theirs. Processes that want
it at the same time wait for the first of them.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import hashlib
import os
import platform
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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
_DIGEST = hashlib.sha256().digest_size
_COMPILERS = 8  # at once; each takes up to 300 MB
_BUILDING = "building-"  # folders that a killed process may have left


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
    try:
        cxx = compiler()
        name = f"kernels-{fingerprint(cxx)}.so"
    except CannotBuild:
        # Another's compiler may have been there: of a login node, or when an image was made.
        if (kept := _find(f"kernels-{_machine()}-*.so")) is not None:
            return kept
        raise
    if (kept := _find(name)) is not None:
        return kept
    try:
        return _build(cxx, _folder() / name)
    except OSError as error:
        raise CannotBuild(f"there is nowhere to build its kernels ({error})") from error


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
    try:
        version = subprocess.run([compiler, "--version"], capture_output=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotBuild(f"{compiler} does not run ({error}); set CXX to another") from error
    digest = hashlib.sha256(compiler.encode() + b"\n" + version.stdout)
    return f"{_machine()}-{digest.hexdigest()[:16]}"


def _machine() -> str:
    """Of sources, flags and processor."""
    digest = hashlib.sha256(repr(_FLAGS).encode())
    for path in sorted([*_SOURCES.glob("*.cpp"), *_SOURCES.glob("*.h")]):
        digest.update(path.name.encode() + path.read_bytes())
    digest.update(platform.machine().encode())
    cpu = Path("/proc/cpuinfo")
    if cpu.exists():
        lines = cpu.read_text().splitlines()
        of_processor = ("flags", "Features", "model name")
        digest.update("".join(x for x in lines[:40] if x.startswith(of_processor)).encode())
    return digest.hexdigest()[:16]


def _find(names: str) -> ctypes.CDLL | None:
    """What is kept under such a name, also where nothing can be written."""
    for folder in (_wanted(), _in_temporary()):
        for path in sorted(folder.glob(names)) if folder is not None else ():
            if (kept := _load(path)) is not None:
                return kept
    return None


def _folder() -> Path:
    """Where to write: the cache, this user's own temporary folder, or one of this process."""
    for folder in (_wanted(), _in_temporary()):
        if folder is not None:
            with contextlib.suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
                tempfile.TemporaryFile(dir=folder).close()
                return folder
    own = tempfile.mkdtemp(prefix="hnet_seq_")
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    return Path(own)


def _wanted() -> Path | None:
    try:
        chosen = os.environ.get(CACHE_VARIABLE)
        return Path(chosen or _cache_home() / "hnet-seq" / "kernels").expanduser()
    except RuntimeError:  # this user has no home, as in some containers
        return None


def _in_temporary() -> Path | None:
    """A folder of this user alone where anybody may make folders; what lies there is run."""
    folder = Path(tempfile.gettempdir()) / f"hnet_seq_{os.getuid()}"
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
    except OSError:
        return None
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return folder if own and not found.st_mode & 0o022 else None


def _cache_home() -> Path:
    # The XDG specification has relative paths ignored.
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return base if base.is_absolute() else Path("~/.cache")


def _load(path: Path) -> ctypes.CDLL | None:
    """What is kept there, if it is there and whole: half a library may load and crash later."""
    try:
        content = path.read_bytes()
        if content[-_DIGEST:] != hashlib.sha256(content[:-_DIGEST]).digest():
            return None
        return ctypes.CDLL(str(path))
    except OSError:
        return None


def _build(compiler: str, target: Path) -> ctypes.CDLL:
    """Compile, unless another process has done so meanwhile."""
    with _alone(target.parent):
        if (kept := _load(target)) is not None:
            return kept
        _compile(compiler, target)
    try:
        return ctypes.CDLL(str(target))
    except OSError as error:
        remedy = f"set CXX to g++, or {CACHE_VARIABLE} to a folder that programs may lie in"
        raise CannotBuild(f"what {compiler} built does not load ({error}); {remedy}") from error


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, which ends with the process, and sweep what dead ones left."""
    import fcntl  # absent on Windows

    handle = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems lock no folder; then several build, and each result is whole.
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
            for left in folder.glob(f"{_BUILDING}*"):
                shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        os.close(handle)


def _compile(compiler: str, target: Path) -> None:
    """All sources, and their digest behind them, to a file that appears whole or not at all."""
    sources = sorted(_SOURCES.glob("*.cpp"))
    cores = min(_COMPILERS, len(os.sched_getaffinity(0)))
    with (
        tempfile.TemporaryDirectory(dir=target.parent, prefix=_BUILDING) as folder,
        ThreadPoolExecutor(cores) as pool,
    ):
        objects = [Path(folder) / f"{source.stem}.o" for source in sources]
        pairs = zip(sources, objects, strict=True)
        commands = [[compiler, *_FLAGS, "-c", str(source), "-o", str(to)] for source, to in pairs]
        list(pool.map(_run, commands))
        built = Path(folder) / target.name
        # Linked by hand without -fopenmp: its symbols are PyTorch's, which are loaded already.
        _run([compiler, "-shared", "-o", str(built), *map(str, objects)])
        with built.open("rb+") as file:  # a loader does not look behind the last section
            file.write(hashlib.sha256(file.read()).digest())
            file.flush()
            os.fsync(file.fileno())
        os.replace(built, target)


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotBuild(f"{command[0]} did not run to its end ({error})") from error
    if done.returncode:
        message = " ".join(done.stderr.split())[:300]
        raise CannotBuild(f"{command[0]} failed: {message}")
