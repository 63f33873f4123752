"""Introns of one record: between exons, between the parts of a CDS, and those that have rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from hnet_seq.analysis.genes.coding import Group
from hnet_seq.analysis.genes.model import LEAST_INTRON, Chain, Intron, Part, Span, spans_inside
from hnet_seq.analysis.genes.order import TRANS, Circle
from hnet_seq.analysis.genes.row_types import is_intron, is_untranslated
from hnet_seq.analysis.genes.rows import Row, Rows

_SLIPPAGE = "ribosomal slippage"
_REARRANGED = "rearrangement required for product"

Exons = Mapping[str, Chain]
"""Of each transcript that has rows of exons."""


def exon_introns(exons: Iterable[Chain]) -> Iterator[Intron]:
    """Gaps between the exons of transcripts."""
    for chain in exons:
        yield from chain.introns(_wide(chain, range(len(chain.parts) - 1)))


def coding_introns(
    groups: Sequence[Group], chains: Sequence[Chain], exons: Exons, length: int | None
) -> Iterator[Intron]:
    """Gaps between the rows of a CDS that are no slip of the ribosome.

    Args:
        groups, chains: the rows of each CDS, and these in order.
        length: of the record.
    """
    for group, chain in zip(groups, chains, strict=True):
        exceptions = {row.exception for row in group}
        if _REARRANGED in exceptions:
            continue
        own = [
            (part.start, part.end)
            for parent in dict.fromkeys(parent for row in group for parent in row.parents)
            if parent in exons
            for part in exons[parent].inside()
        ]
        joints = [
            joint
            for joint in range(len(chain.parts) - 1)
            if joint not in chain.breaks and not _lies_in(chain.gap_span(joint), own, length)
        ]
        if _SLIPPAGE in exceptions and not own and joints:
            # Nothing but its width tells a slip of the ribosome from the introns beside it.
            joints.remove(min(joints, key=lambda joint: abs(chain.gap(joint))))
        yield from chain.introns(_wide(chain, joints))


def untranslated_introns(
    rows: Rows, exons: Exons, groups: Sequence[Group], ordered: Callable[[Sequence[Row]], Chain]
) -> Iterator[Intron]:
    """Gaps beside an UTR where exons have no rows: UTR and CDS together are the exons then."""
    coding = Counter(
        parent for group in groups for parent in {p for row in group for p in row.parents}
    )
    for parent, children in rows.children.items():
        if parent in exons or coding[parent] > 1:
            continue
        own = [
            row
            for row in children
            if (is_untranslated(row.type) or row.type in ("CDS", "stop_codon"))
            and row.sign
            and not rows.is_pseudo(row, parent)
        ]
        beside = {row.index for row in own if is_untranslated(row.type)}
        if not beside or len(own) < 2:
            continue
        chain = ordered(own)
        parts = chain.parts
        joints = [j for j in range(len(parts) - 1) if {parts[j].row, parts[j + 1].row} & beside]
        yield from chain.introns(_wide(chain, joints))


def written_introns(rows: Rows, exons: Exons, circle: Circle) -> Iterator[Intron]:
    """Rows of introns that are part of something, whose exons have no rows.

    Where one ends with its record nothing is spliced.
    """
    for row in rows.rows:
        if not (is_intron(row.type) and row.sign and row.parents) or rows.is_pseudo(row):
            continue
        trans = any(each.exception == TRANS for each in (row, *rows.above(row.parents)))
        if trans or row.bases < LEAST_INTRON or any(parent in exons for parent in row.parents):
            continue
        around = [(row.start - 1, row.start), (row.end, row.end + 1)][:: row.sign]
        parts = tuple(Part(start, end, row.sign, None, row.index) for start, end in around)
        (intron,) = Chain(parts, circle.turn).introns([0])
        ends = () if circle.circular else (0, circle.length)
        donor, acceptor = (None if cut is None or cut[0] in ends else cut for cut in intron)
        yield donor, acceptor


def _wide(chain: Chain, joints: Iterable[int]) -> list[int]:
    """Joints of one transcript whose gap is no frameshift."""
    return [j for j in joints if j not in chain.breaks and chain.gap(j) >= LEAST_INTRON]


def _lies_in(gap: Span, exons: Sequence[Span], length: int | None) -> bool:
    """Whether one exon covers all of a gap."""
    if gap[0] >= gap[1]:
        return False
    return all(
        any(start <= left and right <= end for start, end in exons)
        for left, right in spans_inside(*gap, length)
    )
