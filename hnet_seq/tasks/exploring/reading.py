"""A region read by a model, as a lane of the explorer, through what `segment` itself runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

import modalities
from hnet_seq.analysis.cutting import Stretch, cut
from hnet_seq.analysis.record_boundaries import RecordBoundaries
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.given_ids import modality_of
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.streaming import CACHE_LIMIT, CacheLimitError
from hnet_seq.results.explored import StageReading
from hnet_seq.tasks.choices import SEGMENT_BATCH_TOKENS
from hnet_seq.tasks.scoring.likelihoods import likelihood_pieces, scoring
from modalities.errors import InputError

PIECE = 512  # tokens after which bits are given up for another region
OnTokens = Callable[[int], object]
"""Told of tokens done after each call of a model; what it raises ends the reading."""


@dataclass(frozen=True)
class Reader:
    """A model of the explorer.

    Attributes:
        name: as it was given.
    """

    name: str
    model: HNetLanguageModel

    @property
    def modality(self) -> modalities.Modality:
        """What it reads."""
        return modality_of(self.model)

    def cut(self, stretch: Stretch, tell: OnTokens) -> RecordBoundaries:
        """Where the model cuts a stretch.

        Raises:
            InputError: its attention would cache too much.
        """
        try:
            (record,) = cut(self.model, [stretch], SEGMENT_BATCH_TOKENS, CACHE_LIMIT, tell)
        except CacheLimitError as error:
            raise InputError(None, error.too_long, where=stretch.name) from None
        return record

    def bits(self, stretch: Stretch, tell: OnTokens) -> list[float | None]:
        """-log2 of the probability of each place of a stretch given what is read before it.

        None where there is none: of what is not predicted, and at the first place of a record.

        Raises:
            InputError: the model is not causal, or its attention would cache too much.
        """
        model, scored = self.model, self.modality.scored_tokens
        if not isinstance(model, HNetForCausalLM):
            said = "is a masked model, which has no likelihood of a base given those before it"
            raise InputError(self.name, said)
        tokens = stretch.read()[: stretch.end - stretch.origin]
        found = np.full(len(tokens) + 1, np.nan)
        with scoring(model):
            for _, start, values in likelihood_pieces(
                model, [stretch.name], [tokens], PIECE, CACHE_LIMIT, scored
            ):
                found[start + 1 : start + 1 + len(values)] = values
                tell(len(values))
        found = found[: len(tokens)] / -math.log(2)
        found[~np.isin(tokens, scored)] = np.nan
        own = found[stretch.start - stretch.origin :]
        return [None if math.isnan(x) else round(x, 4) for x in own.tolist()]


def stages_of(record: RecordBoundaries, start: int, end: int) -> list[StageReading]:
    """What each stage made of the places ``start`` to ``end`` of a stretch that was cut."""
    found, looked_at = [], np.arange(start, end)
    for stage in range(record.num_stages):
        probabilities = _shortest(record.probs[stage, looked_at])
        looked_at = np.flatnonzero(record.mask(stage)[start:end]) + start
        found.append(StageReading(probabilities, (looked_at - start).tolist()))
    return found


def _shortest(values: NDArray[np.float32]) -> list[float]:
    """The shortest decimals that are these numbers of 32 bits and no others."""
    return [float(np.format_float_positional(value, unique=True)) for value in values]


def settle(model: HNetLanguageModel, device: torch.device | str | None) -> None:
    """Put a model where it stays, in the mode for reading."""
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    model.to(device).eval()
