"""Rows of an input: computed a part at a time by whoever takes a unit, kept, and read in order."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
from tqdm import tqdm

from hnet_seq.jobs.ranks import Ranks, is_kept
from hnet_seq.jobs.shared_run import SharedRun, open_shared
from hnet_seq.jobs.spool import TEXT, Columns, Kinds, Rows, Spool, count_committed
from hnet_seq.jobs.units import PartsOfUnits, Unit
from modalities.errors import UsageError
from pipelines.progress import progress_bar
from pipelines.storage.files import made_folder

Item = TypeVar("Item")

Tell: TypeAlias = Callable[[int], object]

_MEANING = 3  # of what waits: what an older version left is not gone on with
_RECORD_COST = 64  # tokens: bounds a part of many short records by their count too


def in_parts(
    items: Iterable[Item], tokens: int, length: Callable[[Item], int]
) -> Iterator[list[Item]]:
    """Consecutive items in lists of about ``tokens`` tokens; a longer one is a list alone.

    Args:
        length: tokens of an item.
    """
    part: list[Item] = []
    held = 0
    for item in items:
        size = max(length(item), _RECORD_COST)
        if part and held + size > tokens:
            yield part
            part, held = [], 0
        part.append(item)
        held += size
    if part:
        yield part


def one_row(item: object) -> int:
    """The height of an item that has a row of its own."""
    return 1


@dataclass(frozen=True)
class Job(Generic[Item]):
    """What is computed, from what, and where it waits until all of it is there.

    A row lies in ``OUT.ranks`` as soon as its item is complete, so that a killed run goes on behind
    it, whatever the number of processes. Without a file to wait beside, rows go on as they come.

    Attributes:
        label: of the progress bar.
        noun: what items are, for people.
        outputs: what is written from the rows, which wait beside the first; none for a device.
        identity: what the rows are made from, JSON values.
        units: of the input, see :func:`hnet_seq.jobs.units.units_of`.
        read: all parts in order, the same at each call.
        compute: the rows of a part, but of so many first items: columns, and how many items they
            complete; the end of the part completes the rest. It may tell tokens that are done
            before that.
        kinds: of the columns.
        length: tokens of an item.
        height: rows of an item.
        made_with: what goes into the outputs beside the rows, JSON values; a finished run with
            others is no reason to compute nothing.
    """

    label: str
    noun: str
    outputs: Sequence[Path]
    identity: Mapping[str, Any]
    units: list[Unit]
    read: Callable[[], Iterator[Sequence[Item]]]
    compute: Callable[[Sequence[Item], int, Tell], Iterable[tuple[Columns, int]]]
    kinds: Kinds
    length: Callable[[Item], int]
    height: Callable[[Item], int] = one_row
    made_with: Mapping[str, Any] = field(default_factory=dict)

    @contextmanager
    def run(self, ranks: Ranks) -> Iterator[Computed[Item] | None]:
        """All rows for whoever writes the outputs; None for a rank that has nothing more to do.

        Raises:
            UsageError: a killed run of something else waits there, and the message says what
                differs; or another process computes what is missing.
        """
        if not is_kept(self.outputs):
            yield Computed(self)
            return
        known = {**self.identity, "columns": dict(self.kinds), "meaning": _MEANING}
        alone = ranks.world == 1
        # Beside what a link leads to: /dev/stdout is one, and nothing can wait in /dev.
        beside = self.outputs[0].resolve() if self.outputs[0].is_symlink() else self.outputs[0]
        with (
            made_folder(beside.parent),
            open_shared(beside, known, self.units, ranks, self.outputs, self.made_with) as run,
        ):
            if run is None:
                yield None
                return
            total = sum(unit.items for unit in self.units)
            # Of several, another may be at a unit, whose files go while they are looked at.
            if alone and (kept := self._kept(run)):
                said = f"{kept:,} of {total:,} {self.noun} are kept from the run that was stopped"
                print(said, file=sys.stderr)
            try:
                self._compute(run)
                if ranks.engine is not None and not ranks.engine.writes:
                    yield None
                    return
                with run.merging(self.outputs) as folders:
                    if folders is None and alone and run.missing():
                        raise UsageError(
                            self.outputs[0],
                            "is being computed by another process; wait for it, or name another",
                        )
                    if folders is None:
                        yield None
                    else:
                        yield Computed(self, Rows(folders, self.kinds), run.seconds_of_all)
            except BaseException:
                if alone and not self._kept(run):
                    run.remove()
                raise

    def _kept(self, run: SharedRun) -> int:
        """Items whose rows are there."""
        return sum(
            unit.items if run.is_finished(unit) else count_committed(run.partial(unit), self.kinds)
            for unit in self.units
        )

    def _compute(self, run: SharedRun) -> None:
        """Compute own units, then what others have not begun, until none is free."""
        total = sum(unit.tokens for unit in self.units)
        with progress_bar(self.label, total, unit="token", progress=run.ranks.rank == 0) as bar:
            progress = _Progress(run, bar)
            parts = PartsOfUnits(self.read, self.units)

            def compute(unit: Unit) -> None:
                with run.working(unit) as folder:
                    self._fill(folder, parts.of(unit), progress)
                progress.end_unit()

            if (engine := run.ranks.engine) is not None:
                engine.share_out(run, compute, progress.end_unit)
                return
            for of_others in (False, True):
                if of_others and not run.has_free_units():
                    break
                for unit in self.units:
                    if (of_others or unit.index in run.dealt) and run.claim(unit):
                        compute(unit)
        if run.ranks.world > 1:
            print(run.told(), file=sys.stderr)

    def _fill(self, folder: Path, parts: Iterable[Sequence[Item]], progress: _Progress) -> None:
        with closing(Spool(folder, self.kinds)) as spool:
            before = spool.items
            for part in parts:
                done = min(before, len(part))
                before -= done
                progress.keep(self.tokens(part[:done]))
                for columns, items in (
                    self.compute(part, done, progress.tell) if done < len(part) else ()
                ):
                    spool.append(columns)
                    if items:
                        spool.commit(items)
                        progress.add(self.tokens(part[done : done + items]))
                        done += items
                if done < len(part):
                    spool.commit(len(part) - done)
                    progress.add(self.tokens(part[done:]))

    def tokens(self, items: Iterable[Item]) -> int:
        """Of all of them."""
        return sum(map(self.length, items))


class Computed(Generic[Item]):
    """The rows of a job.

    Attributes:
        rows: of all parts; None where they are computed as they are asked for.
        seconds: that they took, of all processes.
    """

    def __init__(self, job: Job[Item], rows: Rows | None = None, seconds: float = 0.0) -> None:
        self._job = job
        self.rows = rows
        self.seconds = seconds

    def parts(self, *, progress: bool = True) -> Iterator[tuple[Sequence[Item], Columns]]:
        """Each part with its rows, in order; at each call from the first on.

        Args:
            progress: show a bar.
        """
        for part, take in self._reading(None, progress=progress):
            yield part, take(sum(map(self._job.height, part)))

    def blocks(
        self, sizes: Callable[[Item], Iterable[int]], names: Sequence[str]
    ) -> Iterator[tuple[Item, Iterator[Columns]]]:
        """Each item with its rows, some at a time, in order; at each call from the first on.

        Args:
            sizes: rows of each block of an item.
            names: of columns.
        """
        for part, take in self._reading(names, progress=False):
            for item in part:
                found = map(take, sizes(item))
                yield item, found
                for _ in found:  # the next item begins after them
                    pass

    def _reading(
        self, names: Sequence[str] | None, *, progress: bool
    ) -> Iterator[tuple[Sequence[Item], Callable[[int], Columns]]]:
        """Each part with what gives the next so many of its rows."""
        job, take = self._job, None
        total = sum(unit.tokens for unit in job.units)
        label = job.label if self.rows is None else "write"
        with ExitStack() as stack:
            if self.rows is not None:
                take = stack.enter_context(self.rows.reading(names))
            bar = stack.enter_context(progress_bar(label, total, unit="token", progress=progress))
            for part in job.read():
                of_part = take or _taking(job.compute(part, 0, lambda _: None), job.kinds)
                yield part, of_part
                bar.update(job.tokens(part))


def _taking(blocks: Iterable[tuple[Columns, int]], kinds: Kinds) -> Callable[[int], Columns]:
    """What gives the next so many rows of all blocks."""
    found = [columns for columns, _ in blocks]
    joined: Columns = {
        name: [value for own in found for value in own[name]]
        if kind == TEXT
        else np.concatenate([np.asarray(own[name], np.dtype(kind).base) for own in found])
        for name, kind in kinds.items()
    }
    first = 0

    def take(count: int) -> Columns:
        nonlocal first
        own = slice(first, first := first + count)
        return {name: values[own] for name, values in joined.items()}

    return take


class _Progress:
    """Tokens of all ranks that are done, on the bar of rank 0."""

    def __init__(self, run: SharedRun, bar: tqdm[Any]) -> None:
        self._run = run
        self._bar = bar
        self._told = 0
        bar.initial = bar.n = self._finished()  # the rate is that of this run

    def tell(self, tokens: int) -> None:
        """Tokens of items that are not complete."""
        self._told += tokens
        self._bar.update(tokens)

    def add(self, tokens: int) -> None:
        """Tokens of items that are complete, those that were told with them."""
        self._bar.update(tokens - self._told)
        self._told = 0

    def keep(self, tokens: int) -> None:
        """Tokens of items that were there."""
        self._bar.initial += tokens
        self._bar.update(tokens)

    def end_unit(self) -> None:
        """Look what the others have done, too."""
        if not self._bar.disable:
            self._bar.update(max(0, self._finished() - int(self._bar.n)))

    def _finished(self) -> int:
        missing = {unit.index for unit in self._run.missing()}
        return sum(unit.tokens for unit in self._run.units if unit.index not in missing)
