"""Everything that ``hnet-seq audit`` looks for, beside what ``classify`` does."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.audit.anchored import find_places
from hnet_seq.evidence.audit.examples import Examples, Splits
from hnet_seq.evidence.audit.generated import find_generated
from hnet_seq.evidence.audit.links import Links, find_links, is_close
from hnet_seq.evidence.audit.loci import Coordinates, find_loci
from hnet_seq.evidence.audit.membership import Found, found_in
from hnet_seq.evidence.audit.pool import Pool
from hnet_seq.evidence.audit.shortcuts import tree_scores
from hnet_seq.evidence.audit.signal import find_signal, words_rule
from hnet_seq.evidence.audit.twins import find_twins
from hnet_seq.results.audit import Audit
from hnet_seq.results.audited import (
    Generated,
    Loci,
    Membership,
    Pretrained,
    Relative,
    Relatives,
    Segments,
    Signal,
    Twins,
    WordsAtPlaces,
)
from modalities.base import Tokens

Documents = Iterable[tuple[str, Tokens]]
_MEMBER = 0.9  # of the words: drawn from the genome, but for a mutation
_PRETRAINED = 0.5  # of the words: the same stretch, with up to 3% of changes
_RANGES = (95, 90, 80, 70, 0)  # percent of identity
WORDS, PLACES = "words of 4 bases", "letters at fixed places"


@dataclass
class Whole:
    """What was found, for :mod:`hnet_seq.evidence.audit.whole_findings`; as
    :class:`hnet_seq.results.audited.AuditedTask` has it."""

    relatives: list[Relatives] = field(default_factory=list)
    loci: list[Loci] = field(default_factory=list)
    twins: list[Twins] = field(default_factory=list)
    generated: list[Generated] = field(default_factory=list)
    places: WordsAtPlaces | None = None
    segments: Segments | None = None
    signal: Signal | None = None
    genome: Membership | None = None
    pretrained: list[Pretrained] = field(default_factory=list)
    unknown: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Keep the CPU seconds that the block takes."""
        began = time.process_time()
        yield
        self.seconds[name] = round(time.process_time() - began, 1)


def look_through(
    splits: Splits,
    classes: Sequence[str],
    base: Audit,
    *,
    of_classes: bool = True,
    places: Mapping[str, Coordinates] | None = None,
    genome: tuple[str, Documents] | None = None,
    shards: Iterable[tuple[str, str, Documents]] = (),
    seed: int = 0,
) -> Whole:
    """Look for everything.

    Args:
        base: what :func:`hnet_seq.evidence.audit.task.audit` found in the same splits.
        of_classes: labels are classes, which rules can predict.
        places: of each split's sequences in their genome.
        genome: its name and records.
        shards: names, split and documents of what models were pretrained on.
    """
    found = Whole()
    pool = Pool.of(splits, classes)
    train, test = splits["train"], splits["test"]
    with found.timed("relatives"):
        links = _links(splits)
        for (first, second), link in links.items():
            found.relatives.append(_relatives(first, splits[first], second, splits[second], link))
    if places is not None:
        with found.timed("coordinates"):
            for first, second in combinations(splits, 2):
                named = [splits[key].name(i) for key in (first, second) for i in _all(splits[key])]
                found.loci.append(find_loci(first, places[first], second, places[second], named))
    found.unknown = {
        name: sum(1 for each in split.sequences if 2 * int((each < 4).sum()) < len(each))
        for name, split in splits.items()
    }
    if of_classes:
        with found.timed("how negatives were made"):
            found.twins = find_twins(pool)
            found.generated = find_generated(pool, seed=seed)
        with found.timed("places"):
            found.places, found.segments = find_places(train, test, [*classes], seed=seed)
        with found.timed("words"):
            rules = {
                each["property"]: [each["train_mcc"], each["test_mcc"]]
                for each in base.get("shortcuts", ())
            }
            rules[WORDS] = [*words_rule(train, test, len(classes), seed=seed)]
            if found.places is not None:
                rules[PLACES] = [found.places["train_mcc"], found.places["test_mcc"]]
            link = links["train", "test"]
            found.signal = find_signal(
                *(train, test, len(classes), rules),
                *(link.reference[link.alike], link.query[link.alike]),
            )
    if genome is not None:
        with found.timed("genome"):
            name, records = genome
            share = found_in(pool.sequences, records).share
            found.genome = _membership(name, share, pool, splits, of_classes, seed)
    with found.timed("pretraining"):
        for name, part, documents in shards:
            held = found_in(pool.sequences, documents)
            found.pretrained += [
                _pretrained(name, part, held, pool, split, of_classes) for split in splits
            ]
    return found


def _all(split: Examples) -> range:
    return range(len(split))


def _links(splits: Splits) -> dict[tuple[str, str], Links]:
    return {
        (first, second): find_links(splits[first].sequences, splits[second].sequences)
        for first, second in combinations(splits, 2)
    }


def _relatives(first: str, one: Examples, second: str, other: Examples, links: Links) -> Relatives:
    found = links.homologs
    best = max(found, key=lambda pair: pair.identity * pair.bases, default=None)
    counts = dict.fromkeys((f"{least}" for least in _RANGES), 0)
    for pair in found:
        counts[f"{next(least for least in _RANGES if 100 * pair.identity >= least)}"] += 1
    return Relatives(
        first=first,
        second=second,
        n=len(other),
        looked_at=links.looked_at,
        found=len(found),
        close=sum(map(is_close, found)),
        reverse=sum(pair.reverse for pair in found),
        identities=counts,
        example=None
        if best is None
        else Relative(
            first=one.name(best.reference),
            second=other.name(best.query),
            identity=round(best.identity, 3),
            cover=round(best.cover, 3),
            bases=best.bases,
            reverse=best.reverse,
        ),
    )


def _membership(
    name: str,
    share: NDArray[np.float64],
    pool: Pool,
    splits: Splits,
    of_classes: bool,
    seed: int,
) -> Membership:
    known = ~np.isnan(share)
    members = {
        label: round(float((share[chosen] >= _MEMBER).mean()), 3)
        for number, label in enumerate(pool.classes)
        if (chosen := known & (pool.labels == number)).any()
    }
    scores: tuple[float | None, float | None] = (None, None)
    inside, outside = (known & (pool.split == which) for which in ("train", "test"))
    if of_classes and len(np.unique(pool.labels[inside])) > 1 and outside.any():
        scores = tree_scores(
            *(share[inside][:, None], pool.labels[inside]),
            *(share[outside][:, None], pool.labels[outside]),
            num_classes=len(pool.classes),
            seed=seed,
        )
    return Membership(
        where=name,
        looked_at=int(known.sum()),
        members=members,
        train_mcc=None if scores[0] is None else round(scores[0], 3),
        test_mcc=None if scores[1] is None else round(scores[1], 3),
    )


def _pretrained(
    name: str, part: str, held: Found, pool: Pool, split: str, of_classes: bool
) -> Pretrained:
    inside = pool.split == split
    hit = np.flatnonzero(inside & (np.nan_to_num(held.share) >= _PRETRAINED))
    classes = np.bincount(pool.labels[hit], minlength=len(pool.classes)).tolist()
    example = None
    if len(hit):
        example = [pool.names[hit[0]], held.names[int(held.document[hit[0]])]]
    return Pretrained(
        shards=name,
        part=part,
        documents=held.documents,
        split=split,
        n=int(inside.sum()),
        found=len(hit),
        classes=dict(zip(pool.classes, classes, strict=True)) if of_classes else {},
        example=example,
    )
