"""Which bases are for training, which for validation, and which (the guard) for neither."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from modalities.errors import UsageError

FORMS = (
    "records:NAME,...  region:NAME:START-END (1-based, inclusive)  last:FRACTION  "
    "similarity:FRACTION[:SEED]"
)
_SIMILARITY = "similarity"
_OF_RECORDS = (
    "records",
    "group(s) of near copies",
    "hold out a part with region:NAME:START-END or last:FRACTION, or add genomes that are less "
    "alike",
)


@dataclass(frozen=True)
class Region:
    """Bases ``start`` to ``end`` (0-based, end exclusive) of a record, their split and label."""

    start: int
    end: int
    split: str
    label: str = ""


def by_similarity(validation: str | None) -> bool:
    """Whether `plan_split` needs groups of similar records."""
    return validation is not None and validation.partition(":")[0] == _SIMILARITY


def check_form(validation: str | None, guard: int = 0) -> None:
    """Raise UsageError for what no genome can be split by."""
    if guard < 0:
        raise UsageError("guard", f"is {guard}, expected 0 or more bases")
    if validation is None:
        return
    form, _, rest = validation.partition(":")
    if form not in ("records", "region", "last", _SIMILARITY) or not rest:
        raise wrong_split(validation, f"unknown form; expected one of: {FORMS}")
    if form == "region":
        _named_region(rest, validation)
    elif form == "last":
        _fraction(rest, validation, "last:0.1")
    elif form == _SIMILARITY:
        share_and_seed(rest, validation)


def plan_split(
    lengths: Mapping[str, int],
    validation: str | None,
    *,
    guard: int = 1000,
    groups: Mapping[str, int] | None = None,
) -> dict[str, list[Region]]:
    """Regions of every record; what lies in none of them is guard, and dropped.

    ``validation`` is one of

    - ``records:NAME,NAME``: whole records;
    - ``region:NAME:START-END``: positions as samtools and genome browsers write them, 1-based
      and inclusive; commas in numbers are fine, and so are colons in names;
    - ``last:FRACTION``: that fraction of all bases, taken from the end of the longest record
      (the first of equals): the last tenth of a one-chromosome genome for ``last:0.1``;
    - ``similarity:FRACTION``, ``similarity:FRACTION:SEED``: whole groups of similar records, drawn
      until that fraction of all bases is reached as nearly as they allow.

    Args:
        lengths: bases of each record, in file order.
        guard: bases dropped on each side of a region, next to training ones.
        groups: of each record the number of its group, for ``similarity``.

    Raises:
        UsageError: no such form, an unknown record, a region beyond its record, or a split that
            leaves nothing to train on or to validate with.
    """
    check_form(validation, guard)
    if validation is None:
        return {name: [Region(0, length, "train")] for name, length in lengths.items()}
    form, _, rest = validation.partition(":")
    if form == "records":
        names = rest.split(",")
        plan = {name: [Region(0, length, "train")] for name, length in lengths.items()}
        for name in names:
            require(lengths, name, validation)
            plan[name] = [Region(0, lengths[name], "validation")]
    elif form == "region":
        name, start, end = _region(lengths, rest, validation)
        plan = _hold_out(lengths, name, start, end, guard)
    elif form == "last":
        name, start, end = _last(lengths, rest, validation)
        plan = _hold_out(lengths, name, start, end, guard)
    else:
        if groups is None:
            raise wrong_split(validation, "needs the groups of similar records; give `groups`")
        held_out = draw_groups(lengths, groups, rest, validation)
        plan = {
            name: [Region(0, length, "validation" if groups[name] in held_out else "train")]
            for name, length in lengths.items()
        }
    for split in ("train", "validation"):
        if not any(
            r.split == split and r.end > r.start for regions in plan.values() for r in regions
        ):
            is_cut = form in ("region", "last") and split == "train" and guard
            beside = f" beside --guard {guard}" if is_cut else ""
            raise wrong_split(validation, f"leaves no bases for {split}{beside}")
    return plan


def _hold_out(
    lengths: Mapping[str, int], name: str, start: int, end: int, guard: int
) -> dict[str, list[Region]]:
    plan = {other: [Region(0, length, "train")] for other, length in lengths.items()}
    regions = [
        Region(0, max(0, start - guard), "train"),
        Region(start, end, "validation"),
        Region(min(lengths[name], end + guard), lengths[name], "train"),
    ]
    plan[name] = [region for region in regions if region.end > region.start]
    return plan


def _region(lengths: Mapping[str, int], text: str, validation: str) -> tuple[str, int, int]:
    name, start, end = _named_region(text, validation)
    require(lengths, name, validation)
    if end > lengths[name]:
        raise wrong_split(validation, f"ends beyond {name}, which has {lengths[name]} bases")
    return name, start - 1, end


def _named_region(text: str, validation: str) -> tuple[str, int, int]:
    """Record, first and last base, from 1."""
    name, colon, span = text.rpartition(":")
    first, dash, last = span.replace(",", "").partition("-")
    if not (colon and dash and name and first.isdecimal() and last.isdecimal()):
        raise wrong_split(validation, "expected region:NAME:START-END, as in region:chr1:1000-2000")
    start, end = int(first), int(last)
    if start < 1 or end < start:
        raise wrong_split(
            validation, f"{start}-{end} is no region; positions are 1-based and inclusive"
        )
    return name, start, end


def share_and_seed(text: str, validation: str) -> tuple[float, int]:
    """Of ``FRACTION`` or ``FRACTION:SEED``; UsageError for other text."""
    share, _, seed = text.partition(":")
    if seed and not seed.isdecimal():
        raise wrong_split(validation, f"the seed is {seed!r}, expected a whole number")
    form = validation.partition(":")[0]
    return _fraction(share, validation, f"{form}:0.1 or {form}:0.1:SEED"), int(seed or 0)


def draw_groups(
    lengths: Mapping[str, int],
    groups: Mapping[str, int],
    text: str,
    validation: str,
    what: tuple[str, str, str] = _OF_RECORDS,
) -> set[int]:
    """Groups in a drawn order, each that brings the bases nearer to the wanted number.

    Args:
        lengths: bases of each record or genome, by name.
        groups: of each the number of its group.
        text: ``FRACTION`` or ``FRACTION:SEED``.
        what: for errors: what is grouped, what makes a group, and a remedy.

    Raises:
        UsageError: no group can be held out.
    """
    wanted, seed = share_and_seed(text, validation)
    total = sum(lengths.values())
    bases: dict[int, int] = {}
    for name, length in lengths.items():
        bases[groups[name]] = bases.get(groups[name], 0) + length
    numbers = list(bases)
    held_out: set[int] = set()
    missing = wanted * total
    for place in np.random.default_rng(seed).permutation(len(numbers)):
        number = numbers[place]
        if abs(missing - bases[number]) < abs(missing) and len(held_out) < len(numbers) - 1:
            held_out.add(number)
            missing -= bases[number]
    if not held_out:
        least = min(bases.values()) / max(1, total)
        items, groups_of, remedy = what
        raise wrong_split(
            validation,
            f"the {len(lengths)} {items} make {len(bases)} {groups_of}, and the smallest has "
            f"{least:.0%} of all bases; {remedy}",
        )
    return held_out


def _fraction(text: str, validation: str, example: str) -> float:
    try:
        fraction = float(text)
    except ValueError:
        fraction = -1.0
    if not 0 < fraction < 1:
        raise wrong_split(validation, f"expected a fraction between 0 and 1, as in {example}")
    return fraction


def _last(lengths: Mapping[str, int], text: str, validation: str) -> tuple[str, int, int]:
    fraction = _fraction(text, validation, "last:0.1")
    if not lengths:
        raise wrong_split(validation, "there are no records")
    name = max(lengths, key=lambda record: lengths[record])
    count = round(fraction * sum(lengths.values()))
    if count >= lengths[name]:
        raise wrong_split(
            validation,
            f"{count} bases are not fewer than the longest record has ({name}, {lengths[name]}); "
            "hold out whole records with records:NAME,...",
        )
    return name, lengths[name] - count, lengths[name]


def require(lengths: Mapping[str, int], name: str, validation: str, what: str = "record") -> None:
    """Raise UsageError where there is none of that name."""
    if name not in lengths:
        close = difflib.get_close_matches(name, lengths, n=3, cutoff=0.4) or list(lengths)[:3]
        raise wrong_split(
            validation, f"no {what} {name!r}; there are {len(lengths)}, as {', '.join(close)}"
        )


def wrong_split(validation: str, message: str) -> UsageError:
    """What is wrong with it, as an error that names the parameter."""
    return UsageError(f"validation {validation}", message)
