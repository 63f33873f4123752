"""Loads whichever language model a checkpoint holds."""

from __future__ import annotations

from pathlib import Path

import torch

from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.masked_lm import language_model
from hnet_seq.model.pretrained import load_weights


def load_pretrained(
    where: str | Path,
    device: str | torch.device | None = None,
    *,
    dtype: torch.dtype | None = None,
    config: str | Path | None = None,
    revision: str | None = None,
    twin: bool = False,
    base: str | Path | None = None,
) -> HNetLanguageModel:
    """Load a language model, masked if its configuration is bidirectional, else causal.

    See :func:`hnet_seq.model.pretrained.load_weights` for the arguments.
    """
    return load_weights(
        language_model,
        where,
        device,
        dtype=dtype,
        config=config,
        revision=revision,
        twin=twin,
        base=base,
    )
