"""Relatives by local alignment: sequences that share a stretch beyond what chance explains.

Candidates come from :mod:`hnet_seq.evidence.similarity.spaced_seeds`; Biopython aligns them (Smith
and Waterman, affine gaps). A match scores 1, a mismatch -1, a gap of n bases -3 - 2n; of these
scores the statistics of local alignments are known (lambda 1.09, K 0.31: NCBI BLAST+,
``blast_stat.c``; Karlin and Altschul, PNAS 87:2264, 1990).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.similarity.spaced_seeds import Candidate, SeedIndex
from modalities.dna import COMPLEMENT, DNA

if TYPE_CHECKING:
    from Bio.Align import PairwiseAligner

_LAMBDA, _K = 1.09, 0.31
MOST_BY_CHANCE = 1e-3  # alignments as good expected in the whole comparison
# Runs and microsatellites align with themselves read backwards, and so with much else: a relative's
# score is beyond that of the reversed sequence, which is no relative of anything.
_BEYOND_REVERSED = 1.5
_REACH = 1000  # bases to either side of a seed that are aligned


class Homolog(NamedTuple):
    """A relative of a query: of those with the most seeds in common the first that aligns.

    Attributes:
        query, reference: numbers.
        identity: share of the alignment's columns, gaps among them, with equal bases.
        cover: share of the shorter sequence that is aligned.
        bases: of the query that are aligned.
        reverse: on the other strand.
    """

    query: int
    reference: int
    identity: float
    cover: float
    bases: int
    reverse: bool


def homologs(
    references: Sequence[NDArray[np.uint8]],
    queries: Sequence[NDArray[np.uint8]],
    *,
    same: bool = False,
    every: bool = False,
) -> Iterator[Homolog]:
    """Queries with a relative among the references, each with one.

    Args:
        references, queries: tokens, base 0..3; anything above aligns with nothing.
        same: both are one list; a sequence is no relative of itself.
        every: with up to three.
    """
    index = SeedIndex(references)
    aligning = _Aligning(float(index.lengths.sum()) * 2 * sum(map(len, queries)))
    answered = -1
    for candidate in index.candidates(queries, same=same):
        if candidate.query == answered and not every:
            continue
        found = aligning.aligned(
            queries[candidate.query], references[candidate.reference], candidate
        )
        if found is not None:
            yield found
            answered = candidate.query


@dataclass
class _Aligning:
    """Aligns what may be relatives.

    Attributes:
        space: bases of the queries, both strands, times those of the references.
    """

    space: float

    def __post_init__(self) -> None:
        # Here: who has no candidates needs no Biopython.
        from Bio.Align import PairwiseAligner

        self.aligner: PairwiseAligner = PairwiseAligner(
            mode="local",
            wildcard="N",
            match_score=1,
            mismatch_score=-1,
            open_gap_score=-5,
            extend_gap_score=-2,
        )

    def aligned(
        self,
        query: NDArray[np.uint8],
        reference: NDArray[np.uint8],
        candidate: Candidate,
    ) -> Homolog | None:
        """The alignment, if it scores more than chance does."""
        shorter = min(len(query), len(reference))
        if candidate.reverse:
            query = COMPLEMENT[query[::-1]]
        query = query[max(0, candidate.place - _REACH) : candidate.place + _REACH]
        place = candidate.place + candidate.shift
        reference = reference[max(0, place - _REACH) : place + _REACH]
        one, other = DNA.decode(query), DNA.decode(reference)
        score = self.aligner.score(one, other)
        if self.space * _K * exp(-_LAMBDA * score) > MOST_BY_CHANCE:
            return None
        if self.aligner.score(one, other[::-1]) * _BEYOND_REVERSED > score:
            return None
        alignment = self.aligner.align(one, other)[0]
        (starts, *_), *_ = alignment.aligned
        end = int(alignment.aligned[0][-1][1])
        bases = end - int(starts[0])
        equal = alignment.counts()
        columns = equal.identities + equal.mismatches + equal.gaps
        return Homolog(
            candidate.query,
            candidate.reference,
            equal.identities / columns,
            min(1.0, bases / shorter),
            bases,
            candidate.reverse,
        )
