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
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
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
_ROOM = 4 << 20  # bytes; a build takes a quarter of them
_BUILDING = "building-"  # folders that a killed process may have left
_LEFT = 3600  # seconds after which nobody builds there any more


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
        return _kept_or_built()
    except OSError as error:
        remedy = f"set {CACHE_VARIABLE} to a folder that can be written"
        raise CannotBuild(f"there is nowhere to build its kernels ({error}); {remedy}") from error


def _kept_or_built() -> ctypes.CDLL:
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
    return _build(cxx, _folder() / name)


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
    version = _ran([compiler, "--version"]).stdout
    digest = hashlib.sha256(f"{compiler}\n{version}".encode(errors="surrogateescape"))
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
        with contextlib.suppress(OSError):
            for path in sorted(folder.glob(names)) if folder is not None else ():
                if (kept := _load(path)) is not None:
                    return kept
    return None


def _folder() -> Path:
    """Where to write: the cache, this user's own temporary folder, or one of this process."""
    for place in (_wanted, partial(_in_temporary, made=True)):
        if (folder := place()) is not None:
            with contextlib.suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder) as file:
                    file.write(bytes(_ROOM))  # a full disk lets empty files be made
                return folder
    own = tempfile.mkdtemp(prefix="hnet_seq_")
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    return Path(own)


def _wanted() -> Path | None:
    try:
        chosen = os.environ.get(CACHE_VARIABLE)
        wanted = Path(chosen or _cache_home() / "hnet-seq" / "kernels").expanduser()
        # A loader looks for a name without a slash among the libraries of the system.
        return wanted.absolute()
    except (OSError, RuntimeError):  # this user has no home, as in some containers
        return None


def _in_temporary(*, made: bool = False) -> Path | None:
    """A folder of this user alone where anybody may make folders; what lies there is run."""
    try:
        around = Path(tempfile.gettempdir())
        folder = around / f"hnet_seq_{os.getuid()}"
        if made:
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=0o700)
        found, place = folder.lstat(), around.stat().st_mode
    except OSError:  # it is not there, or there are no temporary files
        return None
    own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    kept = place & stat.S_ISVTX or not place & 0o022  # nobody else can put another in its place
    return folder if own and kept and not found.st_mode & 0o022 else None


def _cache_home() -> Path:
    # The XDG specification has relative paths ignored.
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return base if base.is_absolute() else Path("~/.cache")


def _whole(path: Path) -> bool:
    """Whether a file has its digest at its end: half a library may load and crash later."""
    try:
        content = path.read_bytes()
    except OSError:
        return False
    return content[-_DIGEST:] == hashlib.sha256(content[:-_DIGEST]).digest()


def _load(path: Path) -> ctypes.CDLL | None:
    with contextlib.suppress(OSError):
        return ctypes.CDLL(str(path)) if _whole(path) else None
    return None


def _build(compiler: str, target: Path) -> ctypes.CDLL:
    """Compile, unless another process has done so meanwhile."""
    with _alone(target.parent):
        if not _whole(target):
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

    with contextlib.ExitStack() as held:
        # Some file systems have no locks, or each machine its own, and the file may be another
        # user's; then several build, and each result is whole. A network's locks none but files.
        with contextlib.suppress(OSError):
            file = os.open(folder / "building.lock", os.O_RDWR | os.O_CREAT, 0o666)
            held.callback(os.close, file)
            _wait_for(file)
            # Closing is not enough where a fork has copied the descriptor.
            held.callback(fcntl.flock, file, fcntl.LOCK_UN)
        for left in folder.glob(f"{_BUILDING}*"):
            with contextlib.suppress(OSError):
                if time.time() - left.stat().st_mtime > _LEFT:
                    shutil.rmtree(left, ignore_errors=True)
        yield


def _wait_for(file: int) -> None:
    """Take a lock, or go on without where its holder hangs."""
    import fcntl

    until = time.monotonic() + _SECONDS
    while time.monotonic() < until:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            time.sleep(0.1)


def _compile(compiler: str, target: Path) -> None:
    """All sources, and their digest behind them, to a file that appears whole or not at all."""
    sources = sorted(_SOURCES.glob("*.cpp"))
    cores = min(_COMPILERS, len(os.sched_getaffinity(0)))
    with (
        # A network's file system may keep for a while what a compiler had open.
        tempfile.TemporaryDirectory(
            dir=target.parent, prefix=_BUILDING, ignore_cleanup_errors=True
        ) as folder,
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
        # Without locks another may have been faster, and run it: pages of a file that is gone from
        # a network's server cannot be read any more.
        if not _whole(target):
            os.replace(built, target)


def _run(command: list[str]) -> None:
    done = _ran(command)
    if done.returncode:
        message = " ".join(done.stderr.split())[:300] or f"exit code {done.returncode}"
        raise CannotBuild(f"{command[0]} failed: {message}")


def _ran(command: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        # In one language, or users' own would each have a version.
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            env=os.environ | {"LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired:
        why = f"it took more than {_SECONDS} s"
    except OSError as error:
        why = f"{error}"
    raise CannotBuild(f"{command[0]} does not run ({why}); set CXX to another")
