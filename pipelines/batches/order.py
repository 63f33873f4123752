"""The order of windows as a pure function of (seed, epoch): any stretch without those before it.

A document is cut into windows of ``context`` tokens. A window belongs to the block in which it
starts, and may read on into the next block of its document. Blocks are permuted by (seed,
epoch), the windows of each group of 64 permuted blocks after that, so that reads stay near one
another; the permuted windows are one stream of tokens, and epochs follow each other in it. How
many tokens the windows of a block have is known in closed form, so a position in the stream is
found from the manifest alone, and only one group is ever laid out.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np

GROUP_BLOCKS = 64
# Of each kind: the current one, and the one before or after it at a border.
_REMEMBERED = 2

K = TypeVar("K")
V = TypeVar("V")

_K = TypeVar("_K")
_V = TypeVar("_V")


@dataclass(frozen=True)
class Pieces:
    """Stretches of documents in blocks; every array is (n,) int64, in tokens.

    ``offset``: where the stretch starts in its block; ``position``: where in its document.
    """

    block: np.ndarray
    offset: np.ndarray
    position: np.ndarray
    tokens: np.ndarray
    document_tokens: np.ndarray


class Slice(NamedTuple):
    """Tokens ``begin`` to ``end`` of a window's inputs, which start at ``offset`` of ``block``.

    ``window_tokens`` counts the whole window's inputs, ``before`` and ``after`` the tokens of its
    document on either side, ``flip`` says that it is read on the other strand.
    """

    epoch: int
    block: int
    offset: int
    window_tokens: int
    before: int
    after: int
    flip: bool
    begin: int
    end: int


class _Epoch(NamedTuple):
    blocks: np.ndarray  # (blocks,) the permutation
    phases: np.ndarray  # (blocks,) tokens of the first window of longer documents
    group_ends: list[int]  # (groups,) running total of tokens


class _Group(NamedTuple):
    # Block, offset, tokens, before, after and flip of each window, as a Slice has them. Rows of
    # plain values: single windows are asked for far more often than whole columns.
    windows: list[tuple[int, int, int, int, int, bool]]
    ends: list[int]  # running total of tokens


class Order:
    """The endless stream of windows of one split.

    Args:
        blocks: one piece a block, ``block`` being its number: a part of a long document, or
            whole documents taken together (``position`` 0, ``document_tokens`` its own).
        pieces_of: the documents of one such block apart.
        context: tokens of a window.
        shuffle: permute, and start the windows of longer documents at another phase each epoch;
            otherwise windows come in the order of the files, from the start of each document.
        reverse_complement: read each window on the other strand with probability one half.
    """

    def __init__(
        self,
        blocks: Pieces,
        pieces_of: Callable[[int], Pieces],
        *,
        context: int,
        seed: int,
        shuffle: bool,
        reverse_complement: bool,
    ) -> None:
        self._blocks = blocks
        self._pieces_of = pieces_of
        self._context = context
        self._seed = seed
        self._shuffle = shuffle
        self._reverse_complement = reverse_complement
        count = len(blocks.block)
        # Blocks of one document share a phase: that of the block where it begins.
        self._first_block = np.maximum.accumulate(
            np.where(blocks.position == 0, np.arange(count), 0)
        )
        self._epochs: OrderedDict[int, _Epoch] = OrderedDict()
        self._groups: OrderedDict[tuple[int, int], _Group] = OrderedDict()
        self.tokens_per_epoch = int(blocks.tokens.sum())

    def slices(self, start: int, stop: int) -> Iterator[Slice]:
        """Tokens ``start`` to ``stop`` of the stream, as parts of windows."""
        while start < stop:
            epoch, within = divmod(start, self.tokens_per_epoch)
            group_ends = self._epoch(epoch).group_ends
            number = bisect_right(group_ends, within)
            base = epoch * self.tokens_per_epoch + (group_ends[number - 1] if number else 0)
            group = self._group(epoch, number)
            windows, ends = group
            for place in range(bisect_right(ends, start - base), len(ends)):
                window, end = windows[place], base + ends[place]
                begin = end - window[2]
                until = end if end < stop else stop
                yield Slice(epoch, *window, start - begin, until - begin)
                start = until
                if start == stop:
                    return

    def _epoch(self, number: int) -> _Epoch:
        if number in self._epochs:
            return self._epochs[number]
        blocks, context = self._blocks, self._context
        count = len(blocks.block)
        if self._shuffle:
            permutation = np.argsort(_random(count, self._seed, number, "blocks"), kind="stable")
            drawn = _random(count, self._seed, number, "phase") % np.uint64(context)
            phases = drawn.astype(np.int64)[self._first_block]
        else:
            permutation = np.arange(count)
            phases = np.zeros(count, np.int64)
        first, last, origin = _window_range(blocks, phases, context)
        starts = np.clip(origin + first * context, 0, blocks.document_tokens)
        ends = np.clip(origin + last * context, 0, blocks.document_tokens)
        totals = np.cumsum((ends - starts)[permutation])
        closing = np.append(np.arange(GROUP_BLOCKS - 1, count - 1, GROUP_BLOCKS), count - 1)
        return _remember(
            self._epochs, number, _Epoch(permutation, phases, totals[closing].tolist())
        )

    def _group(self, epoch: int, number: int) -> _Group:
        if (epoch, number) in self._groups:
            return self._groups[epoch, number]
        chosen, phases, _ = self._epoch(epoch)
        chosen = chosen[number * GROUP_BLOCKS : (number + 1) * GROUP_BLOCKS]
        parts = [self._pieces_of(int(block)) for block in chosen]
        pieces = Pieces(
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in ("block", "offset", "position", "tokens", "document_tokens")
            )
        )
        first, last, origin = _window_range(pieces, phases[pieces.block], self._context)
        counts = last - first
        piece = np.repeat(np.arange(len(counts)), counts)
        index = np.arange(len(piece)) - np.repeat(np.cumsum(counts) - counts, counts)
        nominal = origin[piece] + (first[piece] + index) * self._context
        length = pieces.document_tokens[piece]
        start = np.maximum(nominal, 0)
        end = np.minimum(nominal + self._context, length)
        block = pieces.block[piece]
        offset = pieces.offset[piece] + start - pieces.position[piece]
        windows = len(piece)
        order = np.arange(windows)
        flip = np.zeros(windows, bool)
        if self._reverse_complement:
            flip = _coins(block, self._seed, epoch)
        if self._shuffle:
            order = np.argsort(
                _random(windows, self._seed, epoch, f"windows/{number}"), kind="stable"
            )
        tokens = end - start
        columns = (block, offset, tokens, start, length - end, flip)
        rows = list(zip(*(column[order].tolist() for column in columns), strict=True))
        group = _Group(rows, np.cumsum(tokens[order]).tolist())
        return _remember(self._groups, (epoch, number), group)


def _window_range(
    pieces: Pieces, phases: np.ndarray, context: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Windows that start in each piece: numbers ``first`` to ``last``, and their ``origin``.

    Window i covers tokens ``origin + i * context`` and on of its document, as far as there are
    any. Documents that fit into a window stay whole.
    """
    phased = (phases > 0) & (pieces.document_tokens > context)
    origin = np.where(phased, phases - context, 0)
    first = np.where(pieces.position > 0, -((origin - pieces.position) // context), 0)
    last = -((origin - pieces.position - pieces.tokens) // context)
    return first, last, origin


def _coins(block: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """One coin a window. ``block`` (n,) holds the windows' blocks, each block's together."""
    starts = np.flatnonzero(np.append(True, block[1:] != block[:-1]))
    counts = np.diff(np.append(starts, len(block)))
    drawn = [
        _random(int(count), seed, epoch, f"strand/{int(block[start])}")
        for start, count in zip(starts, counts, strict=True)
    ]
    return (np.concatenate(drawn) >> np.uint64(63)).astype(bool)


def _random(count: int, seed: int, epoch: int, purpose: str) -> np.ndarray:
    """(count,) uint64 that depend on the arguments alone.

    Raw Philox output: NumPy keeps a bit generator's stream from version to version, but not
    those of the distributions made from it.
    """
    key = hashlib.sha256(f"{seed}/{epoch}/{purpose}".encode()).digest()[:16]
    return np.random.Philox(key=int.from_bytes(key, "little")).random_raw(count)


def _remember(memory: OrderedDict[_K, _V], key: _K, value: _V) -> _V:
    memory[key] = value
    if len(memory) > _REMEMBERED:
        memory.popitem(last=False)
    return value
