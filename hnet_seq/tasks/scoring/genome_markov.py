"""The Markov model of a genome beside which scores of variants stand."""

from __future__ import annotations

from pathlib import Path

from hnet_seq.evidence.baselines.markov import MAX_ORDER, MarkovModel, order_for
from modalities.errors import UsageError
from modalities.given_paths import given_path
from pipelines.formats.genome import Genome


def check_order(order: int | None) -> None:
    """Raise UsageError for an order that cannot be counted."""
    if order is not None and not 0 <= order <= MAX_ORDER:
        raise UsageError("markov_order", f"is {order}; expected 0 to {MAX_ORDER}")


def count_markov(genome: Genome | str | Path, markov_order: int | None = None) -> MarkovModel:
    """Count a Markov model on both strands of a genome.

    Args:
        genome: FASTA, GenBank or 2bit, or an open one.
        markov_order: bases that a base depends on, 0 to 12; by the genome's size when None.

    Raises:
        UsageError: another order.
        InputError: an unreadable genome.
    """
    check_order(markov_order)
    opened = genome if isinstance(genome, Genome) else Genome(given_path(genome, "genome"))
    if markov_order is None:
        markov_order = order_for(sum(opened.lengths.values()))
    records = (opened.fetch(name, 0, length) for name, length in opened.lengths.items())
    return MarkovModel(records, markov_order)
