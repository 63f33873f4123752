"""The model that an estimator is given, by name, path or as an object; and its vectors."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hnet_seq.model.auto import load_pretrained
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.locate import locate
from hnet_seq.tasks.choices import STRANDS, Strands
from hnet_seq.tasks.embedding.layer_choice import layer_of_pooling
from hnet_seq.tasks.embedding.layers import check_batch_tokens, modality_of
from hnet_seq.tasks.embedding.vectors import embed
from hnet_seq.train.predict import strand_table
from modalities.base import Tokens
from modalities.errors import InputError
from modalities.given_paths import a_kind_of

ModelGiven: TypeAlias = "str | PathLike[str] | HNetLanguageModel"

ONE_AT_A_TIME = threading.RLock()
"""Held while a model computes: what layers say is heard by hooks, and models are shared."""


def opened(given: ModelGiven, device: str | None) -> HNetLanguageModel:
    """The model, not to be changed: those that are loaded are shared.

    Raises:
        InputError: there is none, or its files are damaged. Names ``model``.
    """
    if isinstance(given, HNetLanguageModel):
        return given
    if not isinstance(given, str | PathLike):
        message = (
            f"is {a_kind_of(given)}; give the name of a model that comes along, a path, or what "
            "load_pretrained returns"
        )
        raise InputError(None, message, where="model")
    try:
        weights = locate(Path(given) if isinstance(given, PathLike) else given).weights
        about = weights.stat()
        return _loaded(f"{given}", (f"{weights}", about.st_mtime_ns, about.st_size), device)
    except (OSError, ValueError) as error:
        raise InputError(None, f"{error}", where="model") from error


@lru_cache(maxsize=2)
def _loaded(where: str, weights: tuple[str, int, int], device: str | None) -> HNetLanguageModel:
    """Of file ``weights`` as it was last changed, so that a search does not read it at each fit."""
    return load_pretrained(where, device)


@dataclass(frozen=True)
class Reading:
    """What of a model becomes the vector of a sequence, see :func:`hnet_seq.embed`."""

    pooling: str
    stage: int
    layer: str | None
    strands: Strands

    def check(self, model: HNetLanguageModel) -> int:
        """How many numbers a vector has.

        Raises:
            UsageError: the model has no such vectors.
        """
        strand_table(modality_of(model), self.strands, STRANDS)
        return layer_of_pooling(model.config, self.pooling, self.stage, self.layer).width

    def vectors(
        self,
        model: HNetLanguageModel,
        tokens: Sequence[Tokens],
        *,
        batch_tokens: int,
        device: str | None,
        precision: str,
        progress: bool,
    ) -> NDArray[np.float32]:
        """(N, D), those of :func:`hnet_seq.embed`."""
        check_batch_tokens(batch_tokens)
        with ONE_AT_A_TIME:
            return embed(
                model,
                list(tokens),
                **asdict(self),
                batch_tokens=batch_tokens,
                device=device,
                precision=precision,
                progress=progress,
            )
