"""``hnet-seq pretrain``: a run from its configuration to its end; arguments are in ``commands``."""

from __future__ import annotations

import argparse
import copy
import dataclasses
import os
import platform
import signal
import sys
from pathlib import Path
from typing import Any

import torch

from hnet_seq import WAIT_POLICY
from hnet_seq.config import ExperimentConfig
from hnet_seq.experiments import save_experiment
from hnet_seq.model.auto import load_pretrained
from hnet_seq.model.counted_text import counted_texts
from hnet_seq.tasks.pretrain_data import (
    check_local_shards,
    complement,
    described,
    everything_once,
    report_sources,
    run_tokenizer,
    training_batches,
    validation_sources,
)
from hnet_seq.tasks.pretrain_start import Start, absolute_init, check_vocabulary
from hnet_seq.tasks.pretrain_weights import (
    check_same_weights,
    first_model,
    run_checkpoint,
)
from hnet_seq.train.byte_pairs import byte_pair_rule, learn_byte_pairs
from hnet_seq.train.continuation import branch
from hnet_seq.train.counting import Counting
from hnet_seq.train.feed import Feed
from hnet_seq.train.launch import deterministic_operations, process_group
from hnet_seq.train.loop import Trainer
from hnet_seq.train.masking import MaskedBatches
from hnet_seq.train.memory import keep_freed_memory
from hnet_seq.train.ranks import agreed, is_first, on_first, rank, world_size
from hnet_seq.train.run_folder import RunFolder
from hnet_seq.train.tokenised import TokenisedBatches
from hnet_seq.train.trackers import Trackers, check_trackers
from pipelines.batches.token_batches import TokenBatches
from pipelines.storage.files import DiskError, check_folder

# Both leave a complete checkpoint. 130 is what a shell reports of a process that Ctrl-C ended, 75
# (EX_TEMPFAIL of sysexits.h) asks a job script to run the same again.
_INTERRUPTED, _TRY_AGAIN = 130, 75


def pretrain(
    config: ExperimentConfig,
    out: str | Path,
    *,
    resume: bool = False,
    init: str | Path | None = None,
    device: str | None = None,
) -> bool:
    """Train into a run folder, together with the processes that ``torchrun`` started.

    Args:
        out: the run folder; one for all processes.
        resume: go on with the run in ``out``, bit for bit; by another number of processes, to
            rounding. ``train.steps`` and other keys may be others than it began with
            (:data:`hnet_seq.train.continuation.MAY_CHANGE`).
        init: weights to begin with, as ``train.init`` names them: step, schedule and optimiser
            begin anew.
        device: a GPU if there is one, else the CPU, when None.

    Returns:
        True when the run is complete; False when a signal stopped it after a checkpoint.

    Raises:
        UsageError: ``out`` holds a run and ``resume`` was not asked for, or one with another
            configuration; there are no sources; or ``init`` has another shape or vocabulary.
        InputError: the shards are missing, damaged, of another vocabulary, or without training
            data.
    """
    config = copy.deepcopy(config)
    if init is not None:
        config.train.init = f"{init}"
    return _pretrain(Start(config, RunFolder(out), resume), device) is None


def _pretrain(start: Start, device: str | None) -> int | None:
    """As :func:`pretrain`; returns the signal that stopped the run, or None."""
    deterministic = start.config.train.deterministic
    with process_group(device) as own, deterministic_operations(deterministic):
        check_folder(start.folder.path)
        check_trackers(start.config.train.trackers)
        if start.branch:
            checkpoint, run = start.branch
            on_first(lambda: branch(checkpoint, run, start.folder))
        return _run(_trainer(start.config, start.folder, start.resume, own))


def _run(trainer: Trainer) -> int | None:
    # Nothing of the trainer is left when the processes part.
    try:
        trainer.run()
    except DiskError as error:
        raise _with_remedy(error, trainer.folder) from error
    finally:
        trainer.folder.trackers.finish()
    return trainer.stopped_by


def _with_remedy(error: DiskError, folder: RunFolder) -> DiskError:
    """The same, with what there is of the run and how it goes on."""
    complete = folder.complete()
    whole = f"the last whole checkpoint is {complete[-1].name}" if complete else "no checkpoint yet"
    return DiskError(
        error.errno,
        f"{os.strerror(error.errno or 0)}; {whole}; make room, and go on with: "
        f"hnet-seq pretrain --resume {folder.path}",
        error.filename,
    )


def _trainer(config: ExperimentConfig, folder: RunFolder, resume: bool, device: str) -> Trainer:
    keep_freed_memory()
    started = agreed(resume and bool(folder.complete()))
    checkpoint = on_first(folder.latest) if started else None
    train = training_batches(config, run_tokenizer(config, checkpoint))
    if is_first():
        report_sources(config, train)
    validation = validation_sources(config, train)
    if not resume and config.data.damaged_shards == "error":
        on_first(lambda: check_local_shards(config))
    feed = Feed(train, config.data.micro_batch_tokens, config.data.workers, rank(), world_size())
    vocabulary, mask = train.manifest.vocab_size, ""
    if isinstance(train, MaskedBatches):
        vocabulary, mask = train.vocab_size, " with the mask"
    elif isinstance(train, TokenisedBatches):
        vocabulary, mask = train.tokenizer.vocab_size, f" as {train.tokenizer.name}"
    check_vocabulary(config, vocabulary, mask)
    given = None
    if checkpoint is not None:
        model = load_pretrained(checkpoint, device)
    else:
        config.train.init = absolute_init(config.train.init)
        kept = config.train.init_optimizer == "kept"
        given = on_first(lambda: run_checkpoint(config.train.init)) if kept else None
        model, about = first_model(config, train, device)
        about = _provenance(config, device, train) | about
        on_first(lambda: _begin(config, folder, resume, about))
    model.metadata |= {
        "modality": train.manifest.modality,
        "vocabulary": train.vocabulary_fingerprint,
        "data": train.fingerprint,
    }
    if isinstance(train, TokenisedBatches):
        model.metadata |= described(train)
    counted, joined = counted_texts(model), byte_pair_rule(model)
    both_strands = complement(config, train) if counted or joined else None
    counting = Counting(counted, train, config.train.steps, both_strands)
    if not started:
        counting.count(everything_once(config, progress=is_first()))
        if joined is not None:
            read = (train[step] for step in range(config.train.steps))
            learn_byte_pairs(joined, read, both_strands)
    trainer = Trainer(config, model, feed, validation, folder, counting)
    if started:
        said = trainer.restore()
        if is_first() and said:
            print(said, file=sys.stderr)
        on_first(lambda: save_experiment(config, folder.config))
    elif given is not None:
        trainer.checkpoints.keep_optimizer_of(given)
    if is_first():
        about = dataclasses.asdict(config)
        folder.trackers = Trackers.open(config.train.trackers, folder.path, trainer.step, about)
    return trainer


def _begin(
    config: ExperimentConfig, folder: RunFolder, resume: bool, provenance: dict[str, Any]
) -> None:
    if resume:
        check_same_weights(folder, provenance)
    else:
        folder.create()
    folder.write_provenance(provenance)
    # Last: from here on there is a run to resume, if only from its beginning.
    save_experiment(config, folder.config)


def _provenance(config: ExperimentConfig, device: str, train: TokenBatches) -> dict[str, Any]:
    return {
        # What a token is, for whoever words the results.
        "unit": "base" if train.manifest.modality == "dna" else "byte",
        "modalities": sorted({stream.manifest.modality for stream in train.streams}),
        "command": ["hnet-seq", *sys.argv[1:]],
        "seed": config.seed,
        "device": device,
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "threads_wait": WAIT_POLICY,
        "processes": world_size(),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
    }


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    start: Start = args.start  # before torch was imported
    out = start.folder.path
    stopped_by = _pretrain(start, args.device)
    # The group has been left; the launcher's number is still there.
    first = os.environ.get("RANK", "0") == "0"
    if stopped_by is None:
        if first:
            print(f"finished: {out}")
        return 0
    if first:
        print(f"stopped; go on with: hnet-seq pretrain --resume {out}", file=sys.stderr)
    return _TRY_AGAIN if stopped_by == signal.SIGTERM else _INTERRUPTED
