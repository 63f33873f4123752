"""The tables of docs/zero_shot.md: zero-shot tests of a checkpoint on the genomes of its training.

    python studies/zero_shot_genomes.py GENOMES VARIANTS --out zero_shot

GENOMES has folders ``ecoli_k12_mg1655`` and ``celegans_1pct``, each with a ``genome.fna.gz``, and
the first with ``annotation.gff.gz``; VARIANTS has ``lac_promoter_sortseq/data.tsv.gz``. Held out is
what ``hnet-seq shard --validation last:0.1`` holds out. Writes ``ecoli.json`` and ``worm.json``;
the tables are printed as Markdown.
"""

from __future__ import annotations

import argparse
import csv
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from draw_lac_promoter import mean_bin

from hnet_seq import zero_shot, zero_shot_data
from hnet_seq.results.zero_shot import Figure, ZeroShot
from hnet_seq.tasks.scoring.measured_table import read_measured
from hnet_seq.tasks.zero_shot.models import open_readers


def mean_bins(table: Path, into: Path) -> None:
    """The lac promoter's variants, with the mean of the expression bins they were sorted into."""
    with gzip.open(table, "rt") as file, into.open("w") as out:
        out.write("sequence\tbin\tsplit\n")
        for row in csv.DictReader(file, delimiter="\t"):
            out.write(f"{row['x']}\t{mean_bin(row):.4f}\t{row['set']}\n")


def shown(figure: Figure) -> str:
    """Three decimals, and the interval where there is one."""
    if figure["value"] is None:
        return figure.get("no_interval") or "none"
    if figure["low"] is None or figure["high"] is None:
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def tables(found: ZeroShot) -> Iterator[str]:
    """Lines of Markdown, a table a test."""
    for test in found.tests:
        names = list(dict.fromkeys(name for row in test.rows for name in row["figures"]))
        yield f"\n**{test.test}** {test.settings}{f': {test.verdict}' if test.verdict else ''}\n"
        yield f"| | {' | '.join(names)} |"
        yield "|---" * (len(names) + 1) + "|"
        for row in test.rows:
            if why := row.get("refused"):
                yield f"| {row['name']} | {why} |"
                continue
            cells = [shown(own) if (own := row["figures"].get(name)) else "" for name in names]
            yield f"| {row['name']} | {' | '.join(cells)} |"


def main() -> None:
    """Run both, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("genomes", type=Path)
    parser.add_argument("variants", type=Path)
    parser.add_argument("--out", type=Path, default=Path("zero_shot"))
    parser.add_argument("--checkpoint", default="genomes-tiny")
    parser.add_argument("--windows", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    model, twin = open_readers(args.checkpoint)
    common: dict[str, Any] = {"twin": twin, "windows": args.windows, "seed": args.seed}
    folder = args.genomes / "ecoli_k12_mg1655"
    ecoli = zero_shot_data(folder / "genome.fna.gz", "last:0.1", folder / "annotation.gff.gz")
    worm = zero_shot_data(args.genomes / "celegans_1pct" / "genome.fna.gz", "last:0.1")
    lac = args.out / "lac.tsv"
    mean_bins(args.variants / "lac_promoter_sortseq" / "data.tsv.gz", lac)
    measured = read_measured(lac, "bin", split="split", max_rows=400, seed=args.seed)
    found = {
        "worm": zero_shot(
            model,
            train=worm.train,
            held_out=worm.held_out,
            tests=("next_base", "memorisation"),
            **common,
        ),
        "ecoli": zero_shot(
            model,
            train=ecoli.train,
            held_out=ecoli.held_out,
            genes=ecoli.genes,
            measured=measured,
            genetic_code=11,
            mixing=True,
            trials=40,
            **common,
        ),
    }
    for name, record in found.items():
        record.write(args.out / f"{name}.json")
        print(f"\n## {name}", *tables(record), sep="\n")


if __name__ == "__main__":
    main()
