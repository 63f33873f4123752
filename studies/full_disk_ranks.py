"""Commands of studies/full_disk.py that several processes do together, as torchrun starts them.

Each is forked for each trial, and ended with it: one that waits for another is no use for the next.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import socket
import sys
import time
import traceback

from full_disk_places import Disk
from full_disk_turns import PATIENCE, UNDISTURBED, Ended, Trial
from full_disk_watch import Watch

from hnet_seq import cli


class Together:
    """Forked processes, the first of which is the one that is stopped."""

    def __init__(self, disk: Disk, ranks: int) -> None:
        self._disk, self._ranks = disk, ranks

    def do(self, line: list[str], trial: Trial = UNDISTURBED) -> Ended:
        """A command line, to the end of all; how the first of them ended, or one that failed.

        What they say comes through pipes, which are never full.
        """
        began = time.monotonic()
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        processes, said, told = [], [], []
        for rank in range(self._ranks):
            says, tells = os.pipe(), os.pipe()
            process = os.fork()
            if not process:
                os.close(says[0])
                os.close(tells[0])
                self._meet(rank, port)
                _do(line, self._disk, says[1], tells[1], trial, rank)
            os.close(says[1])
            os.close(tells[1])
            processes.append(process)
            said.append(says[0])
            told.append(tells[0])
        heard = _hear([*said, *told], began)
        if not heard:
            for process in processes:
                os.kill(process, signal.SIGKILL)
        codes = [os.waitstatus_to_exitcode(os.waitpid(p, 0)[1]) for p in processes]
        if not heard:
            return Ended(70, "Traceback: it did not end")
        code = codes[0] or next((code for code in codes if code), 0)
        text = b"".join(heard[pipe] for pipe in said).decode(errors="replace")
        about = json.loads(heard[told[0]] or "{}")
        return Ended(code, text, time.monotonic() - began, **about)

    def end(self) -> None:
        """All have ended."""

    def _meet(self, rank: int, port: int) -> None:
        """As torchrun tells them to."""
        own, world = f"{rank}", f"{self._ranks}"
        os.environ |= {"RANK": own, "LOCAL_RANK": own, "WORLD_SIZE": world}
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": f"{port}"}


def _hear(pipes: list[int], began: float) -> dict[int, bytes]:
    """What comes through pipes until they are closed; nothing, where that takes too long."""
    heard = dict.fromkeys(pipes, b"")
    while pipes and time.monotonic() - began < PATIENCE:
        for pipe in select.select(pipes, [], [], 1.0)[0]:
            some = os.read(pipe, 1 << 16)
            heard[pipe] += some
            if not some:
                pipes.remove(pipe)
                os.close(pipe)
    for pipe in pipes:
        os.close(pipe)
    return {} if pipes else heard


def _do(line: list[str], disk: Disk, said: int, told: int, trial: Trial, rank: int) -> None:
    code = 70
    try:
        os.dup2(said, 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.set_inheritable(said, False)
        if trial.limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (trial.limit, resource.RLIM_INFINITY))
        watch = Watch(disk)
        if rank == 0:
            watch.begin(trial.signum, trial.calls)
        sys.argv = ["hnet-seq", *line]
        try:
            cli.run()
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException:
            traceback.print_exc()
        sys.stderr.flush()
        if rank == 0:
            names = ("peak", "calls", "first", "last")
            os.write(told, json.dumps({name: getattr(watch, name) for name in names}).encode())
    finally:
        os._exit(code)
