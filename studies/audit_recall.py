"""How many near duplicates ``hnet-seq audit`` finds, and how many it makes up: docs/audit.md.

python studies/audit_recall.py --into docs/audit.md
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from audit_peer_sets import mutated

from hnet_seq.evidence.similarity.homologs import homologs
from hnet_seq.evidence.similarity.near_duplicates import near_duplicates
from modalities.base import Tokens
from modalities.dna import COMPLEMENT

BEGIN, END = "<!-- studies/audit_recall.py -->\n", "<!-- end -->\n"
SHARES = (0.01, 0.03, 0.05, 0.1, 0.15, 0.2, 0.25)
LENGTHS = (60, 200, 500)
_PAIRS, _UNRELATED = 500, 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--into", metavar="FILE", help="page whose table is replaced")
    args = parser.parse_args()
    generator = np.random.default_rng(args.seed)
    lines = [
        "| bases | changed | forward strand | other strand | words of 16 bases | other pairs |",
        "|---|---|---|---|---|---|",
    ]
    for length in LENGTHS:
        for share in SHARES:
            lines.append(_row(length, share, generator))
            print(lines[-1], flush=True)
    one, other = (_drawn(_UNRELATED, 200, generator) for _ in range(2))
    false = sum(1 for _ in homologs(one, other))
    lines.append(f"| 200 | unrelated | | | | {false} of {_UNRELATED:,} |")
    print(lines[-1])
    if args.into:
        page = Path(args.into)
        before, _, rest = page.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        page.write_text("".join([before, BEGIN, "\n".join(lines), "\n", END, after]))


def _drawn(count: int, length: int, generator: np.random.Generator) -> list[Tokens]:
    return list(generator.integers(0, 4, (count, length)).astype(np.uint8))


def _row(length: int, share: float, generator: np.random.Generator) -> str:
    train = _drawn(4 * _PAIRS, length, generator)
    test = [mutated(each, share, generator) for each in train[:_PAIRS]]
    test = [COMPLEMENT[each[::-1]] if i % 2 else each for i, each in enumerate(test)]
    found = list(homologs(train, test))
    right = [pair for pair in found if pair.query == pair.reference]
    forward, other = (
        sum(pair.reverse is reverse for pair in right) / (_PAIRS / 2) for reverse in (False, True)
    )
    words = sum(1 for _ in near_duplicates(train, test)) / _PAIRS
    wrong = len(found) - len(right)
    return f"| {length} | {share:.0%} | {forward:.3f} | {other:.3f} | {words:.3f} | {wrong} |"


if __name__ == "__main__":
    main()
