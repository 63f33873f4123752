"""Whether a class looks drawn by a machine: its letters depend on few before them.

What a genome has beyond its composition, a shuffle or a Markov chain has not. The words of four
bases of a class are compared with those of its sequences shuffled: letter by letter (order 0), or
with their dinucleotides kept (order 1). Chance makes shuffles differ among each other as much as a
class that is a shuffle differs from them. Chains of the orders 2 to 4 are compared with what the
class's own words of one base less would give (Billingsley, Ann. Math. Stat. 32:12, 1961).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from hnet_seq.analysis.shuffle import shuffle_dinucleotides
from hnet_seq.evidence.audit.pool import Pool, word_counts
from hnet_seq.results.audited import Generated
from modalities.base import Tokens

_MOST = 2000  # sequences of a class that are looked at
_FEWEST = 50
_LONGEST = 1000  # bases of one
_SHORTEST = 20
_BASES = 20_000  # in all; of fewer nothing can be told
_SHUFFLES = 5
_LIKE_CHANCE, _UNLIKE = 1.4, 2.0  # of the excess: below like a machine, above like nature
_CHAIN_ORDERS = (2, 3, 4)
_PER_WORD = 20  # bases for each word of a chain's test


def find_generated(pool: Pool, *, seed: int = 0) -> list[Generated]:
    """Each class with enough sequences. As many bases of each are compared, so that one is not
    called natural for having more of them."""
    generator = np.random.default_rng(seed)
    usable = (pool.lengths >= _SHORTEST) & np.array([(s < 4).all() for s in pool.sequences])
    chosen = {}
    for number, label in enumerate(pool.classes):
        members = generator.permutation(np.flatnonzero(usable & (pool.labels == number)))[:_MOST]
        sequences = [pool.sequences[i][: _cut(int(pool.lengths[i]))] for i in members]
        if len(sequences) >= _FEWEST and sum(map(len, sequences)) >= _BASES:
            chosen[label] = sequences
    bases = min((sum(map(len, each)) for each in chosen.values()), default=0)
    found = []
    for label, sequences in chosen.items():
        kept = int(np.searchsorted(np.cumsum([len(each) for each in sequences]), bases)) + 1
        excess = _excess(sequences[:kept], generator)
        order = next((order for order, value in excess.items() if value < _LIKE_CHANCE), None)
        found.append(
            Generated(
                label=label,
                n=min(kept, len(sequences)),
                order=order,
                excess={f"{order}": round(value, 2) for order, value in excess.items()},
            )
        )
    natural = [each for each in found if each["excess"]["0"] > _UNLIKE]
    for each in found:
        # A chain of a higher order is told from nature only beside a class that is beyond it.
        order = each["order"]
        if order is not None and order > 1:
            beyond = [own for own in natural if own["excess"].get(f"{order}", 0) > _UNLIKE]
            each["order"] = order if beyond else None
    return found


def _cut(length: int) -> int:
    """A length that many have: sequences of one length are shuffled at once."""
    return min(_LONGEST, length - length % (20 if length < 200 else 100))


def _excess(sequences: Sequence[Tokens], generator: np.random.Generator) -> dict[int, float]:
    """By order: how far the words of sequences are from those of the order; 1 by chance."""
    found = {}
    for order, shuffle in enumerate((_permuted, shuffle_dinucleotides)):
        own = _words(sequences, 4)
        others = [_words(_shuffled(sequences, shuffle, generator), 4) for _ in range(_SHUFFLES)]
        between = [_apart(one, other) for one, other in combinations(others, 2)]
        distance = float(np.mean([_apart(own, other) for other in others]))
        found[order] = distance / max(1e-9, float(np.mean(between)))
    bases = sum(map(len, sequences))
    for order in _CHAIN_ORDERS:
        if bases >= _PER_WORD * 4 ** (order + 2):
            found[order] = _chain_excess(sequences, order)
    return found


def _words(sequences: Sequence[Tokens], size: int) -> NDArray[np.float64]:
    return word_counts(sequences, size).sum(0).astype(np.float64)


def _apart(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Chi-square of two lists of counts."""
    return float(((one - other) ** 2 / np.maximum(1, one + other)).sum())


def _permuted(tokens: Tokens, generator: np.random.Generator) -> Tokens:
    return generator.permuted(tokens, axis=1)


def _shuffled(
    sequences: Sequence[Tokens], shuffle: object, generator: np.random.Generator
) -> list[Tokens]:
    by_length = defaultdict(list)
    for sequence in sequences:
        by_length[len(sequence)].append(sequence)
    assert callable(shuffle)
    return [row for same in by_length.values() for row in shuffle(np.stack(same), generator)]


def _chain_excess(sequences: Sequence[Tokens], order: int) -> float:
    """Chi-square over its degrees of freedom, of words of ``order`` + 2 bases, scaled so that 1.4
    is four standard errors above chance."""
    long = _words(sequences, order + 2).reshape(4, -1, 4)  # first, middle, last
    first, last, middle = long.sum(2), long.sum(0), long.sum((0, 2))
    expected = first[:, :, None] * last[None] / np.maximum(1, middle)[None, :, None]
    there = expected > 0
    square = float(((long - expected)[there] ** 2 / expected[there]).sum())
    free = 9 * int((middle > 0).sum())
    errors = (square - free) / np.sqrt(2 * free)
    return float(1 + 0.1 * max(0.0, errors))
