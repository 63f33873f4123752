"""What a base is: its place in a codon, in a gene and in a run of one letter.

Every function labels the bases of a span ``[start, end)`` of a record with small integers, one a
base; ``NOT_COUNTED`` keeps a base out of that table. ``docs/boundaries.md`` says how overlapping
genes are counted, and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnet_seq.analysis.annotation import CodingSequences, RecordAnnotation

NOT_COUNTED = -1
LONGEST_RUN = 8  # bases: runs of this length and longer share one label
CONTEXT_BASES = 3
UNKNOWN_CONTEXT = 4**CONTEXT_BASES
_CONFLICT = 4  # two reading frames on one strand
_UNKNOWN_BASE = 4  # the first token that is not A, C, G or T

Labels = NDArray[np.int8]
STRANDS = (("+", 1), ("-", -1))
REGION_NAMES = ("coding", "gene, not coding", "intergenic")
RUN_NAMES = tuple(f"{n}" if n < LONGEST_RUN else f"{n}+" for n in range(1, LONGEST_RUN + 1))
EDGES = ("start", "stop")


@dataclass(frozen=True)
class Table:
    """One way to sort bases: its section of ``boundaries.json``, and what names each label."""

    section: str
    rows: tuple[dict[str, Any], ...]


TABLES = (
    *(
        Table("codon_position", tuple({"strand": s, "position": p} for p in (1, 2, 3)))
        for s, _ in STRANDS
    ),
    Table("regions", tuple({"name": name} for name in REGION_NAMES)),
    Table("homopolymer", tuple({"length": n, "name": name} for n, name in enumerate(RUN_NAMES, 1))),
    Table(
        "homopolymer_place",
        tuple(
            {"length": n, "name": name, "place": place}
            for place in ("first", "continuation")
            for n, name in enumerate(RUN_NAMES, 1)
            if n > 1 or place == "first"
        ),
    ),
    *(
        Table(
            "features",
            tuple(
                {
                    "name": f"{edge} codon, {s} strand, base {p}",
                    "codon": edge,
                    "strand": s,
                    "position": p,
                }
                for p in (1, 2, 3)
            ),
        )
        for edge in EDGES
        for s, _ in STRANDS
    ),
)


def base_labels(
    tokens: NDArray[np.uint8], annotation: RecordAnnotation, start: int, end: int, origin: int = 0
) -> list[Labels]:
    """The labels of ``[start, end)`` in each of ``TABLES``, (n,) each.

    Args:
        tokens: (m,) the bases from ``origin`` on; they reach past the span where the record does,
            so that runs that cross its ends are measured whole.
        start, end, origin: coordinates in the record, 0-based and half-open.
    """
    coding = annotation.coding
    positions = codon_positions(coding, start, end)
    left = max(start - LONGEST_RUN, origin)
    lengths, places = homopolymer_runs(tokens[left - origin : end + LONGEST_RUN - origin])
    inside = slice(start - left, end - left)
    runs = (np.minimum(lengths[inside], LONGEST_RUN) - 1).astype(np.int8)
    return [
        *codon_labels(positions),
        region_labels(annotation, positions, start),
        runs,
        np.where(places[inside] == 1, runs, runs + LONGEST_RUN - 1).astype(np.int8),
        *(
            edge_codon_labels(coding, start, end, strand=sign, edge=edge)
            for edge in EDGES
            for _, sign in STRANDS
        ),
    ]


def known(tokens: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(n,): which bases are A, C, G or T."""
    return tokens < _UNKNOWN_BASE


def codon_positions(coding: CodingSequences, start: int, end: int) -> Labels:
    """(2, n): codon position 1, 2 or 3 on the + and on the - strand.

    0 where the strand is not coding, 4 where two of its CDS disagree on the frame. Positions are
    those of translation: on the - strand position 1 is the rightmost base of its codon.
    """
    positions = np.zeros((2, end - start), dtype=np.int8)
    for index in coding.between(start, end):
        row_start, row_end = coding.start[index], coding.end[index]
        bases = np.arange(max(row_start, start), min(row_end, end))
        forward = coding.strand[index] > 0
        translated = bases - row_start if forward else row_end - 1 - bases
        frame = (translated - coding.phase[index]) % 3 + 1
        here = positions[0 if forward else 1, bases[0] - start : bases[-1] + 1 - start]
        here[:] = np.where((here == 0) | (here == frame), frame, _CONFLICT)
    return positions


def codon_labels(positions: Labels) -> tuple[Labels, Labels]:
    """Labels 0-2 (codon position 1-3) for the + and for the - strand, (n,) each.

    Only bases with exactly one codon position count: those that are coding on both strands, or in
    two frames of one, are left out of both tables.
    """
    plus, minus = positions
    only_plus = (minus == 0) & (plus > 0) & (plus < _CONFLICT)
    only_minus = (plus == 0) & (minus > 0) & (minus < _CONFLICT)
    return (
        np.where(only_plus, plus - 1, NOT_COUNTED).astype(np.int8),
        np.where(only_minus, minus - 1, NOT_COUNTED).astype(np.int8),
    )


def region_labels(annotation: RecordAnnotation, positions: Labels, start: int) -> Labels:
    """Label of each base among ``REGION_NAMES``; every base has exactly one.

    Args:
        positions: (2, n), what :func:`codon_positions` gave for the span that begins at ``start``.
    """
    end = start + positions.shape[1]
    genic = np.zeros(end - start, dtype=bool)
    for index in annotation.genic.between(start, end):
        left, right = annotation.genic.start[index], annotation.genic.end[index]
        genic[max(left - start, 0) : right - start] = True
    return np.select([(positions > 0).any(axis=0), genic], [0, 1], default=2).astype(np.int8)


def edge_codon_labels(
    coding: CodingSequences, start: int, end: int, *, strand: int, edge: str
) -> Labels:
    """Labels 0-2 on the three bases, in order of translation, of start or stop codons.

    ``edge`` is "start" or "stop". Every codon counts, whether or not another CDS overlaps it: the
    ATGA that ends one gene and begins the next is a common case and belongs to both tables. A
    start or stop codon that an intron splits counts as far as it lies in the outer row.
    """
    labels = np.full(end - start, NOT_COUNTED, dtype=np.int8)
    present = coding.has_start if edge == "start" else coding.has_stop
    for index in coding.between(start, end):
        if coding.strand[index] != strand or not present[index]:
            continue
        row_start, row_end = coding.start[index], coding.end[index]
        at_left = (strand > 0) == (edge == "start")
        left = row_start if at_left else max(row_end - 3, row_start)
        right = min(row_start + 3, row_end) if at_left else row_end
        bases = np.arange(max(left, start), min(right, end))
        from_first = bases - row_start if strand > 0 else row_end - 1 - bases
        from_last = row_end - 1 - bases if strand > 0 else bases - row_start
        labels[bases - start] = from_first if edge == "start" else 2 - from_last
    return labels


def homopolymer_runs(tokens: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Length of the run of one letter that each base lies in, and its 1-based place in it.

    Both (n,), exact for the array given.
    """
    if len(tokens) == 0:
        empty = np.zeros(0, dtype=np.int64)
        return empty, empty
    starts = np.flatnonzero(np.r_[True, tokens[1:] != tokens[:-1]])
    lengths = np.diff(np.r_[starts, len(tokens)])
    places = np.arange(len(tokens)) - np.repeat(starts, lengths) + 1
    return np.repeat(lengths, lengths), places


def base_contexts(tokens: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(n,): which of the 64 three-letter words ends at each base.

    ``UNKNOWN_CONTEXT`` where fewer than three bases precede and include it, or one is not A, C, G
    or T.
    """
    contexts = np.full(len(tokens), UNKNOWN_CONTEXT, dtype=np.int64)
    if len(tokens) < CONTEXT_BASES:
        return contexts
    letters = np.lib.stride_tricks.sliding_window_view(tokens, CONTEXT_BASES)
    words = letters.astype(np.int64) @ (4 ** np.arange(CONTEXT_BASES)[::-1])
    contexts[CONTEXT_BASES - 1 :] = np.where(known(letters).all(axis=1), words, UNKNOWN_CONTEXT)
    return contexts
