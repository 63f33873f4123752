"""Cuts long runs of unknown bases out of a sequence that comes in pieces."""

from __future__ import annotations

import numpy as np

from modalities.base import Tokens
from modalities.dna import TOKEN_BITS, UNKNOWN
from modalities.errors import UsageError
from pipelines.shards.writer import DocumentWriter

UNKNOWN_RUN = 1000  # bases


class KnownStretches:
    """Documents of a stretch of a record: what is left between long runs of unknown bases.

    Runs of at least ``run`` are cut out, as are shorter ones at either end of what is left: they
    would never be predicted nor tell anything.

    Args:
        start: where the stretch begins in its record.
    """

    def __init__(
        self, writer: DocumentWriter, name: str, start: int, label: str, run: int = UNKNOWN_RUN
    ) -> None:
        check_run(run)
        self.dropped = 0  # unknown bases
        self._writer = writer
        self._name = name
        self._label = label
        self._run = run
        self._position = start
        self._is_open = False
        self._held: list[Tokens] = []  # an unknown run that may yet be short
        self._held_count = 0

    def feed(self, tokens: Tokens) -> None:
        """The next tokens (n,) uint8; a soft-masked n is as unknown as an N."""
        unknown = (tokens & TOKEN_BITS) == UNKNOWN
        if not unknown.any():
            self._known(tokens)
            return
        edges = np.flatnonzero(unknown[1:] != unknown[:-1]) + 1
        bounds = np.concatenate(([0], edges, [len(tokens)]))
        starts, ends = bounds[:-1], bounds[1:]
        # A short run with known bases on both sides stays where it is.
        apart = (ends - starts >= self._run) | (starts == 0) | (ends == len(tokens))
        apart &= unknown[starts]
        done = 0
        for start, end in zip(starts[apart].tolist(), ends[apart].tolist(), strict=True):
            if start > done:
                self._known(tokens[done:start])
            self._unknown(tokens[start:end])
            done = end
        if done < len(tokens):
            self._known(tokens[done:])

    def close(self) -> None:
        """The stretch ends here."""
        self.dropped += self._held_count
        if self._is_open:
            self._writer.end()

    def _known(self, tokens: Tokens) -> None:
        if self._is_open:
            for part in self._held:
                self._writer.append(part)
        else:
            self.dropped += self._held_count
            self._writer.begin(self._name, start=self._position, label=self._label)
            self._is_open = True
        self._held, self._held_count = [], 0
        self._writer.append(tokens)
        self._position += len(tokens)

    def _unknown(self, tokens: Tokens) -> None:
        self._held.append(tokens)
        self._held_count += len(tokens)
        self._position += len(tokens)
        if self._held_count >= self._run or not self._is_open:
            self._held = []
            if self._is_open:
                self._writer.end()
                self._is_open = False


def check_run(run: int) -> None:
    """Raise UsageError unless a run has a base."""
    if run < 1:
        raise UsageError("unknown_run", f"is {run}, expected at least 1 token")
