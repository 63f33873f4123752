"""What is left of each command's output where the disk fills, and where the command is killed.

    python studies/full_disk.py --plan                         # what each command takes
    python studies/full_disk.py --kept full_disk.jsonl         # 40 trials of each kind, of each
    python studies/full_disk.py --kind kills embed segment     # commands whose name begins so

Three kinds of trials. ``files``: no file can grow over a limit (RLIMIT_FSIZE), from nothing to one
byte less than the largest file of the command; what is written is refused in the middle of a write.
``disk``: all files together have that many pages of 4,096 bytes, from none to one less than the
command takes at its most (a tmpfs; needs ``unshare``). ``kills``: SIGKILL and SIGTERM in turn,
three of four in a change of a file, at even distances from the first to the last of them, and one
of four (more, where there are few changes) at any time between. What SIGKILL leaves is what lies
there while the process is stopped: all these states come from one command, which goes on between
them. A device that fails later than it says is not tried, nor a machine that loses its power.

After each trial, what has a final name must be byte for byte what an undisturbed command writes
(files that hold times: readable); but for SIGKILL no temporary name is left; an error must be at
most three lines without a traceback; and the same command, or ``--continue``, must then end well
and leave nothing else. Where trials left the same, that is tried once. Rows that are in the file
of ``--kept`` are not done again. The exit code is 1 where something was not so.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
import tempfile
import warnings
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from full_disk_commands import COMMANDS, Command, make_inputs
from full_disk_ground import Ground, must
from full_disk_places import Disk, in_own_namespace

from pipelines.storage.files import append_line

KINDS = ("files", "disk", "kills")
_SAID = 3_000  # characters


@dataclass
class Row:
    """Trials of one command.

    Attributes:
        whole: left all files of an undisturbed command, each as it should be.
        absent: left less.
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
        counts = (self.done, self.whole, self.absent, self.retried)
        return f"| {self.command} | {self.kind} | {' | '.join(map(str, counts))} | {wrong} |"


def study(ground: Ground, row: Row) -> Row:
    """All trials of a kind."""
    wrong: Counter[str] = Counter()
    before = len(ground.seen)
    for ended in ground.trials(row.kind, row.trials, row.seed):
        row.done += 1
        whole, problems = ground.wrong(ended, killed=row.kind == "kills")
        row.whole += whole
        row.absent += not whole
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
    _import_all()
    rows = _read(args.kept)
    wanted = [c for c in COMMANDS if c.name.startswith(tuple(args.commands) or "")]
    with tempfile.TemporaryDirectory() as name, Disk.made(Path(name) / "disk", mounted) as disk:
        inputs = Path(name) / "in"
        inputs.mkdir()
        make_inputs(inputs, lambda line: must(line.replace("{in}", f"{inputs}"), disk))
        if args.plan:
            _plan(wanted, inputs, disk)
            return 0
        print("| command | kind | trials | whole | absent | tried again from | wrong |")
        print("|---|---|---|---|---|---|---|")
        for command in wanted:
            ground = None
            for kind in kinds:
                row = Row(command.name, kind, args.trials, args.seed)
                if row.key not in rows:
                    ground = ground or Ground(command, inputs, disk)
                    rows[row.key] = study(ground, row)
                    _keep(args.kept, row)
                print(rows[row.key].told(), flush=True)
            if ground:
                ground.end()
    return int(any(row.wrong for row in rows.values()))


def _import_all() -> None:
    """For all that is forked, which may have no threads."""
    import torch

    from hnet_seq import tasks

    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)
    for module in pkgutil.walk_packages(tasks.__path__, f"{tasks.__name__}."):
        importlib.import_module(module.name)


def _plan(commands: list[Command], inputs: Path, disk: Disk) -> None:
    print(f"{'command':26} seconds  calls   at once  largest")
    for command in commands:
        ground = Ground(command, inputs, disk)
        ended = ground.ended
        about = f"{ended.seconds:7.2f} {ended.calls:6} {ended.peak:>9,} {ground.largest:>8,}"
        print(f"{command.name:26} {about}", flush=True)
        ground.end()


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
