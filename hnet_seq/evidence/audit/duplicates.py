"""Sequences that stand in two splits or twice in one, exactly or nearly, and under two labels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.audit.examples import Examples, Splits
from hnet_seq.evidence.similarity.near_duplicates import near_duplicates, near_duplicates_within
from hnet_seq.results.audit import Conflicts, Copies, Labelled, Overlap, Pair
from modalities.base import Tokens
from modalities.dna import COMPLEMENT


class Duplicates(TypedDict):
    """What this module finds."""

    overlaps: list[Overlap]
    copies: list[Copies]
    conflicts: Conflicts


def find_duplicates(splits: Splits, classes: Sequence[str]) -> tuple[Duplicates, NDArray[np.bool_]]:
    """Look at every pair of splits, and inside each.

    Returns:
        what was found; and (n_test,) True for test sequences that stand in another split.
    """
    keys = {name: [_keys(s) for s in split.sequences] for name, split in splits.items()}
    overlaps, leaked = [], np.zeros(len(splits["test"].labels), bool)
    for first, second in combinations(splits, 2):
        overlap, members = _overlap(splits, keys, first, second)
        overlaps.append(overlap)
        if second == "test":
            leaked |= members
    copies = [_copies(name, splits[name].sequences, keys[name]) for name in splits]
    copies.append(_copies("all", None, [key for name in splits for key in keys[name]]))
    found = Duplicates(
        overlaps=overlaps, copies=copies, conflicts=_conflicts(splits, keys, classes)
    )
    return found, leaked


Keys = tuple[bytes, bytes]


def _keys(tokens: Tokens) -> Keys:
    """A sequence, and its reverse complement."""
    return tokens.tobytes(), COMPLEMENT[tokens[::-1]].tobytes()


def _overlap(
    splits: Splits, keys: dict[str, list[Keys]], first: str, second: str
) -> tuple[Overlap, NDArray[np.bool_]]:
    known: dict[bytes, int] = {}
    for index, (key, _) in enumerate(keys[first]):
        known.setdefault(key, index)
    exact = np.array([key in known for key, _ in keys[second]], bool)
    reverse = np.array([other in known for _, other in keys[second]], bool) & ~exact
    rest = np.flatnonzero(~(exact | reverse))
    sequences = splits[second].sequences
    near = list(near_duplicates(splits[first].sequences, [sequences[i] for i in rest]))
    members = exact | reverse
    closest = None
    if members.any():
        at = int(np.flatnonzero(exact if exact.any() else reverse)[0])
        other = known[keys[second][at][0 if exact[at] else 1]]
        closest = _pair(splits[first], other, splits[second], at, 1.0)
    elif near:
        best = max(near, key=lambda pair: pair.share)
        closest = _pair(splits[first], best.train, splits[second], int(rest[best.test]), best.share)
    members[rest[[pair.test for pair in near]]] = True
    overlap = Overlap(
        first=first,
        second=second,
        n=len(sequences),
        exact=int(exact.sum()),
        reverse_complement=int(reverse.sum()),
        near=len(near),
        closest=closest,
    )
    return overlap, members


def _pair(first: Examples, i: int, second: Examples, j: int, share: float) -> Pair:
    return Pair(first=first.name(i), second=second.name(j), share=round(share, 3))


def _copies(name: str, sequences: Sequence[Tokens] | None, keys: Sequence[Keys]) -> Copies:
    """``sequences``: None leaves near duplicates out, which the splits have among them already."""
    seen: set[bytes] = set()
    exact = reverse = 0
    different = []
    for index, (key, other) in enumerate(keys):
        if key in seen:
            exact += 1
        elif other in seen:
            reverse += 1
        else:
            different.append(index)
        seen.add(key)
    near = None
    if sequences is not None:
        near = sum(1 for _ in near_duplicates_within([sequences[i] for i in different]))
    return Copies(split=name, n=len(keys), exact=exact, reverse_complement=reverse, near=near)


def _conflicts(splits: Splits, keys: dict[str, list[Keys]], classes: Sequence[str]) -> Conflicts:
    as_written: dict[bytes, dict[int, str]] = {}
    either: dict[bytes, dict[int, str]] = {}
    for name, split in splits.items():
        for index, ((key, other), label) in enumerate(
            zip(keys[name], split.labels.tolist(), strict=True)
        ):
            place = f"{name}, {split.name(index)}"
            as_written.setdefault(key, {}).setdefault(label, place)
            either.setdefault(min(key, other), {}).setdefault(label, place)
    torn = [found for found in as_written.values() if len(found) > 1]
    torn_either = [found for found in either.values() if len(found) > 1]
    example = next(iter(torn or torn_either), {})
    return Conflicts(
        sequences=len(torn),
        either_strand=len(torn_either),
        example=[Labelled(name=place, label=classes[label]) for label, place in example.items()],
    )
