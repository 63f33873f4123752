"""What is left of each command's output where the disk fills, and where the command is killed.

    python studies/full_disk.py --plan                         # what each command takes
    python studies/full_disk.py --kept full_disk.jsonl         # 40 trials of each kind, of each
    python studies/full_disk.py --kind kills embed segment     # commands whose name begins so

Three kinds of trials. ``files``: no file can grow over a limit (RLIMIT_FSIZE), from nothing to one
byte less than the largest file of the command; what is written is refused in the middle of a write.
``disk``: all files together have that many pages of 4,096 bytes, from none to one less than the
command takes at its most (a tmpfs; needs ``unshare``). ``kills``: SIGKILL and SIGTERM in turn,
three of four in a change of a file, at even distances from the first to the last of them, and one
of four (more, where there are few changes) at any time between. A device that fails later than it
says is not tried, nor a machine that loses its power.

After each trial, what has a final name must be byte for byte what an undisturbed command writes
(files that hold times: readable); but for SIGKILL no temporary name is left; an error must be at
most three lines without a traceback; and the same command, or ``--continue``, must then end well
and leave nothing else. Where trials left the same, that is tried once. Rows that are in the file
of ``--kept`` are not done again. The exit code is 1 where something was not so.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import io
import json
import random
import re
import shutil
import signal
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from full_disk_commands import COMMANDS, Command, make_inputs
from full_disk_trials import PAGE, Disk, Ended, Moment, Running, in_own_namespace

from pipelines.storage.files import append_line

KINDS = ("files", "disk", "kills")
_TEMPORARY = re.compile(r"\.tmp(/|$)")
_PROCESS = re.compile(r"-\d+\.tmp|\.\d+\.(old|done)")
_STOPPED = (128 + signal.SIGTERM, 75)  # by the signal; by it, where a run can go on


_SAID = 3_000  # characters


@dataclass
class Row:
    """Trials of one command.

    Attributes:
        retried: states that trials left, in each of which the command was tried again.
        wrong: how often.
        said: by the first command that left something wrong.
    """

    command: str
    kind: str
    trials: int
    seed: int
    done: int = 0
    whole: int = 0
    absent: int = 0
    retried: int = 0
    wrong: dict[str, int] = field(default_factory=dict)
    said: str = ""

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes it this row."""
        return self.command, self.kind, self.trials, self.seed

    def told(self) -> str:
        """A line of the table."""
        wrong = "; ".join(f"{text} ({count})" for text, count in self.wrong.items()) or "nothing"
        counts = f"{self.done:>6} {self.whole:>5} {self.absent:>6} {self.retried:>7}"
        return f"{self.command:26} {self.kind:5} {counts}  {wrong}"


class Ground:
    """A command and what it does when nothing disturbs it."""

    def __init__(self, command: Command, inputs: Path, disk: Disk) -> None:
        self.command, self.inputs, self.disk = command, inputs, disk
        self.out = disk.folder / "out"  # one name for all: outputs may hold it
        self.run()
        # Again, now that all it imports is there: as fast as in the trials.
        self.empty()
        self.ended = self.run(measured=True)
        self.whole = files(self.out)
        self.largest = max(map(len, self.whole.values()))
        self.seen: dict[str, list[str]] = {}

    def empty(self) -> None:
        """No output, and all the room."""
        self.disk.resize(None)
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()

    def start(self, line: str = "", **options: Any) -> Running:
        """The command, or another one."""
        text = (line or self.command.line).replace("{in}", f"{self.inputs}")
        words = text.replace("{out}", f"{self.out}").split()
        return Running(words, self.out, ranks=self.command.ranks, **options)

    def run(self, *, measured: bool = False) -> Ended:
        """Undisturbed."""
        self.empty()
        ended = self.start().finish(self.disk if measured else None)
        if ended.code:
            sys.exit(f"{self.command.name}: {ended.said}")
        for name in ended.modules:
            with contextlib.suppress(Exception):  # what it imports is there for all that follow
                importlib.import_module(name)
        return ended

    def trials(self, kind: str, count: int, seed: int) -> Iterator[Ended]:
        """End the command in ``count`` ways; in fewer, where its disk has fewer pages."""
        if kind == "files":
            for trial in range(count):
                self.empty()
                yield self.start(limit=self.largest * trial // count).finish()
        elif kind == "disk":
            for pages in sorted({self.ended.peak // PAGE * t // count for t in range(count)}):
                self.empty()
                self.disk.resize(pages)
                yield self.start().finish()
        else:
            for moment in self.moments(count, random.Random(seed)):
                self.empty()
                yield self.start(moment=moment).finish()

    def moments(self, count: int, rng: random.Random) -> list[Moment]:
        """In changes of files, by both signals in turn, and in between."""
        calls = sorted(
            {1 + self.ended.calls * t // (3 * count // 4) for t in range(3 * count // 4)}
        )
        both = len(calls) <= 3 * count // 8
        found = [
            Moment((signal.SIGKILL, signal.SIGTERM)[(place + twice) % 2], call=call)
            for place, call in enumerate(calls)
            for twice in range(1 + both)
        ]
        while len(found) < count:
            when = max(0.001, rng.uniform(self.ended.first, self.ended.last))
            found.append(Moment(rng.choice((signal.SIGKILL, signal.SIGTERM)), seconds=when))
        return found

    def go_on(self) -> list[str]:
        """What is wrong after the same command once more, with room; of one state, found once."""
        self.disk.resize(None)
        found = files(self.out)
        state = [(_PROCESS.sub("", name), found[name]) for name in sorted(found)]
        digest = hashlib.sha256(repr(state).encode()).hexdigest()
        if digest not in self.seen:
            ended = self.start(self.command.again or self.command.line).finish()
            if ended.code:
                self.seen[digest] = [f"then exit {ended.code}: {ended.said[-200:]}"]
            else:
                found = files(self.out)
                wrong = [f"then {text}" for text in differing(self.command, self.whole, found)]
                wrong += [f"then {name} is missing" for name in self.whole.keys() - found.keys()]
                self.seen[digest] = wrong
        return self.seen[digest]


def files(folder: Path) -> dict[str, bytes]:
    """Content of every file by its path in the folder; of a folder without files, nothing."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            found[f"{path.relative_to(folder)}"] = path.read_bytes()
        elif path.is_dir() and not any(path.iterdir()):
            found[f"{path.relative_to(folder)}/"] = b""
    return found


def is_readable(name: str, content: bytes) -> bool:
    """Whether a file that holds times is whole."""
    try:
        if name.endswith((".json", ".jsonl")):
            lines = content.splitlines() if name.endswith("l") else [content]
            return all(json.loads(line) is not None for line in lines)
        if name.endswith(".npz"):
            with np.load(io.BytesIO(content)) as arrays:
                return all(arrays[key] is not None for key in arrays.files)
    except Exception:  # whatever the reader says of it
        return False
    return content.rstrip().endswith(b"</html>") or name.endswith(".yaml")


def differing(command: Command, whole: dict[str, bytes], found: dict[str, bytes]) -> Iterator[str]:
    """What is there and is not what it should be, or should not be there."""
    for name, content in found.items():
        timed = any(Path(name).match(pattern) for pattern in command.timed)
        if name not in whole:
            yield f"{name} is left"
        elif not (is_readable(name, content) if timed else content == whole[name]):
            yield f"{name} is not what it should be"


def judge(ground: Ground, ended: Ended, *, killed: bool) -> Iterator[str]:
    """What is wrong after a trial."""
    command, whole, found = ground.command, ground.whole, files(ground.out)
    lines = [line for line in ended.said.splitlines() if line.startswith("hnet-seq")]
    swept = ended.code in (-signal.SIGKILL, -signal.SIGTERM)  # what is left, by the next command
    if "Traceback" in ended.said:
        yield "a traceback"
    elif ended.code and not killed and len(lines) > 3:
        yield f"{len(lines)} lines"
    if ended.code == -signal.SIGTERM and command.ranks == 1:
        yield "SIGTERM is not heard"
    no_room = ended.code == 2 and "make room" in "".join(lines)  # known before the work
    if (
        ended.code not in (0, 1)
        and not no_room
        and not (killed and (swept or ended.code in _STOPPED))
    ):
        yield f"exit {ended.code}"
    if ended.code == 0:
        yield from (f"exit 0 and {name} is missing" for name in whole.keys() - found.keys())
    elif (
        not killed
        and not no_room
        and not any(says in "".join(lines) for says in ("too large", "No space"))
    ):
        yield f"the cause is not told: {lines[-1:]}"
    if ended.code and not swept:
        yield from (f"{_PROCESS.sub('', n)} is left" for n in found if _TEMPORARY.search(n))
    finals = {
        name: content
        for name, content in found.items()
        if ended.code == 0 or name in whole or not _waits(command, name, swept=swept)
    }
    if ended.code:  # a log that grows is whole up to some line, or ends in half of one
        finals.pop("run/metrics.jsonl", None)
    yield from differing(command, whole, finals)


def _waits(command: Command, name: str, *, swept: bool) -> bool:
    """Whether a command that failed may leave this for the next one."""
    parts = Path(name).parts
    known = parts[0].endswith(".partial") or parts[0] in command.kept or "s.ranks" in parts[0]
    hidden = any(part.startswith(".") for part in parts)
    return known or ".ranks/" in name or bool(_TEMPORARY.search(name)) or (swept and hidden)


def study(ground: Ground, row: Row) -> Row:
    """All trials of a kind."""
    wrong: Counter[str] = Counter()
    before = len(ground.seen)
    for ended in ground.trials(row.kind, row.trials, row.seed):
        row.done += 1
        problems = list(judge(ground, ended, killed=row.kind == "kills"))
        if ended.code:
            row.absent += 1
            problems += ground.go_on()
        else:
            row.whole += 1
        wrong.update(problems)
        if problems and not row.said:
            row.said = ended.said[-_SAID:]
    row.retried = len(ground.seen) - before
    row.wrong = dict(wrong.most_common(6))
    return row


def main() -> int:
    """Run the study."""
    parser = argparse.ArgumentParser(description=f"{__doc__}".splitlines()[0])
    parser.add_argument("commands", nargs="*", help="the beginnings of their names (all)")
    parser.add_argument("--kind", choices=KINDS, action="append", help="of trials (all)")
    parser.add_argument("--trials", type=int, default=40, help="of each kind (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (%(default)s)")
    parser.add_argument("--kept", metavar="FILE", help="rows that are done, a JSON line each")
    parser.add_argument("--plan", action="store_true", help="what each command takes, no trials")
    args = parser.parse_args()
    mounted = in_own_namespace()
    kinds = [kind for kind in args.kind or KINDS if kind != "disk" or mounted]
    import torch

    from hnet_seq import cli

    torch.set_num_threads(1)  # what is forked may have no threads
    warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)
    for verb in cli.VERBS:
        importlib.import_module(f"hnet_seq.tasks.{verb}")
    rows = _read(args.kept)
    wanted = [c for c in COMMANDS if c.name.startswith(tuple(args.commands) or "")]
    with tempfile.TemporaryDirectory() as name, Disk.made(Path(name) / "disk", mounted) as disk:
        inputs = Path(name) / "in"
        inputs.mkdir()
        make_inputs(inputs, lambda line: _must(line.replace("{in}", f"{inputs}"), inputs))
        if args.plan:
            _plan(wanted, inputs, disk, args.trials * len(kinds))
            return 0
        print(f"{'command':26} kind  trials whole failed retried  wrong")
        for command in wanted:
            ground = None
            for kind in kinds:
                row = Row(command.name, kind, args.trials, args.seed)
                if row.key not in rows:
                    ground = ground or Ground(command, inputs, disk)
                    rows[row.key] = study(ground, row)
                    _keep(args.kept, row)
                print(rows[row.key].told(), flush=True)
    return int(any(row.wrong for row in rows.values()))


def _must(line: str, inputs: Path) -> None:
    ended = Running(line.split(), inputs).finish()
    if ended.code:
        sys.exit(f"{line}: {ended.said}")


def _plan(commands: list[Command], inputs: Path, disk: Disk, trials: int) -> None:
    total = 0.0
    print(f"{'command':26} seconds  calls   at once  largest")
    for command in commands:
        ground = Ground(command, inputs, disk)
        ended = ground.ended
        total += ended.seconds
        about = f"{ended.seconds:7.2f} {ended.calls:6} {ended.peak:>9,} {ground.largest:>8,}"
        print(f"{command.name:26} {about}", flush=True)
    print(f"{trials} trials of each, half of them tried again: {1.5 * trials * total / 60:.0f} min")


def _read(kept: str | None) -> dict[tuple[Any, ...], Row]:
    if kept is None or not Path(kept).exists():
        return {}
    rows = [Row(**json.loads(line)) for line in Path(kept).read_text().splitlines()]
    return {row.key: row for row in rows}


def _keep(kept: str | None, row: Row) -> None:
    if kept is not None:
        append_line(Path(kept), json.dumps(asdict(row)))


if __name__ == "__main__":
    sys.exit(main())
