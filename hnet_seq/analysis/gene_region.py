"""A short stretch of a genome that is full of genes: where a picture of boundaries says most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hnet_seq.analysis.annotation import CodingSequences
from hnet_seq.results.boundaries import Gene, Region
from modalities import dna

REGION_BASES = 3000
_OVERLAP = 60  # bases that two neighbouring genes may share
_LEAD = 150  # bases before the first gene, so that its start is seen in its surroundings


def gene_richest_window(
    coding: CodingSequences, start: int, end: int, width: int = REGION_BASES
) -> tuple[tuple[int, int], int]:
    """The window of ``[start, end)`` with the most whole CDS rows, then the most coding bases.

    Of rows that overlap by more than a little one counts. Both strands count as one more: the
    picture should show both.

    Returns:
        its score, to compare windows of different records, and where it begins.
    """
    last = max(start, end - width)
    lefts = np.r_[start, np.clip(coding.start - _LEAD, start, last)]
    best = ((0, 0), start)
    for left in np.unique(lefts).tolist():
        right = min(left + width, end)
        rows = coding.between(left, right)
        whole = rows[(coding.start[rows] >= left) & (coding.end[rows] <= right)]
        genes = _side_by_side(coding, whole)
        genes += len(set(coding.strand[whole].tolist())) == 2
        score = (genes, _covered(coding, rows, left, right))
        if score > best[0]:
            best = (score, left)
    return best


def _side_by_side(coding: CodingSequences, rows: NDArray[np.int64]) -> int:
    """How many rows can be drawn beside each other: isoforms of one gene count once."""
    count, reached = 0, 0
    for index in rows[np.argsort(coding.end[rows], kind="stable")]:
        start, end = int(coding.start[index]), int(coding.end[index])
        if reached - start <= min(_OVERLAP, (end - start) // 2):
            count, reached = count + 1, end
    return count


def _covered(coding: CodingSequences, rows: NDArray[np.int64], left: int, right: int) -> int:
    """Bases of ``[left, right)`` that lie in at least one row; rows are sorted by start."""
    covered, reached = 0, left
    for index in rows:
        end = min(int(coding.end[index]), right)
        covered += max(end - max(int(coding.start[index]), reached), 0)
        reached = max(reached, end)
    return covered


def describe_window(
    sequence: str,
    start: int,
    tokens: NDArray[np.uint8],
    boundary_prob: NDArray[np.float32],
    boundaries: NDArray[np.int64],
    coding: CodingSequences,
) -> Region:
    """The window as ``region.json`` has it.

    Args:
        sequence: name of the record.
        start: of the window in the record, 0-based.
        tokens, boundary_prob: (n,) of the window's bases.
        boundaries: positions in the record, those outside the window included.
    """
    end = start + len(tokens)
    rows = coding.between(start, end)
    # Isoforms share exons: one arrow each, under the first name.
    places = {
        (int(coding.start[i]), int(coding.end[i]), int(coding.strand[i])): i for i in rows[::-1]
    }
    inside = boundaries[(boundaries >= start) & (boundaries < end)]
    return Region(
        sequence=sequence,
        start=start,
        end=end,
        bases=dna.decode(tokens),
        boundary_prob=[round(float(p), 4) for p in boundary_prob],
        boundaries=inside.tolist(),
        genes=[
            Gene(left, right, "+" if strand > 0 else "-", coding.name[index])
            for (left, right, strand), index in sorted(places.items())
        ],
    )
