"""``hnet-seq benchmark run``; the arguments of all actions stand in ``commands``."""

from __future__ import annotations

import argparse
import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hnet_seq.commands.benchmark import PAGE, RECORD
from hnet_seq.jobs.job import Computed
from hnet_seq.jobs.ranks import check_meeting, find_ranks, rank_device
from hnet_seq.optimizer_config import OptimizerConfig
from hnet_seq.peers.model import TransformersModel
from hnet_seq.results.benchmark import ONE_STRAND, Benchmark
from hnet_seq.tasks.benchmarking.cells import UNTAUGHT, Cell, plan
from hnet_seq.tasks.benchmarking.compute import Work
from hnet_seq.tasks.benchmarking.described import described
from hnet_seq.tasks.benchmarking.model import BenchmarkModel, open_hnet
from hnet_seq.tasks.benchmarking.rows import counted, gathered, task_record
from hnet_seq.tasks.benchmarking.suite_data import read_task
from hnet_seq.tasks.benchmarking.suites import Suite, SuiteTask
from hnet_seq.tasks.benchmarking.tuned import Tuning
from hnet_seq.tasks.benchmarking.untaught import untaught_record
from hnet_seq.tasks.benchmarking.untaught_data import read_untaught
from hnet_seq.tasks.benchmarking.vectors import clear
from hnet_seq.tasks.benchmarking.written import outputs_of, write_run
from hnet_seq.tasks.classification.settings import pretraining_ratios
from hnet_seq.train.finetune_config import FinetuneConfig
from modalities.errors import UsageError
from pipelines.storage.files import check_folder

VECTORS = "vectors"
"""Folder in --out of finished vectors, until the run is complete."""
_VERSIONS = ("hnet-seq", "torch", "numpy", "scipy", "scikit-learn")


def run(args: argparse.Namespace) -> int:
    """Run ``hnet-seq benchmark run``, in all processes that ``torchrun`` started."""
    out = check_folder(args.out)
    ranks = find_ranks()
    check_meeting(None, [out / RECORD], ranks)
    device = rank_device(args.device, ranks)
    model: BenchmarkModel
    tuning = None
    shared: dict[str, Any] = {
        "name": args.name or Path(args.checkpoint).name,
        "strands": args.strands,
        "batch_tokens": args.batch_tokens,
        "device": device,
        "twin": args.twin is not False,
    }
    if args.peer is not None:
        model = TransformersModel.from_pretrained(args.peer, **shared)
    else:
        model = own = open_hnet(args.checkpoint, pooling=args.pooling, stage=args.stage, **shared)
        if args.finetune:
            tuning = _tuning(args, own.pooling, own.model.num_stages)
    found = benchmark(
        model,
        args.read_suite,
        args.read_tasks,
        args.data,
        out,
        shots=args.shots,
        seeds=args.seeds,
        seed=args.seed,
        tuning=tuning,
        both_strands=args.strands == "average",
    )
    if found is not None:  # else another rank writes
        print(described(found))
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(
            f"{out / PAGE}, {out / RECORD}; {used.ru_utime + used.ru_stime:.0f} s of computing",
            file=sys.stderr,
        )
    return 0


def benchmark(
    model: BenchmarkModel,
    suite: Suite,
    tasks: Sequence[SuiteTask],
    data: str | Path,
    out: Path,
    *,
    shots: Sequence[int] = (10, 1),
    seeds: int = 5,
    seed: int = 0,
    tuning: Tuning | None = None,
    both_strands: bool = False,
) -> Benchmark | None:
    """Rows of a model on tasks of a suite, in a folder; None for a rank that does not write them.

    A killed run goes on where it stopped, and ends with the same bytes, by whatever processes.

    Args:
        tasks: of the suite.
        data: where their files lie.
        shots, seeds: rows of each class that few-shot probes see, and draws of them.
        seed: of splits and folds, and the first of the draws.
        tuning: how the model is fine-tuned, too.
        both_strands: words are counted on both, for a model that averages over them.

    Raises:
        UsageError: a killed run of something else waits in ``out``.
        InputError: data that cannot be read, or vectors that are none.
    """
    labelled = [own for own in tasks if own.zero_shot is None]
    read = [(own.name, read_task(own, Path(data), seed=seed)) for own in labelled]
    untaught = [
        read_untaught(own, Path(data), seed=seed) for own in tasks if own.zero_shot is not None
    ]
    fingerprints = {name: task.fingerprint() for name, task in read}
    asked = {each.own.name: each.fingerprint() for each in untaught}
    _tell_unchecked(tasks, fingerprints | asked)
    if any(task.middle for _, task in read) and not both_strands:
        print(
            "note: the vector of a base in a causal model has read what stands before it alone; "
            "--strands average reads both sides",
            file=sys.stderr,
        )
    if untaught and both_strands:
        print(
            f"note: zero-shot tests read {ONE_STRAND}; --strands average is of vectors",
            file=sys.stderr,
        )
    parts = plan(
        len(read),
        shots=shots,
        seeds=seeds,
        seed=seed,
        twin=model.twin is not None,
        tuned=tuning.seeds if tuning else 0,
        untaught=[each.parts for each in untaught],
    )
    kept = out / VECTORS
    work = Work(read, model, parts, kept, seed, both_strands, tuning, untaught)
    versions = {name: _version(name) for name in _VERSIONS}
    identity: dict[str, Any] = {
        "suite": suite.name,
        "tasks": [[*each] for each in fingerprints.items()],
        "model": model.fingerprint,
        "name": model.name,
        "twin": None if model.twin is None else model.twin.fingerprint,
        "shots": list(shots),
        "seeds": seeds,
        "seed": seed,
        "tuning": None if tuning is None else [tuning.seeds, tuning.settings()],
        "versions": versions,
    }
    if untaught:
        identity["zero_shot"] = [[*each] for each in asked.items()]
    made_with = {**suite.said(list(tasks)), "about": dict(model.about)}
    with work.job(outputs_of(out), identity, made_with).run(find_ranks()) as computed:
        if computed is None:
            return None
        cells = _cells(computed)
        said = gathered([each for each in cells if each[0].predictor != UNTAUGHT], len(read))
        records = [
            task_record(own, task, each, work)
            for own, (_, task), each in zip(labelled, read, said, strict=True)
        ]
        found = Benchmark(
            suite=suite.name,
            title=suite.title,
            source=suite.source,
            met=suite.met,
            model=model.name,
            fingerprint=model.fingerprint,
            about=dict(model.about),
            twin=None if model.twin is None else model.twin.name,
            seed=seed,
            shots=list(shots),
            seeds=seeds,
            versions=versions,
            counts=counted(records),
            tasks=records,
            zero_shot=[untaught_record(number, each, cells) for number, each in enumerate(untaught)]
            or None,
        )
        write_run(found, said, out)
        clear(kept)  # while the cells are there: who is killed now comes back to it
    return found


def _tell_unchecked(tasks: Sequence[SuiteTask], fingerprints: Mapping[str, str]) -> None:
    for own in tasks:
        if unchecked := own.unchecked:
            print(
                f"note: {own.name}: the suite knows no sha256 of {', '.join(unchecked)}; what was "
                f"read is {fingerprints[own.name][:12]}",
                file=sys.stderr,
            )


def _cells(computed: Computed[Cell]) -> list[tuple[Cell, str]]:
    return [
        (cell, f"{text}")
        for part, columns in computed.parts(progress=False)
        for cell, text in zip(part, columns["found"], strict=True)
    ]


def _tuning(args: argparse.Namespace, pooling: str, stages: int) -> Tuning:
    multipliers, targets, weights = pretraining_ratios(args.checkpoint)
    defaults = FinetuneConfig()
    rate = OptimizerConfig(
        learning_rate=args.learning_rate,
        stage_multipliers=multipliers,
        weight_decay=defaults.optimizer.weight_decay,
    )
    config = replace(
        defaults,
        epochs=args.epochs,
        batch_tokens=args.batch_tokens,
        optimizer=rate,
        ratio_targets=targets,
        ratio_weights=weights,
    )
    config.validate(stages)
    if pooling == "last":
        raise UsageError("pooling", "last is for frozen vectors; leave it out with --finetune")
    return Tuning(config, pooling, args.stage, args.finetune_seeds)


def _version(name: str) -> str:
    try:
        return version(name)
    except ModuleNotFoundError:  # PackageNotFoundError: a checkout that is not installed
        return "unknown"
