"""The masked-token objective: hide some tokens and ask for them (Devlin et al. 2019, section 3.1).

In training, of the chosen tokens 80% become the mask, 10% a random token and 10% stay: the model
cannot tell which tokens it will be asked for, so it must describe all of them. In validation all
become the mask. A token that stays gives itself away, so the two do not compare: without any
context, four equally likely tokens cost 2 bits in validation, and 1.91 in training (a chosen token
that is no mask is what it seems to be in 5 of 8 cases).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import modalities
from modalities.base import Modality
from pipelines.batches.token_batches import IGNORED, MixedSource, PackedBatch, TokenBatches

MASK = "<mask>"
TRAINING = (0.8, 0.1)  # shares of the chosen tokens that are masked and replaced; the rest stay
VALIDATION = (1.0, 0.0)
_VERSION = 1  # of the draw; another one is another order of training
_PHILOX_WORDS = 4  # outputs of one count


def mask_tokens(
    tokens: np.ndarray,
    *,
    seed: int,
    first: int,
    rate: float,
    mask_token: int,
    eligible: Sequence[int],
    fates: tuple[float, float] = TRAINING,
) -> tuple[np.ndarray, np.ndarray]:
    """Hide tokens at random.

    What happens to a token depends on the seed and its place in the stream of all training tokens
    alone, so not on the batches that the stream is cut into. An epoch later the place is another.

    Args:
        tokens: (T,) int64.
        first: place of the first of them in the stream, ``step`` times the tokens of a step.
        rate: share of the eligible tokens that are chosen.
        mask_token: what stands for a hidden token.
        eligible: tokens that may be chosen; random tokens are drawn from them too.
        fates: shares of the chosen tokens that become the mask, and that become a random token.

    Returns:
        the ids to read (T,), and the targets (T,): the tokens themselves where they were chosen,
        -100 elsewhere.
    """
    draws = _draws(seed, first, tokens.size)
    chosen = (draws >> np.uint64(32)) < np.uint64(round(rate * 2**32))
    chosen &= np.isin(tokens, eligible)
    fate = (draws >> np.uint64(16) & np.uint64(0xFFFF)) / 2**16
    other = np.asarray(eligible, np.int64)[(draws & np.uint64(0xFFFF)) % np.uint64(len(eligible))]
    masked, replaced = fates
    ids = np.where(chosen & (fate < masked + replaced), other, tokens)
    ids = np.where(chosen & (fate < masked), mask_token, ids)
    return ids, np.where(chosen, tokens, IGNORED)


def mask_token(modality: Modality) -> int:
    """The id that stands for a hidden token; one more than the vocabulary if it names none."""
    vocabulary = modality.vocabulary
    return vocabulary.index(MASK) if MASK in vocabulary else len(vocabulary)


class MaskedBatches(TokenBatches):
    """Batches whose targets are hidden tokens of the sequence itself.

    Args:
        sources, seed, options: as for :class:`pipelines.batches.token_batches.TokenBatches`.
        mask_rate: share of the scored tokens that are asked for.
    """

    def __init__(
        self,
        sources: str | Path | Sequence[MixedSource],
        *,
        mask_rate: float,
        seed: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(sources, seed=seed, **options)
        modality = modalities.get(self.manifest.modality)
        self.seed = seed
        self.mask_rate = mask_rate
        self.mask_token = mask_token(modality)
        modalities_read = [modalities.get(s.manifest.modality) for s in self.streams]
        self.eligible = tuple(sorted({t for m in modalities_read for t in m.scored_tokens}))
        self.fates = VALIDATION if self.split == "validation" else TRAINING
        drawn = (_VERSION, seed, mask_rate, self.fates, self.mask_token, self.eligible)
        text = f"{self.fingerprint}/masked/{drawn}"
        self.fingerprint = hashlib.sha256(text.encode()).hexdigest()

    @property
    def vocab_size(self) -> int:
        """Ids that a model needs: the vocabulary and the mask."""
        return max(self.manifest.vocab_size, self.mask_token + 1)

    def read(self, start: int, stop: int) -> PackedBatch:
        """As :meth:`pipelines.batches.token_batches.TokenBatches.read`, with tokens hidden."""
        batch = super().read(start, stop)
        ids, targets = mask_tokens(
            batch.input_ids.astype(np.int64),
            seed=self.seed,
            first=start,
            rate=self.mask_rate,
            mask_token=self.mask_token,
            eligible=self.eligible,
            fates=self.fates,
        )
        # Genomes weigh whole sequences; a soft mask is of the next letter, which is no target here.
        weights = None if self._soft_mask_weight != 1 else batch.weights
        return replace(batch, input_ids=ids, targets=targets, weights=weights)


def _draws(seed: int, first: int, count: int) -> np.ndarray:
    """(count,) uint64, numbers ``first`` and on of a stream that the seed determines.

    Raw Philox output, which NumPy keeps from version to version and which can begin anywhere.
    """
    key = hashlib.sha256(f"{seed}/mask".encode()).digest()[:16]
    generator = np.random.Philox(key=int.from_bytes(key, "little"))
    counts, skipped = divmod(first, _PHILOX_WORDS)
    return generator.advance(counts).random_raw(skipped + count)[skipped:]
