"""Sequences through another model in calls without padding, cut where its context ends.

Only windows of as many tokens share a call, so that neither a batch's size nor a tokenizer's side
of padding changes anything, with any architecture.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

import torch
from torch import Tensor

from hnet_seq.peers.letters import DnaTokenizer, Spelled
from modalities.errors import InputError, UsageError

Overlong = Literal["refuse", "windows"]


@dataclass(frozen=True)
class Window:
    """Tokens ``[start, stop)`` of a sequence, by its index."""

    sequence: int
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


class Calls:
    """Forward calls of one model.

    Attributes:
        limit: tokens of a call, special ones included; None where the model has no limit.
        first: place of a sequence's first token in a call, behind the special ones.

    Raises:
        UsageError: an unknown ``overlong``, or ``batch_tokens`` below 1.
        InputError: the special tokens alone fill the context.
    """

    def __init__(
        self, name: str, model: Any, tokenizer: DnaTokenizer, overlong: str, batch_tokens: int
    ) -> None:
        if overlong not in ("refuse", "windows"):
            raise UsageError("overlong", f"is {overlong!r}; expected refuse or windows")
        if batch_tokens < 1:
            raise UsageError("batch_tokens", f"is {batch_tokens}; expected 1 or more")
        self._name, self._model, self._tokenizer = name, model, tokenizer
        self._overlong, self._batch_tokens = overlong, batch_tokens
        limits = [limit for limit in (tokenizer.limit, _positions(model)) if limit is not None]
        self.limit = min(limits, default=None)
        self.first = len(tokenizer.before)
        if self.limit is not None and self.limit <= self.first + len(tokenizer.after):
            raise InputError(
                None, f"takes {self.limit} tokens, which leaves no room for bases", where=name
            )

    @torch.inference_mode()
    def forward(self, ids: Tensor, **options: Any) -> Any:
        """What the model gives for (B, tokens) ids."""
        return self._model(input_ids=ids, return_dict=True, **options)

    def rows(self, ids: list[list[int]]) -> Tensor:
        """(B, tokens) on the model's device."""
        return torch.tensor(ids, device=self._model.device)

    def of(
        self, spelled: Sequence[Spelled], names: Sequence[str]
    ) -> Iterator[tuple[list[Window], Tensor]]:
        """Windows of one length and their ids (B, tokens), with the special tokens around them.

        Raises:
            InputError: a sequence that is too long, where that is refused.
        """
        before, after = self._tokenizer.before, self._tokenizer.after
        around = len(before) + len(after)
        windows: list[Window] = []
        for index, own in enumerate(spelled):
            length = len(own.ids)
            most = length if self.limit is None else self.limit - around
            if self._overlong == "refuse":
                self.check_fits(own, names[index], ", or `overlong` as 'windows'")
            windows += [
                Window(index, start, min(start + most, length)) for start in range(0, length, most)
            ]
        windows.sort(key=len)
        for length, of_length in groupby(windows, key=len):
            each = list(of_length)
            size = max(1, self._batch_tokens // (length + around))
            for first in range(0, len(each), size):
                call = each[first : first + size]
                ids = [spelled[w.sequence].ids[w.start : w.stop].tolist() for w in call]
                yield call, self.rows([[*before, *own, *after] for own in ids])

    def check_fits(self, own: Spelled, name: str, remedy: str = "") -> None:
        """Raise InputError where a sequence has more tokens than a call."""
        around = len(self._tokenizer.before) + len(self._tokenizer.after)
        if self.limit is not None and len(own.ids) > self.limit - around:
            raise InputError(
                None,
                f"{len(own.ids):,} tokens, and {self._name} takes {self.limit - around:,}; give "
                f"shorter sequences{remedy}",
                where=name,
            )


def _positions(model: Any) -> int | None:
    """Tokens that the model has positions for; None where its positions have no end."""
    for name, module in model.named_modules():
        # RoBERTa and its kin begin to count behind the number of the padding.
        padding = getattr(module, "padding_idx", None)
        if name.endswith("position_embeddings") and padding is not None:
            return int(module.num_embeddings) - int(padding) - 1
    limit = getattr(model.config, "max_position_embeddings", None)
    return int(limit) if limit is not None and math.isfinite(limit) and limit > 0 else None
