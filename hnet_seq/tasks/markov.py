"""``hnet-seq markov``: order-k models on shards; its arguments are in ``commands``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hnet_seq.commands.meaning import check_meant
from hnet_seq.evidence.baselines.byte_mixing import ORDERS as BYTE_ORDERS
from hnet_seq.evidence.baselines.context_mixing import ORDERS, MixingScores, score_context_mixing
from hnet_seq.evidence.baselines.markov import MAX_ORDER, MarkovScores, score_markov_orders
from hnet_seq.results.markov import Markov
from hnet_seq.tasks import markov_bytes
from hnet_seq.tasks.byte_documents import is_byte_modality
from hnet_seq.tasks.peak_memory import peak_memory_mb
from modalities.errors import InputError, UsageError
from pipelines.batches.shard_documents import read_documents
from pipelines.shards.open_shards import check_hashes, open_shards
from pipelines.storage.files import check_file

_DNA_MIXING = f"context mixing of orders {ORDERS[0]} to {ORDERS[-1]}, both strands"


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
        Markov.of(scores).write(out)
    print(lines)
    return 0


def _scored(args: argparse.Namespace) -> tuple[Mapping[str, Any], str]:
    """What goes into the file, and what is printed."""
    began = time.monotonic()
    found = [open_shards(folder)[1].modality for folder in args.shards]
    if all(map(is_byte_modality, found)):
        check_meant(args, f"these hold {found[0]}", of="shards of bytes")
        order = markov_bytes.DEFAULT_ORDER if args.max_order is None else args.max_order
        of_bytes = markov_bytes.markov_bytes(args.shards, max_order=order)
        found_and_said = _mixed(args, of_bytes, markov_bytes.table(of_bytes), "byte")
        seconds = time.monotonic() - began
        print(f"{seconds:.1f} s, peak memory {peak_memory_mb():,.0f} MB", file=sys.stderr)
        return found_and_said
    if len(found) > 1:
        raise UsageError(
            "shards", f"hold {', '.join(found)}; only shards of bytes are counted together"
        )
    order = MAX_ORDER if args.max_order is None else args.max_order
    scores = markov(args.shards[0], max_order=order, both_strands=not args.one_strand)
    return _mixed(args, scores, table(scores), "base")


def _mixed(
    args: argparse.Namespace, scores: Mapping[str, Any], lines: str, unit: str
) -> tuple[Mapping[str, Any], str]:
    """The same with context mixing, and with a model beside it, as far as they are asked for."""
    if not args.mix:
        return scores, lines
    if unit == "base" and not args.beside:
        alone = mix(args.shards[0])
        return {**scores, "mixing": alone}, f"{lines}\n{_DNA_MIXING}: {alone['bits_per_base']:.4f}"
    # Here: counting alone does without torch.
    from hnet_seq.tasks import markov_mixture

    beside = None
    if args.beside:
        beside = markov_mixture.open_model(args.beside, args.shards, args.device)
    if unit == "base":
        mixing, said, orders = markov_mixture.mixed_bases(args.shards[0]), _DNA_MIXING, [*ORDERS]
    else:
        documents = markov_bytes.documents(args.shards)
        mixing = markov_mixture.mixed_bytes(*documents, args.shards)
        said = f"context mixing of orders 1 to {BYTE_ORDERS} and words"
        orders = [*range(1, BYTE_ORDERS + 1)]
        for (folder, label), found in mixing.items():
            (row,) = (row for row in scores["folders"] if row["folder"] == folder)
            (row,) = (own for own in row["labels"] if own["label"] == label)
            row["mixing"] = found.bits / len(found.symbols)
    bits = markov_mixture.bits_per_symbol(mixing)
    scores = {**scores, "mixing": {f"bits_per_{unit}": bits, "orders": orders}}
    lines += f"\n{said}: {bits:.4f}"
    if beside is not None:
        both = markov_mixture.beside_model(mixing, *beside)
        scores["mixture"] = {"checkpoint": args.beside, **both}
        lines += f"\n{args.beside}: {both['model']:.4f}"
        lines += f"\nboth, mixed by log-odds: {both['mixture']:.4f}"
    return scores, lines
