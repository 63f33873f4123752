"""Fine-tuning: an H-Net under a head, on labelled sequences, with early stopping.

The order of the batches, the held-out sequences and the strands that are read are functions of the
seed; the same call on the same machine gives the same weights.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from hnet_seq.config import OptimizerConfig, ScheduleConfig
from hnet_seq.heads.problems import count_targets, encode_labels, head_loss
from hnet_seq.heads.sequence_classification import HNetForSequenceClassification
from hnet_seq.heads.token_classification import HNetForTokenClassification
from hnet_seq.model.hnet import StageBoundaries
from hnet_seq.model.ratio_loss import ratio_loss
from hnet_seq.train.labelled_batches import (
    batch_targets,
    cut,
    encode_sequences,
    epoch_order,
    pack,
    reverse_complement,
    split_validation,
    stratify,
)
from hnet_seq.train.optimizer import stage_multipliers
from hnet_seq.train.predict import (
    BATCH_TOKENS,
    Strands,
    computing,
    modality_of,
    strand_logits,
    strand_table,
)
from hnet_seq.train.schedule import learning_rate_factor
from hnet_seq.train.trainable import Part, build_optimizer, only_trainable, trainable_names
from modalities.base import Tokens
from modalities.errors import InputError, UsageError

_SMALLEST_TARGET = 1.1  # tokens per chunk: the ratio loss has no meaning at 1
_MEASURED_TOKENS = 1 << 17  # enough to know the chunk length to a percent

Model = HNetForSequenceClassification | HNetForTokenClassification


@dataclass(frozen=True)
class FinetuneConfig:
    """How to fine-tune.

    Attributes:
        part: what is trained, see :func:`hnet_seq.train.trainable.trainable_names`.
        epochs: passes over the training sequences at most.
        batch_tokens: of one optimiser step; a longer sequence is a step by itself.
        optimizer: AdamW; ``stage_multipliers`` of its rate as in pretraining, empty for the
            paper's rule at the ratio targets.
        head_rate: peak learning rate of the head.
        warmup: share of the steps over which rates rise; then they fall by half a cosine.
        validation_fraction: of the training sequences, held out to stop early; 0 trains all
            epochs on everything and keeps the last weights.
        patience: epochs without a lower validation loss before training stops.
        ratio_targets: tokens per chunk to hold at each stage, from the outside in; empty for
            those that the model has on the training sequences before fine-tuning.
        ratio_weights: of the ratio loss of each stage; empty for 1. A stage of weight 0 is let go.
        strands: ``none``; ``augment`` reads half of the training sequences, drawn anew in each
            epoch, as their reverse complement; ``average`` also averages the logits of both
            strands wherever the model predicts.
        seed: of the order, the held-out sequences and the strands.
    """

    part: Part = "all"
    epochs: int = 10
    batch_tokens: int = BATCH_TOKENS
    optimizer: OptimizerConfig = field(
        default_factory=lambda: OptimizerConfig(learning_rate=3e-4, weight_decay=0.1)
    )
    head_rate: float = 3e-3
    warmup: float = 0.1
    validation_fraction: float = 0.1
    patience: int = 3
    ratio_targets: list[float] = field(default_factory=list)
    ratio_weights: list[float] = field(default_factory=list)
    strands: Strands = "none"
    seed: int = 0

    def validate(self, stages: int) -> None:
        """Raise UsageError unless the values fit a model of this many levels of chunking."""
        for name, value in (
            ("epochs", self.epochs),
            ("batch_tokens", self.batch_tokens),
            ("patience", self.patience),
        ):
            if value < 1:
                raise UsageError(name, f"is {value}; expected 1 or more")
        for name, rate in (
            ("learning_rate", self.optimizer.learning_rate),
            ("head_rate", self.head_rate),
        ):
            if not rate > 0:
                raise UsageError(name, f"is {rate}; expected above 0")
        if not 0 <= self.warmup < 1:
            raise UsageError("warmup", f"is {self.warmup}; expected a share of the steps, 0 to 1")
        for name, values, expected in (
            ("stage_multipliers", self.optimizer.stage_multipliers, stages + 1),
            ("ratio_targets", self.ratio_targets, stages),
            ("ratio_weights", self.ratio_weights, stages),
        ):
            if values and len(values) != expected:
                raise UsageError(name, f"has {len(values)} values; the model needs {expected}")
        if any(not target > 1 for target in self.ratio_targets):
            raise UsageError("ratio_targets", f"is {self.ratio_targets}; expected above 1")
        if any(not weight >= 0 for weight in self.ratio_weights):
            raise UsageError("ratio_weights", f"is {self.ratio_weights}; expected 0 or more")


@dataclass(frozen=True)
class Finetuned:
    """What happened.

    Attributes:
        history: one record an epoch, see :func:`finetune`.
        best_epoch: whose weights the model has now, from 1.
        validation: indices of the held-out sequences.
        ratio_targets: tokens per chunk that were held, per stage.
    """

    history: list[dict[str, Any]]
    best_epoch: int
    validation: list[int]
    ratio_targets: list[float]


def finetune(
    model: Model,
    sequences: Sequence[str | Tokens],
    labels: Sequence[Any] | NDArray[Any],
    config: FinetuneConfig | None = None,
    *,
    folder: str | Path | None = None,
    on_epoch: Callable[[dict[str, Any]], None] | None = None,
    device: str | torch.device | None = None,
    progress: bool = False,
) -> Finetuned:
    """Train ``model`` in place; it ends with the weights of the lowest validation loss.

    Mode, device and which parameters want gradients are left as they were found. The model's
    metadata then say which strands it predicts from.

    Args:
        sequences: letters, or uint8 tokens (L,), for training and early stopping; never those
            that the model will be tested on.
        labels: as :func:`hnet_seq.heads.problems.encode_labels` takes them.
        folder: where the best weights so far are saved, complete files or none.
        on_epoch: called with each record of the history: ``epoch``, ``step``, ``loss`` and
            ``validation_loss`` (None without) in the units of
            :func:`hnet_seq.heads.problems.head_loss`, ``tokens_per_chunk`` per stage,
            ``tokens_per_second``, ``best``.

    Raises:
        InputError: a sequence or label that cannot be learned from, with its index.
        UsageError: a setting that does not fit.
        FloatingPointError: the gradient is not finite.
    """
    config = config or FinetuneConfig()
    config.validate(model.num_stages)
    modality = modality_of(model)
    complement = strand_table(modality, config.strands)
    tokens = encode_sequences(sequences, modality, model.config.vocab_size)
    targets = _targets(model, tokens, labels)
    fit, held_out = split_validation(
        tokens,
        stratify(model.head_config, targets),
        modality.complement_table,
        config.validation_fraction,
        config.seed,
    )
    names = trainable_names(model, config.part)
    with computing(model, device, training=True) as where, only_trainable(model, names):
        run = _Run(model, config, tokens, targets, complement, where, fit, held_out)
        model.metadata["strands"] = config.strands
        history = run.train(names, folder, on_epoch, progress)
    return Finetuned(history, run.best_epoch, held_out, run.ratio_targets)


def _targets(
    model: Model, tokens: list[Tokens], labels: Sequence[Any] | NDArray[Any]
) -> list[Tensor]:
    if len(labels) != len(tokens):
        raise InputError(None, f"{len(tokens)} sequences have {len(labels)} labels")
    try:
        targets = encode_labels(model.head_config, labels)
    except ValueError as error:
        raise InputError(None, str(error)) from None
    if model.head_config.problem == "per_position":
        for index, (sequence, target) in enumerate(zip(tokens, targets, strict=True)):
            if len(sequence) != len(target):
                raise InputError(
                    None,
                    f"has {len(sequence)} tokens and {len(target)} labels",
                    where=f"sequence {index}",
                )
    return targets


class _Run:
    """One fine-tuning: the data, the settings, the best weights so far."""

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
        progress: bool,
    ) -> list[dict[str, Any]]:
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
        bar = tqdm(
            total=config.epochs * int(self.lengths[self.fit].sum()),
            unit="tok",
            unit_scale=True,
            desc="finetune",
            disable=None if progress else True,  # None: no bar where nobody looks on
            file=sys.stderr,
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
        packed = pack([self._read(index, reverse) for index in batch], self.device)
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
        for batch in cut(self.fit, self.lengths, self.config.batch_tokens):
            packed = pack([self.tokens[index] for index in batch], self.device)
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
