"""What a causal model expects of sequences that share their beginning, which it reads once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.counted_text import left_out
from hnet_seq.model.state import HNetState, going_on
from hnet_seq.model.streaming import in_calls
from hnet_seq.ops.packing import Packing
from modalities import dna
from modalities.base import Tokens

Floats = NDArray[np.float32]


class Beginning:
    """A model behind the first tokens of a sequence.

    What it gives is what a pass over each whole sequence would, up to rounding.

    Args:
        tokens: (n,) that all sequences share; n may be 0.
    """

    def __init__(self, model: HNetForCausalLM, tokens: Tokens, batch_tokens: int) -> None:
        self._model = model
        self._batch_tokens = batch_tokens
        self._next = np.full(len(dna.BASES), np.nan, np.float32)
        with torch.inference_mode():
            self._state = model.new_state(1)
            for first in range(0, len(tokens), batch_tokens):
                (expected,) = self._read([tokens[first : first + batch_tokens]], self._state)
                self._next = expected[-1]

    def expected(self, sequences: Sequence[Tokens]) -> list[Floats]:
        """Of each sequence (L,) that goes on here, what is expected at each of its places.

        Returns:
            (L, 4) log-probabilities of A, C, G and T given all that lies before, nats, among all
            tokens of the model; NaN at the first place of all.
        """
        found: list[Floats] = []
        with torch.inference_mode():
            for call in in_calls(sequences, self._batch_tokens, len):
                some = [tokens for tokens in call if len(tokens)]
                read = iter(self._read(some, self._state.copies(len(some))) if some else ())
                for tokens in call:
                    after = next(read)[:-1] if len(tokens) else np.empty((0, 4), np.float32)
                    found.append(np.concatenate([self._next[None], after])[: len(tokens)])
        return found

    def _read(self, sequences: Sequence[Tokens], state: HNetState) -> list[Floats]:
        """(L, 4) of what follows each token."""
        model, device = self._model, self._model.embeddings.weight.device
        lengths = [len(tokens) for tokens in sequences]
        ids = torch.from_numpy(np.concatenate(sequences).astype(np.int64)).to(device)
        packing = going_on(Packing.from_lengths(lengths, device), state, None)
        with left_out(model):
            logits = model.logits(model.encode(ids, packing, state)).float()
        expected = logits.log_softmax(1)[:, : len(dna.BASES)].cpu().numpy()
        return np.split(expected, np.cumsum(lengths)[:-1])


def likelihood(expected: NDArray[np.floating], tokens: Tokens) -> NDArray[np.float64]:
    """(L,) log-probability of each token, nats, of what was expected; 0 of what has none."""
    known = (tokens <= max(dna.BASES)) & ~np.isnan(expected[:, 0])
    letters = np.where(known, tokens, 0).astype(np.int64)
    own = np.take_along_axis(expected, letters[:, None], 1)[:, 0].astype(np.float64)
    return np.where(known, own, 0.0)
