"""Which sequence each of a list has its like in another list: a copy, a near one, a relative."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.similarity.homologs import Homolog, homologs
from hnet_seq.evidence.similarity.near_duplicates import near_duplicates
from modalities.base import Tokens
from modalities.dna import COMPLEMENT

COPY, REVERSE, NEAR, RELATIVE = "copy", "reverse complement", "near duplicate", "relative"
_ALIKE, _COVER = 0.6, 0.8  # of words, or of the shorter one: two that should have one label
_CLOSE_IDENTITY, _CLOSE_COVER = 0.8, 0.5


@dataclass(frozen=True)
class Links:
    """M links, at most one of each query.

    Attributes:
        query, reference: (M,) numbers.
        reason: M words.
        alike: (M,) whether the two are so alike that they should have one label.
        homologs: those of them that were found by alignment.
        looked_at: queries without a copy or a near duplicate, which were aligned.
    """

    query: NDArray[np.int64]
    reference: NDArray[np.int64]
    reason: list[str]
    alike: NDArray[np.bool_]
    homologs: list[Homolog]
    looked_at: int


def find_links(references: Sequence[Tokens], queries: Sequence[Tokens]) -> Links:
    """The first that holds of: copy, reverse complement, near duplicate, relative by alignment."""
    known: dict[bytes, int] = {}
    for index, sequence in enumerate(references):
        known.setdefault(sequence.tobytes(), index)
    rows: list[tuple[int, int, str, bool]] = []
    rest = []
    for index, sequence in enumerate(queries):
        if (there := known.get(sequence.tobytes())) is not None:
            rows.append((index, there, COPY, True))
        elif (there := known.get(COMPLEMENT[sequence[::-1]].tobytes())) is not None:
            rows.append((index, there, REVERSE, True))
        else:
            rest.append(index)
    near = list(near_duplicates(references, [queries[i] for i in rest]))
    rows += [(rest[pair.test], pair.train, NEAR, pair.share >= _ALIKE) for pair in near]
    found = {pair.test for pair in near}
    rest = [index for place, index in enumerate(rest) if place not in found]
    relatives = [
        pair._replace(query=rest[pair.query])
        for pair in homologs(references, [queries[i] for i in rest])
    ]
    rows += [
        (pair.query, pair.reference, RELATIVE, is_close(pair) and pair.cover >= _COVER)
        for pair in relatives
    ]
    rows.sort()
    return Links(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int64),
        [row[2] for row in rows],
        np.array([row[3] for row in rows], bool),
        relatives,
        len(rest),
    )


def is_close(pair: Homolog) -> bool:
    """Whether a relative is 80% identical over half of the shorter sequence."""
    return pair.identity >= _CLOSE_IDENTITY and pair.cover >= _CLOSE_COVER
