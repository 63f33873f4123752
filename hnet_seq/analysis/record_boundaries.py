"""Where a model cuts a record, put together from the pieces that a stream gives.

Kept by base, 5 bytes and 4 more for each inner stage: lists of a chromosome's boundaries, grown
piece by piece, take several times as much.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hnet_seq.results.plot import plot_boundaries
from hnet_seq.results.tables import SHOWN, to_html, to_pandas
from modalities.errors import UsageError

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

CHUNK_COLUMNS = ("record", "start", "end", "length", "stage", "probability")
_SLICE = 1 << 18  # bases whose chunks are listed at once


@dataclass(frozen=True)
class StageCuts:
    """The boundaries of one stage, as places among bases.

    Attributes:
        positions: (K,) ascending, the base that begins each chunk.
        probs: (K,) fp32, the router's probability there.
    """

    positions: NDArray[np.int64]
    probs: NDArray[np.float32]


@dataclass(frozen=True, repr=False)
class RecordBoundaries:
    """Where a model cuts one record, or one region ``[start, start + n)`` of it.

    Attributes:
        name: of the record.
        start: where the region begins in the record, 0-based.
        tokens: (n,) its bases.
        depth: (n,) uint8, how many stages begin a chunk at each base: boundaries of stage s + 1
            are among those of stage s.
        probs: (stages, n) fp32, the router's probabilities: of stage 0 at every base, of a deeper
            one at the chunks of the stage outside it, else 0.
    """

    name: str
    start: int
    tokens: NDArray[np.uint8]
    depth: NDArray[np.uint8]
    probs: NDArray[np.float32]

    @classmethod
    def empty(
        cls, name: str, start: int, tokens: NDArray[np.uint8], num_stages: int
    ) -> RecordBoundaries:
        """Nothing cut yet; :meth:`add` fills it."""
        bases = len(tokens)
        depth = np.zeros(bases, np.uint8)
        return cls(name, start, tokens, depth, np.zeros((num_stages, bases), np.float32))

    def add(self, start: int, depth: NDArray[np.uint8], probs: NDArray[np.float32]) -> None:
        """Take in a piece of the region.

        Args:
            start: the piece's first base in the record.
            depth: (piece bases,).
            probs: (stages, piece bases).
        """
        own = slice(start - self.start, start - self.start + len(depth))
        self.depth[own] = depth
        self.probs[:, own] = probs

    @property
    def end(self) -> int:
        """One past the region's last base."""
        return self.start + len(self.tokens)

    @property
    def num_stages(self) -> int:
        """Stages of chunking."""
        return len(self.probs)

    @property
    def boundary_prob(self) -> NDArray[np.float32]:
        """(n,) of stage 0."""
        return self.probs[0]

    def mask(self, stage: int) -> NDArray[np.bool_]:
        """(n,): True at the bases that begin a chunk of ``stage``."""
        return self.depth > stage

    def count(self, stage: int) -> int:
        """Boundaries of a stage."""
        return int(np.count_nonzero(self.depth > stage))

    def cuts(self, stage: int) -> StageCuts:
        """The boundaries of a stage, in the record's coordinates."""
        positions = np.flatnonzero(self.mask(stage))
        return StageCuts(positions + self.start, self.probs[stage, positions])

    def chunks(
        self, stage: int
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]]:
        """Starts, ends and probabilities (K,) of the chunks that tile the region, some at a time.

        A region that begins inside a chunk begins with the rest of that chunk; its probability is
        the one at the region's first base, and 0 where a deeper stage has none there.
        """
        if not len(self.tokens):
            return
        open_chunk = 0  # where the chunk begins that is not given out yet, in the region
        for first in range(0, len(self.tokens), _SLICE):
            found = np.flatnonzero(self.depth[first : first + _SLICE] > stage) + first
            bounds = np.r_[open_chunk, found[found > 0]]
            yield self._between(stage, bounds)
            open_chunk = int(bounds[-1])
        yield self._between(stage, np.array([open_chunk, len(self.tokens)]))

    def __repr__(self) -> str:
        counts = ", ".join(f"{self.count(stage):,}" for stage in range(self.num_stages))
        return (
            f"RecordBoundaries({self.name!r}, {self.start:,} to {self.end:,}, boundaries of each "
            f"stage: {counts})"
        )

    def to_pandas(self, stage: int = 0) -> pandas.DataFrame:
        """A row a chunk of ``stage``: record, start (0-based), end, length, stage, probability.

        Raises:
            UsageError: no such stage, or pandas is not installed.
        """
        return to_pandas(list(self.chunk_rows(stage)), CHUNK_COLUMNS)

    def plot(
        self,
        stage: int = 0,
        start: int | None = None,
        end: int | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Boundary probability by position, and where chunks of ``stage`` begin.

        Args:
            start, end: of the record, 0-based and exclusive; the whole region by default.
            ax: to draw on; a new figure when None.

        Raises:
            UsageError: no such stage, nothing between the ends, or matplotlib is not installed.
        """
        self._check_stage(stage)
        first = self.start if start is None else max(start, self.start)
        last = self.end if end is None else min(end, self.end)
        if first >= last:
            raise UsageError("start, end", f"{start} to {end} is not in {self.start} to {self.end}")
        part = slice(first - self.start, last - self.start)
        probs = self.probs[stage, part]
        # A deeper stage looks only at the bases where the stage outside it begins a chunk.
        looked_at = self.depth[part] >= stage
        return plot_boundaries(
            np.arange(first, last),
            np.where(looked_at, probs, np.nan),
            self.mask(stage)[part],
            title=f"{self.name}, stage {stage}",
            ax=ax,
        )

    def _repr_html_(self) -> str:
        rows = []
        for row in self.chunk_rows(0) if self.num_stages else ():
            rows.append(row)
            if len(rows) > SHOWN:
                break
        return to_html(rows, CHUNK_COLUMNS, repr(self))

    def chunk_rows(self, stage: int) -> Iterator[dict[str, Any]]:
        """The chunks of ``stage`` as values by ``CHUNK_COLUMNS``."""
        self._check_stage(stage)
        for starts, ends, probs in self.chunks(stage):
            for start, end, prob in zip(
                starts.tolist(), ends.tolist(), probs.tolist(), strict=True
            ):
                values = (self.name, start, end, end - start, stage, prob)
                yield dict(zip(CHUNK_COLUMNS, values, strict=True))

    def _check_stage(self, stage: int) -> None:
        if not 0 <= stage < self.num_stages:
            raise UsageError("stage", f"is {stage}; there are 0 to {self.num_stages - 1}")

    def _between(
        self, stage: int, bounds: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        starts = bounds[:-1]
        return starts + self.start, bounds[1:] + self.start, self.probs[stage, starts]
