"""Command lines of studies/full_disk.py, one after the other in one process that has all imported.

A start of torch takes seconds, and a fork of a process that has it a fifth of one. What a command
leaves in the process beside what it writes is undone before the next, so that each finds a new one.
What ends only with a process is not seen: threads that would keep it from ending.
"""

from __future__ import annotations

import fcntl
import gc
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from full_disk_places import Disk, files
from full_disk_watch import Watch

from hnet_seq import cli
from pipelines.storage import leftovers

PATIENCE = 300  # seconds
_SAID = 1 << 20  # bytes of standard error that are kept until the command has ended


@dataclass(frozen=True)
class Trial:
    """What a command line meets.

    Attributes:
        limit: bytes of the largest file.
        signum: a signal that its process gets,
        calls: in these changes of files,
        seconds: or so long after its start.
    """

    limit: int | None = None
    signum: int = 0
    calls: frozenset[int] = frozenset()
    seconds: float = 0.0


UNDISTURBED = Trial()


@dataclass
class Ended:
    """How a command ended.

    Attributes:
        code: exit code; negative: the signal.
        said: on standard error.
        peak: bytes of the disk that were taken at once.
        calls: changes of files, and the seconds after the start of the first and the last.
    """

    code: int
    said: str
    seconds: float = 0.0
    peak: int = 0
    calls: int = 0
    first: float = 0.0
    last: float = 0.0


class Turns:
    """The process; another takes its place where a command ends it.

    Attributes:
        process: its number.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.process = 0

    def do(self, line: list[str], trial: Trial = UNDISTURBED) -> Ended:
        """A command line, to its end."""
        self._ask(line, trial)
        if not self._channel.poll(PATIENCE):
            os.kill(self.process, signal.SIGKILL)
        return self._answer()

    def states(
        self, line: list[str], trial: Trial, moments: list[float]
    ) -> Iterator[dict[str, bytes]]:
        """What lies on the disk where the command is killed, from one command that is stopped.

        It is stopped in each change of the trial and after so many seconds, if it takes as long,
        and goes on: nothing of it runs while the files are read, which are those that SIGKILL would
        leave then.
        """
        self._ask(line, trial)
        began, left = time.monotonic(), sorted(moments)
        while not self._channel.poll(0.001):
            waits = os.WNOHANG
            if left and time.monotonic() - began >= left[0]:
                left.pop(0)
                os.kill(self.process, signal.SIGSTOP)
                waits = 0
            process, status = os.waitpid(self.process, waits | os.WUNTRACED)
            if process and os.WIFSTOPPED(status):
                yield files(self._disk.folder / "out")
                os.kill(self.process, signal.SIGCONT)
            elif process or time.monotonic() - began > PATIENCE:
                sys.exit(f"{' '.join(line)}: was to go on after a stop")
        self._answer()

    def end(self) -> None:
        """The process."""
        if self.process:
            self._channel.close()
            os.waitpid(self.process, 0)
            self.process = 0

    def _ask(self, line: list[str], trial: Trial) -> None:
        if not self.process:
            self._channel, other = Pipe()
            self.process = os.fork()
            if not self.process:
                self._channel.close()
                _take_turns(other, self._disk)
            other.close()
        self._channel.send((line, trial))

    def _answer(self) -> Ended:
        try:
            ended: Ended = self._channel.recv()
        except EOFError:
            code = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
            self.process = 0
            return Ended(code, f"Traceback: its process ended by {code}")
        return ended


def _take_turns(channel: Connection, disk: Disk) -> None:
    """Do what comes through the channel until it is closed, and end this process."""
    try:
        said, told = os.pipe()
        fcntl.fcntl(told, fcntl.F_SETPIPE_SZ, _SAID)
        os.dup2(told, 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        watch = Watch(disk)
        gc.freeze()
        for signum in (signal.SIGTERM, signal.SIGALRM):
            signal.signal(signum, signal.SIG_IGN)
        while True:
            line, trial = channel.recv()
            channel.send(_turn(line, trial, watch, said))
    except EOFError:
        pass
    finally:
        os._exit(0)


def _turn(line: list[str], trial: Trial, watch: Watch, said: int) -> Ended:
    leftovers._swept.clear()
    cli._heard.clear()
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), trial.signum))
    began = time.monotonic()
    watch.begin(trial.signum, trial.calls)
    try:
        signal.signal(signal.SIGTERM, cli._end)
        signal.setitimer(signal.ITIMER_REAL, trial.seconds)
        if trial.limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (trial.limit, hard))
        code = cli.main(line)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        code = 128 + cli._heard[0] if cli._heard else 70  # as `cli.run` has it
        if not cli._heard:
            traceback.print_exc()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    sys.stderr.flush()
    text = b""
    while select.select([said], [], [], 0)[0]:
        text += os.read(said, _SAID)
    gc.collect()  # what an error has kept open
    seconds = time.monotonic() - began
    about = (watch.peak, watch.calls, watch.first, watch.last)
    return Ended(code, text.decode(errors="replace"), seconds, *about)
