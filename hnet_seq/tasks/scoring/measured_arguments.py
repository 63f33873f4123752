"""What ``score --measured`` reads, as its arguments say; torch is not needed for it."""

from __future__ import annotations

import argparse

from hnet_seq.commands.meaning import check_meant
from hnet_seq.tasks.scoring.measured_table import MeasuredTable, read_measured
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError, UsageError
from pipelines.formats.table_rows import RowFilter


def rows_from_arguments(args: argparse.Namespace) -> MeasuredTable:
    """The rows of ``args.input``, with their split.

    Raises:
        InputError, UsageError: as :func:`read_measured`; UsageError for ``--test-fraction`` beside
            a split that the table has.
    """
    rows = read_measured(
        args.input,
        args.measured,
        sequence=args.sequence_column or "sequence",
        split=args.split,
        group=args.group,
        where=RowFilter.parse(args.where),
        test_fraction=0.2 if args.test_fraction is None else args.test_fraction,
        max_rows=args.max_rows,
        seed=args.seed or 0,
    )
    if not rows.is_drawn:
        check_meant(args, f"the column {args.split} says which rows test", of="a given split")
    return rows


def flanks_from_arguments(args: argparse.Namespace) -> tuple[Tokens, Tokens] | None:
    """``--flanks``; UsageError for other letters than those of DNA."""
    if args.flanks is None:
        return None
    sides = []
    for side in args.flanks:
        try:
            sides.append(dna.encode(side))
        except InputError as error:
            raise UsageError("--flanks", f"{side!r}: {error}") from None
    return sides[0], sides[1]
