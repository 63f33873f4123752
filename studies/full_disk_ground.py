"""A command of studies/full_disk.py, what it leaves when nothing disturbs it, and its trials."""

from __future__ import annotations

import hashlib
import os
import random
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from full_disk_commands import Command
from full_disk_judge import differing, judge, nameless
from full_disk_places import PAGE, Disk, files, lay
from full_disk_ranks import Together
from full_disk_turns import UNDISTURBED, Ended, Trial, Turns


class Ground:
    """A command and what it does when nothing disturbs it.

    Attributes:
        ended: how.
        whole: the files that it leaves, by their paths.
        largest: of them, in bytes.
        seen: what is wrong after the command once more, by what it found.
    """

    def __init__(self, command: Command, inputs: Path, disk: Disk) -> None:
        self.command, self._inputs, self._disk = command, inputs, disk
        self._out = disk.folder / "out"  # one name for all: outputs may hold it
        self._runs = Together(disk, command.ranks) if command.ranks > 1 else Turns(disk)
        for _ in range(2):  # again, now that all it imports is there: as fast as in the trials
            self._empty()
            self.ended = self._do()
            if self.ended.code:
                sys.exit(f"{command.name}: {self.ended.said}")
        self.whole = files(self._out)
        self.largest = max(map(len, self.whole.values()))
        self.seen: dict[str, list[str]] = {}
        self._dead = _dead_process()

    def trials(self, kind: str, count: int, seed: int) -> Iterator[Ended]:
        """End the command in ``count`` ways; in fewer, where its disk has fewer pages."""
        if kind == "files":
            for trial in range(count):
                self._empty()
                yield self._do(Trial(limit=self.largest * trial // count))
        elif kind == "disk":
            for pages in sorted({self.ended.peak // PAGE * t // count for t in range(count)}):
                self._empty()
                self._disk.resize(pages)
                yield self._do()
        else:
            yield from self._kills(count, random.Random(seed))

    def wrong(self, ended: Ended, *, killed: bool) -> tuple[bool, list[str]]:
        """Whether a trial left all; what is wrong with what it left, and with going on from it."""
        found = files(self._out)
        problems = list(judge(self.command, self.whole, found, ended, killed=killed))
        whole = not problems and found.keys() == self.whole.keys()
        return whole, problems if whole or not ended.code else problems + self._go_on(found)

    def end(self) -> None:
        """The process that does the command."""
        self._runs.end()

    def _kills(self, count: int, rng: random.Random) -> Iterator[Ended]:
        """In changes of files, by both signals in turn, and in between."""
        most = 3 * count // 4
        calls = sorted({1 + self.ended.calls * t // most for t in range(most)})
        both = len(calls) <= most // 2
        killed = calls if both else calls[::2]
        ended = calls if both else calls[1::2]
        between = [
            rng.uniform(self.ended.first, self.ended.last)
            for _ in range(count - len(killed) - len(ended))
        ]
        if isinstance(self._runs, Turns):
            self._empty()
            stops = Trial(signum=signal.SIGSTOP, calls=frozenset(killed))
            states = self._states(stops, between[::2])
            while len(states) < len(killed) + len(between[::2]):  # it was faster than before
                self._empty()
                states += self._states(UNDISTURBED, [rng.uniform(0, self.ended.last)])
            for state in states:
                self._empty()
                lay({self._of_dead(name): content for name, content in state.items()}, self._out)
                yield Ended(-signal.SIGKILL, "")
        else:
            for call in killed:
                self._empty()
                yield self._do(Trial(signum=signal.SIGKILL, calls=frozenset({call})))
            between = []
        moments = [Trial(signum=signal.SIGTERM, calls=frozenset({call})) for call in ended]
        moments += [
            Trial(signum=signal.SIGTERM, seconds=max(0.001, when)) for when in between[1::2]
        ]
        for moment in moments:
            self._empty()
            yield self._do(moment)

    def _states(self, stops: Trial, moments: list[float]) -> list[dict[str, bytes]]:
        assert isinstance(self._runs, Turns)
        return list(self._runs.states(self._words(self.command.line), stops, moments))

    def _go_on(self, found: dict[str, bytes]) -> list[str]:
        """What is wrong after the same command once more, with room; of one state, found once."""
        state = [(nameless(name), found[name]) for name in sorted(found)]
        digest = hashlib.sha256(repr(state).encode()).hexdigest()
        if digest not in self.seen:
            self._disk.resize(None)
            ended = self._do(line=self.command.again or self.command.line)
            if ended.code:
                self.seen[digest] = [f"then exit {ended.code}: {ended.said[-200:]}"]
            else:
                after = files(self._out)
                wrong = [f"then {text}" for text in differing(self.command, self.whole, after)]
                wrong += [f"then {name} is missing" for name in self.whole.keys() - after.keys()]
                self.seen[digest] = wrong
        return self.seen[digest]

    def _empty(self) -> None:
        """No output, and all the room."""
        self._disk.resize(None)
        shutil.rmtree(self._out, ignore_errors=True)
        self._out.mkdir()

    def _do(self, trial: Trial = UNDISTURBED, line: str = "") -> Ended:
        """The command, or another one."""
        return self._runs.do(self._words(line or self.command.line), trial)

    def _words(self, line: str) -> list[str]:
        return line.replace("{in}", f"{self._inputs}").replace("{out}", f"{self._out}").split()

    def _of_dead(self, name: str) -> str:
        """The path of a file that this process writes, had it been killed."""
        assert isinstance(self._runs, Turns)
        return re.sub(rf"(?<=[-.]){self._runs.process}(?=\.(tmp|old|done))", f"{self._dead}", name)


def must(line: str, disk: Disk) -> None:
    """Do a command line that ends well."""
    runs = Turns(disk)
    ended = runs.do(line.split())
    runs.end()
    if ended.code:
        sys.exit(f"{line}: {ended.said}")


def _dead_process() -> int:
    """A number that no process has."""
    process = os.fork()
    if not process:
        os._exit(0)
    os.waitpid(process, 0)
    return process
