"""How often each symbol followed the last n tokens in the training data; nothing is learned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hnet_seq.model.context_index import ContextIndex, index_bytes
from hnet_seq.model.ngram_tables import GAP
from hnet_seq.model.recent_tokens import with_recent
from hnet_seq.ops.packing import Packing

_BY_CHANCE = 10  # times as many n-grams as places: few are met by chance
_OF_THE_TEXT = 0.9  # of a sequence's longest n-grams stand there, with what follows them


@dataclass(frozen=True)
class Told:
    """What pieces of sequences cannot tell of the whole ones, for :func:`left_out`.

    Attributes:
        stands: for each of :func:`counted_texts`, (sequences, parts) bool of :func:`stand_there`.
        following: (sequences,) int64 the token behind each piece, -1 where its sequence ends or
            nothing behind the last position of the piece is wanted.
    """

    stands: Sequence[Tensor]
    following: Tensor


class CountedText(nn.Module):
    """Counts of a text, taken before training (:mod:`hnet_seq.train.counting`).

    Args:
        orders: K of n, how many tokens are looked at.
        symbols: the ids that are counted are ``0 .. symbols - 1``.
        tokens: of each part of the text, which are counted apart; the configuration's own list,
            which follows the text. Empty: nothing is counted yet.
        parts: how many there are.

    Attributes:
        text: (M,) uint8 all parts, see :class:`hnet_seq.model.context_index.ContextIndex`.
        held_out: counts of a piece of each part, which are taken off while training; or None.
        leaves_out, told: see :func:`left_out`; what was told is this text's.
    """

    text: Tensor
    behind = 0  # n-grams end so many tokens before the position that reads what followed them

    def __init__(
        self, orders: Sequence[int], symbols: int, tokens: list[int], parts: int = 1
    ) -> None:
        super().__init__()
        self.orders = sorted(orders)
        self.symbols = symbols
        self.parts = parts
        self.tokens = tokens
        self.register_buffer("text", torch.full((sum(tokens),), GAP, dtype=torch.uint8))
        self.held_out: list[ContextIndex] | None = None
        self.leaves_out = False
        self.told: tuple[Tensor, Tensor] | None = None
        self._made: tuple[Tensor, int, list[ContextIndex]] | None = None

    @property
    def indexes(self) -> list[ContextIndex]:
        """Of each part; made where first asked for, and anew where the text is another."""
        made = self._made
        if made is None or made[0] is not self.text or made[1] != self.text._version:
            texts = self.text.split(self.tokens or [0] * self.parts)
            made = self._made = (self.text, self.text._version, self._indexed(texts))
        return made[2]

    @property
    def index_bytes(self) -> int:
        """Of what is made from the text, at most, and of the text."""
        return sum(index_bytes(tokens, self.symbols) for tokens in self.tokens)

    def count(self, texts: Sequence[Tensor]) -> None:
        """Count other texts, one for each part."""
        self.text = torch.cat(list(texts))
        self.tokens[:] = [len(text) for text in texts]

    def hold_out(self, texts: Sequence[Tensor] | None) -> None:
        """Take the counts of a piece of each part off while training; None: of nothing."""
        self.held_out = None if texts is None else self._indexed(texts)

    @torch.no_grad()
    def counts(
        self, tokens: Tensor, packing: Packing, recent_tokens: Tensor | None = None
    ) -> Tensor:
        """What followed the n tokens that end ``behind`` before each position.

        Args:
            tokens: (T,) int64.
            packing: no n-gram reaches over a sequence's start.
            recent_tokens: (slots, longest order - 1 + behind) of sequences that go on.

        Returns:
            (T, parts K, symbols) int32, the orders of each part ascending; 0 where there are not n.
        """
        contexts, known = self._contexts(tokens, packing, recent_tokens)
        counts = self._of(self.indexes, contexts, known, self.orders)
        if self.training and self.held_out is not None:
            counts -= self._of(self.held_out, contexts, known, self.orders)
            counts.clamp_(min=0)
        if self.leaves_out:
            self._leave_out(counts, tokens, packing, known)
        return counts

    @torch.no_grad()
    def stand(self, tokens: Tensor, packing: Packing) -> Tensor:
        """(sequences, parts) bool: of whole sequences, which are of each part of the text."""
        contexts, known = self._contexts(tokens, packing, None)
        counts = self._of(self.indexes, contexts, known, self.orders[-1:])
        following, inside = self._following(tokens, packing)
        return self._stand(counts, following, inside & (known >= self.orders[-1]), packing)

    def _contexts(
        self, tokens: Tensor, packing: Packing, recent_tokens: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """(T,) the context of each position, and how many symbols it has."""
        line, places = with_recent(tokens, packing, recent_tokens)
        contexts, known = self.indexes[0].contexts(line)
        places = (places - self.behind).clamp(min=0)
        return contexts[places], torch.minimum(known[places], packing.position + 1 - self.behind)

    def _following(self, tokens: Tensor, packing: Packing) -> tuple[Tensor, Tensor]:
        """(T,) what follows each context, 0 where it is not known; and whether it is."""
        following, inside = tokens, packing.position >= self.behind
        if not self.behind:
            following = tokens.roll(-1)
            following[packing.ends] = -1 if self.told is None else self.told[1]
        inside = inside & (following >= 0) & (following < self.symbols)
        return torch.where(inside, following, 0), inside

    def _stand(self, counts: Tensor, following: Tensor, long: Tensor, packing: Packing) -> Tensor:
        """Which sequences stand in each part, by the last orders that are counted.

        Args:
            long: (T,) bool where the longest n-gram and what follows it are known.
        """
        found = torch.zeros(packing.num_sequences, self.parts + 1, device=counts.device)
        last = counts.unflatten(1, (self.parts, -1))[:, :, -1]
        own = last.gather(2, following.view(-1, 1, 1).expand(-1, self.parts, 1)).squeeze(2)
        stands = torch.cat([long.unsqueeze(1) & (own > 0), long.unsqueeze(1)], 1).float()
        found.index_add_(0, packing.sequence_index, stands)
        # Where most n-grams are met by chance, that its own are there says nothing.
        possible = self.symbols ** self.orders[-1]
        tells = [possible >= _BY_CHANCE * index.size for index in self.indexes]
        enough = (found[:, -1:] > 0) & (found[:, :-1] >= _OF_THE_TEXT * found[:, -1:])
        return enough & torch.tensor(tells, device=counts.device)

    def _leave_out(self, counts: Tensor, tokens: Tensor, packing: Packing, known: Tensor) -> None:
        """Take one sighting off what follows each position, of sequences that stand in the text."""
        following, inside = self._following(tokens, packing)
        if self.told is None:
            stand = self._stand(counts, following, inside & (known >= self.orders[-1]), packing)
        else:
            stand = self.told[0]
        at = following.view(-1, 1, 1).expand(-1, counts.shape[1], 1)
        own = counts.gather(2, at).squeeze(2)
        stand = stand[packing.sequence_index].repeat_interleave(len(self.orders), 1)
        taken = stand & inside.unsqueeze(1) & (own > 0)
        counts.scatter_add_(2, at, -taken.int().unsqueeze(2))

    def _of(
        self, indexes: list[ContextIndex], contexts: Tensor, known: Tensor, orders: list[int]
    ) -> Tensor:
        return torch.cat([index.counts(contexts, known, orders) for index in indexes], 1)

    def _indexed(self, texts: Sequence[Tensor]) -> list[ContextIndex]:
        return [ContextIndex(text, self.symbols, self.orders[-1]) for text in texts]


def counted_texts(model: nn.Module) -> list[CountedText]:
    """All that a model has, in the order of its modules."""
    return [module for module in model.modules() if isinstance(module, CountedText)]


def stand_there(model: nn.Module, tokens: Tensor, packing: Packing) -> list[Tensor]:
    """For each of :func:`counted_texts`, which of these whole sequences are of each of its parts.

    Returns:
        (sequences, parts) bool each: what :func:`left_out` decides where it is not told.
    """
    return [text.stand(tokens, packing) for text in counted_texts(model)]


@contextmanager
def left_out(model: nn.Module, told: Told | None = None) -> Iterator[None]:
    """Read what may have been counted as if it had not been, inside the block.

    A sequence that stands in the text is no evidence for itself: whoever embeds or cuts training
    data would else see each of its n-grams come again, which no new sequence does. Of a sequence of
    which nine tenths of the longest n-grams stand there, one sighting of each is taken off. Whether
    it is one is decided over all of its tokens in a call, so this is not for generation, nor for
    sequences that go on from a state, but where it is told what they are.

    Args:
        told: of the sequences of the one call in the block.
    """
    texts = counted_texts(model)
    before = [(text.leaves_out, text.told) for text in texts]
    try:
        for number, text in enumerate(texts):
            text.leaves_out = True
            text.told = None if told is None else (told.stands[number], told.following)
        yield
    finally:
        for text, (leaves_out, of_text) in zip(texts, before, strict=True):
            text.leaves_out, text.told = leaves_out, of_text
