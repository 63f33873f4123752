"""Runs what is missing, one run after the other, each in a folder of its own that goes on."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
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
from pipelines.storage.files import append_line

from .costs import measure, need_one_thread
from .design import Only, words
from .held_out import shards
from .plan import Plan, Run
from .results import SPENT, Result, last_checkpoint, result_of


def measure_missing(plan: Plan, only: Only, given: Path | None, again: bool = False) -> None:
    """Measure what has no cost yet.

    Args:
        again: also what has one; the lower is kept, as other work only makes a step dearer.
    """
    need_one_thread()
    for data, arm in only.pairs(plan.study) if again else plan.unmeasured(only):
        cost, before = (
            measure(plan.study, data, arm, plan.state, given),
            plan.ledger.cost(data, arm),
        )
        if before is None or cost.seconds < before.seconds:
            plan.ledger.keep_cost(data, arm, cost)
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
        result = train(plan, run, given)
        print(
            f"{phase}: {run.data.name} {run.arm.name}, {run.steps} steps, rate x{run.rate:g}, "
            f"seed {run.seed}: {result.bits:.4f} bits, {result.spent:.0f} CPU s",
            flush=True,
        )


def train(plan: Plan, run: Run, given: Path | None) -> Result:
    """Begin a run, or go on with it, to its end, and write down what it has found."""
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
    found = result_of(folder, run.steps)
    if found is None:
        raise UsageError(folder, "is complete, but not of this study's steps")
    scored = replace(found, test=_test_bits(plan, run, given))
    plan.ledger.keep_result(run.name, run.data, run.arm, scored)
    for state in folder.glob("checkpoints/*/trainer.pt"):
        state.unlink()  # most of a folder's bytes; a complete run does not go on
    return scored


def _test_bits(plan: Plan, run: Run, given: Path | None) -> float:
    """Bits on the half of the held-out part that nothing is chosen by.

    They are scored while there are weights, and shown when the data set is complete.
    """
    folder = run.folder(plan.state)
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
    bits: float = found["bits_per_token"]
    return bits if math.isfinite(bits) else math.inf
