"""In which order the rows of one feature are read: along a strand, round an origin, or neither."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, permutations

from hnet_seq.analysis.genes.model import Chain, Part, Span
from hnet_seq.analysis.genes.rows import Row

TRANS = "trans-splicing"
UNJOINED = "order"  # of GenBank: parts in their order, of which nobody says that they are joined
_MOST_PERMUTED = 6  # rows


@dataclass(frozen=True)
class Circle:
    """What is known of a record: its length (bases), and whether it is circular."""

    length: int | None
    circular: bool

    @property
    def turn(self) -> int | None:
        """After how many bases places repeat; None on a line."""
        return self.length if self.circular else None


@dataclass(frozen=True)
class Ordered:
    """A chain, and whether anything but a guess says so."""

    chain: Chain
    is_sure: bool = True


def in_order(
    rows: Sequence[Row],
    circle: Circle,
    above: Iterable[Row] = (),
    *,
    is_whole: Callable[[Chain], bool] = lambda chain: False,
) -> Ordered:
    """The rows of one feature from the 5' to the 3' end; all of them have a strand.

    Rows of one strand follow each other along it. On a circular record those that meet at the
    origin, or whose gene crosses it, go on there. Where rows lie on both strands, or are marked
    as trans-splicing, their ``part`` or the order of the file says how they follow, as far as the
    phases agree.

    Args:
        above: rows of the features that they are part of.
        is_whole: whether a chain is seen to read from a start to a stop codon.
    """
    found = _in_order(rows, circle, list(above), is_whole)
    if any(row.exception == UNJOINED for row in rows):
        joints = frozenset(range(len(rows) - 1))
        return replace(found, chain=replace(found.chain, breaks=joints))
    return found


def _in_order(
    rows: Sequence[Row],
    circle: Circle,
    genes: Sequence[Row],
    is_whole: Callable[[Chain], bool],
) -> Ordered:
    if len(rows) > 1 and (
        len({row.sign for row in rows}) > 1
        or any(row.exception == TRANS for row in (*rows, *genes))
    ):
        return _trans_spliced(rows, circle, genes, is_whole)
    chain = _along(rows, circle, genes)
    by_file = Chain(tuple(_part(row) for row in rows), circle.turn)
    has_frame = len(rows) > 1 and all(row.feature.phase is not None for row in rows)
    if has_frame and not is_whole(chain) and is_whole(by_file):
        return _trans_spliced(rows, circle, genes, is_whole)  # though no row says so
    return Ordered(chain)


def _along(rows: Sequence[Row], circle: Circle, genes: Sequence[Row]) -> Chain:
    """Rows of one strand."""
    ascending = sorted(rows, key=lambda row: (row.start, row.end))
    length = circle.length
    plain = _chain(ascending, 0, circle.turn)
    if length is None:
        return plain
    reach = max(row.end for row in ascending)
    if span := _across(genes, circle, ascending[0].sign):
        start, end = span
        return _chain(
            ascending, sum(r.end <= end - length and r.start < start for r in ascending), length
        )
    by_part = _rotation(ascending)
    if circle.circular and by_part:
        return _chain(ascending, by_part, length)
    meets = len(rows) > 1 and ascending[0].start == 0 and reach == length
    if reach > length or (meets and circle.circular):
        return _chain(ascending, _behind_origin(ascending, length), length)
    if meets and by_part:
        return _chain(ascending, by_part, length)
    return plain


def _chain(ascending: Sequence[Row], behind: int, length: int | None) -> Chain:
    """A chain of rows of which the first ones lie behind the origin."""
    turned = [*ascending[behind:], *ascending[:behind]]
    shifts = [0] * (len(ascending) - behind) + [length or 0] * behind
    parts = [_part(row, shift) for row, shift in zip(turned, shifts, strict=True)]
    return Chain(tuple(parts if ascending[0].sign > 0 else parts[::-1]), length)


def _part(row: Row, shift: int = 0) -> Part:
    return Part(row.start + shift, row.end + shift, row.sign, row.feature.phase, row.index)


def _behind_origin(ascending: Sequence[Row], length: int) -> int:
    """How many rows lie behind the origin: the widest gap round the circle is outside."""
    reach = max(row.end for row in ascending)
    gaps = [ascending[0].start - (reach - length) if reach > length else -1]
    furthest = 0
    for here, after in pairwise(ascending):
        furthest = max(furthest, here.end)
        gaps.append(after.start - furthest)
    return gaps.index(max(gaps))


def _across(genes: Sequence[Row], circle: Circle, sign: int) -> Span | None:
    """The span of the nearest feature above that crosses the origin."""
    length = circle.length
    assert length is not None
    for row in genes:
        if row.sign != sign:
            continue
        if row.end > length:
            return row.start, row.end
        if circle.circular and row.end == length and row.start > 0:
            for other in genes:
                if other.key == row.key and other.start == 0 and other.sign == sign:
                    return row.start, length + other.end
    return None


def _rotation(ascending: Sequence[Row]) -> int:
    """How many rows come last by their ``part`` though they lie first; 0 where none says so."""
    numbers = [row.part for row in ascending]
    if None in numbers or len(set(numbers)) < len(numbers):
        return 0
    order = sorted(range(len(numbers)), key=lambda index: numbers[index] or 0)
    if ascending[0].sign < 0:
        order.reverse()
    first = order[0]
    turned = [*range(first, len(order)), *range(first)]
    return first if order == turned else 0


def _trans_spliced(
    rows: Sequence[Row],
    circle: Circle,
    genes: Sequence[Row],
    is_whole: Callable[[Chain], bool],
) -> Ordered:
    order, is_sure = _trans_order(rows, is_whole)
    chain = Chain(tuple(_part(row) for row in order), circle.turn)
    joints = range(len(order) - 1)
    of_gene = _gene_parts(genes)
    breaks = {
        joint
        for joint in joints
        if order[joint].sign != order[joint + 1].sign
        or order[joint].start == order[joint + 1].start
        or (order[joint].start < order[joint + 1].start) != (order[joint].sign > 0)
        or (of_gene and _place(order[joint], of_gene) != _place(order[joint + 1], of_gene))
    }
    if not breaks and len(of_gene) < 2 and any(r.exception == TRANS for r in (*rows, *genes)):
        # All on one strand and in order: the junction of two transcripts is the widest gap.
        breaks = {max(joints, key=chain.gap)}
        is_sure = False
    return Ordered(Chain(chain.parts, chain.length, frozenset(breaks)), is_sure)


def _trans_order(
    rows: Sequence[Row], is_whole: Callable[[Chain], bool]
) -> tuple[Sequence[Row], bool]:
    """Rows in the order of translation, and whether more than the file's order says so."""
    numbers = [row.part for row in rows]
    if None not in numbers and len(set(numbers)) == len(numbers):
        return sorted(rows, key=lambda row: row.part or 0), True
    if any(row.feature.phase is None for row in rows):  # exons: along each strand
        signs = dict.fromkeys(row.sign for row in rows)
        by_strand = [
            row
            for sign in signs
            for row in sorted(rows, key=lambda row, sign=sign: sign * row.start)  # type: ignore[misc]
            if row.sign == sign
        ]
        return by_strand, True
    orders = [tuple(rows), *(permutations(rows) if len(rows) <= _MOST_PERMUTED else ())]
    chains = [Chain(tuple(_part(row) for row in order)) for order in orders]
    fitting = [order for order, chain in zip(orders, chains, strict=True) if chain.is_in_frame()]
    whole = [
        order
        for order, chain in zip(orders, chains, strict=True)
        if chain.is_in_frame() and is_whole(chain)
    ]
    if whole:
        return whole[0], True
    if fitting:
        return fitting[0], fitting[0] == tuple(rows) or len(fitting) == 1
    return rows, False


def _gene_parts(genes: Sequence[Row]) -> list[Row]:
    """The rows of the nearest feature above that has several."""
    for row in genes:
        same = [other for other in genes if other.key == row.key]
        if len(same) > 1:
            return same
    return []


def _place(row: Row, parts: Sequence[Row]) -> int:
    """Which part of a gene a row lies in; -1 for none."""
    for index, part in enumerate(parts):
        if part.sign == row.sign and part.start <= row.start and row.end <= part.end:
            return index
    return -1
