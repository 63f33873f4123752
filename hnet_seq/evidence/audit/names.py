"""Ids that repeat, and groups of one origin, such as a gene, on both sides of a split."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations

from hnet_seq.evidence.audit.examples import Splits
from hnet_seq.results.audit import RepeatedIds, SharedGroups

SEPARATORS = "#:|/._-"
_FEWEST_GROUPS = 5  # fewer are more likely names of files, splits or classes than of origins
_LARGEST_GROUP = 0.5  # of all sequences: one name before nearly every id says nothing either
_WITH_SEPARATOR = 0.9  # of the ids
_LEVELS = 3  # of nested groups at most


def repeated_ids(splits: Splits) -> list[RepeatedIds]:
    """Inside each split, and across each pair; nothing where sequences have no ids."""
    ids = {name: split.ids for name, split in splits.items() if split.ids is not None}
    found = []
    for name, own in ids.items():
        counts = Counter(own)
        example = next((each for each in own if counts[each] > 1), None)
        found.append(_repeated(name, name, len(own), len(own) - len(counts), example))
    for first, second in combinations(ids, 2):
        known = set(ids[first])
        both = [each for each in ids[second] if each in known]
        found.append(
            _repeated(first, second, len(ids[second]), len(both), both[0] if both else None)
        )
    return found


def _repeated(first: str, second: str, n: int, repeated: int, example: str | None) -> RepeatedIds:
    return RepeatedIds(first=first, second=second, n=n, repeated=repeated, example=example)


def shared_groups(splits: Splits) -> list[SharedGroups]:
    """Groups across each pair of splits: those given, else every way the ids have stems in common.

    A stem is what stands before the first or the last of one of ``SEPARATORS``, such as a
    transcript, a gene or a chromosome. It is taken for a group where nearly all ids have one, there
    are five different ones or more, none of them is half of all, and some occur twice. At most
    three such levels are kept, the finest first. Only what is shared is in the result.
    """
    given = {name: split.groups for name, split in splits.items() if split.groups is not None}
    if len(given) == len(splits):
        return _shared("the groups given", None, given)
    ids = {name: split.ids for name, split in splits.items() if split.ids is not None}
    if len(ids) < len(splits):
        return []
    found = []
    for rule, pattern, groups in _levels(ids):
        found += _shared(rule, pattern, groups)
    return found


def _levels(ids: dict[str, list[str]]) -> list[tuple[str, str, dict[str, list[str]]]]:
    """(what a group is, pattern, groups by split), the finest first."""
    everything = [each for own in ids.values() for each in own]
    levels: dict[int, tuple[str, str, dict[str, list[str]]]] = {}
    for separator in SEPARATORS:
        if sum(separator in each for each in everything) < _WITH_SEPARATOR * len(everything):
            continue
        for rule, pattern, stem in _stems(separator):
            counts = Counter(map(stem, everything))
            if (
                len(counts) >= _FEWEST_GROUPS
                and 1 < max(counts.values()) <= _LARGEST_GROUP * len(everything)
                and len(counts) not in levels
            ):
                groups = {name: list(map(stem, own)) for name, own in ids.items()}
                levels[len(counts)] = rule, pattern, groups
    return [levels[count] for count in sorted(levels, reverse=True)][:_LEVELS]


def _stems(separator: str) -> list[tuple[str, str, Callable[[str], str]]]:
    written = re.escape(separator) if separator != "#" else "#"
    return [
        (
            f"ids up to the last {separator!r}",
            f"^(.*){written}",
            lambda each: each.rpartition(separator)[0] or each,
        ),
        (
            f"ids up to the first {separator!r}",
            f"^([^{separator}]+)",
            lambda each: each.partition(separator)[0],
        ),
    ]


def _shared(
    rule: str, pattern: str | None, groups: dict[str, Sequence[str]] | dict[str, list[str]]
) -> list[SharedGroups]:
    different = len({group for own in groups.values() for group in own})
    found = []
    for first, second in combinations(groups, 2):
        known = set(groups[first])
        both = [group for group in groups[second] if group in known]
        if both:
            found.append(
                SharedGroups(
                    rule=rule,
                    pattern=pattern,
                    groups=different,
                    first=first,
                    second=second,
                    n=len(groups[second]),
                    shared=len(both),
                    example=both[0],
                )
            )
    return found
