"""Bases of a genome with their classes, in windows that lie apart, as a task to learn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.audit.loci import NEAR
from hnet_seq.evidence.audit.task import Examples, Origin
from hnet_seq.tasks.benchmarking.per_base_task import PerBase
from hnet_seq.tasks.choices import WINDOWS_GUARD
from hnet_seq.tasks.classification.task import Task
from hnet_seq.tasks.classification.windows import plan_of
from modalities import dna
from modalities.errors import InputError
from pipelines.formats.annotation_file import gene_format, read_features
from pipelines.formats.bed import bed_rows
from pipelines.formats.genome import Genome
from pipelines.shards.split import Region

_OTHER, _NONE, _TORN = 0, 254, 255
"""In the map of a record: covered by nothing, by rows of no class that is asked for, by rows of two
classes or of two strands. What else is there is 1 + twice the class, and 1 more on the reverse."""
_MOST = 126  # classes

Spans = dict[str, list[tuple[int, int, str, str]]]
"""Of each record start, end (0-based, exclusive), class and strand."""


@dataclass(frozen=True)
class _Base:
    record: str
    place: int
    label: str
    strand: str


def read_per_base(own: PerBase, folder: Path, *, seed: int) -> Task:
    """Draw bases of each class for training and for testing, whose windows share no base.

    A base that rows of two classes or of two strands cover is left out, as are windows with an
    unknown base and those that leave their region. Those on the reverse strand are given as its
    letters; bases of ``other`` on a strand that is drawn where a class has strands, for else the
    strand would tell the class. What lies within one stretch of 10 kb is ``together``, and stays on
    one side of a fold.

    Memory: the genome's classes, a byte a base, and 8 to 16 bytes for each base of one class.

    Args:
        seed: of what is drawn.

    Raises:
        InputError: a file that cannot be read, or a split without a base of a class.
        UsageError: a region that cannot be meant.
    """
    source, path = Genome(folder / own.genome), folder / own.labels
    plan = plan_of(source.lengths, own.test_region, max(WINDOWS_GUARD, own.context))
    spans = _spans(path, source, own.sources)
    wanted = own.classes or sorted({span[2] for each in spans.values() for span in each})
    if len(wanted) > _MOST:
        raise InputError(path, f"names {len(wanted)} classes; give `classes`, {_MOST} at most")
    if "" in wanted:
        raise InputError(path, "has rows without a name, which says the class; give `classes`")
    if own.other in wanted:  # of a BED whose names are all classes
        raise InputError(path, f"has rows of {own.other!r}; name `other` otherwise")
    classes = sorted([*wanted, *[own.other] * bool(own.other)])
    if len(classes) < 2:
        raise InputError(path, f"names one class, {wanted}; give a name for `other`, or two")
    generator = np.random.default_rng(seed)
    maps = {
        name: _map(spans.get(name, ()), length, wanted) for name, length in source.lengths.items()
    }
    stranded = any(
        label in wanted and strand in ("+", "-")
        for each in spans.values()
        for *_, label, strand in each
    )
    drawn = {
        split: _drawn(maps, plan, split, own, wanted, most, source, generator, stranded)
        for split, most in (("train", own.max_train), ("test", own.max_test))
    }
    for split, bases in drawn.items():
        for label in classes:
            if not any(base.label == label for base in bases):
                raise InputError(
                    path,
                    f"no base of {label!r} is in {split} with {own.context} known bases around it; "
                    "take it out of `classes`, or test another region",
                )
    stretches = len({_stretch(base) for base in drawn["test"]})
    said = (
        f"{own.test_region} of {Path(own.genome).name} is tested on, in {stretches:,} "
        f"stretch{'es' * (stretches > 1)} of {NEAR // 1000} kb; vectors are of bases, not pooled"
    )
    return Task(
        "classes of bases",
        classes,
        _examples(drawn["train"], classes, source, own.context),
        _examples(drawn["test"], classes, source, own.context),
        None,
        {"split": said},
        Origin("windows", None),
        middle=True,
    )


def _spans(path: Path, source: Genome, sources: list[str]) -> Spans:
    found: Spans = defaultdict(list)
    if ".bed" in path.suffixes[-2:]:
        if sources:
            raise InputError(path, "is BED, whose rows have no source; leave `sources` out")
        for row in bed_rows(path, source.lengths, strands=True):
            try:
                blocks, strand = row.blocks, row.strand
            except ValueError as error:
                raise InputError(path, f"{error}", where=f"line {row.line}") from None
            found[row.record] += [(start, end, row.name, strand) for start, end in blocks]
        return found
    features, _ = read_features(path, gene_format(path), lengths=source.lengths)
    there = sorted({feature.source for feature in features})
    if sources and not set(sources) & set(there):
        said = f"has no row of {', '.join(sources)}; it has {', '.join(there)}"
        raise InputError(path, said)
    for feature in features:
        if sources and feature.source not in sources:
            continue
        length = source.lengths[feature.sequence]
        for start, end in ((feature.start, feature.end), (0, feature.end - length)):
            if end > start:  # what crosses the origin goes on at the first base
                span = (start, min(end, length), feature.type, feature.strand)
                found[feature.sequence].append(span)
    return found


def _map(
    spans: Sequence[tuple[int, int, str, str]], length: int, wanted: list[str]
) -> NDArray[np.uint8]:
    """(L,) what covers each base of a record, in the numbers above."""
    found = np.full(length, _OTHER, np.uint8)
    for start, end, label, strand in spans:
        here = found[start:end]
        if label in wanted:
            number = 1 + 2 * wanted.index(label) + (strand == "-")
            free = (here == _OTHER) | (here == _NONE)
            here[~free & (here != number)] = _TORN
            here[free] = number
        elif (start, end) != (0, length):  # a row of the record itself says nothing of a base
            here[here == _OTHER] = _NONE
    return found


def _drawn(
    maps: dict[str, NDArray[np.uint8]],
    plan: dict[str, list[Region]],
    split: str,
    own: PerBase,
    wanted: list[str],
    most: int,
    source: Genome,
    generator: np.random.Generator,
    stranded: bool,
) -> list[_Base]:
    """Bases of a split, the rarest class first: it has the least choice of places."""
    half = own.context // 2
    regions = [
        (name, region.start + half, region.end - half)
        for name, parts in plan.items()
        for region in parts
        if (region.split == "train") == (split == "train")
        and region.end - region.start >= own.context
    ]
    numbers = {label: [1 + 2 * at, 2 + 2 * at] for at, label in enumerate(wanted)}
    if own.other:
        numbers[own.other] = [_OTHER]
    there = sum(
        (np.bincount(maps[name][start:end], minlength=256) for name, start, end in regions),
        np.zeros(256, np.int64),
    )
    taken: dict[tuple[str, int], list[int]] = {}
    found: list[_Base] = []
    for label in sorted(numbers, key=lambda each: (int(there[numbers[each]].sum()), each)):
        count = 0
        for name, place in _in_random_order(maps, numbers[label], regions, generator):
            if count == most:
                break
            cell = place // own.context
            beside = (each for at in (-1, 0, 1) for each in taken.get((name, cell + at), ()))
            if any(abs(place - each) < own.context for each in beside):
                continue
            tokens = source.fetch(name, place - half, place + half + 1)
            if (tokens >= dna.UNKNOWN).any():
                continue
            taken.setdefault((name, cell), []).append(place)
            value = int(maps[name][place])
            if value != _OTHER:
                strand = "-+"[value % 2]
            else:
                strand = "+-"[int(generator.integers(2))] if stranded else "+"
            found.append(_Base(name, place, label, strand))
            count += 1
    return sorted(found, key=lambda base: (base.record, base.place))


def _in_random_order(
    maps: dict[str, NDArray[np.uint8]],
    values: list[int],
    regions: list[tuple[str, int, int]],
    generator: np.random.Generator,
) -> Iterator[tuple[str, int]]:
    """Record and place of each base with these numbers, within the regions."""
    places = [
        np.flatnonzero(np.isin(maps[name][start:end], values)).astype(np.uint32)  # half of int64
        for name, start, end in regions
    ]
    ends = np.cumsum([len(own) for own in places])
    for index in generator.permutation(int(ends[-1]) if len(ends) else 0):
        part = int(np.searchsorted(ends, index, side="right"))
        name, start, _ = regions[part]
        own = places[part]
        yield name, start + int(own[int(index) - int(ends[part] - len(own))])


def _stretch(base: _Base) -> str:
    return f"{base.record}:{base.place // NEAR}"


def _examples(bases: list[_Base], classes: list[str], source: Genome, context: int) -> Examples:
    half, nothing = context // 2, np.zeros(len(bases))
    sequences = []
    for base in bases:
        tokens = source.fetch(base.record, base.place - half, base.place + half + 1)
        sequences.append(dna.reverse_complement(tokens) if base.strand == "-" else tokens)
    return Examples(
        sequences,
        np.array([classes.index(base.label) for base in bases]),
        [f"{base.record}:{base.place + 1}({base.strand})" for base in bases],
        None,
        None,
        *(nothing, nothing, nothing),
        together=[_stretch(base) for base in bases],
    )
