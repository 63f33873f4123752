"""Which rows train, which validate and which test: as given, or drawn in whole groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.similarity.near_duplicates import WORD
from hnet_seq.tasks.choices import SplitRule
from hnet_seq.tasks.classification.labelled_rows import Row
from hnet_seq.train.grouped_draw import draw_groups, kept_together
from modalities import dna
from modalities.errors import InputError, UsageError


@dataclass(frozen=True)
class Assignment:
    """The split of N rows.

    Attributes:
        split: (N,) ``train``, ``validation`` or ``test``.
        together: N names of what a further split must keep together: copies of a sequence, groups
            and, where the split goes by similarity, near duplicates.
        about: how it was made, in words.
        kind: how it was made.
    """

    split: NDArray[np.str_]
    together: list[str]
    about: str
    kind: Literal["given", "drawn", "similarity"]


def assign(
    path: str | Path,
    rows: Sequence[Row],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    *,
    strata: NDArray[np.int64] | None = None,
    rule: SplitRule | None = None,
    test_fraction: float = 0.2,
    seed: int = 0,
) -> Assignment:
    """Split labelled rows.

    A drawn split holds about ``test_fraction`` of each class for testing. Copies of a sequence, and
    its reverse complement, stay on one side; so does each group, and with ``similarity`` whatever
    a chain of near duplicates connects.

    Args:
        labels: (N,) numbers of ``classes``, each of which both sides need.
        strata: (N,) what the draw takes equal shares of; None for the labels.
        rule: None takes the split that is given, and else draws one.
        seed: of the draw.

    Raises:
        InputError: a split is asked for that the rows do not give or only some do; or classes,
            rows or groups are too few for one.
    """
    given = np.array([row.split is not None for row in rows])
    groups = [row.group for row in rows if row.group is not None]
    sequences, relations = [row.tokens for row in rows], [groups] if groups else []
    if rule == "given" and not given.any():
        raise InputError(
            path,
            "no row says to which split it belongs; add a column split with train, dev and test, "
            "or leave --split given out",
        )
    if rule == "given" or (rule is None and given.any()):
        if not given.all():
            row = rows[int(np.flatnonzero(~given)[0])]
            raise InputError(
                path,
                "is in no split, but other rows are; name a split in every row or in none, or draw "
                "one with --split random",
                where=row.place,
            )
        split = np.array([row.split for row in rows])
        _check_given(path, split, labels, classes)
        together = kept_together(sequences, dna.COMPLEMENT, *relations).groups
        return Assignment(split, _names(together), "given", "given")
    if not 0 < test_fraction < 1:
        raise UsageError("test_fraction", f"is {test_fraction}; expected 0 to 1")
    about = f"random, stratified, {test_fraction:g} for testing"
    kind: Literal["drawn", "similarity"] = "similarity" if rule == "similarity" else "drawn"
    if groups:
        about = f"drawn by group, {test_fraction:g} for testing"
    kept = kept_together(sequences, dna.COMPLEMENT, *relations, near=rule == "similarity")
    if rule == "similarity":
        about = (
            f"drawn by {'group and ' if groups else ''}similarity, {test_fraction:g} for testing"
        )
    if kept.neighbours is not None:
        about += (
            f"; where more than {kept.neighbours:,} sequences hold a word of {WORD} bases, each was"
            " compared with the next so many only: look for leaks below"
        )
    together = kept.groups
    is_test = draw_groups(together, labels if strata is None else strata, test_fraction, seed)
    _check_drawn(path, together, is_test, labels, classes, test_fraction)
    if groups or rule == "similarity":
        about += f"; {len(np.unique(together)):,} groups"
    return Assignment(np.where(is_test, "test", "train"), _names(together), about, kind)


def _names(together: NDArray[np.int64]) -> list[str]:
    return [str(number) for number in together.tolist()]


def _check_given(
    path: str | Path, split: NDArray[np.str_], labels: NDArray[np.int64], classes: Sequence[str]
) -> None:
    for name in ("train", "test"):
        if not (split == name).any():
            raise InputError(
                path,
                f"no row is in {name}; add some, or draw a split with --split random",
                where="column split",
            )
    trained = set(labels[split == "train"].tolist())
    for name in ("test", "validation"):
        missing = sorted(set(labels[split == name].tolist()) - trained)
        if missing:
            raise InputError(
                path,
                f"no training row has the label {classes[missing[0]]!r}; remove it from {name}, or "
                "move rows of it to train",
                where="column split",
            )


def _check_drawn(
    path: str | Path,
    together: NDArray[np.int64],
    is_test: NDArray[np.bool_],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    test_fraction: float,
) -> None:
    sides = (labels[is_test], labels[~is_test])
    held = np.min([np.bincount(side, minlength=len(classes)) for side in sides], 0)
    if held.min() > 0:
        return
    members = np.bincount(labels, minlength=len(classes))
    holding = [len(set(together[labels == number].tolist())) for number in range(len(classes))]
    # Where several classes are missing, the one with the fewest groups is the reason.
    number = min(np.flatnonzero(held == 0).tolist(), key=lambda each: holding[each])
    raise InputError(
        path,
        f"{len(labels):,} rows, {members[number]:,} of them {classes[number]!r} in "
        f"{holding[number]:,} {'group' if holding[number] == 1 else 'groups'} that must stay "
        f"together, are too few to hold out {test_fraction:g} of every class; add rows, use "
        "smaller groups or another --test-fraction, or give a column split",
    )
