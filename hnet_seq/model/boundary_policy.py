"""Where chunks begin: learned, or by a rule that is the control of any claim about learned chunks.

All policies share every other part of the model. A rule's probability is 1 at its boundaries and
0 elsewhere: the smoothing then passes chunks through, and the confidence is 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

    from hnet_seq.ops.packing import Packing

POLICIES = ("learned", "stride", "delimiters", "random")


@dataclass
class BoundaryPolicy:
    """One stage's rule.

    Attributes:
        policy: ``learned``, the router; ``stride``, every ``every`` positions; ``delimiters``,
            at each token that follows one of ``tokens`` and is not one itself, so that a run of
            spaces ends a word; ``random``, each position with probability ``rate``.
        every: positions of a chunk.
        phase: the first boundary after the start of a sequence, from 0: a reading frame.
        tokens: ids of delimiters. In an inner stage a position's token is its chunk's first.
        rate: boundaries per position.
        seed: of the random rule, which depends on it, the position and the token alone.
    """

    policy: str = "learned"
    every: int = 0
    phase: int = 0
    tokens: list[int] = field(default_factory=list)
    rate: float = 0.0
    seed: int = 0

    def validate(self, name: str) -> None:
        """Raise ValueError unless the rule can be followed; ``name`` is the key it stands at."""
        if self.policy not in POLICIES:
            raise ValueError(f"{name}.policy: {self.policy!r} is not one of {', '.join(POLICIES)}")
        if self.policy == "stride" and not (self.every >= 1 and 0 <= self.phase < self.every):
            raise ValueError(
                f"{name}: stride needs every >= 1 and 0 <= phase < every; "
                f"got every {self.every}, phase {self.phase}"
            )
        if self.policy == "delimiters" and not self.tokens:
            raise ValueError(f"{name}: delimiters needs tokens, the ids that end a chunk")
        if self.policy == "random" and not 0 <= self.rate <= 1:
            raise ValueError(f"{name}: random needs a rate from 0 to 1; got {self.rate}")

    def __str__(self) -> str:
        words = {
            "stride": f"every {self.every} from {self.phase}",
            "delimiters": f"after {' '.join(map(str, self.tokens))}",
            "random": f"random at {self.rate:g}, seed {self.seed}",
        }
        return words.get(self.policy, self.policy)


def rule_boundaries(
    rule: BoundaryPolicy, tokens: Tensor, packing: Packing, last_token: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The boundaries of a rule that is not learned; no position depends on later ones.

    Args:
        tokens: (T,) int64 the token at each position.
        last_token: (slots,) of sequences that go on; replaced in place.

    Returns:
        boundary probability (T,) fp32 and mask (T,); the start of each sequence is a boundary.
    """
    import torch  # here: configurations are read where nothing is computed

    if rule.policy == "stride":
        mask = packing.position % rule.every == rule.phase
    elif rule.policy == "random":
        mask = _uniform(packing.position, tokens, rule.seed) < rule.rate
    else:
        assert rule.policy == "delimiters"
        previous = torch.nn.functional.pad(tokens[:-1], (1, 0))
        if last_token is not None:
            assert packing.slots is not None
            previous[packing.starts] = last_token[packing.slots]
        ids = torch.tensor(rule.tokens, device=tokens.device)
        mask = torch.isin(previous, ids) & ~torch.isin(tokens, ids)
    if last_token is not None:
        last_token[packing.slots] = tokens[packing.ends]
    mask = mask | (packing.position == 0)
    return mask.float(), mask


@contextmanager
def use_boundary_policy(model: nn.Module, rules: list[BoundaryPolicy]) -> Iterator[None]:
    """Run a trained model with other boundaries inside the block.

    Args:
        model: an H-Net, or a model around one.
        rules: one for each stage, from the outside in.

    Raises:
        ValueError: a rule cannot be followed, or there is not one for each stage.
    """
    levels: list[Any] = [m for m in model.modules() if hasattr(m, "boundary_policy")]
    if len(levels) != len(rules):
        raise ValueError(f"expected {len(levels)} policies, one for each stage; got {len(rules)}")
    for stage, rule in enumerate(rules):
        rule.validate(f"policy of stage {stage}")
    before = [level.boundary_policy for level in levels]
    try:
        for level, rule in zip(levels, rules, strict=True):
            level.boundary_policy = rule
        yield
    finally:
        for level, rule in zip(levels, before, strict=True):
            level.boundary_policy = rule


_MULTIPLIERS = (0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35)  # odd 32-bit constants with well-spread bits
_BITS = 0xFFFFFFFF


def _uniform(position: Tensor, token: Tensor, seed: int) -> Tensor:
    """(T,) in [0, 1): a hash of position, token and seed, the same in any segment or batch."""
    x = position * _MULTIPLIERS[0] + token * _MULTIPLIERS[1] + (seed + 1) * _MULTIPLIERS[2]
    for multiplier in _MULTIPLIERS[1:]:
        x = x & _BITS
        x = ((x ^ (x >> 15)) * multiplier) & _BITS
    return (x ^ (x >> 16)).float() / (_BITS + 1)
