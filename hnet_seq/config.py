"""What an experiment says: dataclasses that check themselves. ``experiments.py`` reads them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from hnet_seq.model.config import HNetConfig
from hnet_seq.optimizer_config import OptimizerConfig
from hnet_seq.parallel_config import GuardConfig, ParallelConfig
from hnet_seq.ratio_config import RatioLossConfig
from hnet_seq.schedule_config import ScheduleConfig


@dataclass
class SourceConfig:
    """One folder of shards.

    Attributes:
        path: the folder, or its URL.
        name: what metrics call it; the folder's name if empty.
        weight: its share of the tokens, beside the weights of the others.
        labels: only documents with one of these labels (languages); empty: all.
    """

    path: str = ""
    name: str = ""
    weight: float = 1.0
    labels: list[str] = field(default_factory=list)


@dataclass
class DataConfig:
    """What is read, and in what pieces.

    Attributes:
        sources: folders of shards, mixed by their weights.
        tokenizer: what the model reads; ``none``: the tokens of the shards, bytes or bases;
            ``bpe``: byte pairs, as many as fill ``model.vocab_size``, learned from the training
            data; ``6mer``: six bases at a time, or another number. All that counts tokens, in this
            configuration and in metrics, goes on to count those of the shards.
        context: tokens of a training sequence.
        batch_tokens: tokens of one optimiser step.
        micro_batch_tokens: tokens computed at once, at most: whole sequences of a step, one at
            least; gradients are accumulated up to ``batch_tokens``. It bounds memory and changes
            no sequence. 0 means all at once.
        carry_over: tokens of its document that each sequence reads again before its own, unscored
            and on top of ``batch_tokens``; 0 starts each sequence afresh.
        strands: ``none``, or ``augment`` to read half of the training windows from the other one.
        soft_mask_weight: loss weight of soft-masked positions, kept by ``shard``.
        validation_context: tokens of a validation sequence; 0 means ``context``.
        validation_tokens: how many are validated on at most, sequences from all over the split,
            the same each time; 0 means all.
        workers: processes that prepare batches; 0 prepares them in the trainer.
        damaged_shards: ``error``, or ``skip``: read all shards first, and train without the
            documents of those that are missing or damaged.
        cache_gb: disk that shards from URLs may take.
    """

    sources: list[SourceConfig] = field(default_factory=list)
    tokenizer: str = "none"
    context: int = 8192
    batch_tokens: int = 16384
    micro_batch_tokens: int = 0
    carry_over: int = 0
    strands: str = "none"
    soft_mask_weight: float = 1.0
    validation_context: int = 0
    validation_tokens: int = 0
    workers: int = 0
    damaged_shards: str = "error"
    cache_gb: float = 20.0


TRACKER_NAMES = ("tensorboard", "wandb", "trackio")


@dataclass
class TrainConfig:
    """The run.

    Attributes:
        steps: optimiser steps. A run may go on with more.
        init: weights to begin with: a run, a checkpoint folder, a file, or ``owner/name`` on the
            hub; empty: random ones. ``--init`` sets it.
        init_optimizer: ``fresh``, or ``kept``: with AdamW's moments of the run that ``init`` is.
        objective: ``causal``, the next token; ``masked``, hidden tokens, which needs
            ``model.bidirectional``.
        mask_rate: share of the tokens that a masked objective asks for.
        precision: ``fp32``, or ``bf16`` for GPUs: weights, residual stream, router, smoothing and
            loss stay in fp32. CPUs are slower with it.
        average: decay of a moving average of the weights over the steps, such as 0.999, that
            validation and checkpoints have instead of the last weights; shorter in the first steps,
            and not of n-gram tables. It takes a copy of the weights. 0: none.
        residual_proj: how the projection around each inner network begins: ``zero`` or
            ``identity``.
        max_chunks: per stage, from the outside in, the most chunks computed at once: a micro-batch
            with more is computed in pieces of whole sequences. 0 or absent: no bound; one number
            bounds stage 0. It bounds memory and leaves gradients as they are.
        log_every: optimiser steps between two lines of training in ``metrics.jsonl``.
        trackers: viewers that hear of each line of ``metrics.jsonl`` too: ``tensorboard``,
            ``wandb``, ``trackio``.
        validate_every: optimiser steps between two validations; 0: only at the end.
        checkpoint_every: optimiser steps between two checkpoints; 0: only at the end.
        keep_checkpoints: how many of the last are kept.
        keep_every: also those of every so many steps; 0: none.
        deterministic: only operations that give the same bits each time; a CPU has no others.
    """

    steps: int = 1000
    init: str = ""
    init_optimizer: str = "fresh"
    objective: str = "causal"
    mask_rate: float = 0.15
    precision: str = "fp32"
    average: float = 0.0
    residual_proj: str = "zero"
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    ratio_loss: RatioLossConfig = field(default_factory=RatioLossConfig)
    max_chunks: Any = field(default_factory=list)
    log_every: int = 10
    trackers: list[str] = field(default_factory=list)
    validate_every: int = 100
    checkpoint_every: int = 500
    keep_checkpoints: int = 2
    keep_every: int = 0
    deterministic: bool = False
    guard: GuardConfig = field(default_factory=GuardConfig)
    parallel: ParallelConfig = field(default_factory=ParallelConfig)


@dataclass
class ExperimentConfig:
    """All that determines a run.

    Attributes:
        seed: of the first weights and of the order of the data.
    """

    seed: int = 0
    model: HNetConfig = field(default_factory=HNetConfig)
    data: DataConfig = field(default_factory=DataConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def validate(self) -> None:
        """Raise ValueError unless the values describe a run."""
        self.model.validate()
        data, train = self.data, self.train
        stages = self.model.num_stages
        train.ratio_loss.validate(stages)
        train.guard.validate()
        train.parallel.validate()
        rules = [self.model.boundary_policy(s).policy for s in range(stages)]
        if train.ratio_loss.hold and any(rule != "learned" for rule in rules):
            raise ValueError(
                f"train.ratio_loss.hold: boundaries follow {rules}; only learned ones can be held"
            )
        train.max_chunks = _max_chunks(train.max_chunks, stages)
        self._validate_objective()
        if data.tokenizer != "none":
            self._validate_tokenizer()
        train.optimizer.validate(stages)
        for name in train.trackers:
            if name not in TRACKER_NAMES:
                raise ValueError(f"train.trackers: {name!r} is not {', '.join(TRACKER_NAMES)}")
        if train.precision not in ("fp32", "bf16"):
            raise ValueError(f"train.precision: {train.precision!r} is not fp32 or bf16")
        self._validate_sources()
        self._validate_numbers()
        if data.strands not in ("none", "augment"):
            raise ValueError(
                f"data.strands: {data.strands!r} is not none or augment; average is for embed and "
                "classify, which have both strands of a sequence at once"
            )
        train.schedule.validate()
        if train.init_optimizer not in ("fresh", "kept"):
            raise ValueError(f"train.init_optimizer: {train.init_optimizer!r} is not fresh or kept")
        if not 0 <= train.average < 1:
            raise ValueError(f"train.average: expected 0 to below 1; got {train.average}")
        if train.residual_proj not in ("zero", "identity"):
            raise ValueError(
                f"train.residual_proj: {train.residual_proj!r} is not zero or identity"
            )

    def _validate_sources(self) -> None:
        data = self.data
        names = [source.name for source in data.sources if source.name]
        for number, source in enumerate(data.sources):
            if not 0 < source.weight < math.inf:
                raise ValueError(
                    f"data.sources[{number}].weight: expected above 0; got {source.weight}"
                )
        if len(set(names)) < len(names):
            raise ValueError(f"data.sources: names must differ; got {names}")
        if data.damaged_shards not in ("error", "skip"):
            raise ValueError(f"data.damaged_shards: {data.damaged_shards!r} is not error or skip")
        if not 0 < data.cache_gb < math.inf:
            raise ValueError(f"data.cache_gb: expected above 0; got {data.cache_gb}")

    def _validate_numbers(self) -> None:
        data, train = self.data, self.train
        least: list[tuple[str, float, float]] = [
            ("data.context", data.context, 1),
            ("data.batch_tokens", data.batch_tokens, 1),
            ("data.micro_batch_tokens", data.micro_batch_tokens, 0),
            ("data.validation_context", data.validation_context, 0),
            ("data.validation_tokens", data.validation_tokens, 0),
            ("data.carry_over", data.carry_over, 0),
            ("data.workers", data.workers, 0),
            ("data.soft_mask_weight", data.soft_mask_weight, 0),
            ("train.steps", train.steps, 1),
            ("train.log_every", train.log_every, 1),
            ("train.validate_every", train.validate_every, 0),
            ("train.checkpoint_every", train.checkpoint_every, 0),
            ("train.keep_checkpoints", train.keep_checkpoints, 1),
            ("train.keep_every", train.keep_every, 0),
        ]
        for name, value, bound in least:
            if not bound <= value < math.inf:
                raise ValueError(f"{name}: expected at least {bound}; got {value}")

    def _validate_tokenizer(self) -> None:
        from modalities.tokenizer import k_of  # most have none, and no need of numpy yet

        name, model = self.data.tokenizer, self.model
        if name != "bpe" and k_of(name) is None:
            raise ValueError(f"data.tokenizer: {name!r} is not none, bpe, or k-mers such as 6mer")
        for key, given in (
            ("model.arch_layout, which cuts the sequence itself", model.num_stages > 0),
            ("model.ngram_counts, of letters", bool(model.ngram_counts.orders)),
            ("train.objective=masked", self.train.objective == "masked"),
            ("data.soft_mask_weight, which weighs letters", self.data.soft_mask_weight != 1),
        ):
            if given:
                raise ValueError(
                    f"data.tokenizer: {name} does not go with {key}; take none, or a causal model "
                    "of one stack"
                )

    def _validate_objective(self) -> None:
        objective, rate = self.train.objective, self.train.mask_rate
        if objective not in ("causal", "masked"):
            raise ValueError(f"train.objective: {objective!r} is not causal or masked")
        if self.model.bidirectional != (objective == "masked"):
            raise ValueError(
                f"train.objective: {objective}, but model.bidirectional is "
                f"{str(self.model.bidirectional).lower()}; a masked objective needs true, a causal "
                "one false"
            )
        if self.model.strand_symmetric and self.data.strands == "augment":
            raise ValueError(
                "data.strands: augment shows half of the windows from the other strand, which is "
                "the same to a strand-symmetric model; take none"
            )
        if not 0 < rate <= 1:
            raise ValueError(f"train.mask_rate: expected above 0 and at most 1; got {rate}")
        if objective == "masked" and self.data.carry_over:
            raise ValueError(
                "data.carry_over: is for a causal objective; a masked one sees both sides of a "
                "token, and has no use for it: leave it at 0"
            )
        if objective == "masked" and self.data.soft_mask_weight != 1:
            raise ValueError(
                "data.soft_mask_weight: weighs the next token, and a masked objective has none; "
                "leave it at 1"
            )


def _max_chunks(value: Any, stages: int) -> list[int]:
    """One bound for each stage; raise ValueError unless that is what ``value`` says."""
    bounds = value if isinstance(value, list) else [value]
    if len(bounds) > stages or not all(type(bound) is int and bound >= 0 for bound in bounds):
        raise ValueError(
            f"train.max_chunks: expected up to {stages} numbers of chunks, from the outside in; "
            f"got {value}"
        )
    return bounds + [0] * (stages - len(bounds))
