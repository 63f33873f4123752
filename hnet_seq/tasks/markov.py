"""``hnet-seq markov``: order-k models on shards; its arguments are in ``commands``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hnet_seq.baselines.context_mixing import MixingScores, score_context_mixing
from hnet_seq.baselines.markov import MAX_ORDER, MarkovScores, score_markov_orders
from hnet_seq.commands.meaning import check_meant
from hnet_seq.tasks import markov_bytes
from hnet_seq.tasks.byte_documents import is_byte_modality
from hnet_seq.tasks.peak_memory import peak_memory_mb
from modalities.errors import InputError, UsageError
from pipelines.files import check_file, replaced_file
from pipelines.open_shards import check_hashes, open_shards
from pipelines.shard_documents import read_documents


def markov(
    shards: str | Path, *, max_order: int = MAX_ORDER, both_strands: bool = True
) -> MarkovScores:
    """Bits per base of the Markov orders 0..``max_order`` on the validation split of ``shards``.

    Raises:
        UsageError: ``max_order`` is outside 0..12.
        InputError: the shards are missing, not DNA, or without a validation split.
    """
    if not 0 <= max_order <= MAX_ORDER:
        raise UsageError("max_order", f"{max_order} given; the orders are 0..{MAX_ORDER}")
    _check(shards)
    return score_markov_orders(
        _documents(shards, "train"),
        _documents(shards, "validation"),
        max_order=max_order,
        both_strands=both_strands,
    )


def mix(shards: str | Path) -> MixingScores:
    """Bits per base of context mixing, the bar above every Markov order, on the same bases.

    Raises:
        InputError: as for :func:`markov`.
    """
    _check(shards)
    return score_context_mixing(_documents(shards, "train"), _documents(shards, "validation"))


def _check(shards: str | Path) -> None:
    """Raise InputError unless these are whole shards of DNA with something to score."""
    store, manifest = open_shards(shards)
    if manifest.modality != "dna":
        raise InputError(
            shards,
            f"holds {manifest.modality}; these Markov models count A, C, G, T: give DNA, or bytes "
            "to markov_bytes",
        )
    check_hashes(store, manifest)
    validation = _documents(shards, "validation")
    if not any(int(np.count_nonzero(document[1:] < 4)) for document in validation):
        raise InputError(
            shards, "no validation bases to score; shard again with --validation last:0.1"
        )


def _documents(shards: str | Path, split: str) -> list[np.ndarray]:
    return [document.tokens for document in read_documents(shards, split)]


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


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    out = check_file(args.out) if args.out else None
    scores, lines = _scored(args)
    if out:
        with replaced_file(out) as stream:
            json.dump(scores, stream, indent=2)
            stream.write("\n")
    print(lines)
    return 0


def _scored(args: argparse.Namespace) -> tuple[Mapping[str, Any], str]:
    """What goes into the file, and what is printed."""
    found = [open_shards(folder)[1].modality for folder in args.shards]
    if all(map(is_byte_modality, found)):
        check_meant(args, f"these hold {found[0]}", of="shards of bytes")
        order = markov_bytes.DEFAULT_ORDER if args.max_order is None else args.max_order
        began = time.monotonic()
        of_bytes = markov_bytes.markov_bytes(args.shards, max_order=order)
        seconds = time.monotonic() - began
        print(f"{seconds:.1f} s, peak memory {peak_memory_mb():,.0f} MB", file=sys.stderr)
        return of_bytes, markov_bytes.table(of_bytes)
    if len(found) > 1:
        raise UsageError(
            "shards", f"hold {', '.join(found)}; only shards of bytes are counted together"
        )
    order = MAX_ORDER if args.max_order is None else args.max_order
    scores = markov(args.shards[0], max_order=order, both_strands=not args.one_strand)
    if not args.mix:
        return scores, table(scores)
    mixed = mix(args.shards[0])
    line = f"context mixing of orders {mixed['orders'][0]} to {mixed['orders'][-1]}, both strands"
    return {**scores, "mixing": mixed}, f"{table(scores)}\n{line}: {mixed['bits_per_base']:.4f}"
