"""Sequences that begin alike: what they have in common goes through the model once.

All that a causal model makes of a position depends on what lies before it. So the running state
after a common beginning is copied for each of the endings, which then go on side by side.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.counted_text import counted_texts
from hnet_seq.model.state import HNetState, going_on
from hnet_seq.model.streaming import CACHE_LIMIT, check_cache, in_calls
from hnet_seq.ops import KeyValueCache, Packing
from modalities import dna
from modalities.base import Tokens

_STATES = 1 << 28  # bytes that the states of one call may take


def can_branch(model: HNetForCausalLM) -> bool:
    """Whether sharing gives what whole sequences give, and is worth it.

    Counts of the training text take a sequence's own sightings off, and that it is one is seen over
    all of it. On a GPU whole sequences have the faster kernels.
    """
    return model.embeddings.weight.device.type == "cpu" and not counted_texts(model)


def most_branches(model: HNetForCausalLM, tokens: int) -> int:
    """How many sequences of so many tokens may have a state at a time."""
    state = model.new_state(1)
    each, level = state.num_bytes, state
    while True:
        for layer in level.encoder + level.decoder:
            if isinstance(layer, KeyValueCache):
                kept = tokens if layer.window < 0 else min(tokens, layer.window + 1)
                each += kept * layer.token_bytes
        if level.inner is None:
            return max(1, _STATES // each)
        level = level.inner


class Trunk:
    """Beginnings of sequences that have been read, each in a slot of one state.

    Args:
        count: of them; all empty at first.
    """

    def __init__(self, model: HNetForCausalLM, count: int, batch_tokens: int) -> None:
        self._model = model
        self._batch_tokens = batch_tokens
        self._state = model.new_state(count)

    def read(self, following: Sequence[Tokens]) -> None:
        """Go on with tokens (L,) of each beginning; L may be 0."""
        slots = [index for index, tokens in enumerate(following) if len(tokens)]
        if slots:
            own = [following[index] for index in slots]
            _encode(self._model, self._state, slots, own, self._batch_tokens, wanted=False)

    def branches(
        self, owners: Sequence[int], endings: Sequence[Tokens]
    ) -> list[NDArray[np.float32]]:
        """The log-probabilities of the tokens of each ending but its first one, (L - 1,) nats.

        Zero at unknown ones. The beginnings stay as they are.

        Args:
            owners: which beginning each ending follows.
            endings: (L,) tokens, L >= 1.
        """
        longest = max(map(len, endings)) + int(self._state.seen.max())
        most = most_branches(self._model, longest)
        found: list[NDArray[np.float32]] = []
        numbers = range(len(endings))
        for call in in_calls(numbers, self._batch_tokens, lambda i: len(endings[i]), most):
            slots = torch.tensor([owners[i] for i in call], device=self._state.seen.device)
            own, state = [endings[i] for i in call], self._state.select(slots)
            found += _encode(self._model, state, range(len(own)), own, self._batch_tokens)
        return found


@torch.inference_mode()
def _encode(
    model: HNetForCausalLM,
    state: HNetState,
    slots: Sequence[int],
    sequences: Sequence[Tokens],
    batch_tokens: int,
    *,
    wanted: bool = True,
) -> list[NDArray[np.float32]]:
    """Go on from the slots; the log-probabilities of tokens after the first if they are wanted.

    What is longer than a call comes alone, and goes in pieces.
    """
    device, alone = model.embeddings.weight.device, len(sequences) == 1
    taken = None if len(slots) == state.num_slots else torch.tensor(slots, device=device)
    longest = max(map(len, sequences))
    step = batch_tokens if alone else longest
    pieces: list[NDArray[np.float32]] = []
    for start in range(0, longest, step):
        tokens = [own[start : start + step] for own in sequences]
        ids = torch.from_numpy(np.concatenate(tokens)).to(device).long()
        packing = Packing.from_lengths([len(own) for own in tokens], device)
        packing = going_on(packing, state, taken)
        out = model.encode(ids, packing, state)
        if start == 0 and longest > step:
            check_cache(state, "of a window", step, longest, CACHE_LIMIT)
        if wanted:
            following = [own[start + 1 : start + step + 1] for own in sequences]
            goals = np.concatenate(
                [_goals(own, len(now)) for own, now in zip(following, tokens, strict=True)]
            )
            losses = F.cross_entropy(
                model.logits(out).float(),
                torch.from_numpy(goals).to(device),
                ignore_index=-100,
                reduction="none",
            )
            pieces.append(-losses.cpu().numpy())
    if not wanted:
        return []
    values = np.concatenate(pieces)
    ends = np.cumsum([len(own) for own in sequences])
    return [own[:-1] for own in np.split(values, ends[:-1])]


def _goals(following: Tokens, length: int) -> NDArray[np.int64]:
    """(length,) what follows each token, -100 where nothing or nothing known does."""
    goals = np.full(length, -100, np.int64)
    known = np.isin(following, dna.DNA.scored_tokens)
    goals[: len(following)] = np.where(known, following.astype(np.int64), -100)
    return goals
