"""Log-probabilities of the bases of sequences and windows, and the difference of two of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.streaming import CACHE_LIMIT, CacheLimitError, Call, stream
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError

SHORTER = "shorten the windows (`window`) or the stretch"
"""The remedy where windows of a genome are too long for attention's cache."""


@contextmanager
def scoring(model: HNetForCausalLM, remedy: str | None = None) -> Iterator[None]:
    """Evaluation mode inside the block; a sequence that is too long becomes an InputError.

    Args:
        remedy: what to do then; None where attention's window and cache can be chosen.
    """
    was_training = model.training
    model.eval()
    try:
        yield
    except CacheLimitError as error:
        said = f"{error} (--attention-window, --cache-limit)"
        if remedy is not None:
            said = f"{error.too_long}; {remedy}"
        raise InputError(None, said, where=f"sequence {error.key}") from None
    finally:
        model.train(was_training)


def base_log_likelihoods(
    model: HNetForCausalLM,
    sequences: Sequence[Tokens],
    *,
    batch_tokens: int,
    names: Sequence[str] | None = None,
) -> list[NDArray[np.float32]]:
    """The log-probability of each base given those before it, nats: (L,) for each sequence.

    Zero where there is none: at the first base, and at unknown ones. The caller sees to the
    model's mode (:func:`scoring`).
    """
    found = [np.zeros(len(tokens), np.float32) for tokens in sequences]
    named = list(names) if names is not None else [f"{index}" for index in range(len(sequences))]
    for index, start, values in likelihood_pieces(
        model, named, sequences, batch_tokens, CACHE_LIMIT
    ):
        # The last value of a sequence would be of the base after its end.
        place = found[index][start + 1 : start + 1 + len(values)]
        place[:] = values[: len(place)]
    return found


@dataclass(frozen=True)
class _Place:
    name: str
    index: int

    def __str__(self) -> str:
        return self.name


def likelihood_pieces(
    model: HNetForCausalLM,
    names: Sequence[str],
    sequences: Sequence[Tokens],
    batch_tokens: int,
    cache_limit: int,
    scored: Sequence[int] = dna.DNA.scored_tokens,
) -> Iterator[tuple[int, int, NDArray[np.float32]]]:
    """Index of a sequence, a place in it, and the log-probabilities of the bases after these.

    Args:
        scored: tokens that are predicted; others have 0.
    """
    # Names may repeat; the places do not. The name is what an error shows.
    keys = [_Place(name, index) for index, name in enumerate(names)]
    with torch.inference_mode():
        for call in stream(
            model, zip(keys, sequences, strict=True), batch_tokens, cache_limit=cache_limit
        ):
            values = _log_probabilities(call, model, sequences, scored)
            first = 0
            for piece in call.pieces:
                after = first + piece.end - piece.start
                yield piece.key.index, piece.start, values[first:after]
                first = after


def _log_probabilities(
    call: Call[_Place],
    model: HNetForCausalLM,
    sequences: Sequence[Tokens],
    scored: Sequence[int],
) -> NDArray[np.float32]:
    targets = np.full(call.packing.total, -100, np.int64)
    first = 0
    for piece in call.pieces:
        following = sequences[piece.key.index][piece.start + 1 : piece.end + 1].astype(np.int64)
        known = np.isin(following, scored)
        targets[first : first + len(following)] = np.where(known, following, -100)
        first += piece.end - piece.start
    logits = model.logits(call.output).float()
    goals = torch.from_numpy(targets).to(logits.device)
    losses = F.cross_entropy(logits, goals, ignore_index=-100, reduction="none")
    found: NDArray[np.float32] = -losses.cpu().numpy()
    return found
