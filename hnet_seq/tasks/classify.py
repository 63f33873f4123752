"""Train, apply and evaluate a classifier on a model, beside trivial baselines.

  train     fits probes on frozen vectors, and baselines, and scores both on the test split
  finetune  trains the model too, with several seeds, and scores it beside probes and baselines
  predict   labels and probabilities of sequences
  evaluate  scores of a kept classifier on labelled sequences

Guides: docs/classification.md, docs/fine_tuning.md
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from hnet_seq.baselines.audit import Audit
from hnet_seq.baselines.probes import PROBES
from hnet_seq.baselines.score_rows import Comparison, format_comparisons
from hnet_seq.heads.pooling import CHUNK_POOLINGS, POOLINGS
from hnet_seq.model.pretrained import load_pretrained
from hnet_seq.tasks.classification import apply as classify_apply
from hnet_seq.tasks.classification import finetune as classify_finetune
from hnet_seq.tasks.classification.arguments import (
    add_task_arguments,
    describe_task,
    task_facts,
    task_from_arguments,
)
from hnet_seq.tasks.classification.frozen import MODEL_ROWS, classify, default_poolings
from hnet_seq.tasks.classification.probe_file import Embedding, Probe, save_probe
from hnet_seq.tasks.classification.score_tables import Rows, format_rows, rows_of
from hnet_seq.tasks.classification.targets import check_probes
from hnet_seq.tasks.classification.task import Task
from hnet_seq.tasks.classification.task_audit import audit_task, describe_task_audit
from hnet_seq.tasks.classification.trained_on import write_trained_on
from hnet_seq.tasks.embed import add_embedding_arguments, check_modality, check_pooling
from hnet_seq.tasks.run_identity import weights_sha256
from pipelines.files import check_folder, filled_folder, replaced_file

__all__ = ["add_arguments", "classify", "main"]

EXAMPLE = (
    "hnet-seq classify finetune run --data enhancers.csv --out enhancers && "
    "hnet-seq classify predict enhancers windows.fa.gz"
)

RESULTS, PROBE = "classification.json", "probe.npz"


def _train(args: argparse.Namespace) -> int:
    out = check_folder(args.out)
    model = load_pretrained(args.checkpoint, args.device)
    check_modality(model)
    poolings = default_poolings(model)
    kept = args.pooling or poolings[0]
    poolings = [kept, *(pooling for pooling in poolings if pooling != kept)]
    for pooling in poolings:
        check_pooling(model, pooling, args.stage)
    task = task_from_arguments(args)
    probes = list(PROBES) if args.probe == "all" else [args.probe]  # the first one is kept
    check_probes(task.problem, probes)
    found, clean = audit_task(task, args.seed)
    outcome = classify(
        model,
        task,
        poolings=poolings,
        probes=probes,
        stage=args.stage,
        strands=args.strands,
        batch_tokens=args.batch_tokens,
        device=args.device,
        seed=args.seed,
        progress=True,
    )
    rows = rows_of(outcome, task, clean=clean, seed=args.seed)
    probe = Probe(
        task.classes,
        outcome.probes[kept, probes[0]],
        Embedding(kept, args.stage, args.strands),
        str(args.checkpoint),
        weights_sha256(args.checkpoint),
        task.problem,
    )
    comparisons = outcome.minus_others(task, seed=args.seed)
    with filled_folder(out) as folder:
        save_probe(probe, folder / PROBE)
        write_trained_on(folder / PROBE, task.train.sequences)
        with replaced_file(folder / RESULTS) as stream:
            json.dump(_results(task, found, rows, comparisons, kept, args), stream, indent=2)
            stream.write("\n")
    print(describe_task(task))
    print(describe_task_audit(task, found))
    print(format_rows(task.problem, rows))
    if comparisons:
        print(format_comparisons(comparisons))
    print(f"{out / RESULTS}; {out / PROBE} reads {MODEL_ROWS[kept]}", file=sys.stderr)
    return 0


def _results(
    task: Task,
    found: Audit,
    rows: Rows,
    comparisons: list[Comparison],
    kept: str,
    args: argparse.Namespace,
) -> dict[str, Any]:
    return {
        **task_facts(task, args.seed),
        "seeds": [args.seed],
        "strands": args.strands,
        "stage": args.stage,
        "probe_pooling": kept,
        "audit": found,
        "headline": rows[0]["name"],
        "rows": rows,
        "comparisons": comparisons,
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq classify``."""
    actions = parser.add_subparsers(dest="action", metavar="action", required=True)

    train = actions.add_parser("train", help="fit probes and baselines, and score them")
    train.set_defaults(act=_train)
    train.add_argument("checkpoint", metavar="CHECKPOINT", help="checkpoint folder or run folder")
    train.add_argument("--out", required=True, metavar="FOLDER", help=f"for {RESULTS} and {PROBE}")
    add_task_arguments(train)
    train.add_argument(
        "--pooling",
        choices=POOLINGS,
        help=f"of the probe that is kept (default {CHUNK_POOLINGS[0]}; bases where there are none)",
    )
    classify_finetune.add_probe_argument(train)
    add_embedding_arguments(train)

    finetune = actions.add_parser("finetune", help="train a model's weights too, and score it")
    classify_finetune.add_arguments(finetune)
    finetune.set_defaults(act=classify_finetune.main)

    classify_apply.add_actions(actions)


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    code: int = args.act(args)
    return code
