"""``hnet-seq score --measured``: the table of rank correlations, and what each ranking says."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.results.scores import Measured
from hnet_seq.tasks.classification.labelled_rows import Columns, GroupRule
from hnet_seq.tasks.classification.unused_columns import UnusedColumns, unused_columns
from hnet_seq.tasks.embedding.vectors import Strands, check_modality
from hnet_seq.tasks.scoring.measured_effects import Effects, measured_effects
from hnet_seq.tasks.scoring.measured_table import MeasuredTable
from hnet_seq.tasks.scoring.outputs import summary_path
from hnet_seq.tasks.scoring.summary import described, shown, table
from pipelines.formats.table_rows import RowFilter
from pipelines.formats.table_text import plain_name
from pipelines.storage.files import replaced_file


def run(args: argparse.Namespace, out: Path | None) -> int:
    """Score the rows of ``args.input`` and compare with ``args.measured``.

    The rows have been read, before torch was imported (:mod:`measured_arguments`).
    """
    seed = args.seed or 0
    rows: MeasuredTable = args.rows
    ignored = _ignored(args)
    if ignored:
        print(f"note: {args.input}: {ignored}", file=sys.stderr)
    print(_counts(rows), file=sys.stderr)
    model = HNetForCausalLM.from_pretrained(args.checkpoint, args.device, twin=args.twin)
    check_modality(model)
    strands: Strands = args.strands or "average"
    effects = measured_effects(
        model,
        rows,
        flanks=args.flank_tokens,
        strands=strands,
        seed=seed,
        batch_tokens=args.batch_tokens,
        progress=True,
    )
    print(_told(effects, seed))
    if out is not None:
        _write(out, rows, effects)
        n_test = int(rows.is_test.sum())
        found = Measured(
            **described(args, model, strands),
            measured=args.measured,
            split=args.split or "random",
            split_made=rows.about,
            group=args.group,
            flanks=None if args.flanks is None else [len(side) for side in args.flanks],
            n_train=len(rows.values) - n_test,
            n_test=n_test,
            shared_with_train=rows.shared,
            max_rows=args.max_rows,
            seed=seed,
            rows=effects.rows,
        )
        if summary := summary_path(out):
            found.write(summary)
    return 0


def _ignored(args: argparse.Namespace) -> str:
    """What is said of the columns that nothing was read from."""
    group = GroupRule(args.group) if args.group else None
    where = RowFilter.parse(args.where)
    columns = Columns(args.sequence_column or "sequence", args.measured, group, where)
    unused = unused_columns(args.input, columns).values
    taken = plain_name(args.split or "")
    left = {name: values for name, values in unused.items() if plain_name(name) != taken}
    return f"{UnusedColumns(left)}"


def _counts(rows: MeasuredTable) -> str:
    test = int(rows.is_test.sum())
    leak = (
        f"; {rows.shared:,} test rows have a copy or their group in training" if rows.shared else ""
    )
    return f"{len(rows.values) - test:,} training and {test:,} test rows ({rows.about}){leak}"


def _told(effects: Effects, seed: int) -> str:
    lines = [("", "kind", "fitted", "Spearman", "95% interval")]
    for row in effects.rows:
        found = row["spearman"]
        interval = f"{shown(found['low'])} to {shown(found['high'])}"
        lines.append(
            (
                row["name"],
                row["kind"],
                "yes" if row["fitted"] else "no",
                shown(found["rho"]),
                interval if found["low"] is not None else found["no_interval"] or "-",
            )
        )
    n = effects.rows[0]["spearman"]["n"]
    return f"{table(lines)}\nn {n:,} test rows, intervals over groups of rows, seed {seed}"


def _write(out: Path, rows: MeasuredTable, effects: Effects) -> None:
    with replaced_file(out) as file:
        file.write("\t".join(("line", "measured", *effects.predictions)) + "\n")
        columns = (rows.lines[rows.is_test], rows.values[rows.is_test])
        for line, value, *said in zip(*columns, *effects.predictions.values(), strict=True):
            numbers = "\t".join(f"{number:.6f}" for number in said)
            file.write(f"{line}\t{value:.6g}\t{numbers}\n")
