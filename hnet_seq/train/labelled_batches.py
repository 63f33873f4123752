"""Labelled sequences as packed batches, as functions of a seed.

A batch holds sequences up to a budget of tokens, laid end to end; a longer sequence goes alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hnet_seq.heads.head_config import HeadConfig
from hnet_seq.heads.problems import IGNORED, collate_targets
from hnet_seq.train.tensors import on_device
from modalities.base import Modality, Tokens
from modalities.errors import InputError, UsageError
from modalities.given import Given, named_sequences
from pipelines.batches.token_batches import PackedBatch

_BINS = 10  # of a regression's first number, to stratify by
_ORDER = 0  # what a generator is for, so that no two share their draws; grouped_draw.py has 2


@dataclass(frozen=True)
class Packed:
    """Sequences laid end to end.

    Attributes:
        input_ids: (T,) int64.
        cu_seqlens: (S + 1,) int32.
    """

    input_ids: Tensor
    cu_seqlens: Tensor


@dataclass(frozen=True)
class LabelledBatch(PackedBatch):
    """Sequences with what is to be predicted of them.

    ``targets`` are those of :func:`hnet_seq.heads.problems.collate_targets`: of each sequence, or,
    where ``of_positions``, of each token.
    """

    of_positions: bool = False

    @property
    def scored(self) -> int:
        """Labels: sequences or positions."""
        labels = self.targets
        return int((labels != IGNORED).sum()) if labels.ndim == 1 else len(labels)

    def sequences(self, first: int, last: int) -> Self:
        """Sequences ``first`` to ``last`` - 1 as a batch."""
        cut = super().sequences(first, last)
        return cut if self.of_positions else replace(cut, targets=self.targets[first:last])


def encode_sequences(
    sequences: Given,
    modality: Modality,
    vocab_size: int,
    *,
    for_learning: bool = True,
    parameter: str = "sequences",
) -> list[Tokens]:
    """Sequences as :func:`modalities.given.named_sequences` takes them, without their names.

    Raises:
        InputError: as there. For learning also: one without any known letter (N only).
    """
    given = named_sequences(sequences, modality, vocab_size, parameter=parameter)
    encoded = [tokens for _, tokens in given]
    scored = np.zeros(256, bool)
    scored[list(modality.scored_tokens)] = True
    for index, tokens in enumerate(encoded) if for_learning else ():
        if not scored[tokens].any():
            unknown = modality.vocabulary[int(tokens[0])]
            raise InputError(
                parameter,
                f"holds only {unknown} and the like: nothing to learn from; leave it out",
                where=f"sequence {index}",
            )
    return encoded


def cut(order: Iterable[int], lengths: NDArray[np.int64], batch_tokens: int) -> list[list[int]]:
    """Consecutive members of ``order`` in batches of at most ``batch_tokens`` tokens."""
    batches: list[list[int]] = []
    held = batch_tokens
    sizes = lengths.tolist()  # once: an element of an array at a time takes several times as long
    for index in order:
        length = sizes[index]
        if held + length > batch_tokens:
            batches.append([])
            held = 0
        batches[-1].append(index)
        held += length
    return batches


def longest_first(lengths: NDArray[np.int64], batch_tokens: int) -> list[list[int]]:
    """Batches of similar lengths, as packed attention likes them.

    A batch that does not fit in memory fails at once, not in the last minute.
    """
    return cut(np.argsort(-lengths, kind="stable").tolist(), lengths, batch_tokens)


def epoch_order(count: int, seed: int, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The order of ``count`` sequences in one epoch, and which of them are read in reverse."""
    generator = np.random.default_rng([_ORDER, seed, epoch])
    return generator.permutation(count), generator.random(count) < 0.5


def reverse_complement(tokens: Tokens, complement: Tokens) -> Tokens:
    """The other strand of tokens (L,), by a modality's complement table."""
    return complement[tokens[::-1]]


def marker_tokens(head: HeadConfig, modality: Modality) -> tuple[Tokens, Tokens] | None:
    """What a head wants before and after each sequence, (1,) each; None for nothing.

    Raises:
        UsageError: it wants markers, and the modality has none.
    """
    if not head.markers:
        return None
    if not {"<begin>", "<end>"} <= set(modality.vocabulary):
        raise UsageError("markers", f"{modality.name} has no begin and end tokens; leave them out")
    begin, end = (modality.vocabulary.index(name) for name in ("<begin>", "<end>"))
    return np.array([begin], np.uint8), np.array([end], np.uint8)


def pack(
    sequences: Sequence[Tokens],
    device: torch.device,
    markers: tuple[Tokens, Tokens] | None = None,
) -> Packed:
    """Sequences of uint8 tokens as one batch on the device, each between the markers if any."""
    input_ids, cu_seqlens = _joined(sequences, markers)
    return Packed(on_device(input_ids, device), on_device(cu_seqlens, device))


def labelled_batch(
    head: HeadConfig,
    sequences: Sequence[Tokens],
    targets: Tensor,
    markers: tuple[Tokens, Tokens] | None = None,
) -> LabelledBatch:
    """Sequences and their targets as one batch, as :func:`pack` and :func:`batch_targets`."""
    input_ids, cu_seqlens = _joined(sequences, markers)
    of_positions = head.problem == "per_position"
    return LabelledBatch(input_ids, targets.numpy(), cu_seqlens, None, of_positions=of_positions)


def _joined(
    sequences: Sequence[Tokens], markers: tuple[Tokens, Tokens] | None
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    if markers is not None:
        begin, end = markers
        sequences = [np.concatenate([begin, sequence, end]) for sequence in sequences]
    lengths = [0, *(len(sequence) for sequence in sequences)]
    return np.concatenate(sequences), np.cumsum(lengths, dtype=np.int32)


def batch_targets(
    head: HeadConfig,
    targets: Sequence[Tensor],
    batch: Sequence[int],
    reverse: NDArray[np.bool_],
) -> Tensor:
    """Targets of a batch; positions of a sequence that is read in reverse are reversed too."""
    picked = [targets[index] for index in batch]
    if head.problem == "per_position":
        picked = [
            target.flip(0) if reverse[index] else target
            for index, target in zip(batch, picked, strict=True)
        ]
    return collate_targets(head, picked)


def split_validation(
    sequences: Sequence[Tokens],
    strata: NDArray[np.int64],
    complement: Tokens | None,
    fraction: float,
    seed: int,
    groups: Sequence[Hashable] | None = None,
) -> tuple[list[int], list[int]]:
    """Indices for training and for validation.

    Copies of a sequence, and its reverse complement, stay on one side, or validation would see
    what training learns by heart. Each stratum gives its share up to a group; the only group of a
    stratum stays in training.

    Args:
        strata: (N,) from :func:`stratify`.
        complement: the modality's table; None where there is one strand.
        fraction: of the sequences for validation, 0 to 0.5.
        groups: N names; whole groups are held out, see
            :func:`hnet_seq.train.grouped_draw.draw_groups`.

    Raises:
        UsageError: the fraction is outside, or there are too few groups to hold one out.
    """
    if not 0 <= fraction <= 0.5:
        raise UsageError("validation_fraction", f"is {fraction}; expected 0 to 0.5")
    if not fraction:
        return list(range(len(sequences))), []
    from hnet_seq.train.grouped_draw import draw_groups, kept_together

    relations = [] if groups is None else [groups]
    together = kept_together(sequences, complement, *relations).groups
    held_out = draw_groups(together, strata, fraction, seed)
    if not held_out.any():
        raise UsageError(
            "validation_fraction",
            f"{len(set(together.tolist()))} groups (copies are one) are too few to hold one out, "
            "and leave every class in training; give more, a validation split, or 0 for training "
            "without early stopping",
        )
    return np.flatnonzero(~held_out).tolist(), np.flatnonzero(held_out).tolist()


def stratify(head: HeadConfig, targets: Sequence[Tensor]) -> NDArray[np.int64]:
    """(N,) what to hold out equal shares of: classes, sets of labels, or ranks of numbers."""
    if head.problem == "per_position":
        return np.zeros(len(targets), np.int64)
    values = torch.stack(list(targets)).numpy()
    if head.problem == "single_label":
        return values
    if head.problem == "multi_label":
        _, group, members = np.unique(values, axis=0, return_inverse=True, return_counts=True)
        # Sets that occur once are one stratum, or with many labels nothing could be held out.
        return np.where(members[group.ravel()] > 1, group.ravel(), -1)
    from hnet_seq.train.grouped_draw import rank_bins  # SciPy: to embed needs none of it

    return rank_bins(values[:, 0], min(_BINS, len(values) // 2))
