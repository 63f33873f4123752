"""Packed batches of next-token prediction from one source or a mixture; batch k needs no other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from modalities.errors import UsageError
from modalities.given_paths import given_path
from pipelines.batches.mixture import Mixture
from pipelines.batches.packed_batch import PackedBatch
from pipelines.batches.token_stream import IGNORED, Stretch, TokenStream, target_weights
from pipelines.shards.manifest import Manifest

__all__ = ["IGNORED", "MixedSource", "PackedBatch", "TokenBatches"]


@dataclass(frozen=True)
class MixedSource:
    """One source of a mixture: a folder of shards or its URL, and its share of the tokens."""

    location: str | Path
    name: str = ""
    weight: float = 1.0
    labels: Sequence[str] | None = None


class TokenBatches:
    """Batches of a split: ``source[k]`` for any k, equal whatever was asked for before.

    A batch is a step of training. It has of each source as many tokens as its weight says, to the
    token, one source after the other. A sequence is a window of a document, or the part of one
    that is left at the edge of a source's share of a batch. Parts of a batch that are computed one
    after the other, or in several processes, are whole sequences (:meth:`read`).

    Args:
        sources: folder or URL, or several with weights. Their vocabulary must be the same.
        split: "train", whose epochs follow each other endlessly for each source, or "validation",
            which has one source and ends.
        context: tokens of a window.
        batch_tokens: tokens of a batch.
        reverse_complement: read each window of the sources that have two strands on the other one
            with probability one half.
        shuffle: as a rule for training and not for validation.
        carry_over: tokens of its document that each sequence reads again before its own, unscored
            and on top of ``batch_tokens``; 0 starts each sequence afresh.
        soft_mask_weight: factor of the loss of soft-masked targets; 1 gives ``weights`` None.
        skip_damaged, store: as :class:`pipelines.batches.token_stream.TokenStream`.

    Raises:
        UsageError: an option out of range, or that these shards or this split do not allow.
        InputError: a manifest is wrong, a shard is missing or truncated, or a split empty.
    """

    def __init__(
        self,
        sources: str | Path | MixedSource | Sequence[str | Path | MixedSource],
        split: str = "train",
        context: int = 8192,
        batch_tokens: int = 16384,
        seed: int = 0,
        reverse_complement: bool = False,
        shuffle: bool | None = None,
        soft_mask_weight: float = 1.0,
        carry_over: int = 0,
        skip_damaged: bool = False,
        store: dict[str, Any] | None = None,
    ) -> None:
        sources = given_sources(sources)
        self.split = split
        self.batch_tokens = batch_tokens
        shuffle = split == "train" if shuffle is None else shuffle
        _check_options(split, batch_tokens, reverse_complement, shuffle)
        if len(sources) ** 2 > batch_tokens:
            raise UsageError("batch_tokens", f"is too few for {len(sources)} sources")
        if len(sources) > 1 and split == "validation":
            raise UsageError("split", "validation is read one source at a time")
        self.streams = [
            TokenStream(
                source.location,
                split,
                context=context,
                seed=seed,
                shuffle=shuffle,
                reverse_complement=reverse_complement,
                labels=source.labels,
                carry_over=carry_over,
                skip_damaged=skip_damaged,
                store=store,
            )
            for source in sources
        ]
        if reverse_complement and not any(stream.two_strands for stream in self.streams):
            modality = self.streams[0].manifest.modality
            raise UsageError("reverse_complement", f"{modality} has one strand")
        self.names = source_names(sources)
        check_vocabulary([(stream.location, stream.manifest) for stream in self.streams])
        self._check_soft_mask(soft_mask_weight)
        self.mixture = Mixture([source.weight for source in sources])
        self._soft_mask_weight = soft_mask_weight
        self.fingerprint = hashlib.sha256(
            json.dumps(
                [
                    [stream.fingerprint for stream in self.streams],
                    self.mixture.shares,
                    batch_tokens,
                    batch_tokens,  # twice: once there were smaller batches within a step
                    soft_mask_weight,
                ]
            ).encode()
        ).hexdigest()

    @property
    def manifest(self) -> Manifest:
        """Of the first source, whose vocabulary is that of all."""
        return self.streams[0].manifest

    @property
    def vocabulary_fingerprint(self) -> str:
        """Of what the ids mean, but for a mask."""
        return self.manifest.vocabulary_fingerprint

    @property
    def tokens_per_epoch(self) -> int:
        """Input tokens of the only source's epoch: all of the split's."""
        (stream,) = self.streams
        return stream.tokens_per_epoch

    @property
    def batches_per_epoch(self) -> int:
        """Batches that hold an epoch of the only source, rounded up: all that validation has."""
        return -(-self.tokens_per_epoch // self.batch_tokens)

    def epochs(self, step: int) -> dict[str, float]:
        """How often each source has been read after so many steps, by name."""
        counts = self.mixture.counts(step * self.batch_tokens)
        return {
            name: count / stream.tokens_per_epoch
            for name, count, stream in zip(self.names, counts, self.streams, strict=True)
        }

    def __getitem__(self, k: int) -> PackedBatch:
        """Batch k.

        Raises:
            IndexError: k is negative, or beyond the end of validation.
        """
        return self.read(*self._range(k))

    def sequence_ends(self, k: int) -> list[int]:
        """Where the sequences of batch k end, in tokens of all batches in their order.

        Nothing is read for it but how long the documents are.

        Raises:
            IndexError: as for the batch.
        """
        start, stop = self._range(k)
        lengths = [
            length
            for source, first, last in self._shares(start, stop)
            for length in self.streams[source].lengths(first, last)
        ]
        return list(accumulate(lengths, initial=start))[1:]

    def read(self, start: int, stop: int) -> PackedBatch:
        """Tokens ``start`` to ``stop`` of all batches in their order, of one batch; those that are
        carried over come on top. A sequence is whole where :meth:`sequence_ends` has both edges.
        """
        shares = self._shares(start, stop)
        return self._packed(
            [self.streams[i].read(a, b) for i, a, b in shares], [i for i, _, _ in shares]
        )

    def by_source(self, k: int) -> list[tuple[int, Stretch]]:
        """Batch k as the stretch of each source, by its number."""
        return [(i, self.streams[i].read(a, b)) for i, a, b in self._shares(*self._range(k))]

    def _range(self, k: int) -> tuple[int, int]:
        start, stop = k * self.batch_tokens, (k + 1) * self.batch_tokens
        if self.split == "validation":
            stop = min(stop, self.tokens_per_epoch)
        if k < 0 or start >= stop:
            raise IndexError(
                f"batch {k}: {self.split} has batches 0 to {self.batches_per_epoch - 1}"
            )
        return start, stop

    def _shares(self, start: int, stop: int) -> list[tuple[int, int, int]]:
        """Source and stretch of its stream, for tokens ``start`` to ``stop`` of one batch."""
        if len(self.streams) == 1:
            return [(0, start, stop)]
        place = start // self.batch_tokens * self.batch_tokens  # where the source's share begins
        before = self.mixture.counts(place)
        after = self.mixture.counts(place + self.batch_tokens)
        shares = []
        for source, (first, last) in enumerate(zip(before, after, strict=True)):
            begin, end = max(start, place), min(stop, place + last - first)
            if begin < end:
                shares.append((source, first + begin - place, first + end - place))
            place += last - first
        return shares

    def _packed(self, parts: Sequence[Stretch], numbers: Sequence[int]) -> PackedBatch:
        bounds, done = [0], 0
        for part in parts:
            bounds += [done + end for end in part.ends]
            done += len(part.input_ids)
        if len(parts) == 1:
            ids, targets = parts[0].input_ids, parts[0].targets
        else:
            ids = np.concatenate([part.input_ids for part in parts])
            targets = np.concatenate([part.targets for part in parts])
        sources = None
        if len(self.streams) > 1:
            sources = np.repeat(numbers, [len(part.ends) for part in parts]).astype(np.int64)
        weights = target_weights(parts, self._soft_mask_weight)
        return PackedBatch(ids, targets, np.array(bounds, np.int32), weights, sources=sources)

    def _check_soft_mask(self, weight: float) -> None:
        if not weight >= 0:
            raise UsageError("soft_mask_weight", f"is {weight}, expected 0 or more")
        if weight != 1.0 and not any(stream.manifest.soft_mask for stream in self.streams):
            raise UsageError(
                "soft_mask_weight",
                f"is {weight}, but these shards were written without --keep-soft-mask",
            )


def _check_options(split: str, batch_tokens: int, reverse_complement: bool, shuffle: bool) -> None:
    if batch_tokens < 1:
        raise UsageError("batch_tokens", f"is {batch_tokens}, expected at least 1 token")
    if split == "validation" and (reverse_complement or shuffle):
        option = "reverse_complement" if reverse_complement else "shuffle"
        raise UsageError(option, "is for training; validation is always the same")


def check_vocabulary(sources: Sequence[tuple[str, Manifest]]) -> None:
    """Raise UsageError unless all these folders, by location, have one vocabulary."""
    (first_location, first), *others = sources
    for location, manifest in others:
        if manifest.vocabulary_fingerprint != first.vocabulary_fingerprint:
            raise UsageError(
                location,
                f"holds {manifest.modality}, whose vocabulary is another than that of "
                f"{first_location} ({first.modality}); for DNA beside text, shard it with "
                "--modality dna_bytes",
            )


def given_sources(
    given: str | Path | MixedSource | Sequence[str | Path | MixedSource],
) -> list[MixedSource]:
    """Sources as a caller hands them to a function: a folder or URL, a source, or a list of these.

    Raises:
        InputError: something else, or none.
    """
    several: list[Any] = list(given) if isinstance(given, list | tuple) else [given]
    if not several:
        raise UsageError("sources", "is empty; give a folder of shards")
    return [
        source
        if isinstance(source, MixedSource)
        else MixedSource(source if _is_url(source) else given_path(source, "sources"))
        for source in several
    ]


def _is_url(given: object) -> bool:
    return isinstance(given, str) and "://" in given


def source_names(sources: Sequence[MixedSource]) -> list[str]:
    """A name for each source, for metrics: its own, or that of its folder."""
    names = [source.name or str(source.location).rstrip("/").split("/")[-1] for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                "data.sources", f"two sources are called {name!r}; give each a name of its own"
            )
    return names
