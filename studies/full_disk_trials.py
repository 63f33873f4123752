"""Processes that studies/full_disk.py starts: on a disk of some size, or killed at some moment.

Each is forked from one that has imported all. What it does to files is counted where Python does
it: opening to write, writing through ``pipelines/storage/files.py``, fsync, renaming, removing,
making and removing folders. So the same call of the same command can be stopped again and again.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hnet_seq import cli
from pipelines.storage import files

_PATIENCE = 300  # seconds
_READY = b"ready\n"
PAGE = 4096  # bytes, of which a disk in memory is made
_REMOUNT, _DETACH = 32, 2  # of mount and umount2
_CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate"}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@dataclass(frozen=True)
class Moment:
    """Inside the ``call``-th change of a file, or so many seconds after the start."""

    signum: int
    call: int = 0
    seconds: float = 0.0


@dataclass
class Ended:
    """How a command ended.

    Attributes:
        code: exit code; negative: the signal.
        said: on standard error.
        peak: bytes of the disk that were taken at once.
        calls: changes of files, and the seconds after the start of the first and the last.
        modules: that it imported.
    """

    code: int
    said: str
    seconds: float
    peak: int = 0
    calls: int = 0
    first: float = 0.0
    last: float = 0.0
    modules: list[str] = field(default_factory=list)


class Disk:
    """A file system in memory whose size can be changed; without one, any folder.

    Mounting needs a namespace of one's own: see `in_own_namespace`.
    """

    def __init__(self, folder: Path, *, mounted: bool) -> None:
        self.folder = folder
        self.mounted = mounted

    @classmethod
    @contextlib.contextmanager
    def made(cls, folder: Path, mounted: bool) -> Iterator[Disk]:
        """A new folder, and gone afterwards."""
        disk = cls(folder, mounted=mounted)
        folder.mkdir()
        if mounted:
            disk._mount(0, "size=1g")
            (folder / "ballast").write_bytes(bytes(PAGE))
        try:
            yield disk
        finally:
            if mounted:
                ctypes.CDLL(None).umount2(f"{folder}".encode(), _DETACH)

    def resize(self, pages: int | None) -> None:
        """Leave so many free pages of 4,096 bytes, or more than enough."""
        if self.mounted:
            size = "1g" if pages is None else f"{(1 + pages) * PAGE}"  # 0 would be no limit
            self._mount(_REMOUNT, f"size={size}")

    def used(self) -> int:
        """Bytes."""
        about = os.statvfs(self.folder)
        return (about.f_blocks - about.f_bfree) * about.f_frsize - PAGE if self.mounted else 0

    def _mount(self, flags: int, options: str) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        words = (b"tmpfs", f"{self.folder}".encode(), b"tmpfs", flags, options.encode())
        if library.mount(*words):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def in_own_namespace() -> bool:
    """Whether file systems can be mounted here; starts this program anew where that helps."""
    if "HNET_SEQ_STUDY" not in os.environ:
        environment = {**os.environ, "HNET_SEQ_STUDY": "1"}
        words = ["unshare", "--user", "--map-root-user", "--mount"]
        if os.system(f"{' '.join(words)} true 2>/dev/null") == 0:
            os.execvpe("unshare", [*words, sys.executable, *sys.argv], environment)
        return False
    return True


@dataclass(frozen=True)
class _Rank:
    """One of ``world`` processes, which meet at a port."""

    own: int
    world: int
    port: int

    def tell(self) -> None:
        """As torchrun does."""
        if self.world > 1:
            own, port = f"{self.own}", f"{self.port}"
            os.environ |= {"RANK": own, "LOCAL_RANK": own, "WORLD_SIZE": f"{self.world}"}
            os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}


class Running:
    """A command in one or more forked processes, the first of which is the one that is stopped.

    What they say comes through pipes, which are never full.
    """

    def __init__(
        self,
        line: list[str],
        folder: Path,
        *,
        limit: int | None = None,
        moment: Moment | None = None,
        ranks: int = 1,
    ) -> None:
        """
        Args:
            folder: whose files are watched.
            limit: bytes of the largest file.
            ranks: how many processes.
        """
        self.began = time.monotonic()
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self._processes, self._said, self._told = [], [], []
        for rank in range(ranks):
            said, told = os.pipe(), os.pipe()
            process = os.fork()
            if not process:
                os.close(said[0])
                os.close(told[0])
                mine = moment if rank == 0 else None
                _do(line, folder, said[1], told[1], limit, mine, _Rank(rank, ranks, port))
            os.close(said[1])
            os.close(told[1])
            self._processes.append(process)
            self._said.append(said[0])
            self._told.append(told[0])
        if moment and moment.seconds:
            os.read(self._told[0], len(_READY))
            time.sleep(moment.seconds)
            os.kill(self._processes[0], moment.signum)

    def finish(self, disk: Disk | None = None) -> Ended:
        """Wait for the end; how the first of them ended, or one that failed."""
        said, told, peak = b"", b"", 0
        pipes = [*self._said, *self._told]
        while pipes and time.monotonic() - self.began < _PATIENCE:
            for pipe in select.select(pipes, [], [], 0.001 if disk else 1.0)[0]:
                some = os.read(pipe, 1 << 16)
                if not some:
                    pipes.remove(pipe)
                elif pipe in self._said:
                    said += some
                else:
                    told += some
            peak = max(peak, disk.used() if disk else 0)
        if pipes:
            for process in self._processes:
                os.kill(process, signal.SIGKILL)
            said += b"\nTraceback: it did not end"
        for pipe in (*self._said, *self._told):
            os.close(pipe)
        codes = [os.waitstatus_to_exitcode(os.waitpid(p, 0)[1]) for p in self._processes]
        code = codes[0] or next((code for code in codes if code), 0)
        about = json.loads(told.splitlines()[0]) if told.count(b"\n") else {}
        seconds = time.monotonic() - self.began
        return Ended(code, said.decode(errors="replace"), seconds, peak, **about)


def _do(
    line: list[str],
    folder: Path,
    said: int,
    told: int,
    limit: int | None,
    moment: Moment | None,
    rank: _Rank,
) -> None:
    code, before = 70, set(sys.modules)
    try:
        os.dup2(said, 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.set_inheritable(said, False)
        fcntl.fcntl(told, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
        rank.tell()
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        watch = _Watch(folder, moment)
        if moment is not None and moment.seconds:
            os.write(told, _READY)
        sys.argv = ["hnet-seq", *line]
        try:
            cli.run()
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException:
            traceback.print_exc()
        sys.stderr.flush()
        about = {"calls": watch.calls, "first": watch.first, "last": watch.last}
        modules = sorted(set(sys.modules) - before)
        if rank.own == 0:
            os.write(told, f"{json.dumps({**about, 'modules': modules})}\n".encode())
    finally:
        os._exit(code)


class _Watch:
    """Counts the changes of files in a folder, and ends this process in one of them."""

    def __init__(self, folder: Path, moment: Moment | None) -> None:
        self._folder, self._moment, self._owner = f"{folder}", moment, os.getpid()
        self._began = time.monotonic()
        self.calls, self.first, self.last = 0, 0.0, 0.0
        write, fsync = files._Remembering.write, os.fsync

        def half_written(stream: Any, data: Any, /) -> int:
            if self._is_next():
                write(stream, memoryview(data).cast("B")[: memoryview(data).nbytes // 2])
            self._note()
            return write(stream, data)

        def unsynced(file: int) -> None:
            self._note()
            fsync(file)

        files._Remembering.write = half_written  # type: ignore[method-assign]
        os.fsync = unsynced  # type: ignore[assignment]
        sys.addaudithook(self._hear)

    def _hear(self, event: str, about: tuple[Any, ...]) -> None:
        if event in _CHANGES:
            self._note()
        elif event == "open" and isinstance(about[2], int) and about[2] & _WRITES:
            path = about[0]
            with contextlib.suppress(TypeError, ValueError):
                if os.fsdecode(path).startswith(self._folder):
                    self._note()

    def _is_next(self) -> bool:
        return self._moment is not None and self.calls + 1 == self._moment.call

    def _note(self) -> None:
        if os.getpid() != self._owner:
            return
        stops = self._is_next()
        self.calls += 1
        self.last = time.monotonic() - self._began
        self.first = self.first or self.last
        if stops:
            assert self._moment is not None
            os.kill(self._owner, self._moment.signum)
