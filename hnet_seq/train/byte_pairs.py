"""Byte pairs for boundaries: learned before training, from the same pieces that they will cut."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hnet_seq.model.byte_pairs import BytePairs
from hnet_seq.ops.packing import Packing
from hnet_seq.train.ranks import on_first
from hnet_seq.train.tensors import on_device
from modalities.errors import UsageError
from pipelines.batches.token_batches import PackedBatch

LEARNED_FROM = 1 << 22  # tokens, at least where there are as many
_FIRST_LETTER = 0x4E00  # of as many characters in a row as there are tokens, none of them a blank

Merge = tuple[int, int]


def byte_pair_rule(model: nn.Module) -> BytePairs | None:
    """That of stage 0, if chunks begin there where byte pairs do."""
    return next((module for module in model.modules() if isinstance(module, BytePairs)), None)


def learn_byte_pairs(
    rule: BytePairs, batches: Iterable[PackedBatch], complement: np.ndarray | None = None
) -> None:
    """Learn the merges of a rule that has none; of several processes the first learns.

    Args:
        batches: training data, in any order; the first ``LEARNED_FROM`` tokens are read.
        complement: (256,) of each token, where the other strand is read as much; or None.

    Raises:
        UsageError: ``tokenizers`` is not installed.
    """
    if (rule.merges >= 0).any():
        return  # that of the weights that the run begins with

    def learn() -> list[Merge]:
        return learn_merges(_pieces(rule, batches, complement), rule.vocab_size, len(rule.merges))

    rule.set_merges(on_first(learn))


def learn_merges(pieces: Iterable[list[int]], vocab_size: int, merges: int) -> list[Merge]:
    """Byte pairs of pieces of ids, in the order of learning; merge m makes token vocab_size + m.

    Raises:
        UsageError: ``tokenizers`` is not installed.
    """
    try:
        import tokenizers
    except ImportError:
        raise UsageError(
            "model.boundary_policies", "byte_pairs are learned: pip install 'hnet-seq[bpe]'"
        ) from None
    letters = [chr(_FIRST_LETTER + token) for token in range(vocab_size)]
    learner = tokenizers.Tokenizer(tokenizers.models.BPE())
    learner.train_from_iterator(
        ("".join(letters[token] for token in piece) for piece in pieces),
        tokenizers.trainers.BpeTrainer(
            vocab_size=vocab_size + merges, initial_alphabet=letters, show_progress=False
        ),
    )
    learned: list[Any] = json.loads(learner.to_str())["model"]["merges"]
    ids = {letter: token for token, letter in enumerate(letters)}
    found: list[Merge] = []
    for left, right in learned:
        if left + right not in ids:  # a token that is made in two ways is made in the first
            ids[left + right] = vocab_size + len(found)
            found.append((ids[left], ids[right]))
    return found


def _pieces(
    rule: BytePairs, batches: Iterable[PackedBatch], complement: np.ndarray | None
) -> Iterable[list[int]]:
    read = 0
    for batch in batches:
        device = rule.merges.device
        ids, cu_seqlens = (
            on_device(array, device) for array in (batch.input_ids, batch.cu_seqlens)
        )
        packing = Packing(cu_seqlens, ids.numel())
        strands = [ids]
        if complement is not None:
            strands.append(on_device(complement, device)[ids[packing.reversal]])
        for own in strands:
            yield from _cut(own, rule.places(own, packing))
        read += len(ids)
        if read >= LEARNED_FROM:
            return


def _cut(tokens: Tensor, places: Tensor) -> Iterable[list[int]]:
    starts = (places == 0).nonzero().squeeze(1)
    return (piece.tolist() for piece in torch.tensor_split(tokens.cpu(), starts[1:].cpu()))
