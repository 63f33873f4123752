"""Boundaries of an input of any size as a job: kept by base, and given back record by record.

A row is a base: how many stages begin a chunk there, a byte, and the probability of each stage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hnet_seq.analysis.cutting import Stretch, cut
from hnet_seq.analysis.record_boundaries import RecordBoundaries
from hnet_seq.jobs.job import Computed, Job, Tell, in_calls
from hnet_seq.jobs.spool import Columns
from hnet_seq.jobs.units import units_of
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.streaming import CacheLimitError
from hnet_seq.tasks.byte_documents import MarkedDocument
from hnet_seq.tasks.costs import sequence_cost
from hnet_seq.tasks.run_identity import computed_by
from modalities.base import Tokens

_SLICE = 1 << 18  # bases that are written at a time


@dataclass(frozen=True)
class Uncut:
    """Bases ``[start, end)`` of a record, which are read when their turn comes.

    Attributes:
        name: of the record; another one has another.
        origin: where what is read begins, at or before ``start``.
        read: tokens (end - origin,).
        document: that they are, of text.
    """

    name: str
    start: int
    origin: int
    end: int
    read: Callable[[], Tokens]
    document: MarkedDocument | None = None

    def __len__(self) -> int:
        return self.end - self.origin

    @property
    def bases(self) -> int:
        """How many are cut."""
        return self.end - self.start

    def stretch(self) -> Stretch:
        """Read it."""
        return Stretch(self.name, self.start, self.origin, self.read())


def boundary_job(
    model: HNetForCausalLM,
    outputs: Sequence[Path],
    identity: Callable[[], Mapping[str, Any]],
    read: Callable[[], Iterator[Uncut]],
    refuse: Callable[[Uncut, CacheLimitError], Exception],
    *,
    noun: str,
    batch_tokens: int,
    window: int | None,
    cache_limit: int,
    progress: bool = False,
) -> Job[Uncut]:
    """The boundaries of stretches, in their order; see :func:`records`.

    Args:
        outputs: what will be written; without one, rows are not kept.
        identity: what the stretches come from, JSON values, once they were read.
        read: all of them, none empty, in the same order at each call.
        refuse: what is raised of one that needs more than ``cache_limit`` bytes.
        noun: what they are, for people.
        batch_tokens: bases or bytes of one forward call.
        window: positions that global attention sees, which the caller has set.
    """

    def in_order() -> Iterator[list[Uncut]]:
        return in_calls(read(), batch_tokens, len)

    def compute(part: Sequence[Uncut], done: int, tell: Tell) -> Iterator[tuple[Columns, int]]:
        stretches = (own.stretch() for own in part)
        try:
            for record in cut(model, stretches, batch_tokens, cache_limit, tell):
                for first in range(0, len(record.depth), _SLICE):
                    own = slice(first, first + _SLICE)
                    yield {"depth": record.depth[own], **_by_stage(record.probs[:, own])}, 0
        except CacheLimitError as error:
            raise refuse({own.name: own for own in part}[str(error.key)], error) from None

    units, known = [], {}
    if outputs:
        cost = sequence_cost(model.config, window)
        units = units_of(in_order(), len, cost, progress=progress)
        sizes = {"batch_tokens": batch_tokens, "window": window}
        known = {**computed_by(model), **identity(), **sizes}
        known["outputs"] = [output.name for output in outputs]
    kinds = {"depth": "|u1"} | dict.fromkeys(_by_stage(np.empty((model.num_stages, 0))), "<f4")
    return Job("segment", noun, outputs, known, units, in_order, compute, kinds, len, _bases)


def _bases(own: Uncut) -> int:
    return own.bases


def records(computed: Computed[Uncut]) -> Iterator[tuple[Uncut, RecordBoundaries]]:
    """Each stretch with its boundaries, in order; one is read at a time."""
    for part, columns in computed.parts():
        end = 0
        for own in part:
            rows = slice(end, end := end + own.bases)
            tokens = own.read()[own.start - own.origin :]
            depth, *probs = (np.asarray(column[rows]) for column in columns.values())
            # Of one stage there is nothing to copy: a chromosome has megabytes.
            by_stage = np.stack(probs) if len(probs) > 1 else probs[0][None]
            yield own, RecordBoundaries(own.name, own.start, tokens, depth, by_stage)


def _by_stage(probs: np.ndarray) -> dict[str, np.ndarray]:
    return {f"stage {stage}": own for stage, own in enumerate(probs)}
