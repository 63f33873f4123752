"""Baselines of labelled sets beside each other: the tables of docs/evidence.md and docs/results.md.

No model is needed. A row of Markdown for each baseline: MCC with its 95% interval, and without the
test sequences that leaked.

    python studies/baseline_tables.py uci_splice.tsv.gz
    python studies/baseline_tables.py exons_introns.tsv.gz --group-by 'id:^([^.]+\\.[0-9]+)'
"""

from __future__ import annotations

import argparse

from hnet_seq.commands.classify_data import add_task_arguments
from hnet_seq.evidence.audit.task import audit
from hnet_seq.evidence.measures.score_rows import score_row
from hnet_seq.evidence.probes.sequence_features import baseline_probabilities
from hnet_seq.tasks.classification.arguments import task_from_arguments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="+", metavar="PATH", help="as --data of classify train")
    parser.add_argument("--both-strands", action="store_true")
    add_task_arguments(parser)
    args = parser.parse_args()
    args.action = "train"
    for path in args.tables:
        args.data = path
        task = task_from_arguments(args)
        _, clean = audit(
            task.train,
            task.test,
            task.classes,
            validation=task.validation,
            origin=task.origin,
            seed=args.seed,
        )
        print(f"{path}: {len(task.test.labels):,} test sequences, {int((~clean).sum()):,} leaked")
        found = baseline_probabilities(
            task.train.sequences,
            task.train.labels,
            task.test.sequences,
            num_classes=len(task.classes),
            both_strands=args.both_strands,
            groups=task.train.together,
            seed=args.seed,
        )
        for name, probabilities in found.items():
            row = score_row(name, "baseline", [probabilities], task.test.labels, clean=clean)
            ends, left = row["intervals"]["mcc"], row["without_leaked"]
            sure = f"{ends[0]:.3f} to {ends[1]:.3f}" if ends else row["no_interval"]["mcc"]
            without = f"{left['mcc']:.3f}" if left else ""
            print(f"| {name} | {row['mcc']:.3f} ({sure}) | {without} |", flush=True)


if __name__ == "__main__":
    main()
