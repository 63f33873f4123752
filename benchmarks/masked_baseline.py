"""What counts know of a hidden base: k bases before it and k after it, on held-out sequence.

    python benchmarks/masked_baseline.py SHARDS [--sides 6]

The baseline of a masked model, as Markov orders are that of a causal one; order 0 is the
frequencies. The last column counts each context together with its mirror image: it is what any
predictor that treats both directions alike can know of these k + k bases.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable

import numpy as np

from pipelines.batches.shard_documents import read_documents


def contexts(documents: Iterable[np.ndarray], k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n,) codes of the 2 k bases around each base, of their mirror images, and the bases.

    Bases with anything but A, C, G, T (0 to 3) around them are left out.
    """
    codes, mirrored, bases = [], [], []
    for document in documents:
        count = max(0, len(document) - 2 * k)
        columns = [document[i : i + count].astype(np.int64) for i in range(2 * k + 1)]
        middle = columns.pop(k)
        known = np.all([column < 4 for column in [*columns, middle]], axis=0)
        code = sum(column * 4**i for i, column in enumerate(columns)) + np.zeros_like(middle)
        mirror = sum(column * 4**i for i, column in enumerate(columns[::-1])) + 0 * middle
        codes.append(code[known])
        mirrored.append(mirror[known])
        bases.append(middle[known])
    return np.concatenate(codes), np.concatenate(mirrored), np.concatenate(bases)


def bits_per_base(
    train: list[np.ndarray], validation: list[np.ndarray], k: int, *, symmetric: bool
) -> float:
    """Counted on both strands of ``train``, one added to each count, and scored."""
    strands = [*train, *(np.where(d < 4, 3 - d, d)[::-1] for d in train)]
    codes, mirrored, bases = contexts(strands, k)
    size = 4 ** (2 * k + 1)
    counts = np.bincount(codes * 4 + bases, minlength=size)
    if symmetric:
        counts = counts + np.bincount(mirrored * 4 + bases, minlength=size)
    table = counts.reshape(-1, 4) + 1.0
    log_probability = np.log2(table / table.sum(1, keepdims=True))
    codes, _, bases = contexts(validation, k)
    return float(-log_probability[codes, bases].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shards")
    parser.add_argument("--sides", type=int, default=6, metavar="K", help="most bases a side")
    args = parser.parse_args()
    train, validation = (
        [document.tokens for document in read_documents(args.shards, split)]
        for split in ("train", "validation")
    )
    print("bases a side   bits per base   both directions alike")
    for k in range(args.sides + 1):
        one, alike = (
            bits_per_base(train, validation, k, symmetric=symmetric) for symmetric in (False, True)
        )
        print(f"{k:12d} {one:15.4f} {alike:23.4f}")


if __name__ == "__main__":
    main()
