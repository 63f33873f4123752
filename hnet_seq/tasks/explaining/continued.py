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
from hnet_seq.tasks.choices import EXPLAIN_MOST_BASES
from hnet_seq.tasks.scoring.branches import can_branch, most_branches
from modalities import dna
from modalities.base import Tokens

Floats = NDArray[np.float32]

_NOTHING = np.empty(0, np.uint8)
_BEHIND = EXPLAIN_MOST_BASES  # tokens that go on at most


class Beginning:
    """A model behind the first tokens of a sequence.

    What it gives is what a pass over each whole sequence would, up to rounding. Where that does not
    go on from a state (:func:`can_branch`), whole sequences are read.

    Args:
        tokens: (n,) that all sequences share; n may be 0.
        after: what stands behind each of them, and is read where whole sequences are.

    Attributes:
        beside: tokens that are read with each sequence.
        most: how many sequences are read in a call, at most.
    """

    def __init__(
        self, model: HNetForCausalLM, tokens: Tokens, batch_tokens: int, after: Tokens = _NOTHING
    ) -> None:
        self._model = model
        self._batch_tokens = batch_tokens
        self._tokens, self._after = tokens, after
        self._next = np.full(len(dna.BASES), np.nan, np.float32)
        self._state: HNetState | None = None
        self.beside = len(tokens) + len(after)
        self.most = batch_tokens
        if not can_branch(model):
            return
        self.beside = 0
        self.most = most_branches(model, len(tokens) + _BEHIND)
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
        length = self.beside
        with torch.inference_mode():
            for call in in_calls(
                sequences, self._batch_tokens, lambda own: length + len(own), self.most
            ):
                found += self._whole(call) if self._state is None else self._going_on(call)
        return found

    def _whole(self, sequences: Sequence[Tokens]) -> list[Floats]:
        before = len(self._tokens)
        read = [np.concatenate([self._tokens, own, self._after]) for own in sequences]
        some = iter(self._read([own for own in read if len(own)], None))
        found = []
        for own, whole in zip(sequences, read, strict=True):
            values = next(some) if len(whole) else np.empty((0, 4), np.float32)
            values = np.concatenate([self._next[None], values])
            found.append(values[before : before + len(own)])
        return found

    def _going_on(self, sequences: Sequence[Tokens]) -> list[Floats]:
        assert self._state is not None
        some = [tokens for tokens in sequences if len(tokens)]
        copies = torch.zeros(len(some), dtype=torch.int64, device=self._state.seen.device)
        read = iter(self._read(some, self._state.select(copies)) if some else ())
        found = []
        for tokens in sequences:
            after = next(read)[:-1] if len(tokens) else np.empty((0, 4), np.float32)
            found.append(np.concatenate([self._next[None], after])[: len(tokens)])
        return found

    def _read(self, sequences: Sequence[Tokens], state: HNetState | None) -> list[Floats]:
        """(L, 4) of what follows each token."""
        model, device = self._model, self._model.embeddings.weight.device
        lengths = [len(tokens) for tokens in sequences]
        if not lengths:
            return []
        ids = torch.from_numpy(np.concatenate(sequences).astype(np.int64)).to(device)
        packing = Packing.from_lengths(lengths, device)
        if state is not None:
            packing = going_on(packing, state, None)
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
