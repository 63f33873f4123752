"""Scores by several ranks: rows of numbers in a shared folder, read again in their order.

A row is a line of JSON, which gives every float back as it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from hnet_seq.tasks.ranked.compute import Progress, compute
from hnet_seq.tasks.ranked.ranks import Ranks
from hnet_seq.tasks.ranked.shared_run import goes_on_ranks, open_shared
from hnet_seq.tasks.ranked.units import Part, units_of
from modalities.errors import UsageError

Item = TypeVar("Item")

_ROWS = "rows.jsonl"


def on_ranks(out: Path | None, ranks: Ranks) -> bool:
    """Whether several ranks score, or one ends what they began.

    Raises:
        UsageError: several ranks have no file beside which to meet.
    """
    if out is None and ranks.world > 1:
        raise UsageError("--out", "ranks meet beside it; give --out FILE")
    return out is not None and goes_on_ranks(out, ranks)


@contextmanager
def rows_on_ranks(
    out: Path,
    identity: dict[str, Any],
    parts: Sequence[Part],
    read: Callable[[], Iterator[Item]],
    rows: Callable[[Item], Iterable[Sequence[Any]]],
    ranks: Ranks,
) -> Iterator[Iterator[list[Any]] | None]:
    """Score together; all rows in order for the rank that writes the output, else None.

    Args:
        identity: what the rows are made from, JSON values.
        parts: of the input.
        read: all parts in order, the same at each call.
        rows: of a part, JSON values; NaN is one.
    """

    def work(own: Iterator[Item], folder: Path, progress: Progress) -> None:
        with (folder / _ROWS).open("w", encoding="utf-8") as file:
            for part in own:
                file.writelines(f"{json.dumps(row)}\n" for row in rows(part))

    with open_shared(out, identity, units_of(parts), ranks) as run:
        if run is None:
            yield None
            return
        compute(run, "score", read, work)
        from hnet_seq.tasks.scoring.summary import summary_path  # imports take a second

        with run.merging([out, summary_path(out)]) as folders:
            yield None if folders is None else _rows(folders)


def _rows(folders: list[Path]) -> Iterator[list[Any]]:
    for folder in folders:
        with (folder / _ROWS).open(encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)
