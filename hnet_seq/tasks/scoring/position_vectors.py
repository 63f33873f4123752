"""Hidden states of every position of sequences of one length, in few numbers each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.streaming import stream
from hnet_seq.tasks.choices import SCORE_BATCH_TOKENS as BATCH_TOKENS
from hnet_seq.tasks.choices import Strands
from hnet_seq.tasks.scoring.likelihoods import scoring
from modalities import dna
from modalities.base import Tokens

COMPONENTS = 16
_BASIS_ROWS = 1000  # sequences that the components are of
_PART = 256  # sequences whose full states are held at a time


def position_vectors(
    model: HNetForCausalLM,
    sequences: Sequence[Tokens],
    train: NDArray[np.bool_],
    *,
    inside: slice,
    strands: Strands = "average",
    components: int = COMPONENTS,
    batch_tokens: int = BATCH_TOKENS,
) -> NDArray[np.float32]:
    """(N, P K) the final hidden state at each of P positions, in its K principal components.

    A mean over positions forgets where a letter stands; this does not. Components are of the
    states of training rows, all positions together, so that K is the same everywhere. With
    ``average`` a base has the mean of its two states: each has seen one side of it.

    Args:
        sequences: all of one length L.
        train: (N,) rows that may decide the components.
        inside: the positions that are kept, such as those between flanks.
    """
    rows = np.flatnonzero(train)
    # Evenly spaced: a table may be sorted.
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), _BASIS_ROWS)).astype(int)]
    chosen = [sequences[index] for index in rows]
    with scoring(model, "shorten the sequences"):
        width = model.config.d_model[0]
        count, total, squares = 0, np.zeros(width), np.zeros((width, width))
        for part in _states(model, chosen, inside, strands, batch_tokens):
            states = part.reshape(-1, part.shape[-1]).astype(np.float64)
            count += len(states)
            total += states.sum(0)
            squares += states.T @ states
        mean = total / count
        _, vectors = np.linalg.eigh(squares / count - np.outer(mean, mean))
        basis = vectors[:, ::-1][:, :components]
        parts = [
            ((state - mean) @ basis).reshape(len(state), -1).astype(np.float32)
            for state in _states(model, sequences, inside, strands, batch_tokens)
        ]
    return np.concatenate(parts)


def _states(
    model: HNetForCausalLM,
    sequences: Sequence[Tokens],
    inside: slice,
    strands: Strands,
    batch_tokens: int,
) -> Iterator[NDArray[np.float32]]:
    """(n, P, D) a part at a time."""
    for first in range(0, len(sequences), _PART):
        part = sequences[first : first + _PART]
        found = _of_strand(model, part, batch_tokens)
        if strands == "average":
            other = [dna.reverse_complement(tokens) for tokens in part]
            found = (found + _of_strand(model, other, batch_tokens)[:, ::-1]) / np.float32(2)
        yield found[:, inside]


def _of_strand(
    model: HNetForCausalLM, sequences: Sequence[Tokens], batch_tokens: int
) -> NDArray[np.float32]:
    """(n, L, D); sequences of one length, whole or in pieces, come back in their order."""
    with torch.inference_mode():
        calls = [
            call.output.hidden.float().cpu().numpy()
            for call in stream(model, enumerate(sequences), batch_tokens)
        ]
    hidden = np.concatenate(calls)
    return hidden.reshape(len(sequences), -1, hidden.shape[-1])
