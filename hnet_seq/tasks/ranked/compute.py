"""A rank's work: its own units in the order of the input, then what nobody else has begun."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from hnet_seq.tasks.ranked.shared_run import SharedRun
from pipelines.progress import progress_bar

Part = TypeVar("Part")


class Progress:
    """Tokens of all ranks that are done, on the bar of rank 0."""

    def __init__(self, run: SharedRun, bar: tqdm[Any]) -> None:
        self._run = run
        self._bar = bar
        self._finished = self._count()
        self._own = 0
        bar.initial = self._finished
        self._show(self._finished)

    def add(self, tokens: int) -> None:
        """Tokens of the unit at hand that are done."""
        self._own += tokens
        self._show(self._finished + self._own)

    def keep(self, tokens: int) -> None:
        """Tokens of the unit at hand that were there: the rate is that of this run."""
        self._bar.initial += tokens
        self.add(tokens)

    def end_unit(self) -> None:
        """Look what the others have done, too."""
        if self._bar.disable:
            return
        self._finished, self._own = self._count(), 0
        self._show(self._finished)

    def _count(self) -> int:
        missing = {unit.index for unit in self._run.missing()}
        return sum(unit.tokens for unit in self._run.units if unit.index not in missing)

    def _show(self, tokens: int) -> None:
        self._bar.update(max(0, tokens - int(self._bar.n)))


def compute(
    run: SharedRun,
    label: str,
    read: Callable[[], Iterator[Part]],
    work: Callable[[Iterator[Part], Path, Progress], None],
) -> None:
    """Compute units until none is left that nobody works on.

    Args:
        label: of the progress bar.
        read: all parts of the input in order; units are made of these.
        work: computes the parts of one unit into a folder.
    """
    total = sum(unit.tokens for unit in run.units)
    bar = progress_bar(label, total, unit="token", progress=run.ranks.rank == 0)
    with bar:
        progress = Progress(run, bar)
        for of_others in (False, True):
            if of_others and not run.has_free_units():
                break
            parts = read()
            for unit in run.units:
                own = islice(parts, unit.parts)
                if (of_others or unit.index in run.dealt) and run.claim(unit):
                    with run.working(unit) as folder:
                        work(own, folder, progress)
                    progress.end_unit()
                for _ in own:  # the next unit begins after them
                    pass
    if run.leaves_record:
        print(run.told(), file=sys.stderr)
