"""Boundaries by several ranks: kept by base in a shared folder, and read again in their order.

A unit holds ``depth`` (a byte a base) and ``probs`` (four bytes a base and stage) of its records,
end to end. What writes files from records so does the same whoever computed them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from hnet_seq.analysis.cutting import Stretch
from hnet_seq.analysis.record_boundaries import RecordBoundaries
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.tasks.embedding.plan import model_hash
from hnet_seq.tasks.ranked.compute import Progress, compute
from hnet_seq.tasks.ranked.digests import computed_by
from hnet_seq.tasks.ranked.ranks import Ranks
from hnet_seq.tasks.ranked.shared_run import open_shared
from hnet_seq.tasks.ranked.units import Part, Unit, call_groups, sequence_cost, units_of
from hnet_seq.tasks.segmentation.records import segment_stretches

Lazy: TypeAlias = Callable[[], Stretch]  # read where it is needed: a chromosome has megabytes

_DEPTH, _PROBS = "depth", "probs"


@contextmanager
def boundaries_on_ranks(
    model: HNetForCausalLM,
    outputs: Sequence[Path],
    identity: dict[str, Any],
    read: Callable[[], Iterator[Lazy]],
    lengths: Sequence[int],
    ranks: Ranks,
    *,
    path: str | Path,
    batch_tokens: int,
    window: int | None,
    cache_limit: int,
) -> Iterator[Iterator[RecordBoundaries] | None]:
    """Cut stretches together; all in order for the rank that writes the outputs, else None.

    Args:
        outputs: what will be written; the folder is named after the first.
        identity: what the stretches come from, JSON values.
        read: all stretches, none empty, in the same order at each call.
        lengths: tokens of each stretch, with its left context.
        path: for errors.
    """
    cost = sequence_cost(model.config, window)
    groups = call_groups(lengths, batch_tokens)
    sizes = iter(lengths)
    parts = []
    for count in groups:
        own = list(islice(sizes, count))
        parts.append(Part(count, sum(own), sum(map(cost, own))))
    units = units_of(parts)
    known = {
        "model": model_hash(model),
        **computed_by(model.embeddings.weight.device),
        **identity,
        "batch_tokens": batch_tokens,
        "window": window,
        "stages": model.num_stages,
        "outputs": [output.name for output in outputs],
    }

    def in_groups() -> Iterator[list[Lazy]]:
        stretches = read()
        for count in groups:
            yield list(islice(stretches, count))

    def work(own: Iterator[list[Lazy]], folder: Path, progress: Progress) -> None:
        records = segment_stretches(
            model,
            (lazy() for group in own for lazy in group),
            path=path,
            total=0,
            batch_tokens=batch_tokens,
            window=window,
            cache_limit=cache_limit,
            on_bases=progress.add,
        )
        with (folder / _DEPTH).open("wb") as depth, (folder / _PROBS).open("wb") as probs:
            for record in records:
                depth.write(record.depth.data)
                probs.write(np.ascontiguousarray(record.probs, "<f4").data)

    with open_shared(outputs[0], known, units, ranks) as run:
        if run is None:
            yield None
            return
        compute(run, "segment", in_groups, work)
        with run.merging(outputs) as folders:
            if folders is None:
                yield None
                return
            yield _records(units, folders, read(), model.num_stages)


def _records(
    units: list[Unit], folders: list[Path], stretches: Iterator[Lazy], num_stages: int
) -> Iterator[RecordBoundaries]:
    for unit, folder in zip(units, folders, strict=True):
        with (folder / _DEPTH).open("rb") as depth, (folder / _PROBS).open("rb") as probs:
            for lazy in islice(stretches, unit.items):
                stretch = lazy()
                tokens = stretch.tokens[stretch.start - stretch.origin :]
                count = len(tokens)
                values = np.frombuffer(probs.read(4 * num_stages * count), "<f4")
                yield RecordBoundaries(
                    stretch.name,
                    stretch.start,
                    tokens,
                    np.frombuffer(depth.read(count), np.uint8),
                    values.reshape(num_stages, count),
                )
