"""One coding sequence a gene."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from hnet_seq.analysis.genes.model import CodingSequence

MOST_SHARED = 60  # bases with other genes, as neighbours in an operon have a few


def of_each_gene(
    coding: Sequence[CodingSequence], is_whole: Callable[[CodingSequence], bool]
) -> list[CodingSequence]:
    """As :func:`one_a_gene`, but no gene takes the place of another, as far as they have names."""
    genes: dict[str, list[CodingSequence]] = defaultdict(list)
    for own in coding:
        genes[own.gene].append(own)
    kept = {id(own) for isoforms in genes.values() for own in one_a_gene(isoforms, is_whole)}
    return [own for own in coding if id(own) in kept]


def one_a_gene(
    coding: Sequence[CodingSequence],
    is_whole: Callable[[CodingSequence], bool] = lambda _: True,
) -> list[CodingSequence]:
    """In the order given, without those that share their bases with a longer one on the strand.

    Args:
        is_whole: of these it is the longest, where there are any.
    """
    inside = [own.chain.inside() for own in coding]
    first = min((part.start for parts in inside for part in parts), default=0)
    last = max((part.end for parts in inside for part in parts), default=0)
    taken = {sign: np.zeros(last - first, np.bool_) for sign in (1, -1)}
    kept = []
    order = [(not is_whole(own), -own.chain.bases(), index) for index, own in enumerate(coding)]
    for _, _, index in sorted(order):
        read = [taken[own.sign][own.start - first : own.end - first] for own in inside[index]]
        if sum(int(own.sum()) for own in read) <= MOST_SHARED:
            kept.append(index)
            for own in read:
                own[:] = True
    return [coding[index] for index in sorted(kept)]
