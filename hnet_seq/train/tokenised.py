"""Batches of tokens of several letters, from the windows that a model of letters reads.

The figures compare exactly. A window's first letter is read as a letter, as nothing predicts it.
Those behind it, with the one letter that its last position predicts, are cut into tokens, each run
of scored or unscored letters by itself. So the tokens that are scored cover each letter that a
model of letters is scored on, once and nothing else, end markers among them; their summed bits over
these letters are bits per letter. No token reaches over the edge of a window: what a model gives to
longer ones there is lost to it, as it is to every tokenised model at the end of a text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import modalities
from modalities.base import Tokens
from modalities.tokenizer import Kmers, Tokenizer, k_of, train_byte_pairs
from pipelines.batches.token_batches import IGNORED, MixedSource, PackedBatch, TokenBatches

_LEARNED_FROM = 1 << 21  # letters: more of them change few merges


class TokenisedBatches(TokenBatches):
    """Batches whose ids and targets are a tokenizer's; where they lie is counted in letters.

    Args:
        sources, options: as for :class:`pipelines.batches.token_batches.TokenBatches`.
    """

    def __init__(
        self,
        sources: str | Path | Sequence[MixedSource],
        *,
        tokenizer: Tokenizer,
        **options: Any,
    ) -> None:
        super().__init__(sources, **options)
        self.tokenizer = tokenizer
        text = f"{self.fingerprint}/tokenised/{tokenizer.to_json()}"
        self.fingerprint = hashlib.sha256(text.encode()).hexdigest()

    @property
    def vocabulary_fingerprint(self) -> str:
        """Of what the ids mean."""
        text = f"{super().vocabulary_fingerprint}/{self.tokenizer.to_json()}"
        return hashlib.sha256(text.encode()).hexdigest()

    def read(self, start: int, stop: int) -> PackedBatch:
        """As :meth:`pipelines.batches.token_batches.TokenBatches.read`, of tokens."""
        batch = super().read(start, stop)
        parts = [
            self._sequence(batch.input_ids[first:last], batch.targets[first:last])
            for first, last in pairwise(batch.cu_seqlens.tolist())
        ]
        found = PackedBatch.joined(parts)
        if batch.weights is None:
            return found
        # A sequence is of one genome, whose letters weigh alike.
        weights = np.repeat(batch.weights[batch.cu_seqlens[:-1]], np.diff(found.cu_seqlens))
        return replace(found, weights=weights)

    def _sequence(self, letters: Tokens, targets: np.ndarray) -> PackedBatch:
        """One sequence (L,) of letters and the letters (L,) that follow, as tokens."""
        scored = targets >= 0
        following = letters[1:]
        if scored[-1]:
            following = np.append(following, targets[-1].astype(np.uint8))
        changes = np.flatnonzero(scored[1 : len(following)] != scored[: len(following) - 1]) + 1
        ids, goals = [letters[:1].astype(np.int64)], []
        for start, stop in pairwise([0, *changes.tolist(), len(following)]):
            tokens = self.tokenizer.encode(following[start:stop])
            ids.append(tokens)
            goals.append(tokens if scored[start] else np.full(len(tokens), IGNORED))
        read, goal = np.concatenate(ids), np.concatenate(goals)
        covers = self.tokenizer.lengths[read[1:]]
        if scored[-1]:
            read = read[:-1]  # a target only
        else:
            goal, covers = np.append(goal, IGNORED), np.append(covers, 0)
        return PackedBatch(read, goal, np.array([0, len(read)], np.int32), None, covers=covers)


def make_tokenizer(name: str, batches: TokenBatches, vocab_size: int) -> Tokenizer:
    """The tokenizer of a run.

    Byte pairs are learned from the letters that the run itself reads first, of all sources by their
    weights, at most one epoch: the same for the same shards and seed.

    Args:
        name: ``bpe``, or k-mers such as ``6mer``.
        batches: of letters.
        vocab_size: tokens that byte pairs end with.

    Raises:
        UsageError: k-mers of too many letters, or ``tokenizers`` is not installed.
    """
    kinds = [modalities.get(stream.manifest.modality) for stream in batches.streams]
    vocabulary = kinds[0].vocabulary
    joined = sorted(
        {t for kind in kinds for t in kind.scored_tokens if not vocabulary[t].startswith("<")}
    )
    k = k_of(name)
    if k is not None:
        return Kmers(k, len(vocabulary), joined)
    return train_byte_pairs(_first_sequences(batches), kinds[0], joined, vocab_size)


def _first_sequences(batches: TokenBatches) -> Iterator[Tokens]:
    once = sum(stream.tokens_per_epoch for stream in batches.streams)
    for k in range(-(-min(_LEARNED_FROM, once) // batches.batch_tokens)):
        batch = batches[k]
        for first, last in pairwise(batch.cu_seqlens.tolist()):
            yield batch.input_ids[first:last]


def letters_per_token(batches: TokenisedBatches) -> float:
    """Letters of a predicted token, on the first batch of a run."""
    batch = batches[0]
    return batch.scored / max(1, int((batch.targets >= 0).sum()))
