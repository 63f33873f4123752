"""Whether motifs stay in one piece: chunks per occurrence, beside k-mers, BPE and random cuts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnet_seq.analysis.enrichment import CutRecord
from hnet_seq.analysis.site_counts import blocks_of
from hnet_seq.analysis.statistics import MIN_BLOCKS, block_intervals
from hnet_seq.resampling import enough, jackknife, number, quotient
from hnet_seq.results.analyses import CutterLength, Motif, MotifRow

# One bit a base: A 1, C 2, G 4, T 8. (Cornish-Bowden, Nucleic Acids Res. 13:3021, 1985)
IUPAC = {
    **{"A": 1, "C": 2, "G": 4, "T": 8, "U": 8, "R": 5, "Y": 10, "S": 6, "W": 9, "K": 12, "M": 3},
    **{"B": 14, "D": 13, "H": 11, "V": 7, "N": 15},
}
KMERS = (3, 6)
_COLUMNS = [f"{x}{end}" for x in ("chunks", "whole", "ratio") for end in ("", "_low", "_high")]
_BITS = np.array([1, 2, 4, 8, 0, 0, 0, 0], np.uint8)

Tokens = NDArray[np.uint8]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Occurrences:
    """Where a motif lies in one record: ``start`` and ``end`` (K,), 0-based, half-open, sorted."""

    start: Places
    end: Places

    @classmethod
    def of(cls, spans: Sequence[tuple[int, int]]) -> Occurrences:
        """From spans in any order; the same span counts once."""
        found = np.array(sorted(set(spans)), np.int64).reshape(-1, 2)
        return cls(found[:, 0], found[:, 1])


def find_motif(tokens: Tokens, pattern: str) -> Occurrences:
    """Where a pattern of IUPAC letters lies on either strand of a sequence (n,).

    Occurrences may overlap; one that reads the same on both strands counts once. An N in the
    pattern is any known base, and an unknown base of the sequence matches nothing.

    Raises:
        KeyError: a letter that is none.
    """
    wanted = np.array([IUPAC[letter] for letter in pattern.upper()], np.uint8)
    # Complementing swaps A with T and C with G: the bits in reverse order.
    bits = (wanted[:, None] >> np.arange(4)) & 1
    reverse = (bits[::-1, ::-1] << np.arange(4)).sum(axis=1).astype(np.uint8)
    letters = _BITS[np.minimum(tokens, 7)]
    count = max(len(tokens) - len(wanted) + 1, 0)
    found = np.zeros(count, bool)
    for strand in (wanted, reverse):
        here = np.ones(count, bool)
        for offset, mask in enumerate(strand):
            here &= (letters[offset : offset + count] & mask) > 0
        found |= here
    start = np.flatnonzero(found)
    return Occurrences(start, start + len(wanted))


@dataclass(frozen=True)
class Cutter:
    """One way to cut a genome: a mask of each record, in the order of the records."""

    name: str
    masks: Sequence[NDArray[np.bool_]]


def fragmentation(
    records: Sequence[CutRecord],
    motifs: Mapping[str, Mapping[str, Occurrences]],
    cutters: Sequence[Cutter],
) -> dict[str, Any]:
    """How each cutter treats each motif.

    Args:
        motifs: by name, by record, in the coordinates of the whole record; what does not lie
            wholly in the region of a record is not counted.
        cutters: the model first: random cuts are at its rate.

    Returns:
        ``rate``, ``cutters`` and ``motifs`` with a row for each cutter. Rows of k-mers, averaged
        over their phases, and of random cuts are exact expectations and have no interval.
    """
    counted = [record.counted for record in records]
    bases = max(sum(int(ok.sum()) for ok in counted), 1)
    rates = {
        cutter.name: sum(
            int((mask & ok).sum()) for mask, ok in zip(cutter.masks, counted, strict=True)
        )
        / bases
        for cutter in cutters
    }
    rate = rates[cutters[0].name]
    described = []
    for name, by_record in motifs.items():
        tables: dict[str, list[NDArray[np.float64]]] = defaultdict(list)
        lengths = []
        for index, record in enumerate(records):
            found = _inside(by_record.get(record.name), record)
            if not len(found.start):
                continue
            lengths.append(found.end - found.start)
            blocks = blocks_of(found.start, len(record.mask))
            gaps = (lengths[-1] - 1).astype(np.float64)
            for cutter in cutters:
                cuts = _cuts_inside(cutter.masks[index], found)
                tables[cutter.name].append(_by_block(gaps, cuts, cuts == 0, blocks))
            for k in KMERS:
                whole = np.maximum(k - gaps, 0) / k
                tables[f"{k}-mers"].append(_by_block(gaps, gaps / k, whole, blocks))
            tables["random cuts"].append(_by_block(gaps, gaps * rate, (1 - rate) ** gaps, blocks))
        every = np.concatenate([np.zeros(0, np.int64), *lengths])
        described.append(
            Motif(
                name,
                len(every),
                float(every.mean()) if len(every) else None,
                [_row(cutter, np.concatenate(table), rates) for cutter, table in tables.items()],
            )
        )
    return {
        "rate": rate,
        "cutters": [
            CutterLength(name, number(quotient(1.0, value))) for name, value in rates.items()
        ],
        "motifs": described,
    }


def _inside(found: Occurrences | None, record: CutRecord) -> Occurrences:
    if found is None:
        return Occurrences.of([])
    end = record.start + len(record.tokens)
    ok = (found.start >= record.start) & (found.end <= end)
    return Occurrences(found.start[ok] - record.start, found.end[ok] - record.start)


def _cuts_inside(mask: NDArray[np.bool_], found: Occurrences) -> Places:
    """(K,) cuts between the first and the last base of each occurrence."""
    before = np.r_[0, np.cumsum(mask)]  # cuts at bases before each base
    cuts: Places = before[found.end] - before[found.start + 1]
    return cuts


def _by_block(
    gaps: NDArray[Any], cuts: NDArray[Any], whole: NDArray[Any], blocks: Places
) -> NDArray[np.float64]:
    """(blocks with occurrences, 4): occurrences, places inside them where a cut may fall, cuts
    there, and occurrences that are whole."""
    _, begins = np.unique(blocks, return_index=True)
    columns = np.stack([np.ones(len(blocks)), gaps, cuts, whole], axis=1)
    summed: NDArray[np.float64] = np.add.reduceat(columns, begins, axis=0)
    return summed


def _row(cutter: str, table: NDArray[np.float64], rates: Mapping[str, float]) -> MotifRow:
    """Chunks per occurrence, share in one chunk, and cuts against the cutter's own rate."""
    count, gaps, cuts, whole = table.sum(axis=0)
    found = {"chunks": number(1 + cuts / count), "whole": number(whole / count)}
    if cutter not in rates:
        return MotifRow(
            cutter, *map(found.get, _COLUMNS)
        )  # an expectation, and by its making no more and no less than chance
    rate = rates[cutter]
    found["ratio"] = number(quotient(cuts / gaps, rate))
    if len(table) >= MIN_BLOCKS:
        ends = block_intervals(table[:, :1], table[:, 3:])
        found["whole_low"], found["whole_high"] = (number(end[0]) for end in ends)
    if len(table) >= MIN_BLOCKS and enough(cuts):
        # Cuts an occurrence, and cuts a place, which lengths do not move.
        low, high = jackknife(
            table, lambda sums: quotient(sums[:, [2]], sums[:, :2]), scale="ratio"
        )
        found |= {"chunks_low": number(1 + low[0]), "chunks_high": number(1 + high[0])}
        if rate > 0:
            found |= {"ratio_low": number(low[1] / rate), "ratio_high": number(high[1] / rate)}
    return MotifRow(cutter, *map(found.get, _COLUMNS))
