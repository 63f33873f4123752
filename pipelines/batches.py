"""Packed batches of next-token prediction from a folder of shards; batch k needs no other."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import modalities
from modalities.errors import InputError, UsageError
from pipelines.manifest import MANIFEST, ORDER_VERSION, SPLITS, Manifest
from pipelines.order import Order, Slice
from pipelines.reader import BlockReader, read_documents
from pipelines.shards import SOFT_MASK_BIT

__all__ = ["IGNORED", "PackedBatch", "TokenBatches", "read_documents"]

IGNORED = -100


@dataclass(frozen=True)
class PackedBatch:
    """T tokens in S sequences.

    Attributes:
        input_ids: (T,) int64.
        targets: (T,) int64, the next token of the same document; -100 where none is scored.
        cu_seqlens: (S + 1,) int32, where the sequences begin and end.
        weights: (T,) float32, factor of each target's loss, or None: all count alike.
        epoch: of the first token.
    """

    input_ids: np.ndarray
    targets: np.ndarray
    cu_seqlens: np.ndarray
    weights: np.ndarray | None
    epoch: int


class TokenBatches:
    """Batches of a split: ``source[k]`` for any k, equal whatever was asked for before.

    Picklable, and cheap to give to worker processes: files are opened where they are read.
    A sequence is a window of a document, or the part of one that a batch's edge leaves. Windows
    read one token further than their inputs, so each token of a document but its first is a
    target once an epoch (a window that is read on the other strand has as many targets, but
    shifted by one base).

    Args:
        shard_dir: what ``hnet-seq shard`` wrote.
        split: "train", whose epochs follow each other endlessly, or "validation", which ends.
        context: tokens of a window.
        batch_tokens: tokens of a batch.
        reverse_complement: read each window on the other strand with probability one half.
        shuffle: as a rule for training and not for validation.
        soft_mask_weight: factor of the loss of soft-masked targets; 1 gives ``weights`` None.

    Raises:
        UsageError: an option out of range, or that these shards or this split do not allow.
        InputError: the manifest is wrong, a shard is missing or truncated, or the split empty.
    """

    def __init__(
        self,
        shard_dir: str | Path,
        split: str = "train",
        context: int = 8192,
        batch_tokens: int = 16384,
        seed: int = 0,
        reverse_complement: bool = False,
        shuffle: bool | None = None,
        soft_mask_weight: float = 1.0,
    ) -> None:
        self.manifest = Manifest.load(shard_dir)
        self.split = split
        self.batch_tokens = batch_tokens
        self._check_options(context, reverse_complement, shuffle, soft_mask_weight)
        self._reader = BlockReader(shard_dir, self.manifest, split)
        if not self._reader.blocks:
            raise InputError(
                Path(shard_dir) / MANIFEST, f"there are no {split} documents; see --validation"
            )
        shuffle = split == "train" if shuffle is None else shuffle
        self._order = Order(
            self._reader.pieces(),
            self._reader.pieces_of,
            context=context,
            seed=seed,
            shuffle=shuffle,
            reverse_complement=reverse_complement,
        )
        self._soft_mask_weight = soft_mask_weight
        modality = modalities.get(self.manifest.modality)
        # Tables for bytes.translate, several times faster here than indexing an array.
        self._unscored = bytes(token not in modality.scored_tokens for token in range(256))
        self._complement = modality.complement().tobytes() if reverse_complement else b""
        self.fingerprint = _fingerprint(
            self.manifest,
            split,
            {
                "context": context,
                "batch_tokens": batch_tokens,
                "seed": seed if shuffle or reverse_complement else None,
                "reverse_complement": reverse_complement,
                "shuffle": shuffle,
                "soft_mask_weight": soft_mask_weight,
            },
        )

    @property
    def tokens_per_epoch(self) -> int:
        """Input tokens of an epoch: all of the split's."""
        return self._order.tokens_per_epoch

    @property
    def batches_per_epoch(self) -> int:
        """Batches that hold an epoch, rounded up; validation has exactly these."""
        return -(-self.tokens_per_epoch // self.batch_tokens)

    def __getitem__(self, k: int) -> PackedBatch:
        """Batch k.

        Raises:
            IndexError: k is negative, or beyond the end of validation.
        """
        start, stop = k * self.batch_tokens, (k + 1) * self.batch_tokens
        if self.split == "validation":
            stop = min(stop, self.tokens_per_epoch)
        if k < 0 or start >= stop:
            raise IndexError(
                f"batch {k}: {self.split} has batches 0 to {self.batches_per_epoch - 1}"
            )
        stored = np.empty(stop - start, np.uint8)
        following = np.empty(stop - start, np.uint8)
        bounds, without_next, done, epoch = [0], [], 0, -1
        for part in self._order.slices(start, stop):
            epoch = part.epoch if epoch < 0 else epoch
            window = self._window(part)
            size = part.end - part.begin
            stored[done : done + size] = window[part.begin : part.end]
            next_tokens = window[part.begin + 1 : part.end + 1]
            following[done : done + len(next_tokens)] = next_tokens
            done += size
            if len(next_tokens) < size:
                following[done - 1] = 0
                without_next.append(done - 1)
            bounds.append(done)
        weights = None
        if self._soft_mask_weight != 1.0:
            masked = (following & SOFT_MASK_BIT) != 0
            weights = np.where(masked, self._soft_mask_weight, 1.0).astype(np.float32)
        if self.manifest.soft_mask:
            stored &= 0xFF ^ SOFT_MASK_BIT
            following &= 0xFF ^ SOFT_MASK_BIT
        targets = following.astype(np.int64)
        unscored = following.tobytes().translate(self._unscored)
        if True in unscored:
            targets[np.frombuffer(unscored, bool)] = IGNORED
        targets[without_next] = IGNORED
        return PackedBatch(
            stored.astype(np.int64), targets, np.array(bounds, np.int32), weights, epoch
        )

    def _window(self, part: Slice) -> np.ndarray:
        """Stored tokens of a window, and the one after it if there is one."""
        window = self._reader.read(part.block, part.offset, part.window_tokens + part.has_next)
        if part.flip:
            other = window.tobytes().translate(self._complement)
            window = np.frombuffer(other, np.uint8)[::-1]
        return window

    def _check_options(
        self,
        context: int,
        reverse_complement: bool,
        shuffle: bool | None,
        soft_mask_weight: float,
    ) -> None:
        if self.split not in SPLITS:
            raise UsageError("split", f"is {self.split!r}, expected one of {', '.join(SPLITS)}")
        for name, value in (("context", context), ("batch_tokens", self.batch_tokens)):
            if value < 1:
                raise UsageError(name, f"is {value}, expected at least 1 token")
        if self.split == "validation" and (reverse_complement or shuffle):
            option = "reverse_complement" if reverse_complement else "shuffle"
            raise UsageError(option, "is for training; validation is always the same")
        if reverse_complement and self.manifest.modality != "dna":
            raise UsageError("reverse_complement", f"{self.manifest.modality} has one strand")
        if not soft_mask_weight >= 0:
            raise UsageError("soft_mask_weight", f"is {soft_mask_weight}, expected 0 or more")
        if soft_mask_weight != 1.0 and not self.manifest.soft_mask:
            raise UsageError(
                "soft_mask_weight",
                f"is {soft_mask_weight}, but these shards were written without --keep-soft-mask",
            )


def _fingerprint(manifest: Manifest, split: str, options: dict[str, Any]) -> str:
    """sha256 over all that batches depend on, in content or order."""
    content = {
        # That of this code: old shards give other batches when the rules have changed.
        "order_version": ORDER_VERSION,
        "vocabulary": manifest.vocabulary_fingerprint,
        "soft_mask": manifest.soft_mask,
        "shards": [asdict(shard) for shard in manifest.of(split)],
    }
    text = json.dumps([content, split, options], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
