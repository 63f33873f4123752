"""What a causal model expects of sequences that share their beginning, which it reads once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.counted_text import Told, counted_texts, left_out, stand_there
from hnet_seq.model.state import HNetState, going_on
from hnet_seq.model.streaming import in_calls
from hnet_seq.ops.packing import Packing
from hnet_seq.tasks.choices import EXPLAIN_MOST_BASES
from hnet_seq.tasks.scoring.branches import most_branches
from modalities import dna
from modalities.base import Tokens

Floats = NDArray[np.float32]

_NOTHING = np.empty(0, np.uint8)
_BEHIND = EXPLAIN_MOST_BASES  # tokens that go on at most

Stands: TypeAlias = tuple[tuple[bool, ...], ...]


class Beginning:
    """A model behind the first tokens of a sequence.

    What it gives is what a pass over each whole sequence would, up to rounding. On a GPU, where
    whole sequences have the faster kernels, those are read. Counts of the training text depend on
    whether a whole sequence is of it: so that is looked up first, and what lies before is read once
    for each answer.

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
        self._counted = bool(counted_texts(model))
        self._shared = model.embeddings.weight.device.type == "cpu"
        self._states: dict[Stands, HNetState] = {}
        self.beside = 0 if self._shared else len(tokens) + len(after)
        self.most = batch_tokens
        if self._shared:
            self.most = most_branches(model, len(tokens) + _BEHIND)

    def expected(self, sequences: Sequence[Tokens]) -> list[Floats]:
        """Of each sequence (L,) that goes on here, what is expected at each of its places.

        Returns:
            (L, 4) log-probabilities of A, C, G and T given all that lies before, nats, among all
            tokens of the model; NaN at the first place of all.
        """
        found: dict[int, Floats] = {}
        with torch.inference_mode():
            alike: dict[Stands, list[int]] = {}
            for number, stands in enumerate(self._stand(sequences)):
                alike.setdefault(stands, []).append(number)
            for stands, numbers in alike.items():
                for call in in_calls(
                    numbers,
                    self._batch_tokens,
                    lambda i: self.beside + len(sequences[i]),
                    self.most,
                ):
                    own = [sequences[i] for i in call]
                    read = self._going_on(own, stands) if self._shared else self._whole(own)
                    found |= zip(call, read, strict=True)
        return [found[number] for number in range(len(sequences))]

    def _stand(self, sequences: Sequence[Tokens]) -> list[Stands]:
        """For each text that is counted the parts that a whole sequence is of."""
        if not (self._shared and self._counted):
            return [()] * len(sequences)
        found: list[Stands] = []
        whole = (np.concatenate([self._tokens, own, self._after]) for own in sequences)
        read: Callable[[Tokens], int] = len
        for call in in_calls(whole, self._batch_tokens, read):
            some = [own for own in call if len(own)] or [np.zeros(1, np.uint8)]
            texts = stand_there(self._model, *_packed(some, self._device))
            rows = zip(*(map(tuple, text.tolist()) for text in texts), strict=True)
            answers = iter(list(rows))
            nothing = tuple((False,) * text.shape[1] for text in texts)
            found += [next(answers) if len(own) else nothing for own in call]
        return found

    def _whole(self, sequences: Sequence[Tokens]) -> list[Floats]:
        before = len(self._tokens)
        read = [np.concatenate([self._tokens, own, self._after]) for own in sequences]
        with left_out(self._model):
            some = iter(self._read([own for own in read if len(own)], None))
        found = []
        for own, whole in zip(sequences, read, strict=True):
            values = _behind(next(some) if len(whole) else None)
            found.append(values[before : before + len(own)])
        return found

    def _going_on(self, sequences: Sequence[Tokens], stands: Stands) -> list[Floats]:
        """From a state that all but the last of the tokens before have left: that one is read with
        each sequence, whose first token is what followed it."""
        last = self._tokens[-1:]
        read = [np.concatenate([last, own]) for own in sequences]
        some = [tokens for tokens in read if len(tokens)]
        if some:
            copies = torch.zeros(len(some), dtype=torch.int64, device=self._device)
            state = self._state(stands).select(copies)
            with self._left_out(stands, [-1] * len(some)):
                rows = iter(self._read(some, state))
        values = [_behind(next(rows) if len(tokens) else None) for tokens in read]
        return [
            own[len(last) : len(last) + len(tokens)]
            for own, tokens in zip(values, sequences, strict=True)
        ]

    def _state(self, stands: Stands) -> HNetState:
        """Behind all but the last of the tokens, of a sequence that is of these parts."""
        if stands not in self._states:
            state, before = self._model.new_state(1), self._tokens[:-1]
            for first in range(0, len(before), self._batch_tokens):
                last = min(first + self._batch_tokens, len(before))
                with self._left_out(stands, [int(self._tokens[last])]):
                    self._read([before[first:last]], state)
            self._states[stands] = state
        return self._states[stands]

    @property
    def _device(self) -> torch.device:
        return self._model.embeddings.weight.device

    def _left_out(self, stands: Stands, following: Sequence[int]) -> AbstractContextManager[None]:
        """For a call over pieces of sequences that stand alike, and what follows each."""
        each = [
            torch.tensor([own], device=self._device).expand(len(following), -1) for own in stands
        ]
        return left_out(self._model, Told(each, torch.tensor(following, device=self._device)))

    def _read(self, sequences: Sequence[Tokens], state: HNetState | None) -> list[Floats]:
        """(L, 4) of what follows each token."""
        if not sequences:
            return []
        ids, packing = _packed(sequences, self._device)
        if state is not None:
            packing = going_on(packing, state, None)
        logits = self._model.logits(self._model.encode(ids, packing, state)).float()
        expected = logits.log_softmax(1)[:, : len(dna.BASES)].cpu().numpy()
        return np.split(expected, np.cumsum([len(tokens) for tokens in sequences])[:-1])


def _packed(sequences: Sequence[Tokens], device: torch.device) -> tuple[Tensor, Packing]:
    ids = torch.from_numpy(np.concatenate(sequences).astype(np.int64)).to(device)
    return ids, Packing.from_lengths([len(tokens) for tokens in sequences], device)


def _behind(values: Floats | None) -> Floats:
    """(L + 1, 4) at each place, of what follows each token; of the first nothing is known."""
    unknown = np.full((1, len(dna.BASES)), np.nan, np.float32)
    return unknown if values is None else np.concatenate([unknown, values])


def likelihood(expected: NDArray[np.floating], tokens: Tokens) -> NDArray[np.float64]:
    """(L,) log-probability of each token, nats, of what was expected; 0 of what has none."""
    known = (tokens <= max(dna.BASES)) & ~np.isnan(expected[:, 0])
    letters = np.where(known, tokens, 0).astype(np.int64)
    own = np.take_along_axis(expected, letters[:, None], 1)[:, 0].astype(np.float64)
    return np.where(known, own, 0.0)
