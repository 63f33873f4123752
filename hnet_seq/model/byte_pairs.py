"""Boundaries where byte pairs begin: merges that were learned from the training data, as a rule.

A sequence is cut into pieces: at delimiters, and every so many positions. Inside a piece the merge
that was learned first is applied first, from the left (Sennrich, Haddow and Birch, ACL 2016), which
is what Hugging Face ``tokenizers`` does with the same merges.

Where a token begins depends on what follows: ``a b`` may be joined until ``c`` turns up and takes
``b``. All is settled at a piece's end, so a cut is known at most ``every - 1`` positions late. A
bidirectional model takes the byte pairs themselves. A causal model must not know them, or its bits
would be those of somebody who has peeked: its chunks begin at each token that the byte pairs of
what has been read do not join to what stands before it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hnet_seq.model.boundary_policy import BoundaryPolicy
from hnet_seq.model.boundary_rules import RuleState, after_delimiters, latest, remember_latest
from hnet_seq.model.recent_tokens import remember, with_recent
from hnet_seq.ops.packing import Packing

_NONE = -1
_NO_RANK = torch.iinfo(torch.int32).max


class BytePairs(nn.Module):
    """The merges, and the boundaries that they make.

    Args:
        vocab_size: V; merge m makes token V + m.

    Attributes:
        merges: (M, 2) int32 what is joined, in the order of learning; -1 where fewer were found.
    """

    merges: Tensor

    def __init__(self, rule: BoundaryPolicy, vocab_size: int, bidirectional: bool = False) -> None:
        super().__init__()
        self.rule = rule
        self.vocab_size = vocab_size
        self.bidirectional = bidirectional
        self.register_buffer("merges", torch.full((rule.merges, 2), _NONE, dtype=torch.int32))
        self._ranks: tuple[Tensor, Tensor] | None = None

    @torch.no_grad()
    def set_merges(self, merges: Sequence[tuple[int, int]]) -> None:
        """Take the first merges that there is room for."""
        self.merges.fill_(_NONE)
        if merges:
            kept = torch.tensor(merges[: len(self.merges)], dtype=torch.int32)
            self.merges[: len(kept)] = kept

    @torch.no_grad()
    def forward(self, tokens: Tensor, packing: Packing, state: RuleState | None = None) -> Tensor:
        """(T,) bool; arguments as for :func:`hnet_seq.model.boundary_rules.rule_boundaries`."""
        place = self.places(tokens, packing, state)
        line, where = with_recent(tokens, packing, None if state is None else state["recent"])
        columns = torch.arange(self.rule.every, device=tokens.device)
        # A row for each piece, or for each position: the piece up to it.
        rows = torch.arange(packing.total, device=tokens.device)
        if self.bidirectional:
            following = place.roll(-1)
            following[packing.ends] = 0
            rows = rows[following == 0]
        read = columns <= place[rows].unsqueeze(1)
        index = (where[rows] - place[rows]).unsqueeze(1) + columns
        ids = torch.where(read, line[index.clamp(max=line.numel() - 1)], _NONE)
        begins = self._begins(ids)
        if self.bidirectional:
            mask = torch.zeros_like(place, dtype=torch.bool)
            mask[((rows - place[rows]).unsqueeze(1) + columns)[begins]] = True
        else:
            mask = begins.gather(1, place.unsqueeze(1)).squeeze(1)
        if state is not None:
            remember(tokens, packing, state["recent"])
            packing.scatter(state["last_token"], tokens[packing.ends])
        return mask

    def places(self, tokens: Tensor, packing: Packing, state: RuleState | None = None) -> Tensor:
        """(T,) int64: how far each position lies from its piece's start; ``mark`` is replaced."""
        starts = packing.position == 0
        if self.rule.tokens:
            starts |= after_delimiters(self.rule.tokens, tokens, packing, state)
        start = latest(starts, packing, state)
        remember_latest(starts, packing, state)
        return (packing.position - start) % self.rule.every

    def _begins(self, ids: Tensor) -> Tensor:
        """(P, W) bool where tokens begin in rows of ids (P, W) int64, filled up with -1."""
        begins = ids != _NONE
        ranks = self._table(ids.device)
        start = torch.arange(ids.shape[1], device=ids.device).expand_as(ids).contiguous()
        width = ids.shape[1]
        columns = torch.arange(width - 1, device=ids.device)
        row = torch.arange(len(ids), device=ids.device)
        while len(row):
            pair = ids[:, :-1] * self._size + ids[:, 1:]
            rank = torch.where(ids[:, 1:] != _NONE, ranks[pair.clamp(min=0)], _NO_RANK)
            best = rank.min(dim=1)
            found = best.values < _NO_RANK
            row, ids, start = row[found], ids[found], start[found]
            if not len(row):
                break
            at = best.indices[found].unsqueeze(1)
            begins[row, start.gather(1, at + 1).squeeze(1)] = False
            joined = self.vocab_size + best.values[found].long().unsqueeze(1)
            ids = ids.scatter(1, at, joined)
            # What stood behind the pair moves up.
            source = torch.where(columns > at, columns + 1, columns)
            filling = ids.new_full((len(row), 1), _NONE)
            ids = torch.cat([ids.gather(1, source), filling], 1)
            start = torch.cat([start.gather(1, source), filling], 1)
        return begins

    @property
    def _size(self) -> int:
        return self.vocab_size + len(self.merges)

    def _table(self, device: torch.device) -> Tensor:
        """(size * size,) int32 the rank of each pair, made once for these merges."""
        if self._ranks is None or not _same(self._ranks[0], self.merges):
            table = torch.full((self._size**2,), _NO_RANK, dtype=torch.int32, device=device)
            left, right = self.merges.long().unbind(1)
            known = left >= 0
            order = torch.arange(len(left), device=device, dtype=torch.int32)
            table[(left * self._size + right)[known]] = order[known]
            self._ranks = self.merges.clone(), table
        return self._ranks[1]


def _same(one: Tensor, two: Tensor) -> bool:
    return one.device == two.device and torch.equal(one, two)
