"""Readers that count: what a language model of DNA has to be better than."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.baselines.context_mixing import ContextMixing
from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.evidence.zero_shot.reader import Likelihood, sum_of
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError


class _Counting(ABC):
    """What the readers below have in common."""

    reads: Literal["before"] = "before"
    name: str

    def base_log_probabilities(self, sequences: Sequence[Tokens]) -> list[NDArray[np.float32]]:
        """(L, 4) of each sequence, see :class:`hnet_seq.evidence.zero_shot.reader.Reader`."""
        return [self._rows(tokens).astype(np.float32) for tokens in sequences]

    def log_likelihoods(self, sequences: Sequence[Tokens]) -> list[Likelihood]:
        """Of each sequence."""
        return [sum_of(self._rows(tokens), tokens) for tokens in sequences]

    def continued(self, prompts: Sequence[Tokens], bases: int) -> list[Tokens]:
        """The most likely next ``bases`` of each prompt."""
        return [self._greedy(prompt, bases) for prompt in prompts]

    @abstractmethod
    def _rows(self, tokens: Tokens) -> NDArray[np.floating]:
        """(L, 4) log-probabilities of each base given those before."""

    def _next(self, tokens: Tokens) -> int:
        """The likeliest base after a sequence."""
        return int(self._rows(np.append(tokens, np.uint8(0)))[-1].argmax())

    def _greedy(self, prompt: Tokens, bases: int) -> Tokens:
        found = np.empty(len(prompt) + bases, np.uint8)
        found[: len(prompt)] = prompt
        for end in range(len(prompt), len(found)):
            found[end] = self._next(found[:end])
        return found[len(prompt) :]


class MarkovReader(_Counting):
    """A Markov model that was counted before."""

    def __init__(self, model: MarkovModel) -> None:
        self.name = f"Markov order {model.order}"
        self._model = model

    def _rows(self, tokens: Tokens) -> NDArray[np.float64]:
        return self._model.distributions(tokens)

    def continued(self, prompts: Sequence[Tokens], bases: int) -> list[Tokens]:
        """The most likely next ``bases`` of each prompt, all prompts together."""
        order, many = self._model.order, len(prompts)
        # The bases before, an unknown one in front where there are fewer, and one to ask for.
        read = np.full((many, 1 + order + bases), dna.UNKNOWN, np.uint8)
        for row, prompt in zip(read, prompts, strict=True):
            last = prompt[max(0, len(prompt) - order) :]
            row[1 + order - len(last) : 1 + order] = last
        for end in range(1 + order, read.shape[1]):
            read[:, end] = 0
            asked = np.pad(read[:, end - order : end + 1], ((0, 0), (1, 0)), constant_values=4)
            rows = self._model.distributions(asked.ravel()).reshape(many, -1, 4)
            read[:, end] = rows[:, -1].argmax(1)
        return list(read[:, 1 + order :])


class MixingReader(_Counting):
    """Context mixing that goes on learning from what it reads, in the order of reading.

    So it has no likelihood of one sequence apart from those before it, and goes on from none.
    """

    def __init__(self, model: ContextMixing) -> None:
        self.name = "context mixing"
        self._model = model

    def _rows(self, tokens: Tokens) -> NDArray[np.float64]:
        rows = np.log(np.maximum(self._model.distributions(tokens).astype(np.float64), 1e-9))
        rows[:1] = np.nan
        rows[tokens >= dna.UNKNOWN] = np.nan
        return rows

    def continued(self, prompts: Sequence[Tokens], bases: int) -> list[Tokens]:
        """Refused."""
        raise InputError(None, "learns as it reads: it goes on from no prompt", where=self.name)


class CopyReader(_Counting):
    """Says what followed the last time that the ``word`` bases before were read in the sequence.

    It knows nothing else, and nothing of other sequences: without such a time, or over an unknown
    base, all four are as likely.

    Args:
        word: bases that have to agree; 12 agree by chance once in 17 million places.
        trust: probability of the base that followed.
    """

    def __init__(self, word: int = 12, trust: float = 0.9) -> None:
        self.name = f"copy of what followed {word} bases"
        self._word = word
        self._said = np.log(
            np.full((4, 4), (1 - trust) / 3) + np.eye(4) * (trust - (1 - trust) / 3)
        )

    def _rows(self, tokens: Tokens) -> NDArray[np.float64]:
        rows = np.full((len(tokens), 4), np.log(0.25))
        read = np.asarray(tokens, np.uint8)
        unknown = np.concatenate([[0], np.cumsum(read >= dna.UNKNOWN)])
        known = unknown[self._word + 1 :] == unknown[: -self._word - 1]  # a word, and what follows
        text, followed = read.tobytes(), dict[bytes, int]()
        ends, said = list[int](), list[int]()
        for end, is_known in enumerate(known.tolist(), self._word):
            word = text[end - self._word : end]
            if word in followed:
                ends.append(end)
                said.append(followed[word])
            if is_known:
                followed[word] = text[end]
        if ends:
            rows[ends] = self._said[said]
        rows[:1] = np.nan
        rows[tokens >= dna.UNKNOWN] = np.nan
        return rows

    def _next(self, tokens: Tokens) -> int:
        read = np.asarray(tokens, np.uint8).tobytes()
        word = read[-self._word :]
        at = read.rfind(word, 0, len(read) - 1) if len(word) == self._word else -1
        base = read[at + self._word] if at >= 0 else dna.UNKNOWN
        return base if base < dna.UNKNOWN and max(word) < dna.UNKNOWN else 0
