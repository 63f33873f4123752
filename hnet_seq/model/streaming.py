"""Sequences of any length through a model in calls of bounded size.

Short sequences are packed whole; a long one goes through in pieces, each from the state that the
last one left. The pieces give what one pass over the whole would, in memory that does not grow
with the length but for the key-value cache of global attention, which has a limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hnet_seq.model.attention import SelfAttention
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.counted_text import left_out
from hnet_seq.model.hnet import HNetOutput, StageBoundaries
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.limits import CACHE_LIMIT
from hnet_seq.model.state import HNetState, going_on
from hnet_seq.ops import KeyValueCache, Packing

Key = TypeVar("Key")
Item = TypeVar("Item")

_SPARE = 1.5  # a growing cache has up to half its size in reserve


class TokenSlices(Protocol):
    """Tokens (L,) uint8 that are read where they are asked for: an array, or what reads a file."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> NDArray[np.uint8]: ...


@dataclass(frozen=True)
class Piece(Generic[Key]):
    """Tokens ``[start, end)`` of one sequence, which has ``length``."""

    key: Key
    start: int
    end: int
    length: int


@dataclass(frozen=True)
class Call(Generic[Key]):
    """One forward call over packed pieces.

    Attributes:
        pieces: in packed order.
        ids: (T,) int64.
        packing: of the pieces.
        found: what the model's body gave; None where boundaries alone were asked for.
        boundaries: of each stage, from the outside in.
    """

    pieces: list[Piece[Key]]
    ids: Tensor
    packing: Packing
    found: HNetOutput | None
    boundaries: list[StageBoundaries]

    @property
    def output(self) -> HNetOutput:
        """Of the model's body, before the output head; not there of boundaries alone."""
        assert self.found is not None
        return self.found


class CacheLimitError(ValueError):
    """The cache of global attention over one sequence would pass the limit.

    Attributes:
        key: of the sequence.
        too_long: the message without the key and without what to do, which the caller may know.
    """

    def __init__(self, key: object, tokens: int, needed: float, limit: int, window: int) -> None:
        self.key = key
        self.too_long = (
            f"over {tokens:,} tokens the cache of the model's global attention would take "
            f"{needed / 1e9:.1f} GB, above the limit of {limit / 1e9:.1f} GB"
        )
        super().__init__(
            f"{key}: {self.too_long}; allow more, or give an attention window: {window:,} "
            "positions fit"
        )


def in_calls(
    items: Iterable[Item],
    batch_tokens: int,
    length: Callable[[Item], int],
    most: int | None = None,
) -> Iterator[list[Item]]:
    """Consecutive items, those of each pass of :func:`stream` together.

    A pass is one call over whole sequences, or one sequence in pieces. A stream that begins at a
    pass's first sequence makes the same calls from there on as one that began before it.

    Args:
        length: tokens of an item.
        most: items of a call, where that is bounded too: a pass of more is cut.
    """
    if most is not None:
        for call in in_calls(items, batch_tokens, length):
            yield from (call[first : first + most] for first in range(0, len(call), most))
        return
    call = []
    held = 0
    for item in items:
        size = length(item)
        if call and held + size > batch_tokens:
            yield call
            call, held = [], 0
        if size > batch_tokens:
            yield [item]
        else:
            call.append(item)
            held += size
    if call:
        yield call


@torch.no_grad()
def stream(
    model: HNetLanguageModel,
    sequences: Iterable[tuple[Key, TokenSlices]],
    batch_tokens: int,
    *,
    cache_limit: int = CACHE_LIMIT,
    only_boundaries: bool = False,
) -> Iterator[Call[Key]]:
    """Run the model's body over sequences, in their order.

    Args:
        model: in the mode and on the device that it has.
        sequences: a key of the caller's choice, and tokens (L,); none empty. A longer one than
            ``batch_tokens`` is read by pieces.
        batch_tokens: tokens of one call; a longer sequence goes through in pieces, and is a call of
            a bidirectional model, which has no running state.
        cache_limit: bytes that the key-value cache of global attention may take.
        only_boundaries: leave out what no boundary depends on, the most of the work.

    Raises:
        CacheLimitError: after the first piece of a sequence that would need more.
    """
    waiting: list[tuple[Key, TokenSlices]] = []
    held = 0
    for key, tokens in sequences:
        if waiting and held + len(tokens) > batch_tokens:
            yield _whole(model, waiting, only_boundaries)
            waiting, held = [], 0
        if len(tokens) > batch_tokens and isinstance(model, HNetForCausalLM):
            yield from _in_pieces(model, key, tokens, batch_tokens, cache_limit, only_boundaries)
        else:
            waiting.append((key, tokens))
            held += len(tokens)
    if waiting:
        yield _whole(model, waiting, only_boundaries)


def _whole(
    model: HNetLanguageModel,
    sequences: list[tuple[Key, TokenSlices]],
    only_boundaries: bool,
) -> Call[Key]:
    device = model.embeddings.weight.device
    lengths = [len(tokens) for _, tokens in sequences]
    ids = torch.from_numpy(np.concatenate([tokens[:] for _, tokens in sequences])).to(device).long()
    packing = Packing.from_lengths(lengths, device)
    pieces = [Piece(key, 0, len(tokens), len(tokens)) for key, tokens in sequences]
    return _call(model, pieces, ids, packing, only_boundaries)


def _call(
    model: HNetLanguageModel,
    pieces: list[Piece[Key]],
    ids: Tensor,
    packing: Packing,
    only_boundaries: bool,
    *state: HNetState,
) -> Call[Key]:
    with left_out(model):
        if only_boundaries:
            return Call(pieces, ids, packing, None, model.boundaries(ids, packing, *state))
        found = model.encode(ids, packing, *state)
        return Call(pieces, ids, packing, found, found.boundaries)


def _in_pieces(
    model: HNetForCausalLM,
    key: Key,
    tokens: TokenSlices,
    batch_tokens: int,
    cache_limit: int,
    only_boundaries: bool,
) -> Iterator[Call[Key]]:
    device = model.embeddings.weight.device
    state = model.new_state(1)
    for start in range(0, len(tokens), batch_tokens):
        ids = torch.from_numpy(tokens[start : start + batch_tokens]).to(device).long()
        end = start + ids.numel()
        packing = going_on(Packing.from_lengths([ids.numel()], device), state, None)
        pieces = [Piece(key, start, end, len(tokens))]
        call = _call(model, pieces, ids, packing, only_boundaries, state)
        if start == 0:
            check_cache(state, key, end, len(tokens), cache_limit)
        yield call


def check_cache(state: HNetState, key: object, done: int, total: int, limit: int) -> None:
    """Raise CacheLimitError after the first piece of a sequence if all of it would need more.

    Then it costs nothing: the rest has about as many chunks per token.

    Args:
        done, total: tokens of the piece and of the sequence.
    """
    needed = most_positions = 0.0
    level: HNetState | None = state
    while level is not None:
        positions = int(level.seen.max()) * total / done
        for layer in level.encoder + level.decoder:
            if isinstance(layer, KeyValueCache) and layer.window < 0 and layer.capacity:
                needed += layer.token_bytes * positions * _SPARE
                most_positions = max(most_positions, positions)
        level = level.inner
    if needed > limit:
        window = int(most_positions * limit / needed)
        raise CacheLimitError(key, total, needed, limit, window)


@contextmanager
def attention_window(model: nn.Module, window: int | None) -> Iterator[None]:
    """Inside the block, global attention sees ``window`` positions of its stage; None: all.

    It is another model then, by the user's choice; windows that the model has stay as they are.

    Raises:
        ValueError: ``window`` is below 1.
    """
    if window is not None and window < 1:
        raise ValueError(f"an attention window needs 1 position or more; got {window}")
    layers = [m for m in model.modules() if isinstance(m, SelfAttention) and m.window < 0]
    try:
        if window is not None:
            for layer in layers:
                layer.window = window
        yield
    finally:
        for layer in layers:
            layer.window = -1
