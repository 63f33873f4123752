"""Tokens as a mixture of letters: a one-hot sequence, and all that lies between such sequences.

An embedding is a row of a table, so that of a mixture is the product with the table. What an n-gram
memory looks up has no such product: there is a row for each n-gram, and 5 to the n of them could
stand at a place. A mixture's value is therefore the first-order expansion around the sequence of
its likeliest letters. Between two sequences that differ in one base it is exact, and at a sequence
its gradient by a letter is that of the mean over all n-grams, each by the product of its letters'
shares: the row of the n-gram with that letter in place of the one that stands there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from hnet_seq.ops.packing import Packing

LookUp = Callable[[Tensor], tuple[Tensor, ...]]
"""(T,) int64 tokens to what a part of the model makes of each position, some (T, ...)."""


@dataclass(frozen=True)
class SoftTokens:
    """What stands at each position of a packed batch.

    Attributes:
        columns: (T, V) the share of each token, V no more than the vocabulary; the shares of a
            position add up to 1.
        letters: the tokens ``0 .. letters - 1`` may stand for each other; those above are markers.
        straight_through: the gradient goes through the router's decisions as in training
            (:func:`hnet_seq.model.chunking.confidence`); else it is that of what is computed.
    """

    columns: Tensor
    letters: int
    straight_through: bool = False

    def tokens(self) -> Tensor:
        """(T,) int64: the likeliest token of each position, the first of equal ones."""
        return self.columns.detach().argmax(1)

    def embed(self, table: Tensor) -> Tensor:
        """(V or more, D) rows of the tokens to (T, D)."""
        with torch.autocast(table.device.type, enabled=False):
            return self.columns.to(table.dtype) @ table[: self.columns.shape[1]]

    def expand(
        self,
        values: tuple[Tensor, ...],
        look_up: LookUp,
        tokens: Tensor,
        packing: Packing,
        before: int,
        behind: int = 0,
    ) -> tuple[Tensor, ...]:
        """What is looked up by tokens, of a mixture.

        Differentiable once by ``columns``; parameters have the gradient of ``values``.

        Args:
            values: what is looked up of ``tokens``.
            look_up: for what another letter would change. What it makes of a position depends on
                no token but the ``before`` before it, its own, and the ``behind`` behind it.
            tokens: (T,) the likeliest ones.
        """
        window = _Window(look_up, tokens, packing, before, behind, self.letters)
        found: tuple[Tensor, ...] = _Expansion.apply(self.columns, window, *values)
        return found


@dataclass(frozen=True)
class _Window:
    """What one letter changes, for all positions at a time.

    Where every ``span``-th token is replaced, each position sees exactly one that is.
    """

    look_up: LookUp
    tokens: Tensor
    packing: Packing
    before: int
    behind: int
    letters: int

    def changes(self) -> Iterator[tuple[int, Tensor, Tensor, list[Tensor]]]:
        """A letter, and of each position the place (T,) where it is put, whether that lies in the
        position's sequence (T,), and what the letter there adds to each of its values (T, ...)."""
        packing, span = self.packing, self.before + 1 + self.behind
        place, length = packing.position, packing.cu_seqlens.diff().long()[packing.sequence_index]
        first = packing.starts[packing.sequence_index]
        values = self.look_up(self.tokens)
        for residue in range(span):
            seen = place + self.behind - (place + self.behind - residue) % span
            inside = (seen >= 0) & (seen < length)
            where = first + torch.where(inside, seen, place)
            replaced = place % span == residue
            for letter in range(self.letters):
                changed = self.look_up(torch.where(replaced, letter, self.tokens))
                differences = [new - old for new, old in zip(changed, values, strict=True)]
                yield letter, where, inside, differences


class _Expansion(torch.autograd.Function):
    """Values, and the first-order term of a mixture around them; what it needs is looked up anew
    on the way back, so that no (T, D) is kept for each letter of the window."""

    @staticmethod
    def forward(ctx: Any, columns: Tensor, window: _Window, *values: Tensor) -> tuple[Tensor, ...]:
        ctx.window = window
        ctx.columns = columns.shape, columns.dtype
        hard = F.one_hot(window.tokens, columns.shape[1])
        off = columns - hard
        if not bool(off.any()):
            return tuple(value.clone() for value in values)
        found = [value.clone() for value in values]
        for letter, where, inside, differences in window.changes():
            share = torch.where(inside, off[where, letter], 0)
            for value, difference in zip(found, differences, strict=True):
                value += share.view(-1, *[1] * (value.dim() - 1)) * difference
        return tuple(found)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        if not ctx.needs_input_grad[0]:
            return None, None, *gradients
        shape, dtype = ctx.columns
        found = gradients[0].new_zeros(shape, dtype=torch.float32)
        for letter, where, inside, differences in ctx.window.changes():
            gained = sum(
                (gradient * difference).flatten(1).sum(1)
                for gradient, difference in zip(gradients, differences, strict=True)
            )
            found[:, letter].index_add_(0, where, torch.where(inside, gained, 0).float())
        return found.to(dtype), None, *gradients
