"""Boundaries by rules that need neither the router nor tables of training data.

No position depends on later ones, and a sequence that goes through in pieces is cut as it is whole:
what a rule must know of the pieces before is a dictionary of tensors, a row for each slot.
"""

from __future__ import annotations

from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from hnet_seq.model.boundary_policy import COUNTED, BoundaryPolicy
from hnet_seq.ops.packing import Packing

RuleState: TypeAlias = dict[str, Tensor]
"""``last_token`` (slots,) int64; ``mark`` (slots,) int64 the latest marked position plus 1, 0 for
none; ``recent`` (slots, n) int64 the last tokens; ``window`` (slots, every) fp32 the probabilities
of the open window, and ``bar`` (slots,) fp32 what they must pass."""


def new_rule_state(rule: BoundaryPolicy, slots: int, device: torch.device) -> RuleState:
    """That of sequences that have not begun."""
    of_tokens = torch.zeros(slots, dtype=torch.int64, device=device)
    state = {"last_token": of_tokens, "mark": of_tokens.clone()}
    if rule.policy in COUNTED:
        state["recent"] = of_tokens.new_zeros(slots, max(rule.orders))
    elif rule.policy == "byte_pairs":
        state["recent"] = of_tokens.new_zeros(slots, rule.every - 1)
    elif rule.policy == "top_k":
        state["window"] = torch.zeros(slots, rule.every, device=device)
        state["bar"] = torch.zeros(slots, device=device)
    return state


def rule_boundaries(
    rule: BoundaryPolicy, tokens: Tensor, packing: Packing, state: RuleState | None = None
) -> Tensor:
    """(T,) bool, but for the starts of sequences, which are boundaries whatever the rule.

    Args:
        tokens: (T,) int64 the token at each position.
        state: of sequences that go on; replaced in place.
    """
    position = packing.position
    if rule.policy == "stride":
        mask = position % rule.every == rule.phase
    elif rule.policy == "random":
        mask = _uniform(position, tokens, rule.seed) < rule.rate
    elif rule.policy == "delimiters":
        mask = after_delimiters(rule.tokens, tokens, packing, state)
    else:
        assert rule.policy == "snapped"
        mask = after_delimiters(rule.tokens, tokens, packing, state) | (position == 0)
        before = F.pad(latest(mask, packing, state)[:-1], (1, 0))
        # Where a piece begins, what lies before it is the state's, or nothing.
        gone_before = packing.gather(state["mark"]) - 1 if state else torch.tensor(-1)
        before = before.index_put((packing.starts,), gone_before.to(before))
        line = (position - rule.phase).div(rule.every, rounding_mode="floor")
        line_before = (before - rule.phase).div(rule.every, rounding_mode="floor")
        remember_latest(mask, packing, state)
        mask &= (line > line_before) | (before < 0)
    if state is not None:
        packing.scatter(state["last_token"], tokens[packing.ends])
    return mask


def after_delimiters(
    ids: list[int], tokens: Tensor, packing: Packing, state: RuleState | None
) -> Tensor:
    """(T,) bool: the token before is one of ``ids``, and the token itself is not."""
    previous = F.pad(tokens[:-1], (1, 0))
    if state is not None:
        previous = previous.index_copy(0, packing.starts, packing.gather(state["last_token"]))
    delimiters = torch.tensor(ids, device=tokens.device)
    return torch.isin(previous, delimiters) & ~torch.isin(tokens, delimiters)


def latest(mask: Tensor, packing: Packing, state: RuleState | None) -> Tensor:
    """(T,) int64: the position of the latest True of its sequence at or before each, -1 for none.

    Args:
        state: whose ``mark`` is what came before; it is not replaced.
    """
    places = torch.arange(packing.total, device=mask.device)
    found = torch.where(mask, places, -1).cummax(0).values
    sequence = packing.sequence_index
    before = torch.full_like(packing.starts, -1)
    if state is not None:
        before = packing.gather(state["mark"]) - 1
    own = found >= packing.starts[sequence]
    return torch.where(own, packing.position[found.clamp(min=0)], before[sequence])


def remember_latest(mask: Tensor, packing: Packing, state: RuleState | None) -> None:
    """Replace ``mark`` by the latest True of each sequence, in place."""
    if state is not None:
        packing.scatter(state["mark"], latest(mask, packing, state)[packing.ends] + 1)


_MULTIPLIERS = (0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35)  # odd 32-bit constants with well-spread bits
_BITS = 0xFFFFFFFF


def _uniform(position: Tensor, token: Tensor, seed: int) -> Tensor:
    """(T,) in [0, 1): a hash of position, token and seed, the same in any segment or batch."""
    x = position * _MULTIPLIERS[0] + token * _MULTIPLIERS[1] + (seed + 1) * _MULTIPLIERS[2]
    for multiplier in _MULTIPLIERS[1:]:
        x = x & _BITS
        x = ((x ^ (x >> 15)) * multiplier) & _BITS
    return (x ^ (x >> 16)).float() / (_BITS + 1)
