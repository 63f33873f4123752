"""Coding and intergenic windows of a genome, labelled from its annotation.

Windows of both classes have one length, so that length tells nothing. They are read from the
forward strand: about half of the coding ones lie antisense to their gene, as they would in a
genome of which nothing is known. Windows of one class never overlap each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hnet_seq.tasks.annotations import read_annotation
from hnet_seq.tasks.choices import WINDOWS_GUARD as GUARD
from modalities.base import Tokens
from modalities.errors import InputError, UsageError
from pipelines.formats.genome import Genome
from pipelines.shards.split import Region, plan_split

CODING, INTERGENIC = "coding", "intergenic"

Span = tuple[int, int]  # 0-based, end exclusive


@dataclass(frozen=True)
class Window:
    """Bases ``start`` to ``end`` (0-based, end exclusive) of a record's forward strand."""

    record: str
    start: int
    end: int
    label: str
    tokens: Tokens


@dataclass(frozen=True)
class LabelledWindows:
    """Windows of both splits, in genome order, as many coding as intergenic ones in each.

    Attributes:
        train, test: the windows.
        regions: per split where windows were sought, as ``NAME:START-END``, 1-based, inclusive.
        found: per split and class how many windows there were before they were balanced.
        with_unknown: windows left out because they hold an N or another ambiguity code.
    """

    train: list[Window]
    test: list[Window]
    regions: dict[str, list[str]]
    found: dict[str, dict[str, int]]
    with_unknown: int


def coding_and_intergenic(
    genome: str | Path,
    annotation: str | Path,
    *,
    test_region: str,
    length: int = 150,
    max_train: int = 1000,
    max_test: int = 500,
    guard: int = GUARD,
    seed: int = 0,
) -> LabelledWindows:
    """Cut labelled windows for training and testing from disjoint regions.

    A coding window lies wholly inside one CDS line; an intergenic window touches no CDS of either
    strand (genes of RNA, where the annotation has them, count as intergenic). Neither touches a
    pseudogene. Each CDS or gap is filled with as many windows as fit, side by side, from a random
    offset, so that a window's place in its gene tells nothing. Then as many of each class are
    drawn as the rarer one has.

    Args:
        genome: FASTA, GenBank or 2bit. annotation: GFF3, GTF or GenBank with CDS features.
        test_region: ``NAME:START-END`` (1-based, inclusive), ``last:FRACTION`` of the longest
            record, or ``records:NAME,...``; the rest of the genome is for training.
        length: bases of a window.
        max_train, max_test: windows of each class at most.
        guard: bases next to the test region that are used for neither split.
        seed: of the offsets and of the draw.

    Raises:
        UsageError: a region or number that cannot be meant.
        InputError: an unreadable file, or a split in which a class has no window.
    """
    for option, value in (
        ("length", length),
        ("max_train", max_train),
        ("max_test", max_test),
    ):
        if value < 1:
            raise UsageError(option, f"is {value}; expected 1 or more")
    source = Genome(genome)
    plan = plan_of(source.lengths, test_region, guard)
    opened = read_annotation(annotation, source)
    coding: dict[str, list[Span]] = {name: [] for name in source.lengths}
    taken: dict[str, list[Span]] = {name: [] for name in source.lengths}
    for name, found_there in opened.genes.records.items():
        coding[name] = found_there.coding_spans
        taken[name] = [*found_there.coding_spans, *found_there.pseudo]
        for coding_sequence in found_there.coding:  # with a stop codon that its rows leave out
            taken[name] += [(p.start, p.end) for p in coding_sequence.chain.inside()]
    if not any(coding.values()):
        there = dict.fromkeys(row.type for rows in opened.features.values() for row in rows)
        of_type = "CDS but of pseudogenes" if "CDS" in there else "CDS"
        raise InputError(
            annotation,
            f"no features of type {of_type}; it has {', '.join(list(there)[:8])}",
            where="whole file",
        )

    generator = np.random.default_rng(seed)
    chosen: dict[str, list[Window]] = {}
    found: dict[str, dict[str, int]] = {}
    regions: dict[str, list[str]] = {}
    with_unknown = 0
    for split, limit in (("train", max_train), ("test", max_test)):
        windows: dict[str, list[Window]] = {CODING: [], INTERGENIC: []}
        regions[split] = []
        for name, parts in plan.items():
            for region in parts:
                if (region.split == "train") != (split == "train"):
                    continue
                regions[split].append(f"{name}:{region.start + 1}-{region.end}")
                for label, spans in (
                    (CODING, coding[name]),
                    (INTERGENIC, gaps(taken[name], source.lengths[name])),
                ):
                    for start in tile(spans, region, length, generator):
                        tokens = source.fetch(name, start, start + length)
                        if (tokens > 3).any():
                            with_unknown += 1
                            continue
                        windows[label].append(Window(name, start, start + length, label, tokens))
        found[split] = {label: len(members) for label, members in windows.items()}
        chosen[split] = _balanced(windows, limit, generator, annotation, split, length)
    return LabelledWindows(chosen["train"], chosen["test"], regions, found, with_unknown)


def plan_of(lengths: Mapping[str, int], test_region: str, guard: int) -> dict[str, list[Region]]:
    """Which parts of records are tested on, and which train.

    Raises:
        UsageError: ``test_region`` is none, or leaves nothing.
    """
    is_form = test_region.startswith(("last:", "records:", "region:"))
    try:
        return plan_split(lengths, test_region if is_form else f"region:{test_region}", guard=guard)
    except UsageError as error:
        if error.path == "guard":
            raise
        # The rules are those of the shards' validation split; the option has another name here.
        reason = str(error).removeprefix(f"{error.path}: ")
        raise UsageError(f"test_region {test_region}", reason) from None


def gaps(spans: list[Span], length: int) -> list[Span]:
    """What of the bases 0 .. ``length`` lies in no span."""
    free: list[Span] = []
    position = 0
    for start, end in sorted(spans):
        if start > position:
            free.append((position, start))
        position = max(position, end)
    if position < length:
        free.append((position, length))
    return free


def tile(
    spans: list[Span], region: Region, length: int, generator: np.random.Generator
) -> list[int]:
    """Starts of windows of ``length`` bases inside a span and the region, without overlaps.

    Spans may overlap, as genes do; the earlier one keeps the bases they share.
    """
    starts: list[int] = []
    position = region.start
    for start, end in sorted(spans):
        start, end = max(start, position), min(end, region.end)
        count, slack = divmod(end - start, length)
        if count < 1:
            continue
        first = start + int(generator.integers(slack + 1))
        starts.extend(range(first, first + count * length, length))
        position = first + count * length
    return starts


def _balanced(
    windows: dict[str, list[Window]],
    limit: int,
    generator: np.random.Generator,
    annotation: str | Path,
    split: str,
    length: int,
) -> list[Window]:
    count = min(limit, *(len(members) for members in windows.values()))
    if not count:
        label = next(label for label, members in windows.items() if not members)
        raise InputError(
            annotation,
            f"no {label} window of {length} bases in the {split} region; make windows shorter "
            "(--length) or the region larger (--test-region)",
        )
    picked = [
        members[index]
        for members in windows.values()
        for index in generator.choice(len(members), count, replace=False)
    ]
    return sorted(picked, key=lambda window: (window.record, window.start))
