"""How ``classify finetune`` trains: the command line, and what the run folder pretrained with."""

from __future__ import annotations

import argparse
from pathlib import Path

from hnet_seq.optimizer_config import OptimizerConfig
from hnet_seq.parallel_config import GuardConfig
from hnet_seq.train.finetune_config import FinetuneConfig

_DEFAULTS = FinetuneConfig()


def finetune_config(args: argparse.Namespace, stages: int) -> FinetuneConfig:
    """The settings of :func:`add_training_arguments`, for a model of this many levels of chunking.

    Multipliers of the stages' rates, targets and weights of the ratio loss are those of the run
    where the checkpoint lies in one.

    Raises:
        UsageError: a value that cannot be meant.
    """
    multipliers, targets, weights = pretraining_ratios(args.checkpoint)
    if args.ratio_weight is not None:
        weights = [args.ratio_weight] * stages
    config = FinetuneConfig(
        part=args.part,
        epochs=args.epochs,
        batch_tokens=args.batch_tokens,
        optimizer=OptimizerConfig(
            learning_rate=args.learning_rate,
            stage_multipliers=multipliers,
            weight_decay=_DEFAULTS.optimizer.weight_decay,
        ),
        head_rate=args.head_rate,
        validation_fraction=args.validation_fraction,
        patience=args.patience,
        ratio_targets=targets,
        ratio_weights=weights,
        strands=args.strands,
        seed=args.seed,
        precision=args.precision,
        micro_batch_tokens=args.micro_batch_tokens,
        max_chunks=[args.max_chunks] if args.max_chunks else [],
        guard=GuardConfig(args.guard_spike, args.guard_stop_after),
        save_every=args.save_every,
        lora=args.lora,
        lora_targets=args.lora_targets.split(","),
    )
    config.validate(stages)
    return config


def pretraining_ratios(checkpoint: str | Path) -> tuple[list[float], list[float], list[float]]:
    """Stage multipliers, ratio targets and ratio weights of a run; empty outside a run folder."""
    from hnet_seq.experiments import load_experiment
    from hnet_seq.model.locate import locate

    folder = locate(checkpoint).folder
    run = folder.parent.parent if folder.parent.name == "checkpoints" else folder
    if not (run / "config.yaml").is_file():
        return [], [], []
    train = load_experiment(run / "config.yaml").train
    ratio = train.ratio_loss
    return list(train.optimizer.stage_multipliers), list(ratio.targets), list(ratio.weights)
