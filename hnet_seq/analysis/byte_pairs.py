"""A byte-pair tokeniser of DNA with tokens of a wanted mean length, as DNABERT-2 cuts.

Hugging Face ``tokenizers`` learns the merges, once; fewer of them give shorter tokens, so the
number is sought at which the mean comes nearest (Sennrich, Haddow and Birch, ACL 2016; Zhou et
al., ICLR 2024).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_MERGES = 4092  # a vocabulary of 4,096 with the four letters, as DNABERT-2 has it
TRAINING_BASES = 1_000_000
_PIECE = 1000  # bases of one training sequence
_ENCODED = 10_000  # bases encoded at once; a cut at its ends is one in that many
_LETTERS = np.frombuffer(b"ACGT", np.uint8)

Tokens = NDArray[np.uint8]


class BytePairs:
    """Merges learned from DNA, and how many of them are used.

    Attributes:
        merges: how many.
        mean: bases per token of the training sequence.
        trained_on: bases.
    """

    def __init__(self, sequences: Iterable[Tokens], mean: float) -> None:
        """Learn from the first ``TRAINING_BASES`` known bases.

        Args:
            mean: bases per token that are wanted; a vocabulary that does not reach it stays whole.

        Raises:
            ImportError: ``tokenizers`` is not installed.
            ValueError: there is nothing to learn from.
        """
        import tokenizers

        self._library = tokenizers
        pieces: list[str] = []
        self.trained_on = 0
        for piece in _known_pieces(sequences, _PIECE):
            pieces.append(_text(piece))
            self.trained_on += len(piece)
            if self.trained_on >= TRAINING_BASES:
                break
        if not pieces:
            raise ValueError("no A, C, G or T to train a byte-pair tokeniser on")
        learner = tokenizers.Tokenizer(tokenizers.models.BPE())
        learner.train_from_iterator(
            pieces,
            tokenizers.trainers.BpeTrainer(
                vocab_size=MOST_MERGES + len(_LETTERS),
                initial_alphabet=list("ACGT"),
                show_progress=False,
            ),
        )
        self._all = [tuple(merge) for merge in json.loads(learner.to_str())["model"]["merges"]]
        sample = pieces[:: max(1, len(pieces) // 200)]
        self.merges = self._nearest(sample, mean)
        self._tokenizer = self._with(self.merges)
        self.mean = self._mean(self._tokenizer, sample)

    def _nearest(self, sample: list[str], mean: float) -> int:
        """Each merge makes tokens longer: bisect."""
        low, high = 0, len(self._all)
        while low < high:
            middle = (low + high) // 2
            if self._mean(self._with(middle), sample) < mean:
                low = middle + 1
            else:
                high = middle
        near = [count for count in (low - 1, low) if 0 <= count <= len(self._all)]
        return min(near, key=lambda count: abs(self._mean(self._with(count), sample) - mean))

    def _with(self, merges: int) -> Any:
        used = self._all[:merges]
        vocabulary = dict.fromkeys([*"ACGT", *("".join(pair) for pair in used)])
        ids = {token: index for index, token in enumerate(vocabulary)}
        return self._library.Tokenizer(self._library.models.BPE(ids, used))

    @staticmethod
    def _mean(tokenizer: Any, sample: list[str]) -> float:
        found = tokenizer.encode_batch(sample)
        return sum(map(len, sample)) / sum(len(encoded.ids) for encoded in found)

    def mask(self, tokens: Tokens) -> NDArray[np.bool_]:
        """(n,) True where a token begins; unknown bases are tokens of their own."""
        mask = np.ones(len(tokens), bool)
        for start, end in _known_runs(tokens):
            for first in range(start, end, _ENCODED):
                last = min(first + _ENCODED, end)
                encoded = self._tokenizer.encode(_text(tokens[first:last]))
                mask[first:last] = False
                mask[[first + begin for begin, _ in encoded.offsets]] = True
        return mask


def _known_runs(tokens: Tokens) -> Iterator[tuple[int, int]]:
    known = np.r_[False, tokens < 4, False]
    edges = np.flatnonzero(known[1:] != known[:-1]).tolist()
    return zip(edges[::2], edges[1::2], strict=True)


def _known_pieces(sequences: Iterable[Tokens], size: int) -> Iterator[Tokens]:
    for tokens in sequences:
        for start, end in _known_runs(tokens):
            for first in range(start, end, size):
                yield tokens[first : min(first + size, end)]


def _text(tokens: Tokens) -> str:
    return _LETTERS[tokens].tobytes().decode()
