"""Boundaries of an input of any size as a job: kept by base, and given back record by record.

A row is a base: how many stages begin a chunk there, a byte, and the probability of each stage.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from hnet_seq.analysis.cutting import Stretch, cut_pieces
from hnet_seq.analysis.record_boundaries import RecordBoundaries
from hnet_seq.jobs.job import Computed, Job, Tell
from hnet_seq.jobs.spool import Columns
from hnet_seq.jobs.units import units_of
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.streaming import CacheLimitError, in_calls
from hnet_seq.tasks.costs import sequence_cost
from hnet_seq.tasks.run_identity import computed_by, tokens_digest
from hnet_seq.tasks.segmentation.records import over_limit
from modalities.base import Tokens
from pipelines.formats.genome import Genome

Cut = TypeVar("Cut", bound=Stretch)

DEPTH = "depth"  # the column of how many stages begin a chunk
_LENGTH = attrgetter("length")


def boundary_job(
    model: HNetLanguageModel,
    outputs: Sequence[Path],
    identity: Callable[[], Mapping[str, Any]],
    read: Callable[[], Iterator[Cut]],
    refuse: Callable[[Cut, CacheLimitError], Exception],
    *,
    noun: str,
    batch_tokens: int,
    window: int | None,
    cache_limit: int,
    progress: bool = False,
) -> Job[Cut]:
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

    def in_order() -> Iterator[list[Cut]]:
        return in_calls(read(), batch_tokens, _LENGTH)

    def compute(part: Sequence[Cut], done: int, tell: Tell) -> Iterator[tuple[Columns, int]]:
        try:
            for piece in cut_pieces(model, part, batch_tokens, cache_limit, tell):
                yield {DEPTH: piece.depth, **_by_stage(piece.probs)}, 0
        except CacheLimitError as error:
            raise refuse({own.name: own for own in part}[str(error.key)], error) from None

    units, known = [], {}
    if outputs:
        cost = sequence_cost(model.config, window)
        units = units_of(in_order(), _LENGTH, cost, progress=progress)
        sizes = {"batch_tokens": batch_tokens, "window": window}
        known = {**computed_by(model), **identity(), **sizes}
        known["outputs"] = [output.name for output in outputs]
    kinds = {DEPTH: "|u1"} | dict.fromkeys(_by_stage(np.empty((model.num_stages, 0))), "<f4")
    return Job("segment", noun, outputs, known, units, in_order, compute, kinds, _LENGTH, _bases)


def genome_job(
    model: HNetLanguageModel,
    outputs: Sequence[Path],
    args: argparse.Namespace,
    genome: Genome,
    uncut: Sequence[Stretch],
    made: Sequence[Stretch] = (),
    *,
    noun: str = "records",
    identity: Mapping[str, Any] | None = None,
) -> Job[Stretch]:
    """The boundaries of a genome, or a region of it, by a verb's arguments.

    Args:
        uncut: what of it is cut.
        made: of that, as ``identity`` says, and cut after it.
    """
    every = [*uncut, *made]
    return boundary_job(
        model,
        outputs,
        lambda: {
            "records": tokens_digest(map(_named, uncut)),
            "region": args.region,
            "left_context": args.left_context,
            **(identity or {}),
        },
        lambda: iter(every),
        lambda own, error: over_limit(genome.path, error),
        noun=noun,
        batch_tokens=args.batch_tokens,
        window=args.attention_window,
        cache_limit=args.cache_limit,
    )


def _named(own: Stretch) -> tuple[str, int, Callable[[int, int], Tokens]]:
    return (
        own.name,
        own.length,
        lambda first, last: own.bases(own.origin + first, own.origin + last),
    )


def _bases(own: Stretch) -> int:
    """How many are cut."""
    return own.end - own.start


def records(
    computed: Computed[Cut], *, progress: bool = True
) -> Iterator[tuple[Cut, RecordBoundaries]]:
    """Each stretch with its boundaries, in order; one is read at a time.

    Args:
        progress: show a bar.
    """
    for part, columns in computed.parts(progress=progress):
        end = 0
        for own in part:
            rows = slice(end, end := end + _bases(own))
            depth, *probs = (np.asarray(column[rows]) for column in columns.values())
            # Of one stage there is nothing to copy: a chromosome has megabytes.
            by_stage = np.stack(probs) if len(probs) > 1 else probs[0][None]
            yield own, RecordBoundaries(own.name, own.start, own.region(), depth, by_stage)


def _by_stage(probs: np.ndarray) -> dict[str, np.ndarray]:
    return {f"stage {stage}": own for stage, own in enumerate(probs)}
