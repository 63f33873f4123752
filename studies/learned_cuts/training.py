"""Runs what is missing, one run after the other, each in a folder of its own that goes on."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from hnet_seq.cli import main as hnet_seq
from hnet_seq.experiments import load_experiment
from hnet_seq.model.auto import load_pretrained
from hnet_seq.tasks.pretrain_data import run_tokenizer
from hnet_seq.train.evaluation import ValidationSource, evaluate
from hnet_seq.train.tokenised import TokenisedBatches
from modalities.errors import UsageError
from pipelines.batches.token_batches import TokenBatches
from pipelines.storage.files import append_line, replaced_file

from .costs import measure, need_one_thread
from .design import Only, words
from .held_out import shards
from .plan import Plan, Run
from .results import SCORED, SPENT, last_checkpoint


def measure_missing(plan: Plan, only: Only, given: Path | None, again: bool = False) -> None:
    """Measure what has no cost yet.

    Args:
        again: also what has one; the lower is kept, as other work only makes a step dearer.
    """
    need_one_thread()
    for data, arm in only.pairs(plan.study) if again else plan.unmeasured(only):
        cost, before = measure(plan.study, data, arm, plan.state, given), plan.costs.of(data, arm)
        if before is None or cost.seconds < before.seconds:
            plan.costs.keep(data, arm, cost)
        print(
            f"{data.name} {arm.name}: {cost.seconds:.3f} CPU s a step of {cost.batch:,} letters, "
            f"{cost.flops / 1e6:.2f} MFLOP a letter",
            flush=True,
        )


def run_missing(plan: Plan, only: Only, given: Path | None) -> None:
    """Do the runs that are missing, the most wanted first; what is best may change on the way.

    Raises:
        SystemExit: one was stopped or failed, with its exit code.
    """
    measure_missing(plan, only, given)
    while (found := next(plan.missing(only), None)) is not None:
        phase, run = found
        train(plan, run, given)
        result = plan.result(run)
        if result is None:
            raise UsageError(run.folder(plan.state), "is complete, but not of this study's steps")
        print(
            f"{phase}: {run.data.name} {run.arm.name}, {run.steps} steps, rate x{run.rate:g}, "
            f"seed {run.seed}: {result.bits:.4f} bits, {result.spent:.0f} CPU s",
            flush=True,
        )


def train(plan: Plan, run: Run, given: Path | None) -> None:
    """Begin a run, or go on with it, to its end."""
    folder, study = run.folder(plan.state), plan.study
    learn = shards(run.data, plan.state, given)["learn"]
    keys = run.arm.keys_for(run.data)
    own = study.config(run.data, run.arm, {}).train.optimizer.learning_rate
    keys |= {"seed": run.seed, "train.steps": run.steps}
    keys |= {"train.optimizer.learning_rate": own * run.rate}
    folder.parent.mkdir(parents=True, exist_ok=True)
    began = time.process_time()
    asked = ["--data", f"{learn}", "--out", f"{folder}", "--continue", "--device", "cpu"]
    code = hnet_seq(["pretrain", f"{study.base}", *words(keys), *asked])
    if folder.is_dir():
        spent = round(time.process_time() - began, 2)
        append_line(folder / SPENT, json.dumps({"cpu_seconds": spent, "code": code}))
    if code:
        raise SystemExit(code)
    for state in folder.glob("checkpoints/*/trainer.pt"):
        state.unlink()  # most of a folder's bytes; a complete run does not go on


def score_tests(plan: Plan, only: Only, given: Path | None) -> None:
    """Score the half of the held-out part that nobody has looked at, of complete data sets.

    A run that is scored is not scored again. Data sets with runs that are missing are left out, so
    that nothing that is still chosen can be chosen by it.
    """
    need_one_thread()
    for data in dict.fromkeys(data for data, _ in only.pairs(plan.study)):
        whole = Only(frozenset([data.name]))
        left = len(plan.unmeasured(whole)) + sum(1 for _ in plan.missing(whole))
        if left:
            print(f"{data.name}: {left} runs are missing; its test half stays closed")
            continue
        for _, run in plan.all_runs(whole):
            if run.rate == plan.best_rate(data, run.arm):
                _score(plan, run, given)


def _score(plan: Plan, run: Run, given: Path | None) -> None:
    folder = run.folder(plan.state)
    if (folder / SCORED).is_file():
        return
    config = load_experiment(folder / "config.yaml")
    checkpoint = last_checkpoint(folder, run.steps)
    tokenizer = run_tokenizer(config, checkpoint)
    test, context = shards(run.data, plan.state, given)["test"], config.data.context
    options: dict[str, Any] = {
        "context": context,
        "batch_tokens": max(context, 8192),
        "shuffle": False,
    }
    if tokenizer is None:
        batches = TokenBatches(test, **options)
    else:
        batches = TokenisedBatches(test, tokenizer=tokenizer, **options)
    limit = min(config.data.validation_tokens or batches.tokens_per_epoch, batches.tokens_per_epoch)
    source = ValidationSource(run.data.name, "", batches, limit=limit)
    found = evaluate(load_pretrained(checkpoint, "cpu"), [source], config.train.ratio_loss.targets)
    values = {"bits": found["bits_per_token"], "letters": found["scored_tokens"]}
    with replaced_file(folder / SCORED) as file:
        file.write(json.dumps(values) + "\n")
    print(f"{run.data.name} {run.arm.name}, seed {run.seed}: {values['bits']:.4f} bits", flush=True)
