"""How often 95% intervals hold what they are about: simulations with a known answer.

Prints the table of docs/evidence.md, or puts it there with ``--into``: a row for each interval,
size and class share, with the share of simulated test sets that have an interval, how often it
holds the truth (a star outside of 93 to 97%), and, of classes, how often that of draws with
replacement would, the percentile bootstrap.

    python studies/interval_coverage.py --trials 2000 --seed 2 --into docs/evidence.md
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from interval_coverage_classes import classification, difference, several_classes
from interval_coverage_held import Each, Generator, Held
from interval_coverage_numbers import blocks, correlation, labels_of, numbers

HEAD = "| interval of | test sets | given | holds the truth | drawn with replacement |"


def studies() -> Iterator[tuple[str, Callable[[Generator, int], Held]]]:
    """What is simulated, in words, and how."""
    for size, share, apart in (
        *((50, 0.5, 1.5), (50, 0.2, 1.5), (50, 0.1, 1.5), (100, 0.1, 1.5), (100, 0.1, 3.0)),
        *((200, 0.5, 1.5), (200, 0.1, 1.5), (200, 0.05, 1.5), (1000, 0.02, 1.5), (1000, 0.02, 3.0)),
    ):
        said = f"{size:,} sequences, {share:.0%} positive{', strong' if apart > 2 else ''}"
        yield said, partial(classification, size=size, share=share, apart=apart, noises=[0.0])
    said = "100 sequences, 20% positive, 3 seeds"
    yield said, partial(classification, size=100, share=0.2, apart=2.0, noises=[0.5] * 3)
    for size, share, apart, noises in (
        *((size, share, 1.5, [0.0, 0.7]) for size, share in ((50, 0.5), (100, 0.2), (200, 0.5))),
        *((size, share, 1.5, [0.0, 0.7]) for size, share in ((200, 0.1), (1000, 0.05))),
        *((size, share, 1.5, [0.5, 0.5]) for size, share in ((50, 0.5), (100, 0.2), (500, 0.1))),
        *((size, share, 3.0, [0.5, 0.5]) for size, share in ((100, 0.2), (200, 0.1), (1000, 0.02))),
    ):
        said = f"{size:,} sequences, {share:.0%} positive{', strong' if apart > 2 else ''}"
        said += ", as good" if noises[0] == noises[1] else ""
        of_two = partial(difference, size=size, share=share)
        yield said, partial(of_two, apart=apart, noises=noises)
    for size, shares in ((100, [0.6, 0.3, 0.1]), (100, [0.2] * 5), (200, [0.1] * 10)):
        said = f"{size:,} sequences, {len(shares)} classes, rarest {min(shares):.0%}"
        yield said, partial(several_classes, size=size, shares=shares)
    for size, strength, kind in (
        *((size, strength, "") for size in (25, 50, 200) for strength in (0.0, 0.5, 0.9)),
        *((25, 0.5, "ties"), (50, 0.9, "ties"), (50, 0.5, "two values"), (200, 0.5, "two values")),
    ):
        said = f"{size} rows, r {strength}{', ' + kind if kind else ''}"
        yield said, partial(correlation, size=size, strength=strength, kind=kind)
    for groups, strength in ((25, 0.0), (25, 0.9), (50, 0.5), (50, 0.9)):
        said = f"{8 * groups} rows in {groups} groups, r {strength}"
        of_groups = partial(correlation, groups=groups, kind="")
        yield said, partial(of_groups, size=8 * groups, strength=strength)
    for size, shares, apart in (
        *((50, [0.5, 0.3, 0.2], 1.5), (100, [0.5, 0.3, 0.2], 1.5), (200, [0.3, 0.1, 0.05], 1.5)),
        *((500, [0.3, 0.1, 0.05], 3.0), (500, [0.1] * 8, 1.5)),
    ):
        said = f"{size} rows, {len(shares)} labels, rarest {min(shares):.0%}"
        yield said, partial(labels_of, size=size, shares=shares, apart=apart)
    for size, strength, tail in (
        *((25, 0.5, "normal"), (50, 0.1, "normal"), (50, 0.5, "normal"), (50, 0.9, "normal")),
        *((50, 0.5, "laplace"), (200, 0.5, "laplace"), (200, 0.9, "laplace")),
    ):
        said = f"{size} rows, r {strength}, {tail.capitalize()} errors"
        yield said, partial(numbers, size=size, strength=strength, tail=tail)
    for count, bases, rate in ((10, 20, 0.2), (15, 20, 0.2), (30, 20, 0.05), (100, 20, 0.2)):
        for spread in (0.01, 0.5):
            alike = "alike" if spread < 0.1 else "unlike"
            said = f"{count} blocks, {bases * rate:g} boundaries each, {alike}"
            yield said, partial(blocks, count=count, bases=bases, rate=rate, spread=spread)
    said = "200 places, 3 boundaries each, 97% stay"
    yield said, partial(blocks, count=200, bases=3, rate=0.97, spread=0.5)


def row(name: str, said: str, each: list[bool | None], drawn: Each | None) -> str:
    """A line of the table."""
    ours = [holds for holds in each if holds is not None]
    again = f"{np.mean(drawn):.3f}" if drawn else ""
    share = f"{np.mean(ours):.3f}" if ours else ""
    star = "*" if ours and not 0.93 <= float(share) <= 0.97 else ""
    if len(ours) < 0.1 * len(each):  # too few to count, and those that chance picked
        share, star = "refused", ""
    given = len(ours) / len(each)
    return f"| {NAMES.get(name, name)} | {said} | {given:.2f} | {share}{star} | {again} |"


def put(table: str, page: Path) -> None:
    """In place of the table of the page that has the same head."""
    before, old = page.read_text().split(HEAD + "\n")
    page.write_text(before + table + "\n\n" + old.split("\n\n", 1)[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--into", type=Path, metavar="PAGE", help="the page with the table")
    args = parser.parse_args()
    lines: dict[str, list[str]] = {}
    for index, (said, make) in enumerate(studies()):
        found = make(np.random.default_rng([args.seed, index]), args.trials)
        for name, (each, drawn) in found.items():
            line = row(name, said, each, drawn)
            print(line, file=sys.stderr, flush=True)
            lines.setdefault(name, []).append(line)
    every = [line for of_name in lines.values() for line in of_name]
    table = "\n".join([HEAD, "|---|---|---|---|---|", *every])
    if args.into:
        put(table, args.into)
    else:
        print(table)


NAMES = {
    **{
        "mcc": "MCC",
        "f1": "F1",
        "auroc": "AUROC",
        "pearson": "Pearson",
        "r2": "R2",
        "rmse": "RMSE",
    },
    "f1_micro of several labels": "micro F1 of several labels",
    "f1_macro of several labels": "macro F1 of several labels",
    "mcc of several labels": "MCC of several labels",
}

if __name__ == "__main__":
    main()
