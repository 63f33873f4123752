"""Fine-tune a model on labelled sequences, and score it beside frozen probes and baselines."""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
from collections.abc import Sequence
from contextlib import ExitStack, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import torch

from hnet_seq.commands.classify import HISTORY, RESULTS
from hnet_seq.evidence.measures.class_intervals import Predictions
from hnet_seq.evidence.measures.score_rows import compare, format_comparisons
from hnet_seq.evidence.probes.table import PROBES
from hnet_seq.heads.head_config import HeadConfig
from hnet_seq.heads.sequence_classification import HNetForSequenceClassification
from hnet_seq.model.auto import load_pretrained
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.twin import TWIN
from hnet_seq.results.classification import Classification, Targets
from hnet_seq.tasks.classification.arguments import (
    describe_task,
    open_twin,
    task_facts,
)
from hnet_seq.tasks.classification.classifiers import FINETUNED_ROWS
from hnet_seq.tasks.classification.frozen import (
    FrozenScores,
    Scored,
    classify,
    nearest_frozen,
    twin_row,
)
from hnet_seq.tasks.classification.kept_classifier import MODEL
from hnet_seq.tasks.classification.kept_results import (
    kept_path,
    read_kept,
    unfinished_folder,
    write_kept,
)
from hnet_seq.tasks.classification.score_tables import format_rows, model_row, rows_of
from hnet_seq.tasks.classification.seeds import PARTS, SeedRun, finetune_seeds, head_of
from hnet_seq.tasks.classification.settings import finetune_config
from hnet_seq.tasks.classification.task import Task
from hnet_seq.tasks.classification.task_audit import audit_task, describe_task_audit
from hnet_seq.tasks.embedding.vectors import Strands, check_modality, check_pooling
from hnet_seq.tasks.run_identity import about_twin, model_hash
from hnet_seq.train.finetune import FinetuneConfig, check_augmented
from hnet_seq.train.launch import process_group
from hnet_seq.train.ranks import is_first, on_first
from hnet_seq.train.trainable import trainable_names
from pipelines.storage.files import check_folder

_ROW = re.compile("^(H-Net|untrained twin),")
_FITS = 2  # of probes and baselines: what was kept by an older way to fit them does not count


def main(args: argparse.Namespace) -> int:
    """Run ``hnet-seq classify finetune``, in all processes that ``torchrun`` started."""
    out = check_folder(args.out)
    with process_group(args.device) as args.device, ExitStack() as stack:
        if not is_first():
            stack.enter_context(redirect_stdout(StringIO()))
        _finetune(args, on_first(lambda: stack.enter_context(unfinished_folder(out))))
        on_first(lambda: stack.pop_all().close())
        if not is_first():
            return 0
    which = f" of seed {args.seed}" if args.seeds > 1 else ""
    print(f"{out / RESULTS}, {out / HISTORY}; the model{which} is {out / MODEL}", file=sys.stderr)
    return 0


def _finetune(args: argparse.Namespace, out: Path) -> None:
    model = load_pretrained(args.checkpoint, args.device)
    check_modality(model)
    frozen = nearest_frozen(args.pooling)
    check_pooling(model, frozen, args.stage)
    config = finetune_config(args, model.num_stages)
    task: Task = args.read_task  # before torch was imported
    head = head_of(task, args.pooling, args.stage, markers=args.markers)
    # A wrong part is told now, not after the probe; so are strands.
    with_head = HNetForSequenceClassification.from_causal_lm(model, head)
    trainable_names(with_head, config.part)
    check_augmented(with_head, config.strands)
    found, clean = audit_task(task, args.seed)
    print(describe_task(task))
    print(describe_task_audit(task, found), flush=True)
    identity = model_hash(model)
    twin = open_twin(args)
    outcome = on_first(
        lambda: _frozen_scores(model, twin, task, frozen, config, identity, out, args)
    )
    seeds = list(range(args.seed, args.seed + args.seeds))

    def tune(start: HNetLanguageModel, folder: Path, start_hash: str) -> list[SeedRun]:
        folder.mkdir(parents=True, exist_ok=True)
        return finetune_seeds(
            start,
            task,
            head,
            config,
            seeds,
            folder,
            model_hash=start_hash,
            batch_tokens=args.batch_tokens,
            device=args.device,
        )

    name = FINETUNED_ROWS[args.pooling]
    runs = tune(model, out, identity)
    predictions = [run.probabilities for run in runs]
    tuned = model_row(name, predictions, task, clean=clean)
    rows = [tuned, *rows_of(outcome, task, clean=clean)]
    others: list[tuple[str, Literal["model", "baseline"], Predictions]] = [
        (each.name, each.kind, [each.probabilities]) for each in outcome.scored
    ]
    if args.twin and twin is not None:
        of_twin = [run.probabilities for run in tune(twin, out / TWIN, model_hash(twin))]
        row = model_row(twin_row(name), of_twin, task, clean=clean)
        row["kind"] = "baseline"
        rows.insert(1, row)
        others.insert(0, (row["name"], "baseline", of_twin))

    def end() -> None:
        comparisons = (
            compare(tuned["name"], predictions, others, task.test.labels)
            if task.problem == "classes"
            else []
        )
        results = {
            **task_facts(task, args.seed),
            "seeds": seeds,
            "strands": config.strands,
            "stage": args.stage,
            **about_twin(twin),
            "fine_tuned": _facts(config, runs, head),
            "audit": found,
            "headline": tuned["name"],
            "rows": rows,
            "comparisons": comparisons,
        }
        kind = Classification if task.problem == "classes" else Targets
        kind.of(results).write(out / RESULTS)
        for run in runs:
            print(_describe(run))
        print(format_rows(task.problem, rows))
        if comparisons:
            print(format_comparisons(comparisons))

    on_first(end)


def _frozen_scores(
    model: HNetLanguageModel,
    twin: HNetLanguageModel | None,
    task: Task,
    pooling: str,
    config: FinetuneConfig,
    identity: str,
    out: Path,
    args: argparse.Namespace,
) -> FrozenScores:
    """What the frozen model and the baselines say of the test split; kept like a seed."""
    strands: Strands = "average" if config.strands == "average" else "none"
    probes = list(PROBES) if args.probe == "all" else [args.probe]
    settings = {
        "model": identity,
        **about_twin(twin),
        "task": task.fingerprint(),
        "pooling": pooling,
        "stage": args.stage,
        "strands": strands,
        "probes": probes,
        "fits": _FITS,
        "seed": args.seed,
    }
    path = kept_path(out / PARTS, "frozen", settings)
    kept = read_kept(path)
    if kept is not None:
        arrays, about = kept
        scored = [
            Scored(name, kind, arrays[f"{index}"])
            for index, (name, kind) in enumerate(about["scored"])
        ]
        return FrozenScores(scored, {})
    outcome = classify(
        model,
        task,
        poolings=[pooling],
        probes=probes,
        stage=args.stage,
        strands=strands,
        batch_tokens=args.batch_tokens,
        device=args.device,
        seed=args.seed,
        progress=True,
        twin=twin,
    )
    scored = [
        dataclasses.replace(each, name=_ROW.sub(r"\1, frozen,", each.name))
        for each in outcome.scored
    ]
    write_kept(
        path,
        {f"{index}": each.probabilities for index, each in enumerate(scored)},
        {"scored": [(each.name, each.kind) for each in scored]},
    )
    return FrozenScores(scored, {})


def _facts(config: FinetuneConfig, runs: Sequence[SeedRun], head: HeadConfig) -> dict[str, Any]:
    return {
        "pooling": head.pooling,
        "markers": head.markers,
        **config.settings(),
        "ratio_targets": runs[0].ratio_targets,
        "best_epochs": [run.best_epoch for run in runs],
        "epochs_trained": [len(run.history) for run in runs],
        "validation": runs[0].validation,
        "torch": torch.__version__,
    }


def _describe(run: SeedRun) -> str:
    best = run.history[run.best_epoch - 1]
    text = (
        f"seed {run.seed}: epoch {run.best_epoch} of {len(run.history)} is kept: "
        f"loss {best['loss']:.3f}"
    )
    if best["validation_loss"] is not None:
        text += f", {best['validation_loss']:.3f} on {run.validation:,} sequences held out"
    for stage, (chunk, target) in enumerate(
        zip(best["tokens_per_chunk"], run.ratio_targets, strict=True)
    ):
        text += f"; stage {stage}: {chunk:.2f} per chunk, held at {target:.2f}"
    return text
