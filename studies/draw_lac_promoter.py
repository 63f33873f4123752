"""Draw the rows of examples/data/lac_promoter again, from the whole table that ``mavenn`` carries.

    python studies/draw_lac_promoter.py variants/lac_promoter_sortseq/data.tsv.gz variants.tsv.gz

The table has columns ``set``, ``ct_0`` to ``ct_9`` and ``x``, its rows in the order of the package.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import random
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

ROWS = 400
SPLITS = {"training": "train", "test": "test"}


def mean_bin(row: Mapping[str, str]) -> float:
    """Of the reads of a variant, whose bins are 0 to 9 by expression."""
    counts = [int(row[f"ct_{bin_}"]) for bin_ in range(10)]
    return sum(bin_ * count for bin_, count in enumerate(counts)) / sum(counts)


def drawn(table: Iterable[Mapping[str, str]], rows: int = ROWS) -> Iterator[str]:
    """Lines: a head, then as many rows of each split."""
    every = list(table)
    generator = random.Random(0)
    yield "sequence\tbin\tsplit\n"
    for name, split in SPLITS.items():
        own = [row for row in every if row["set"] == name]
        for row in generator.sample(own, rows):
            yield f"{row['x']}\t{mean_bin(row):.4f}\t{split}\n"


def main() -> None:
    """Write the drawn rows, compressed, to the same bytes each time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    with gzip.open(args.table, "rt") as file:
        text = "".join(drawn(csv.DictReader(file, delimiter="\t")))
    args.out.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


if __name__ == "__main__":
    main()
