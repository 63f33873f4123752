"""``hnet-seq classify train``; the arguments of all actions stand in ``commands``."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from hnet_seq.commands.classify import PROBE, RESULTS
from hnet_seq.evidence.audit.task import Audit
from hnet_seq.evidence.measures.score_rows import Comparison, format_comparisons
from hnet_seq.evidence.probes.table import PROBES
from hnet_seq.model.auto import load_pretrained
from hnet_seq.results.classification import Classification, Targets
from hnet_seq.tasks.classification.arguments import (
    describe_task,
    open_twin,
    task_facts,
)
from hnet_seq.tasks.classification.frozen import MODEL_ROWS, classify, default_poolings
from hnet_seq.tasks.classification.probe_file import Embedding, Probe, save_probe
from hnet_seq.tasks.classification.score_tables import Rows, format_rows, rows_of
from hnet_seq.tasks.classification.task import Task
from hnet_seq.tasks.classification.task_audit import audit_task, describe_task_audit
from hnet_seq.tasks.classification.trained_on import write_trained_on
from hnet_seq.tasks.embedding.vectors import check_modality, check_pooling
from hnet_seq.tasks.run_identity import about_twin, weights_sha256
from pipelines.storage.files import check_folder, filled_folder

__all__ = ["classify", "train"]


def train(args: argparse.Namespace) -> int:
    """Run ``hnet-seq classify train``."""
    out = check_folder(args.out)
    model = load_pretrained(args.checkpoint, args.device)
    check_modality(model)
    poolings = default_poolings(model)
    kept = args.pooling or poolings[0]
    poolings = [kept, *(pooling for pooling in poolings if pooling != kept)]
    for pooling in poolings:
        check_pooling(model, pooling, args.stage)
    task: Task = args.read_task  # before torch was imported
    probes = list(PROBES) if args.probe == "all" else [args.probe]  # the first one is kept
    found, clean = audit_task(task, args.seed)
    twin = open_twin(args)
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
        twin=twin,
    )
    rows = rows_of(outcome, task, clean=clean)
    probe = Probe(
        task.classes,
        outcome.probes[kept, probes[0]],
        Embedding(kept, args.stage, args.strands),
        str(args.checkpoint),
        weights_sha256(args.checkpoint),
        task.problem,
    )
    comparisons = outcome.minus_others(task)
    with filled_folder(out) as folder:
        save_probe(probe, folder / PROBE)
        write_trained_on(folder / PROBE, task.train.sequences)
        results = _results(task, found, rows, comparisons, kept, args) | about_twin(twin)
        kind = Classification if task.problem == "classes" else Targets
        kind.of(results).write(folder / RESULTS)
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
