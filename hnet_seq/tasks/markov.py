"""Score order-k Markov models (k = 0..12) on the validation split of DNA shards.

They are counted on the training split and scored on exactly the bases that ``pretrain`` validates
on, so their bits per base stand beside a model's.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from hnet_seq.baselines.markov import MAX_ORDER, MarkovScores, score_markov_orders
from modalities.errors import InputError, UsageError
from pipelines.batches import read_documents
from pipelines.files import check_file, replaced_file
from pipelines.manifest import Manifest
from pipelines.reader import check_hashes

EXAMPLE = "hnet-seq markov shards --out run/markov.json"


def markov(
    shards: str | Path, *, max_order: int = MAX_ORDER, both_strands: bool = True
) -> MarkovScores:
    """Bits per base of the Markov orders 0..``max_order`` on the validation split of ``shards``.

    Raises:
        UsageError: ``max_order`` is outside 0..12.
        InputError: the shards are missing, not DNA, or without a validation split.
    """
    if not 0 <= max_order <= MAX_ORDER:
        raise UsageError("--max-order", f"{max_order} given; the orders are 0..{MAX_ORDER}")
    manifest = Manifest.load(shards)
    if manifest.modality != "dna":
        raise InputError(
            shards, f"holds {manifest.modality}; these Markov models count A, C, G, T: give DNA"
        )
    check_hashes(shards, manifest)
    validation = _documents(shards, "validation")
    if not any(int(np.count_nonzero(document[1:] < 4)) for document in validation):
        raise InputError(
            shards, "no validation bases to score; shard again with --validation last:0.1"
        )
    return score_markov_orders(
        _documents(shards, "train"),
        validation,
        max_order=max_order,
        both_strands=both_strands,
    )


def _documents(shards: str | Path, split: str) -> list[np.ndarray]:
    return [tokens for _, tokens in read_documents(shards, split)]


def table(scores: MarkovScores) -> str:
    """The scores as lines of text, the best order marked."""
    lines = ["order  bits/base"]
    for row in scores["orders"]:
        mark = "  best" if row["order"] == scores["best_order"] else ""
        lines.append(f"{row['order']:5d}  {row['bits_per_base']:9.4f}{mark}")
    strands = "both strands" if scores["both_strands"] else "one strand"
    lines.append(
        f"{scores['train_bases']:,} bases counted on {strands}, "
        f"{scores['scored_bases']:,} scored, {scores['smoothing']} added to each count"
    )
    return "\n".join(lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq markov``."""
    parser.add_argument("shards", metavar="SHARDS", help="folder made by hnet-seq shard")
    parser.add_argument("--out", metavar="FILE", help="write the scores as JSON, e.g. markov.json")
    parser.add_argument("--max-order", type=int, default=MAX_ORDER, help="default %(default)s")
    parser.add_argument(
        "--one-strand", action="store_true", help="count the forward strand of the records only"
    )


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    out = check_file(args.out) if args.out else None
    scores = markov(args.shards, max_order=args.max_order, both_strands=not args.one_strand)
    if out:
        with replaced_file(out) as stream:
            json.dump(scores, stream, indent=2)
            stream.write("\n")
    print(table(scores))
    return 0
