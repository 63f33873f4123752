"""The stream of one source: any stretch of it, without those before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import modalities
from modalities.errors import InputError, UsageError
from pipelines.batches.order import Order, Slice
from pipelines.batches.reader import BlockReader, spelled_labels
from pipelines.shards.manifest import MANIFEST, ORDER_VERSION, SPLITS
from pipelines.shards.manifest_entry import WEIGHT_UNIT
from pipelines.shards.open_shards import open_shards
from pipelines.shards.writer import SOFT_MASK_BIT

IGNORED = -100


@dataclass(frozen=True)
class Stretch:
    """n tokens that follow each other in a stream, and those carried over.

    Attributes:
        input_ids: (n,) uint8.
        targets: (n,) int16, the next token of the same document; -100 where none is scored.
        ends: where its sequences end, running from 1 to n.
        soft_masked: (n,) bool, of the targets; None where the shards do not tell.
        weights: (n,) float32 of the targets, those of their genomes; None where all are 1.
    """

    input_ids: np.ndarray
    targets: np.ndarray
    ends: list[int]
    soft_masked: np.ndarray | None
    weights: np.ndarray | None


def target_weights(parts: Sequence[Stretch], soft_mask_weight: float) -> np.ndarray | None:
    """Of all targets one after the other, (n,) float32; None where all are 1."""
    masks = soft_mask_weight != 1.0
    if not masks and all(part.weights is None for part in parts):
        return None
    weights = np.ones(sum(len(part.input_ids) for part in parts), np.float32)
    done = 0
    for part in parts:
        own = weights[done : (done := done + len(part.input_ids))]
        if part.weights is not None:
            own *= part.weights
        if masks and part.soft_masked is not None:
            own[part.soft_masked] *= soft_mask_weight
    return weights


class TokenStream:
    """The windows of one source, epoch after epoch, as one stream of tokens.

    Picklable, and cheap to give to worker processes: files are opened where they are read.
    Windows read one token further than their inputs, so each token of a document but its first is
    a target once an epoch (a window that is read on the other strand has as many targets, but
    shifted by one base).

    Args:
        location: what ``hnet-seq shard`` wrote: a folder, or its URL.
        split: "train" or "validation".
        context: tokens of a window.
        reverse_complement: read each window on the other strand with probability one half, where
            the modality has ``two_strands``.
        shuffle: permute blocks and windows by (seed, epoch).
        labels: only documents with one of these; None for all.
        carry_over: tokens of its document that a sequence reads again before its own, as far as
            there are any; they are not scored again, and come on top of the tokens asked for.
        skip_damaged: leave out documents of shards that are missing or damaged, and say which in
            ``skipped``; otherwise they are an error.
        store: options of :class:`pipelines.storage.folders.ShardStore`.

    Raises:
        UsageError: an option out of range, or that these shards do not allow.
        InputError: the manifest is wrong, a shard is missing or truncated, or the split empty.
    """

    def __init__(
        self,
        location: str | Path,
        split: str,
        *,
        context: int,
        seed: int,
        shuffle: bool,
        reverse_complement: bool = False,
        labels: Sequence[str] | None = None,
        carry_over: int = 0,
        skip_damaged: bool = False,
        store: dict[str, Any] | None = None,
    ) -> None:
        if split not in SPLITS:
            raise UsageError("split", f"is {split!r}, expected one of {', '.join(SPLITS)}")
        if context < 1:
            raise UsageError("context", f"is {context}, expected at least 1 token")
        if carry_over < 0:
            raise UsageError("carry_over", f"is {carry_over}, expected 0 or more tokens")
        self._carry_over = carry_over
        opened, self.manifest = open_shards(location, **(store or {}))
        modality = modalities.get(self.manifest.modality)
        self.two_strands = modality.complement_table is not None
        reverse_complement = reverse_complement and self.two_strands
        self.location = opened.location
        if labels is not None:
            labels = spelled_labels(self.location, self.manifest, labels)
        self._reader = BlockReader(opened, self.manifest, split, labels, skip_damaged)
        if not len(self._reader.blocks):
            with_label = f" with label {' or '.join(labels)}" if labels else ""
            raise InputError(
                opened.address(MANIFEST),
                f"there are no {split} documents{with_label}; see --validation of `hnet-seq shard`",
            )
        # A figure of validation counts each base once.
        held = self._reader.blocks.weight if split == "train" else None
        self._weights = None if held is None else (held / WEIGHT_UNIT).astype(np.float32)
        self.skipped = self._reader.skipped
        self.skipped_tokens = self._reader.skipped_tokens
        self._order = Order(
            self._reader.pieces(),
            self._reader.pieces_of,
            context=context,
            seed=seed,
            shuffle=shuffle,
            reverse_complement=reverse_complement,
        )
        self._target_pairs = _target_pairs(modality.scored_tokens)
        # Where the scored tokens are the first of the vocabulary, the highest one tells them all.
        self._highest_scored = _last_if_first(modality.scored_tokens)
        self.complement = modality.complement() if reverse_complement else np.arange(256)
        self._turned_pairs = _turned_pairs(self.complement)
        self.fingerprint = _fingerprint(
            {
                # That of this code: old shards give other batches when the rules have changed.
                "order_version": ORDER_VERSION,
                "vocabulary": self.manifest.vocabulary_fingerprint,
                "soft_mask": self.manifest.soft_mask,
                "shards": [
                    shard.sha256
                    for shard in self.manifest.of(split)
                    if shard.name not in self.skipped
                ],
                "labels": sorted(labels) if labels else None,
                "split": split,
                "context": context,
                "seed": seed if shuffle or reverse_complement else None,
                "reverse_complement": reverse_complement,
                "shuffle": shuffle,
                "carry_over": carry_over,
            }
            | ({} if self._weights is None else {"weights": _digest(self._weights)})
        )

    @property
    def tokens_per_epoch(self) -> int:
        """Input tokens of an epoch: all of the split's."""
        return self._order.tokens_per_epoch

    def lengths(self, start: int, stop: int) -> list[int]:
        """Own tokens of the sequences that :meth:`read` gives."""
        return [part.end - part.begin for part in self._order.slices(start, stop)]

    def read(self, start: int, stop: int) -> Stretch:
        """Tokens ``start`` to ``stop`` of the stream; windows at the edges are cut in two."""
        parts = list(self._order.slices(start, stop))
        carried = [self._carried(part) for part in parts] if self._carry_over else [0] * len(parts)
        total = stop - start + sum(carried)
        stored, following = np.empty(total, np.uint8), np.empty(total, np.uint8)
        ends, unscored, done = [], [], 0
        for part, carry in zip(parts, carried, strict=True):
            sequence = self._sequence(part, carry)
            size = part.end - part.begin + carry
            end = done + size
            if len(sequence) > size:
                stored[done:end] = sequence[:size]
                following[done:end] = sequence[1:]
            else:
                stored[done:end] = sequence
                following[done : end - 1] = sequence[1:]
                following[end - 1] = 0
                unscored.append(slice(end - 1, end))
            if carry:
                unscored.append(slice(done, done + carry))
            done = end
            ends.append(done)
        soft_masked = None
        if self.manifest.soft_mask:
            soft_masked = following >= SOFT_MASK_BIT
            stored &= 0xFF ^ SOFT_MASK_BIT
            following &= 0xFF ^ SOFT_MASK_BIT
        weights = None
        if self._weights is not None:
            sizes = np.diff(ends, prepend=0)
            weights = np.repeat(self._weights[[part.block for part in parts]], sizes)
        targets = self._scored(following)
        for place in unscored:
            targets[place] = IGNORED
        return Stretch(stored, targets, ends, soft_masked, weights)

    def _scored(self, following: np.ndarray) -> np.ndarray:
        """Targets (n,) int16 of the tokens that follow (n,): those that are not scored ignored."""
        if np.maximum.reduce(following) <= self._highest_scored:
            return following.astype(np.int16)
        pairs = np.append(following, np.uint8(0)) if len(following) % 2 else following
        return self._target_pairs.take(pairs.view(np.uint16)).view(np.int16)[: len(following)]

    def _carried(self, part: Slice) -> int:
        """Tokens that its sequence reads again before its own, as far as there are any."""
        # What a flipped window is read after lies behind it, but for the token it predicts last.
        outside = max(0, part.after - 1) if part.flip else part.before
        return min(self._carry_over, part.begin + outside)

    def _sequence(self, part: Slice, carry: int) -> np.ndarray:
        """Stored tokens: those carried over, the part of a window, and one more if there is one."""
        has_next = part.after > 0
        first, last = part.begin - carry, part.end + 1
        if part.end == part.window_tokens and not has_next:
            last = part.end
        if not part.flip:
            return self._reader.read(part.block, part.offset + first, last - first)
        # Read from its end, the window begins with the token after it.
        begin = part.offset + part.window_tokens + has_next - last
        sequence = self._reader.read(part.block, begin, last - first)
        return self._other_strand(sequence)

    def _other_strand(self, tokens: np.ndarray) -> np.ndarray:
        """The complements of tokens (n,), from the last to the first."""
        odd = len(tokens) % 2
        other = np.empty(len(tokens), np.uint8)
        if odd:
            other[0] = self.complement[tokens[-1]]
        # Two at a time: one look-up complements both and turns them round.
        pairs = tokens[: len(tokens) - odd].view(np.uint16)[::-1]
        other[odd:] = self._turned_pairs.take(pairs).view(np.uint8)
        return other


_PAIRS = np.arange(1 << 16, dtype=np.uint16).view(np.uint8).reshape(-1, 2)


def _turned_pairs(complement: np.ndarray) -> np.ndarray:
    """(65536,) uint16: two tokens as one number to their complements in the other order."""
    turned = complement.astype(np.uint8)[_PAIRS[:, ::-1]]
    return np.ascontiguousarray(turned).view(np.uint16).ravel()


def _target_pairs(scored: Sequence[int]) -> np.ndarray:
    """(65536,) uint32: two tokens as one number to two int16 targets, themselves or ignored."""
    table = np.full(256, IGNORED, np.int16)
    table[list(scored)] = scored
    return table[_PAIRS].view(np.uint32).ravel()


def _last_if_first(scored: Sequence[int]) -> int:
    """The highest scored token where they are the first of the vocabulary, else -1."""
    return max(scored) if set(scored) == set(range(len(scored))) else -1


def _digest(values: np.ndarray) -> str:
    return hashlib.sha256(values.tobytes()).hexdigest()


def _fingerprint(content: dict[str, Any]) -> str:
    """sha256 over all that a stream depends on, in content or order."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
