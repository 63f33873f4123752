"""Rows of scores on their way to the output, in one process or several, killed or not.

They wait beside it in the folder ``OUT.ranks`` (``ranked/shared_run.py``). A row is a line of JSON,
which gives every float back as it was; it lies there once its call of the model is done, so that a
killed run goes on behind it. One process is rank 0 of 1, and leaves no record.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

from hnet_seq.tasks.ranked.compute import Progress, compute
from hnet_seq.tasks.ranked.ranks import Ranks
from hnet_seq.tasks.ranked.shared_run import SharedRun, open_shared
from hnet_seq.tasks.ranked.units import Part, units_of
from modalities.errors import UsageError

Item = TypeVar("Item")

_ROWS = "rows.jsonl"
_MEANING = 2  # of rows: what an older version left is not gone on with


def is_kept(out: Path | None) -> TypeGuard[Path]:
    """Whether rows can wait beside the output: it is a file, and no device or pipe."""
    return out is not None and (out.is_file() or not out.exists())


def check_meeting(out: Path | None, ranks: Ranks) -> None:
    """Raise UsageError where several ranks have no file beside which to meet."""
    if ranks.world > 1 and not is_kept(out):
        raise UsageError("--out", "ranks meet beside it; give --out FILE")


@contextmanager
def kept_rows(
    outputs: Sequence[Path],
    identity: dict[str, Any],
    parts: Sequence[Part],
    read: Callable[[], Iterator[Item]],
    rows: Callable[[Item, int], Iterable[Sequence[Any]]],
    ranks: Ranks,
    *,
    noun: str,
) -> Iterator[Iterator[list[Any]] | None]:
    """Score; all rows in order for whoever writes the outputs, else None.

    Args:
        outputs: what the block writes; rows wait beside the first.
        identity: what the rows are made from, JSON values.
        parts: of the input, with a row for each of their items.
        read: all parts in order, the same at each call.
        rows: of a part, but so many first ones, JSON values; NaN is one.
        noun: what rows are of, for people.

    Raises:
        UsageError: a killed run of something else waits there, and the message says what differs;
            or another process computes what is missing.
    """

    def work(own: Iterator[tuple[Part, Item]], folder: Path, progress: Progress) -> None:
        path = folder / _ROWS
        done = _cut_to_whole_rows(path)
        # A line at a time goes to the system, and outlives this process.
        with path.open("a", encoding="utf-8", buffering=1) as file:
            for part, item in own:
                kept = min(done, part.items)
                done -= kept
                progress.keep(_tokens(part, kept))
                if kept == part.items:
                    continue
                for number, row in enumerate(rows(item, kept), kept):
                    file.write(f"{json.dumps(row)}\n")
                    progress.add(_tokens(part, number + 1) - _tokens(part, number))

    alone = ranks.world == 1
    units, known = units_of(parts), {**identity, "meaning": _MEANING}
    with open_shared(outputs[0], known, units, ranks, leaves_record=not alone) as run:
        if run is None:
            yield None
            return
        if alone:
            _tell_kept(run, noun)
        try:
            compute(run, "score", lambda: zip(parts, read(), strict=True), work)
        except BaseException:
            if alone and not any(_waiting(run)):
                run.remove()
            raise
        with run.merging(outputs) as folders:
            if folders is None and alone and run.missing():
                raise UsageError(
                    "--out", f"another process computes {outputs[0]}; wait for it, or name another"
                )
            yield None if folders is None else _rows(folders)


def _tokens(part: Part, items: int) -> int:
    """About as many tokens have the first items of a part."""
    return part.tokens * items // part.items


def _tell_kept(run: SharedRun, noun: str) -> None:
    kept, total = sum(_waiting(run)), sum(unit.items for unit in run.units)
    if kept:
        print(
            f"{kept:,} of {total:,} {noun} are kept from the run that was stopped", file=sys.stderr
        )


def _waiting(run: SharedRun) -> Iterator[int]:
    """How many rows there are of each unit."""
    for unit in run.units:
        if run.is_finished(unit):
            yield unit.items
        else:
            yield _whole_rows(run.partial(unit) / _ROWS)[0]


def _whole_rows(path: Path) -> tuple[int, int]:
    """Rows that were written whole, and their bytes."""
    count = size = 0
    if path.exists():
        with path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n") or not _is_row(line):
                    break
                count, size = count + 1, size + len(line)
    return count, size


def _is_row(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), list)
    except ValueError:  # of a machine that went down
        return False


def _cut_to_whole_rows(path: Path) -> int:
    count, size = _whole_rows(path)
    if path.exists():
        with path.open("r+b") as file:
            file.truncate(size)
    return count


def _rows(folders: list[Path]) -> Iterator[list[Any]]:
    for folder in folders:
        with (folder / _ROWS).open(encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)
