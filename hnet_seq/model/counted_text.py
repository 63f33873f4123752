"""How often each symbol followed the last n tokens in the training data; nothing is learned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from hnet_seq.model.context_index import ContextIndex, index_bytes
from hnet_seq.model.ngram_tables import GAP
from hnet_seq.model.recent_tokens import with_recent
from hnet_seq.ops.packing import Packing

_BY_CHANCE = 10  # times as many n-grams as places: few are met by chance
_OF_THE_TEXT = 0.9  # of a sequence's longest n-grams stand there, with what follows them


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
        leaves_out: see :func:`left_out`.
    """

    text: Tensor

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
        self,
        tokens: Tensor,
        packing: Packing,
        recent_tokens: Tensor | None = None,
        behind: int = 0,
    ) -> Tensor:
        """What followed the n tokens that end ``behind`` before each position.

        Args:
            tokens: (T,) int64.
            packing: no n-gram reaches over a sequence's start.
            recent_tokens: (slots, longest order - 1 + behind) of sequences that go on.

        Returns:
            (T, parts K, symbols) int32, the orders of each part ascending; 0 where there are not n.
        """
        indexes = self.indexes
        line, places = with_recent(tokens, packing, recent_tokens)
        contexts, known = indexes[0].contexts(line)
        places = (places - behind).clamp(min=0)
        there = packing.position + 1 - behind
        contexts, known = contexts[places], torch.minimum(known[places], there)
        counts = self._of(indexes, contexts, known)
        if self.training and self.held_out is not None:
            counts -= self._of(self.held_out, contexts, known)
            counts.clamp_(min=0)
        if self.leaves_out:
            self._leave_out(counts, tokens, packing, known, behind)
        return counts

    def _leave_out(
        self, counts: Tensor, tokens: Tensor, packing: Packing, known: Tensor, behind: int
    ) -> None:
        """Take one sighting off what follows each position, of sequences that stand in the text."""
        following, inside = tokens, packing.position >= behind
        if not behind:
            following, inside = tokens.roll(-1), torch.ones_like(tokens, dtype=torch.bool)
            inside[packing.ends] = False  # what follows is not known
        inside = inside & (following >= 0) & (following < self.symbols)
        following = torch.where(inside, following, 0)
        K, sequence = len(self.orders), packing.sequence_index
        at, long = following.view(-1, 1, 1).expand(-1, K, 1), inside & (known >= self.orders[-1])
        for index, part in zip(self.indexes, counts.split(K, 1), strict=True):  # each a view
            if self.symbols ** self.orders[-1] < _BY_CHANCE * index.size:
                continue  # that its n-grams are there says nothing
            own = part.gather(2, at).squeeze(2)
            found = torch.zeros(packing.num_sequences, 2, device=counts.device)
            stands = torch.stack([long & (own[:, -1] > 0), long], 1).float()
            found.index_add_(0, sequence, stands)
            member = (found[:, 1] > 0) & (found[:, 0] >= _OF_THE_TEXT * found[:, 1])
            taken = (member[sequence] & inside).unsqueeze(1) & (own > 0)
            part.scatter_add_(2, at, -taken.int().unsqueeze(2))

    def _of(self, indexes: list[ContextIndex], contexts: Tensor, known: Tensor) -> Tensor:
        return torch.cat([index.counts(contexts, known, self.orders) for index in indexes], 1)

    def _indexed(self, texts: Sequence[Tensor]) -> list[ContextIndex]:
        return [ContextIndex(text, self.symbols, self.orders[-1]) for text in texts]


def counted_texts(model: nn.Module) -> list[CountedText]:
    """All that a model has, in the order of its modules."""
    return [module for module in model.modules() if isinstance(module, CountedText)]


@contextmanager
def left_out(model: nn.Module) -> Iterator[None]:
    """Read what may have been counted as if it had not been, inside the block.

    A sequence that stands in the text is no evidence for itself: whoever embeds or cuts training
    data would else see each of its n-grams come again, which no new sequence does. Of a sequence of
    which nine tenths of the longest n-grams stand there, one sighting of each is taken off. Whether
    it is one is decided over all of its tokens in a call, so this is not for generation.
    """
    texts = counted_texts(model)
    before = [text.leaves_out for text in texts]
    try:
        for text in texts:
            text.leaves_out = True
        yield
    finally:
        for text, value in zip(texts, before, strict=True):
            text.leaves_out = value
