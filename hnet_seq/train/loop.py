"""The training loop: any layout, any number of processes, resumable bit for bit.

Batch k is a function of (shards, seed, k), so the position in the data is the step number alone.
All processes come to the same decisions, from what they tell each other at each step; the first one
writes and prints.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from tqdm import tqdm

from hnet_seq.config import ExperimentConfig
from hnet_seq.experiments import load_experiment
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.results.run import Log
from hnet_seq.train.averaging import Averaging
from hnet_seq.train.checkpoints import Checkpoints
from hnet_seq.train.continuation import settle
from hnet_seq.train.counting import Counting
from hnet_seq.train.evaluation import ValidationSource, evaluate
from hnet_seq.train.feed import Feed
from hnet_seq.train.guard import Guard
from hnet_seq.train.interval import Interval
from hnet_seq.train.objective import Objective
from hnet_seq.train.optimizer import build_optimizer
from hnet_seq.train.parallel import parallelize
from hnet_seq.train.ranks import is_first, on_first
from hnet_seq.train.ratio_control import RatioControl
from hnet_seq.train.run_folder import RunFolder
from hnet_seq.train.schedule import first_plan, learning_rate_factor
from hnet_seq.train.statistics import ratio_warnings
from hnet_seq.train.step import OptimizerStep
from hnet_seq.train.stopping import stop_requests
from modalities.errors import InputError
from pipelines.progress import progress_bar


class Trainer:
    """State of a run between optimiser steps.

    Args:
        train: where training batches come from.
        validation: what to validate on, maybe nothing.
        counting: of the model's n-gram counts.

    Attributes:
        stopped_by: the signal that ended :meth:`run` before its end, in whichever process.
    """

    def __init__(
        self,
        config: ExperimentConfig,
        model: HNetLanguageModel,
        train: Feed,
        validation: Sequence[ValidationSource],
        folder: RunFolder,
        counting: Counting,
    ) -> None:
        self.config = config
        self.model = model
        self.train_feed = train
        self.validation = validation
        self.folder = folder
        self.counting = counting
        ratio = config.train.ratio_loss
        self.parallel = parallelize(model, config.train.parallel, any(config.train.max_chunks))
        groups = len(train.source.names) if ratio.statistics == "source" else 1
        objective = Objective(
            model,
            ratio.statistics,
            config.train.max_chunks,
            config.train.precision,
            self.parallel,
            groups=groups,
        )
        first = first_plan(config.train.steps, config.train.schedule)
        self.control = RatioControl(ratio, first, groups)
        self.guard = Guard(config.train.guard)
        # Its parameters are those that the model has now.
        self.optimizer = build_optimizer(model, config.train.optimizer, ratio.targets)
        self.average = Averaging(self.optimizer, config.train.average)
        clip_norm = config.train.optimizer.clip_norm
        self.optimizer_step = OptimizerStep(
            objective, self.optimizer, self.guard, clip_norm, self.average
        )
        self.checkpoints = Checkpoints(folder, self.parallel, self.optimizer, config.train)
        self.step = 0
        self.tokens = 0
        # What bits_per_token is over, where that is not every token.
        self._scored = {"objective": "masked"} if config.train.objective == "masked" else {}
        # What is counted, where a token of the model is another thing.
        letter = "base" if train.source.manifest.modality == "dna" else "byte"
        joined = config.data.tokenizer != "none"
        self._unit = (letter, f"{letter}s") if joined else ("token", "tokens")
        self._interval = Interval.of_stages(model.num_stages)
        self._ratio = self.control.in_force(0)
        self._waited = 0.0  # seconds for this step's batches
        self._signals: list[int] = []
        self.stopped_by: int | None = None

    def save(self) -> None:
        """Write a checkpoint of this moment."""
        state = {
            "step": self.step,
            "tokens": self.tokens,
            "config": asdict(self.config),
            "data_fingerprint": self.train_feed.fingerprint,
            "interval": self._interval.state(),
            "ratio_control": self.control.state(),
            "guard": self.guard.state(),
        }
        self.model.metadata["step"] = str(self.step)
        with self.average.in_place():
            self.checkpoints.save(state, self.step)

    def restore(self) -> str | None:
        """Go on from the last complete checkpoint; its weights are in the model already.

        Returns:
            what the run does from here on otherwise than it was begun, for people.

        Raises:
            InputError: the shards or their order are not those the run began with, or another
                version wrote the checkpoint.
            UsageError: the configuration differs where it may not.
        """
        checkpoint, state = self.checkpoints.load()
        fingerprint = self.train_feed.fingerprint
        rules = [text.partition("/")[2] for text in (state["data_fingerprint"], fingerprint)]
        if "ratio_control" not in state or rules[0] != rules[1]:
            raise InputError(
                checkpoint, "an older version wrote it; finish the run with that, or start anew"
            )
        if state["data_fingerprint"] != fingerprint:
            raise InputError(
                checkpoint, "the shards differ from those this run began with; resume needs them"
            )
        # Checkpoints of earlier versions have none.
        found = state.get("config") or asdict(load_experiment(self.folder.config))
        said = settle(self.config, found, state["step"], self.folder)
        train = self.config.train
        self.control.steps = first_plan(train.steps, train.schedule)
        self.checkpoints.load_optimizer(checkpoint, state)
        self.average.exchange()
        self.step, self.tokens = state["step"], state["tokens"]
        self._interval = Interval.from_state(state["interval"])
        self.control.restore(state["ratio_control"])
        if "guard" in state:  # checkpoints of earlier versions have none
            self.guard.restore(state["guard"])
        on_first(lambda: Log.rewind(self.folder.metrics, self.step))
        self.checkpoints.drop()
        return said

    def run(self) -> bool:
        """Train to the end; False when a signal stopped it (a checkpoint was written)."""
        train = self.config.train
        if on_first(lambda: not self.folder.complete()):
            # A kill before the first regular one shall leave something to resume from, and a disk
            # that cannot be written to shall be found now.
            self.save()
        self.model.train()
        with stop_requests() as self._signals, self._progress() as bar:
            for batches in self._timed(self.train_feed.steps(self.step, train.steps)):
                self._train_step(batches)
                bar.update(self.config.data.batch_tokens)
                last = self.step == train.steps
                if self._interval.steps and (last or self.step % train.log_every == 0):
                    self._log_train(bar)
                if last or _due(self.step, train.validate_every):
                    self._log_validation(bar)
                if last or self.stopped_by or _due(self.step, train.checkpoint_every):
                    self.save()
                if self.stopped_by and not last:
                    self.checkpoints.finish()
                    return False
            self.checkpoints.finish()
        self.stopped_by = None
        return True

    def _timed(self, steps: Iterable[list[Any]]) -> Iterator[list[Any]]:
        """The same, noting how long each was waited for."""
        iterator = iter(steps)
        while True:
            started = time.perf_counter()
            batches = next(iterator, None)
            if batches is None:
                return
            self._waited = time.perf_counter() - started
            yield batches

    def _train_step(self, batches: list[Any]) -> None:
        config = self.config.train
        self.counting.hold_out(self.step)
        started = time.perf_counter()
        factor = learning_rate_factor(self.step, config.steps, config.schedule)
        self._ratio = self.control.in_force(self.step)
        done = self.optimizer_step.take(
            self.step,
            batches,
            factor,
            self._ratio,
            signals=self._signals,
            is_written=self.checkpoints.is_written,
            waited=self._waited,
        )
        if done.taken:
            self.control.update(self.step, done.counts)
        self.step += 1
        self.tokens += self.config.data.batch_tokens
        self.stopped_by = done.report.stop
        if done.report.is_written:
            self.checkpoints.finish()
        self._interval.note(done.report, done.taken)
        self._interval.learning_rate = config.optimizer.learning_rate * factor
        self._interval.seconds += time.perf_counter() - started

    def _log_train(self, bar: tqdm[Any]) -> None:
        interval, self._interval = self._interval, Interval.of_stages(self.model.num_stages)
        if not is_first():
            return
        goals = self.config.train.ratio_loss.targets
        record: dict[str, Any] = {"event": "train", "step": self.step, "tokens": self.tokens}
        record |= self._epochs() | self._scored | interval.record(goals, self._ratio)
        self.folder.log(record)
        chunks = "/".join(f"{stage['tokens_per_chunk']:.2f}" for stage in record["stages"])
        bar.set_postfix_str(
            f"{record['bits_per_token']:.3f} bits" + (f", {chunks} per chunk" if chunks else "")
        )
        if interval.over_budget:
            _say(
                bar,
                f"warning: {interval.over_budget} sequences had more chunks than "
                "train.max_chunks and were computed whole; lower data.context or raise the bound",
            )

    def _epochs(self) -> dict[str, Any]:
        """How often the data has been read: the sources apart, where there are several."""
        epochs = self.train_feed.source.epochs(self.step)
        values: dict[str, Any] = {"epoch": int(max(epochs.values()))}
        if len(epochs) > 1:
            values["epochs"] = {name: round(value, 4) for name, value in epochs.items()}
        return values

    def _log_validation(self, bar: tqdm[Any]) -> None:
        if not self.validation:
            return
        started = time.perf_counter()
        train = self.config.train
        targets, precision = train.ratio_loss.targets, train.precision
        with self.average.in_place():
            result = evaluate(self.model, self.validation, targets, precision, progress=is_first())
        if not is_first():
            return
        result = {
            "event": "validation",
            "step": self.step,
            "tokens": self.tokens,
            **self._scored,
            **result,
            "seconds": round(time.perf_counter() - started, 3),
        }
        self.folder.log(result)
        one, many = self._unit
        joined = result.get("letters_per_token")
        _say(
            bar,
            f"step {self.step}: validation {result['bits_per_token']:.4f} bits per "
            f"{'masked ' if self._scored else ''}{one} over {result['scored_tokens']:,} {many}"
            + (f", {joined:.2f} to a token" if joined else ""),
        )
        for source in result.get("sources", []):
            label = f", {source['label']}" if source["label"] else ""
            _say(
                bar,
                f"  {source['source']}{label}: {source['bits_per_token']:.4f} bits over "
                f"{source['scored_tokens']:,} {many}",
            )
        for own in [result, *result.get("sources", [])]:
            found = ratio_warnings(own["stages"], self._ratio.targets, own.get("source", ""))
            for warning in found:
                _say(bar, f"warning: {warning}")

    def _progress(self) -> tqdm[Any]:
        total = self.config.train.steps * self.config.data.batch_tokens
        return progress_bar("pretrain", total, unit="tok", progress=is_first(), initial=self.tokens)


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def _say(bar: tqdm[Any], text: str) -> None:
    bar.write(text, file=sys.stderr)  # results go to stdout, the course of things does not
