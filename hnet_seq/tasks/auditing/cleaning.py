"""Which rows of a task a cleaner split keeps, drops and moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hnet_seq.connected import connected
from hnet_seq.evidence.audit.links import find_links
from hnet_seq.evidence.audit.loci import NEAR, Coordinates, chains, partners
from hnet_seq.evidence.audit.pool import Pool
from hnet_seq.evidence.audit.twins import opposite_twins
from hnet_seq.evidence.similarity.homologs import Homolog, homologs
from hnet_seq.evidence.similarity.similarity_groups import similarity_groups
from hnet_seq.tasks.choices import CleanBy, CleanMode
from hnet_seq.tasks.classification.task import Task
from hnet_seq.train.grouped_draw import draw_groups, linked, strand_key
from modalities import dna
from modalities.base import Tokens

TWO_LABELS, MOVED, MADE = "two labels", "drawn anew", "made from the other"
UNKNOWN = "most bases unknown"


@dataclass
class Cleaned:
    """What becomes of N rows, in the order of the splits.

    Attributes:
        before, after: splits; ``after`` is "" for a row that is dropped.
        reason: why; "" where nothing changes.
        linked: the name of the other row that is the reason.
        group: what was kept together.
    """

    before: list[str]
    after: list[str]
    reason: list[str]
    linked: list[str]
    group: list[str]

    @property
    def dropped(self) -> dict[str, int]:
        """How many rows are dropped for which reason."""
        return dict(
            Counter(
                why for why, now in zip(self.reason, self.after, strict=True) if why and not now
            )
        )

    @property
    def changed(self) -> Iterator[int]:
        """Rows that are dropped or moved."""
        return (
            i
            for i, (was, now) in enumerate(zip(self.before, self.after, strict=True))
            if was != now
        )


def clean(
    task: Task,
    places: Mapping[str, Coordinates] | None,
    *,
    mode: CleanMode,
    by: CleanBy,
    seed: int = 0,
) -> Cleaned:
    """Decide on each row.

    Sequences under two labels, and those of which most bases are unknown, are dropped. ``resplit``
    then draws whole groups, in the proportions of the splits that there are; in the end, and with
    ``filter`` at once, what has its like in train is dropped from validation and test, and what has
    it in validation from test.

    Args:
        places: of each split's sequences; ``locus`` and ``chromosome`` need them.
    """
    pool = Pool.of(task.splits, task.sets or task.classes)
    where = None if places is None else _joined(places, task)
    before = pool.split.tolist()
    count = len(before)
    found = Cleaned(before, [*before], [""] * count, [""] * count, [""] * count)
    _drop_unusable(pool, found, of_classes=task.problem != "regression")
    if mode == "resplit" and any(found.after):
        _draw(task, pool, where, by, found, seed)
    for first, second in (("train", "validation"), ("train", "test"), ("validation", "test")):
        _drop_linked(pool, where, by, found, first, second)
    return found


def _joined(places: Mapping[str, Coordinates], task: Task) -> Coordinates:
    parts = [places[name] for name in task.splits]
    return Coordinates(
        [name for part in parts for name in part.names],
        np.concatenate([part.starts for part in parts]),
        np.concatenate([part.ends for part in parts]),
        parts[0].rule,
    )


def _drop_unusable(pool: Pool, found: Cleaned, *, of_classes: bool) -> None:
    """Two labels may be of one sequence or of its strands; of unknown bases nothing is known."""
    first: dict[bytes, int] = {}
    torn: dict[bytes, int] = {}
    keys = [strand_key(each, dna.COMPLEMENT) for each in pool.sequences]
    for index, key in enumerate(keys):
        there = first.setdefault(key, index)
        if of_classes and pool.labels[there] != pool.labels[index]:
            torn[key] = index
    for index, (key, sequence) in enumerate(zip(keys, pool.sequences, strict=True)):
        if 2 * int((sequence < dna.UNKNOWN).sum()) < len(sequence):
            _drop(found, index, UNKNOWN, "")
        elif key in torn:
            other = first[key] if pool.labels[first[key]] != pool.labels[index] else torn[key]
            _drop(found, index, TWO_LABELS, pool.names[other])


def _drop(found: Cleaned, index: int, reason: str, other: str) -> None:
    found.after[index], found.reason[index], found.linked[index] = "", reason, other


def _draw(
    task: Task, pool: Pool, where: Coordinates | None, by: CleanBy, found: Cleaned, seed: int
) -> None:
    kept = np.flatnonzero(np.array(found.after) != "")
    groups = _groups(task, pool, where, by, kept)
    classes = pool.labels[kept] if task.problem == "classes" else np.zeros(len(kept), np.int64)
    sizes = {name: len(examples) for name, examples in task.splits.items()}
    after = np.full(len(kept), "train", dtype="<U10")
    for name in ("test", "validation"):
        left = np.flatnonzero(after == "train")
        rest = sum(size for key, size in sizes.items() if key in ("train", "validation", name))
        if sizes.get(name):
            drawn = draw_groups(groups[left], classes[left], sizes[name] / rest, seed)
            after[left[drawn]] = name
    for place, index in enumerate(kept.tolist()):
        found.group[index] = f"{groups[place]}"
        if after[place] != found.before[index]:
            found.after[index], found.reason[index] = str(after[place]), MOVED


def _groups(
    task: Task, pool: Pool, where: Coordinates | None, by: CleanBy, kept: NDArray[np.int64]
) -> NDArray[np.int64]:
    """(K,) numbers of what stays together."""
    sequences = [pool.sequences[i] for i in kept]
    relations: list[Sequence[Hashable]] = [[strand_key(s, dna.COMPLEMENT) for s in sequences]]
    given = [group for examples in task.splits.values() for group in examples.groups or ()]
    if len(given) == len(pool.names):
        relations.append([given[i] for i in kept])
    if by != "cluster":
        assert where is not None, "asked for by the verb"
        own = where.of(kept)
        if by == "chromosome":
            relations.append([name or f" {i}" for i, name in enumerate(own.names)])
        else:
            relations.append(chains(own, NEAR))
        return linked(*relations)
    if where is not None:
        relations.append(chains(where.of(kept), -1))
    relations.append(similarity_groups(sequences).groups.tolist())
    pairs = [(pair.query, pair.reference) for pair in _all_relatives(sequences)]
    relations.append(connected(len(kept), *np.reshape(pairs, (-1, 2)).T).tolist())
    number = {int(index): place for place, index in enumerate(kept)}
    twins = [(number[i], number[j]) for i, j in opposite_twins(pool) if i in number and j in number]
    relations.append(connected(len(kept), *np.reshape(twins, (-1, 2)).T).tolist())
    return linked(*relations)


def _all_relatives(sequences: Sequence[Tokens]) -> Iterator[Homolog]:
    return homologs(sequences, sequences, same=True, every=True)


def _drop_linked(
    pool: Pool, where: Coordinates | None, by: CleanBy, found: Cleaned, first: str, second: str
) -> None:
    """Drop what of ``second`` has its like in ``first``."""
    after = np.array(found.after)
    there, here = (np.flatnonzero(after == name) for name in (first, second))
    if not len(there) or not len(here):
        return
    links = find_links([pool.sequences[i] for i in there], [pool.sequences[i] for i in here])
    for query, reference, reason in zip(links.query, links.reference, links.reason, strict=True):
        _drop(found, int(here[query]), f"{reason} in {first}", pool.names[there[reference]])
    of_first = set(there.tolist())
    for index, other in opposite_twins(pool):
        for own, its in ((index, other), (other, index)):
            if found.after[own] == second and its in of_first:
                _drop(found, own, f"{MADE}, or the other from it, in {first}", pool.names[its])
    if where is None:
        return
    if by == "chromosome":
        names = {where.names[i]: i for i in there if where.names[i]}
        for index in here.tolist():
            if (name := where.names[index]) in names and found.after[index]:
                _drop(found, index, f"on a chromosome of {first}", pool.names[names[name]])
        return
    reach = NEAR if by == "locus" else 0
    beside = partners(where.of(there), where.of(here), reach=reach)
    for place in np.flatnonzero(beside >= 0).tolist():
        index = int(here[place])
        if found.after[index]:
            said = f"within {NEAR} bases of" if reach else "lies on"
            _drop(found, index, f"{said} one of {first}", pool.names[there[beside[place]]])
