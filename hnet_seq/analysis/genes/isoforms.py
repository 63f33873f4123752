"""One coding sequence a gene."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hnet_seq.analysis.genes.model import CodingSequence

MOST_SHARED = 60  # bases with other genes, as neighbours in an operon have a few


def one_a_gene(coding: Sequence[CodingSequence]) -> list[CodingSequence]:
    """In the order given, without those that share their bases with a longer one on the strand."""
    last = max((part.end for own in coding for part in own.chain.parts), default=0)
    taken = {sign: np.zeros(last, np.bool_) for sign in (1, -1)}
    kept = []
    for index in sorted(range(len(coding)), key=lambda index: -coding[index].chain.bases()):
        read = [taken[part.sign][part.start : part.end] for part in coding[index].chain.parts]
        if sum(int(own.sum()) for own in read) <= MOST_SHARED:
            kept.append(index)
            for own in read:
                own[:] = True
    return [coding[index] for index in sorted(kept)]
