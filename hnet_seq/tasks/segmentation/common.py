"""What ``segment`` does whatever the model reads."""

from __future__ import annotations

from pathlib import Path

from hnet_seq.model.language_model import HNetLanguageModel
from modalities.errors import InputError, UsageError


def check_stages(model: HNetLanguageModel, checkpoint: str | Path | None = None) -> None:
    """Raise InputError where a model has no boundaries."""
    if not model.num_stages:
        raise InputError(
            checkpoint,
            "the model is isotropic: it has no router and no boundaries; give an H-Net with stages",
        )


def check_stage(model: HNetLanguageModel, stage: int, checkpoint: str | Path) -> None:
    """Raise UsageError where a model has no such stage."""
    if not 0 <= stage < model.num_stages:
        raise UsageError(
            "stage", f"{checkpoint} has stages 0 to {model.num_stages - 1}; got {stage}"
        )
