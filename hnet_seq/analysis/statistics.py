"""Boundary rates by what a base is, each with a 95% interval and beside its controls.

Only counts per 10-kb block are kept, so a genome of any size fits. The structure of the summary
is documented in ``docs/boundaries.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnet_seq.analysis.annotation import RecordAnnotation
from hnet_seq.analysis.labels import (
    NOT_COUNTED,
    TABLES,
    UNKNOWN_CONTEXT,
    base_contexts,
    base_labels,
    known,
)
from hnet_seq.resampling import FEWEST_EVENTS, jackknife, quotient
from hnet_seq.results.boundaries import BaseRate, ChunkLengths

BLOCK = 10_000  # bases: neighbours are not independent, blocks of this length nearly are
MIN_BLOCKS = 10  # fewer say too little about how much blocks differ
LONGEST_CHUNK = 64  # bases: longer chunks share the last bin, as in metrics.jsonl
_SPAN = 100 * BLOCK  # bases labelled at a time
_CONTEXTS = UNKNOWN_CONTEXT + 1

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


class ContextRates:
    """Boundary rates of the words that end at a base: what a base's last three letters predict."""

    def __init__(self) -> None:
        self._boundaries = np.zeros(_CONTEXTS, np.int64)
        self._bases = np.zeros(_CONTEXTS, np.int64)

    def add(self, contexts: Counts, mask: NDArray[np.bool_], counted: NDArray[np.bool_]) -> None:
        """Count the bases (n,) of a stretch: their words, boundaries, and which are counted."""
        self._boundaries += np.bincount(contexts[counted & mask], minlength=_CONTEXTS)
        self._bases += np.bincount(contexts[counted], minlength=_CONTEXTS)

    @property
    def rates(self) -> NDArray[np.float64]:
        """(65,) boundaries per base of each word; the last is that of unknown words."""
        return self._boundaries / np.maximum(self._bases, 1)

    @property
    def rate(self) -> float | None:
        """Boundaries per counted base; None before any base was counted."""
        bases = int(self._bases.sum())
        return int(self._boundaries.sum()) / bases if bases else None


class BoundaryStatistics:
    """Sums over records of where one stage's boundaries fall."""

    def __init__(self) -> None:
        self._bases: list[list[Counts]] = [[] for _ in TABLES]  # (blocks, labels) of each span
        self._boundaries: list[list[Counts]] = [[] for _ in TABLES]
        self._contexts = [np.zeros((len(table.rows), _CONTEXTS), np.int64) for table in TABLES]
        self._context_rates = ContextRates()
        self._chunk_lengths = np.zeros(LONGEST_CHUNK + 1, np.int64)
        self._chunked_bases = 0
        self.bases = 0
        self.boundaries = 0

    def add(
        self,
        tokens: NDArray[np.uint8],
        mask: NDArray[np.bool_],
        annotation: RecordAnnotation,
        start: int = 0,
    ) -> None:
        """Count one record, or one region of it.

        Args:
            tokens: (n,) the bases ``[start, start + n)`` of the record.
            mask: (n,) True where a chunk begins.
            annotation: of the whole record.
        """
        self._add_chunks(mask)
        self.bases += len(tokens)
        self.boundaries += int(mask.sum())
        contexts = base_contexts(tokens)
        counted = known(tokens)
        if start == 0:
            counted[:1] = False  # every record begins with a chunk, whatever the router thinks
        for left in range(0, len(tokens), _SPAN):
            span = slice(left, min(left + _SPAN, len(tokens)))
            labels = base_labels(
                tokens, annotation, start + span.start, start + span.stop, origin=start
            )
            self._add_span(labels, mask[span], contexts[span], counted[span])

    def _add_chunks(self, mask: NDArray[np.bool_]) -> None:
        lengths = np.diff(np.flatnonzero(mask))
        self._chunked_bases += int(lengths.sum())
        self._chunk_lengths += np.bincount(
            np.minimum(lengths, LONGEST_CHUNK), minlength=LONGEST_CHUNK + 1
        )

    def _add_span(
        self,
        labels: list[NDArray[np.int8]],
        mask: NDArray[np.bool_],
        contexts: NDArray[np.int64],
        counted: NDArray[np.bool_],
    ) -> None:
        self._context_rates.add(contexts, mask, counted)
        block = np.arange(len(mask)) // BLOCK
        blocks = int(block[-1]) + 1
        for table, here in enumerate(labels):
            size = len(TABLES[table].rows)
            kept = np.flatnonzero(counted & (here != NOT_COUNTED))
            label = here[kept].astype(np.int64)
            cell = block[kept] * size + label
            self._bases[table].append(_grid(cell, blocks, size))
            self._boundaries[table].append(_grid(cell[mask[kept]], blocks, size))
            self._contexts[table] += _grid(label * _CONTEXTS + contexts[kept], size, _CONTEXTS)

    @property
    def rate(self) -> float | None:
        """Boundaries per counted base; None before any base was counted."""
        return self._context_rates.rate

    def summary(self) -> dict[str, Any]:
        """Every table of ``boundaries.json`` for this stage."""
        sections: dict[str, Any] = {table.section: [] for table in TABLES}
        context_rates = self._context_rates.rates
        for table, counts in enumerate(self._contexts):
            empty = np.zeros((0, len(counts)), np.int64)
            rates = _rates(
                np.concatenate([empty, *self._bases[table]]),
                np.concatenate([empty, *self._boundaries[table]]),
                counts,
                context_rates,
                self.rate,
                TABLES[table].rows,
            )
            sections[TABLES[table].section] += rates
        return sections | {
            "chunk_length": chunk_length_table(self._chunk_lengths, self._chunked_bases),
            "bases": self.bases,
            "boundaries": self.boundaries,
            "rate": self.rate,
        }


def chunk_length_table(lengths: Counts, bases: int) -> ChunkLengths:
    """Histogram of chunk lengths beside the same number of chunks cut at random.

    Args:
        lengths: (LONGEST_CHUNK + 1,) chunks of each length; the last bin is that long or longer.
        bases: in all of these chunks.

    Returns:
        the control is the geometric law r (1 - r)^(k-1) of boundaries that fall on each base with
        the same probability r.
    """
    chunks = int(lengths.sum())
    if not chunks:
        return ChunkLengths(0, None, {}, {})
    rate = chunks / bases
    k = np.arange(1, LONGEST_CHUNK + 1)
    share = rate * (1 - rate) ** (k - 1)
    share[-1] = (1 - rate) ** (LONGEST_CHUNK - 1)
    return ChunkLengths(
        chunks,
        bases / chunks,
        {str(n): int(lengths[n]) for n in k if lengths[n]},
        {str(n): float(chunks * p) for n, p in zip(k, share, strict=True)},
    )


def block_intervals(bases: NDArray[Any], boundaries: NDArray[Any]) -> tuple[Floats, Floats]:
    """95% intervals (L,) of the boundary rates of labels, from their counts (blocks, L) each.

    NaN where fewer than ten blocks have bases of the label, where fewer than ten of these bases are
    boundaries or fewer than ten are none, or where without one block all or none would be.
    """
    used = (bases > 0).sum(axis=0)
    low, high = jackknife(
        np.stack([boundaries, bases], axis=1),
        lambda sums: quotient(sums[:, 0], sums[:, 1]),
        scale="share",
        units=np.maximum(used, 2),
    )
    counted, found = bases.sum(axis=0), boundaries.sum(axis=0)
    few = (used < MIN_BLOCKS) | (np.minimum(found, counted - found) < FEWEST_EVENTS)
    return np.where(few, np.nan, low), np.where(few, np.nan, high)


def _rates(
    bases: Counts,
    boundaries: Counts,
    contexts: Counts,
    context_rates: NDArray[np.float64],
    overall: float | None,
    labels: Sequence[dict[str, Any]],
) -> Iterator[BaseRate]:
    """A row for each label; what too few bases cannot tell is None."""
    lows, highs = block_intervals(bases, boundaries)
    for label, (low, high) in enumerate(zip(lows.tolist(), highs.tolist(), strict=True)):
        n, k = int(bases[:, label].sum()), int(boundaries[:, label].sum())
        yield BaseRate(
            **labels[label],
            rate=k / n if n else None,
            low=low if low == low else None,
            high=high if high == high else None,
            control=overall,
            context_control=float(contexts[label] @ context_rates / n) if n else None,
            bases=n,
            boundaries=k,
        )


def _grid(cell: Counts, rows: int, columns: int) -> Counts:
    return np.bincount(cell, minlength=rows * columns).reshape(rows, columns)
