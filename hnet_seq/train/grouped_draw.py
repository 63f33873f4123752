"""What a split must keep together, and whole groups drawn for one side of it.

Every verb that draws a split does it here: the test rows of ``classify`` and of ``score
--measured``, and the sequences that fine-tuning stops early by.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hnet_seq.connected import connected
from hnet_seq.evidence.similarity.similarity_groups import similarity_groups
from modalities.base import Tokens

_DRAW = 2  # what the generator is for; labelled_batches.py has 0


@dataclass(frozen=True)
class Together:
    """What belongs together among N sequences.

    Attributes:
        groups: (N,) group numbers.
        neighbours: as of :class:`hnet_seq.evidence.similarity.similarity_groups.Similarity`.
    """

    groups: NDArray[np.int64]
    neighbours: int | None = None


def kept_together(
    sequences: Sequence[Tokens],
    complement: Tokens | None,
    *relations: Sequence[Hashable],
    near: bool = False,
) -> Together:
    """Groups that a split must not tear apart.

    A sequence, its copies and its reverse complement are together, and so are those that share a
    value of a relation; with ``near`` also whatever a chain of near duplicates connects.

    Args:
        complement: the modality's table; None where there is one strand.
        relations: N values each, such as genes.
    """
    keys = [strand_key(tokens, complement) for tokens in sequences]
    if not near:
        return Together(linked(keys, *relations))
    similar = similarity_groups(sequences)
    return Together(linked(keys, *relations, similar.groups.tolist()), similar.neighbours)


def rank_bins(values: NDArray[np.floating], bins: int) -> NDArray[np.int64]:
    """(N,) numbers of bins with equal counts of ordered values (N,), for shares of each."""
    ranks = values.argsort(kind="stable").argsort(kind="stable")
    return (ranks * max(1, bins) // max(1, len(values))).astype(np.int64)


def strand_key(tokens: Tokens, complement: Tokens | None) -> bytes:
    """The same for a sequence, its copies and, with a complement table, its reverse complement."""
    key = tokens.tobytes()
    return key if complement is None else min(key, complement[tokens[::-1]].tobytes())


def linked(*relations: Sequence[Hashable]) -> NDArray[np.int64]:
    """(N,) group numbers: items are together that share a value of any relation, or are linked.

    Args:
        relations: N values each, such as genes, or sequences whose copies belong together.
    """
    count = len(relations[0])
    items: list[int] = []
    values: list[int] = []
    known = count
    for relation in relations:
        numbers: dict[Hashable, int] = {}
        values += [numbers.setdefault(value, known + len(numbers)) for value in relation]
        items += range(count)
        known += len(numbers)
    return connected(known, items, values)[:count]


def draw_groups(
    groups: NDArray[np.int64], classes: NDArray[np.int64], fraction: float, seed: int
) -> NDArray[np.bool_]:
    """(N,) True for the items drawn: whole groups, about ``fraction`` of each class.

    Large groups are placed first, in an order drawn by ``seed``, each on the side that leaves every
    class closest to its share. The only group that holds a class is never drawn. At least one
    group is, where there are two that may be.

    Args:
        groups: (N,) group numbers. classes: (N,) class numbers.
        fraction: above 0 and below 1.
    """
    _, group = np.unique(groups, return_inverse=True)
    _, number = np.unique(classes, return_inverse=True)
    counts = np.zeros((int(group.max()) + 1, int(number.max()) + 1))
    np.add.at(counts, (group, number), 1)
    total, holding = counts.sum(0), (counts > 0).sum(0)
    generator = np.random.default_rng([_DRAW, seed])
    order = generator.permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(1), kind="stable")]
    # How far the drawn side is ahead of its share of what has been placed. It starts within half a
    # group of even, or rounding would always go one way.
    ahead = (generator.random(len(total)) - 0.5) * total / holding
    drawn = np.zeros(len(counts), bool)
    only: NDArray[np.bool_] = np.any(counts[:, holding == 1] > 0, axis=1)
    for index in order:
        held = counts[index]
        left, taken = ahead - fraction * held, ahead + (1 - fraction) * held
        drawn[index] = not only[index] and bool(
            ((taken / total) ** 2).sum() < ((left / total) ** 2).sum()
        )
        ahead = taken if drawn[index] else left
    if not drawn.any() and (~only).sum() > 1:
        drawn[order[~only[order]][-1]] = True
    return drawn[group]
