"""The epochs of one fine-tuning: steps, validation, the best weights so far."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
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
from hnet_seq.model.hnet import StageBoundaries
from hnet_seq.model.ratio_loss import ratio_loss
from hnet_seq.train.finetune_config import FinetuneConfig
from hnet_seq.train.labelled_batches import (
    batch_targets,
    cut,
    epoch_order,
    marker_tokens,
    pack,
    reverse_complement,
)
from hnet_seq.train.optimizer import stage_multipliers
from hnet_seq.train.predict import modality_of, strand_logits
from hnet_seq.train.schedule import learning_rate_factor
from hnet_seq.train.trainable import build_optimizer
from modalities.base import Tokens
from pipelines.progress import progress_bar

_SMALLEST_TARGET = 1.1  # tokens per chunk: the ratio loss has no meaning at 1
_MEASURED_TOKENS = 1 << 17  # enough to know the chunk length to a percent

Model = HNetForSequenceClassification | HNetForTokenClassification


class Run:
    """One fine-tuning: the data, the settings, the best weights so far.

    Args:
        model: on ``device`` and in training mode.
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
        self.ratio_targets = self._ratio_targets()
        self.ratio_weights = config.ratio_weights or [1.0] * model.num_stages
        self.best_epoch = 0
        self.best_loss = math.inf
        self.best: dict[str, Tensor] = {}

    def train(
        self,
        names: set[str],
        folder: str | Path | None,
        on_epoch: Callable[[dict[str, Any]], None] | None,
        progress: bool | str,
    ) -> list[dict[str, Any]]:
        """All epochs, or fewer; then the model has its best weights. Returns their records."""
        config = self.config
        steps = sum(len(self._epoch(epoch)[0]) for epoch in range(1, config.epochs + 1))
        multipliers = config.optimizer.stage_multipliers or stage_multipliers(
            self.model.config.d_model, self.ratio_targets
        )
        optimizer = build_optimizer(
            self.model, names, config.optimizer, config.head_rate, multipliers
        )
        schedule = ScheduleConfig("cosine", warmup=config.warmup, decay=0.0)
        history: list[dict[str, Any]] = []
        step = 0
        bar = progress_bar(
            progress if isinstance(progress, str) else "finetune",
            config.epochs * int(self.lengths[self.fit].sum()),
            unit="tok",
            progress=bool(progress),
        )
        with bar:
            for epoch in range(1, config.epochs + 1):
                batches, reverse = self._epoch(epoch)
                started = time.perf_counter()
                sums = _Sums(self.model.num_stages)
                for batch in batches:
                    factor = learning_rate_factor(step, steps, schedule)
                    for group in optimizer.param_groups:
                        group["lr"] = group["peak"] * factor
                    self._step(optimizer, batch, reverse, step, sums)
                    step += 1
                    bar.update(int(self.lengths[batch].sum()))
                seconds = time.perf_counter() - started
                validation_loss = self._validation_loss()
                record = {
                    "epoch": epoch,
                    "step": step,
                    "loss": sums.loss / max(1, sums.targets),
                    "validation_loss": validation_loss,
                    "tokens_per_chunk": sums.tokens_per_chunk,
                    "tokens_per_second": round(sums.tokens / seconds, 1),
                    "best": self._keep_if_best(epoch, validation_loss, names),
                }
                if record["best"] and folder is not None:
                    self.model.save_pretrained(folder)
                history.append(record)
                bar.set_postfix_str(_postfix(record))
                if on_epoch is not None:
                    on_epoch(record)
                if epoch - self.best_epoch >= config.patience:
                    break
        parameters = dict(self.model.named_parameters())
        with torch.no_grad():
            for name, value in self.best.items():
                parameters[name].copy_(value)
        return history

    def _epoch(self, epoch: int) -> tuple[list[list[int]], NDArray[np.bool_]]:
        """Batches of an epoch, and for all sequences whether they are read in reverse."""
        order, draws = epoch_order(len(self.fit), self.config.seed, epoch)
        reverse = np.zeros(len(self.tokens), bool)
        if self.complement is not None:
            reverse[self.fit] = draws
        shuffled = [self.fit[place] for place in order]
        return cut(shuffled, self.lengths, self.config.batch_tokens), reverse

    def _step(
        self,
        optimizer: torch.optim.Optimizer,
        batch: list[int],
        reverse: NDArray[np.bool_],
        step: int,
        sums: _Sums,
    ) -> None:
        packed = pack([self._read(index, reverse) for index in batch], self.device, self.markers)
        head = self.model.head_config
        targets = batch_targets(head, self.targets, batch, reverse, self.device)
        out = self.model(packed.input_ids, packed.cu_seqlens)
        own = head_loss(head, out.logits, targets)
        loss = own
        for stage, target, weight in zip(
            out.boundaries, self.ratio_targets, self.ratio_weights, strict=True
        ):
            # Frozen routers, and boundaries by rule, have nothing to hold.
            if weight and stage.boundary_prob.requires_grad:
                loss = loss + weight * ratio_loss(stage.boundary_prob, stage.boundary_mask, target)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(
            [p for p in self.model.parameters() if p.requires_grad], self.config.optimizer.clip_norm
        )
        if not torch.isfinite(norm):
            raise FloatingPointError(
                f"step {step + 1}: the gradient is not finite; lower the learning rates"
            )
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        sums.add(own.item(), count_targets(targets), out.boundaries, packed.input_ids.numel())

    def _read(self, index: int, reverse: NDArray[np.bool_]) -> Tokens:
        sequence = self.tokens[index]
        if not reverse[index]:
            return sequence
        assert self.complement is not None
        return reverse_complement(sequence, self.complement)

    @torch.no_grad()
    def _validation_loss(self) -> float | None:
        """The mean over the held-out sequences, read as they will be at prediction."""
        if not self.held_out:
            return None
        head = self.model.head_config
        forward = np.zeros(len(self.tokens), bool)
        complement = self.complement if self.config.strands == "average" else None
        sums = _Sums(0)
        self.model.eval()
        for batch in cut(self.held_out, self.lengths, self.config.batch_tokens):
            picked = [self.tokens[index] for index in batch]
            logits = strand_logits(self.model, picked, complement, self.device)
            joined = torch.cat(logits) if head.problem == "per_position" else torch.stack(logits)
            targets = batch_targets(head, self.targets, batch, forward, self.device)
            sums.add(head_loss(head, joined, targets).item(), count_targets(targets), [], 0)
        self.model.train()
        return sums.loss / max(1, sums.targets)

    def _keep_if_best(self, epoch: int, loss: float | None, names: set[str]) -> bool:
        """Remember the weights; without validation the last ones are the best."""
        if loss is not None and not loss < self.best_loss:
            return False
        self.best_epoch, self.best_loss = epoch, math.inf if loss is None else loss
        self.best = {
            name: parameter.detach().clone()
            for name, parameter in self.model.named_parameters()
            if name in names
        }
        return True

    @torch.no_grad()
    def _ratio_targets(self) -> list[float]:
        """Tokens per chunk of every stage, measured where they are not given."""
        stages = self.model.num_stages
        if self.config.ratio_targets or not stages:
            return list(self.config.ratio_targets)
        sums = _Sums(stages)
        # Not in the order of the file, where classes often follow each other.
        order, _ = epoch_order(len(self.fit), self.config.seed, 0)
        shuffled = [int(self.fit[place]) for place in order]
        for batch in cut(shuffled, self.lengths, self.config.batch_tokens):
            packed = pack([self.tokens[index] for index in batch], self.device, self.markers)
            out = self.model(packed.input_ids, packed.cu_seqlens)
            sums.add(0.0, 0, out.boundaries, packed.input_ids.numel())
            if sums.tokens >= _MEASURED_TOKENS:
                break
        return [max(target, _SMALLEST_TARGET) for target in sums.tokens_per_chunk]


class _Sums:
    """Sums over the batches of an epoch."""

    def __init__(self, stages: int) -> None:
        self.loss = 0.0
        self.targets = 0
        self.tokens = 0
        self._positions = [0] * stages
        self._chunks = [0] * stages

    def add(
        self, loss: float, targets: int, boundaries: list[StageBoundaries], tokens: int
    ) -> None:
        self.loss += loss * targets
        self.targets += targets
        self.tokens += tokens
        for s, stage in enumerate(boundaries):
            self._positions[s] += stage.boundary_mask.numel()
            self._chunks[s] += int(stage.boundary_mask.sum())

    @property
    def tokens_per_chunk(self) -> list[float]:
        """Positions of each stage per chunk of it."""
        return [n / max(1, k) for n, k in zip(self._positions, self._chunks, strict=True)]


def _postfix(record: dict[str, Any]) -> str:
    text = f"epoch {record['epoch']}: loss {record['loss']:.3f}"
    if record["validation_loss"] is not None:
        text += f", validation {record['validation_loss']:.3f}"
    if record["tokens_per_chunk"]:
        chunks = "/".join(f"{n:.2f}" for n in record["tokens_per_chunk"])
        text += f", {chunks} per chunk"
    return text
