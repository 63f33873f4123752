"""The epochs of one fine-tuning: steps, validation, the best weights so far, and its state.

What a step is, is :mod:`hnet_seq.train.step`'s. All processes come to the same decisions; the first
one writes and prints.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hnet_seq.config import ScheduleConfig
from hnet_seq.heads.problems import count_targets, head_loss
from hnet_seq.heads.sequence_classification import HNetForSequenceClassification
from hnet_seq.heads.token_classification import HNetForTokenClassification
from hnet_seq.parallel_config import ParallelConfig
from hnet_seq.train.finetune_config import FinetuneConfig
from hnet_seq.train.finetune_state import StateFile
from hnet_seq.train.guard import Guard
from hnet_seq.train.interval import Interval
from hnet_seq.train.labelled_batches import (
    batch_targets,
    cut,
    epoch_order,
    labelled_batch,
    marker_tokens,
    reverse_complement,
)
from hnet_seq.train.measured_targets import measured_targets
from hnet_seq.train.objective import Objective
from hnet_seq.train.optimizer import build_optimizer
from hnet_seq.train.parallel import parallelize
from hnet_seq.train.precision import computing_in
from hnet_seq.train.predict import modality_of, strand_logits
from hnet_seq.train.ranks import is_first, on_first, rank, summed_over_ranks, world_size
from hnet_seq.train.ratio_control import RatioInForce
from hnet_seq.train.schedule import learning_rate_factor
from hnet_seq.train.step import OptimizerStep
from hnet_seq.train.tensors import on_device
from modalities.base import Tokens
from pipelines.batches.micro_batches import shared_out
from pipelines.batches.token_batches import PackedBatch
from pipelines.progress import progress_bar

Model = HNetForSequenceClassification | HNetForTokenClassification
OnEpoch = Callable[[dict[str, Any]], None]


class Run:
    """One fine-tuning: the data, the settings, the best weights so far.

    Args:
        model: on ``device``, in training mode, with gradients for what learns.
        tokens, targets: of all sequences, for training and validation.
        complement: the modality's table, None to read one strand only.
        fit, held_out: which of the sequences are trained on, and which validate.
    """

    def __init__(
        self,
        model: Model,
        config: FinetuneConfig,
        tokens: list[Tokens],
        targets: list[Tensor],
        complement: Tokens | None,
        device: torch.device,
        fit: list[int],
        held_out: list[int],
    ) -> None:
        self.model = model
        self.config = config
        self.tokens = tokens
        self.targets = targets
        self.complement = complement
        self.markers = marker_tokens(model.head_config, modality_of(model))
        self.device = device
        self.fit = fit
        self.held_out = held_out
        self.lengths = np.array([len(sequence) for sequence in tokens], np.int64)
        self.ratio_targets: list[float] = []
        self.learning = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self.step = 0
        self.history: list[dict[str, Any]] = []
        self.interval = Interval.of_stages(model.num_stages)  # the epoch so far
        self.best_epoch = 0
        self.best_loss = math.inf
        self.best: dict[str, Tensor] = {}

    def train(
        self,
        folder: str | Path | None,
        state: StateFile | None,
        on_epoch: OnEpoch | None,
        progress: bool | str,
    ) -> list[dict[str, Any]]:
        """All epochs, or fewer; then the model has its best weights. Returns their records."""
        config = self.config
        found = state.load() if state else None
        self.ratio_targets = found["ratio_targets"] if found else on_first(self._ratio_targets)
        take = self._steps()
        if found:
            self._restore(found, take)
            if on_epoch:
                for record in self.history:
                    on_first(partial(on_epoch, record))
        ends = [*accumulate(len(self._epoch(epoch)[0]) for epoch in range(1, config.epochs + 1))]
        schedule = ScheduleConfig("cosine", warmup=config.warmup, decay=0.0)
        ratio = RatioInForce(self.ratio_targets, self.ratio_weights)
        tokens = int(self.lengths[self.fit].sum())
        bar = progress_bar(
            progress if isinstance(progress, str) else "finetune",
            config.epochs * tokens,
            unit="tok",
            progress=bool(progress) and is_first(),
            initial=len(self.history) * tokens + self.interval.tokens,
        )
        with bar:
            while len(self.history) < min(config.epochs, self.best_epoch + config.patience):
                epoch = len(self.history) + 1
                batches, reverse = self._epoch(epoch)
                for batch in batches[len(batches) - (ends[epoch - 1] - self.step) :]:
                    started = time.perf_counter()
                    factor = learning_rate_factor(self.step, ends[-1], schedule)
                    done = take.take(self.step, [*self._shares(batch, reverse)], factor, ratio)
                    self.interval.note(done.report, done.taken)
                    self.interval.seconds += time.perf_counter() - started
                    self.step += 1
                    bar.update(int(self.lengths[batch].sum()))
                    if state and self.step % config.save_every == 0 and self.step < ends[epoch - 1]:
                        state.save(lambda: self._state(take))
                record = self._end_epoch(epoch, folder)
                if state:
                    state.save(lambda: self._state(take))
                bar.set_postfix_str(_postfix(record))
                if on_epoch:
                    on_first(partial(on_epoch, record))
        with torch.no_grad():
            for name, value in self.best.items():
                self.learning[name].copy_(value)
        return self.history

    @property
    def ratio_weights(self) -> list[float]:
        """Of the ratio loss of each stage."""
        return self.config.ratio_weights or [1.0] * self.model.num_stages

    def _steps(self) -> OptimizerStep:
        """What takes the steps, in all processes that there are."""
        model, config = self.model, self.config
        bounds = [*config.max_chunks, *[0] * model.num_stages][: model.num_stages]
        # Computing layers again, or splitting weights, would outlive this call.
        parallel = parallelize(
            model, ParallelConfig("ddp"), any(bounds), [weight > 0 for weight in self.ratio_weights]
        )
        objective = Objective(
            model, "step", bounds, config.precision, parallel, loss=self._head_loss
        )
        optimizer = build_optimizer(
            model, config.optimizer, self.ratio_targets, self.learning, config.head_rate
        )
        guard = Guard(config.guard, "lower the learning rates")
        return OptimizerStep(objective, optimizer, guard, config.optimizer.clip_norm)

    def _epoch(self, epoch: int) -> tuple[list[list[int]], NDArray[np.bool_]]:
        """Batches of an epoch, and for all sequences whether they are read in reverse."""
        order, draws = epoch_order(len(self.fit), self.config.seed, epoch)
        reverse = np.zeros(len(self.tokens), bool)
        if self.complement is not None:
            reverse[self.fit] = draws
        shuffled = [self.fit[place] for place in order]
        return cut(shuffled, self.lengths, self.config.batch_tokens), reverse

    def _shares(self, batch: list[int], reverse: NDArray[np.bool_]) -> Iterator[PackedBatch]:
        """This process's micro-batches of a step."""
        ends = [*accumulate(self.lengths[batch].tolist())]
        shared = shared_out(ends, self.config.micro_batch_tokens, world_size())
        for places in shared[rank() :: world_size()]:
            own = [batch[place] for place in places]
            if not own:
                yield PackedBatch.nothing()
                continue
            head = self.model.head_config
            targets = batch_targets(head, self.targets, own, reverse)
            sequences = [self._read(index, reverse) for index in own]
            yield labelled_batch(head, sequences, targets, self.markers)

    def _head_loss(self, out: Any, batch: PackedBatch) -> tuple[Tensor, int]:
        targets = on_device(batch.targets, self.device)
        return head_loss(self.model.head_config, out.logits, targets), max(1, batch.scored)

    def _read(self, index: int, reverse: NDArray[np.bool_]) -> Tokens:
        sequence = self.tokens[index]
        if not reverse[index]:
            return sequence
        assert self.complement is not None
        return reverse_complement(sequence, self.complement)

    def _end_epoch(self, epoch: int, folder: str | Path | None) -> dict[str, Any]:
        """Validate, keep what is best, and begin the sums of the next epoch."""
        sums, self.interval = self.interval, Interval.of_stages(self.model.num_stages)
        validation_loss = self._validation_loss()
        record = {
            "epoch": epoch,
            "step": self.step,
            "loss": sums.nats / max(1, sums.scored),
            "validation_loss": validation_loss,
            "tokens_per_chunk": [stage["tokens_per_chunk"] for stage in sums.boundaries.summary()],
            "tokens_per_second": round(sums.tokens / sums.seconds, 1),
            "best": self._keep_if_best(epoch, validation_loss),
            **({"skipped_steps": sums.skipped} if sums.skipped else {}),
        }
        if record["best"] and folder is not None:
            on_first(lambda: self.model.save_pretrained(folder))
        self.history.append(record)
        return record

    @torch.no_grad()
    def _validation_loss(self) -> float | None:
        """The mean over the held-out sequences, read as they will be at prediction."""
        if not self.held_out:
            return None
        head = self.model.head_config
        forward = np.zeros(len(self.tokens), bool)
        complement = self.complement if self.config.strands == "average" else None
        sums = torch.zeros(2, dtype=torch.float64)
        self.model.eval()
        batches = cut(self.held_out, self.lengths, self.config.batch_tokens)
        for batch in batches[rank() :: world_size()]:
            picked = [self.tokens[index] for index in batch]
            with computing_in(self.config.precision, self.device):
                logits = strand_logits(self.model, picked, complement, self.device)
            joined = torch.cat(logits) if head.problem == "per_position" else torch.stack(logits)
            targets = batch_targets(head, self.targets, batch, forward).to(self.device)
            count = count_targets(targets)
            sums[0] += head_loss(head, joined, targets).item() * count
            sums[1] += count
        self.model.train()
        loss, count = summed_over_ranks(sums).tolist()
        return loss / max(1, count)

    def _keep_if_best(self, epoch: int, loss: float | None) -> bool:
        """Remember the weights; without validation the last ones are the best."""
        if loss is not None and not loss < self.best_loss:
            return False
        self.best_epoch, self.best_loss = epoch, math.inf if loss is None else loss
        self.best = {name: p.detach().clone() for name, p in self.learning.items()}
        return True

    def _state(self, take: OptimizerStep) -> dict[str, Any]:
        return {
            "step": self.step,
            "weights": {name: p.detach() for name, p in self.learning.items()},
            "optimizer": take.optimizer.state_dict(),
            "guard": take.guard.state(),
            "interval": self.interval.state(),
            "history": self.history,
            "ratio_targets": self.ratio_targets,
            "best": [self.best_epoch, self.best_loss, self.best],
        }

    def _restore(self, state: dict[str, Any], take: OptimizerStep) -> None:
        self.step, self.history = state["step"], state["history"]
        self.interval = Interval.from_state(state["interval"])
        self.best_epoch, self.best_loss, self.best = state["best"]
        take.optimizer.load_state_dict(state["optimizer"])
        take.guard.restore(state["guard"])
        with torch.no_grad():
            for name, value in state["weights"].items():
                self.learning[name].copy_(value)

    def _ratio_targets(self) -> list[float]:
        """Tokens per chunk of every stage, measured where they are not given."""
        if self.config.ratio_targets or not self.model.num_stages:
            return list(self.config.ratio_targets)
        # Not in the order of the file, where classes often follow each other.
        order, _ = epoch_order(len(self.fit), self.config.seed, 0)
        shuffled = [int(self.fit[place]) for place in order]
        batches = cut(shuffled, self.lengths, self.config.batch_tokens)
        tokens = ([self.tokens[index] for index in batch] for batch in batches)
        return measured_targets(self.model, tokens, self.markers, self.device)


def _postfix(record: dict[str, Any]) -> str:
    text = f"epoch {record['epoch']}: loss {record['loss']:.3f}"
    if record["validation_loss"] is not None:
        text += f", validation {record['validation_loss']:.3f}"
    if record["tokens_per_chunk"]:
        chunks = "/".join(f"{n:.2f}" for n in record["tokens_per_chunk"])
        text += f", {chunks} per chunk"
    return text
