"""What a rule for boundaries keeps of the training data."""

from __future__ import annotations

from hnet_seq.model.boundary_policy import COUNTED, BoundaryPolicy
from hnet_seq.model.byte_pairs import BytePairs
from hnet_seq.model.config import HNetConfig
from hnet_seq.model.surprise import Surprise


def tables_of(rule: BoundaryPolicy, config: HNetConfig) -> Surprise | BytePairs | None:
    """The tables that a rule reads, not fitted yet; None where it reads none."""
    if rule.policy in COUNTED:
        return Surprise(rule, config.vocab_size)
    if rule.policy == "byte_pairs":
        return BytePairs(rule, config.vocab_size, config.bidirectional)
    return None
