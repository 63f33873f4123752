"""Sequences shuffled so that every count of two neighbouring letters stays what it was.

A sequence is a walk over its letters, and each walk that uses the same steps is another sequence
with the same dinucleotides. Which step leaves each letter last decides whether an order of the
steps is one walk: these last steps must form a tree towards the final letter (Altschul and
Erickson, Mol. Biol. Evol. 2:526, 1985). With four letters there are 16 such trees for each final
letter, so a tree is drawn with its exact probability, the product of its step counts, without
trial and error (Kandel, Matias, Unger and Winkler, Discrete Applied Mathematics 71:171, 1996, draw
it by a random walk). The other steps go in any order. Every walk is equally likely.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import product

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.uint8]

SHUFFLE_BLOCK = 200  # bases: composition stays what it is over such a stretch
_LETTERS = 4
_BATCH = 4096  # blocks shuffled at once


def _trees() -> NDArray[np.int64]:
    """(final letter, 16, letter): the letter that each letter is left for last."""
    trees = []
    for final in range(_LETTERS):
        towards = []
        for targets in product(range(_LETTERS), repeat=_LETTERS):
            reached = [final] * _LETTERS
            for letter in range(_LETTERS):
                place = letter
                for _ in range(_LETTERS):
                    place = place if place == final else targets[place]
                reached[letter] = place
            # The final letter has no last step; of the four that could stand there one is kept.
            if targets[final] == final and set(reached) == {final}:
                towards.append(targets)
        trees.append(towards)
    return np.array(trees)


_TREES = _trees()


def shuffle_dinucleotides(sequences: Tokens, generator: np.random.Generator) -> Tokens:
    """Each sequence shuffled by itself: same first and last letter, same dinucleotides.

    Args:
        sequences: (B, L) of A, C, G and T (0 to 3); L may be 0.

    Returns:
        (B, L), drawn uniformly from all sequences with these counts.
    """
    count, length = sequences.shape
    if length < 4 or not count:
        return sequences.copy()  # the ends are fixed, and one letter between them is, too
    first, after = sequences[:, :-1].astype(np.int64), sequences[:, 1:]
    rows = np.arange(count)
    steps = np.zeros((count, _LETTERS, _LETTERS), np.int64)
    np.add.at(steps, (rows[:, None], first, after), 1)
    last = _last_steps(steps, sequences[:, -1].astype(np.int64), generator)
    # Steps sorted by the letter they leave, each letter's in random order, the last one last.
    order = generator.random((count, length - 1), dtype=np.float32)
    for letter in range(_LETTERS):
        fits = (first == letter) & (after == last[:, letter, None])
        chosen = fits.argmax(axis=1)
        has = fits[rows, chosen]
        order[rows[has], chosen[has]] = 1.5
    order += 2 * first
    successors = np.take_along_axis(after, order.argsort(axis=1), axis=1)
    place = np.zeros((count, _LETTERS), np.int64)
    place[:, 1:] = steps.sum(axis=2).cumsum(axis=1)[:, :-1]
    walk = np.empty_like(sequences)
    walk[:, 0] = here = sequences[:, 0]
    for index in range(1, length):
        at = place[rows, here]
        place[rows, here] += 1
        walk[:, index] = here = successors[rows, at]
    return walk


def _last_steps(
    steps: NDArray[np.int64], final: NDArray[np.int64], generator: np.random.Generator
) -> NDArray[np.int64]:
    """(B, 4) the letter that each letter is left for last; that of the final letter is no step."""
    rows = np.arange(len(steps))
    weights = steps.astype(np.float64)
    # A letter that is not there binds nothing: any tree may hang it on the final letter.
    for letter in range(_LETTERS):
        absent = (weights[:, letter].sum(axis=1) == 0) & (final != letter)
        weights[rows[absent], letter, final[absent]] = 1
    weights[rows, final, final] = 1
    trees = _TREES[final]  # (B, 16, 4)
    chances = np.ones(trees.shape[:2])
    for letter in range(_LETTERS):
        chances *= weights[rows[:, None], letter, trees[:, :, letter]]
    bounds = chances.cumsum(axis=1)
    drawn = generator.random(len(steps)) * bounds[:, -1]
    tree = (bounds <= drawn[:, None]).sum(axis=1).clip(max=trees.shape[1] - 1)
    last: NDArray[np.int64] = trees[rows, tree].copy()
    last[rows, final] = -1
    return last


def shuffle_record(
    tokens: Tokens, generator: np.random.Generator, block: int = SHUFFLE_BLOCK
) -> Tokens:
    """A record (n,) shuffled in blocks, so that the composition of each place stays.

    Bases that are not A, C, G or T stay where they are. A block keeps its first and its last
    letter, so the dinucleotides across blocks, and with them those of the record, are kept too.

    Args:
        block: bases shuffled among themselves.
    """
    shuffled = tokens.copy()
    by_length = defaultdict(list)
    known = np.r_[False, tokens < _LETTERS, False]
    edges = np.flatnonzero(known[1:] != known[:-1])
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        for left in range(start, end, block):
            by_length[min(block, end - left)].append(left)
    for length, starts in by_length.items():
        for index in range(0, len(starts), _BATCH):
            places = np.array(starts[index : index + _BATCH])[:, None] + np.arange(length)
            shuffled[places] = shuffle_dinucleotides(tokens[places], generator)
    return shuffled
