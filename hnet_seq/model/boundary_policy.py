"""Where chunks begin: learned, or by a rule that is the control of any claim about learned chunks.

All policies share every other part of the model. A rule's probability is 1 at its boundaries and
0 elsewhere: the smoothing then passes chunks through, and the confidence is 1. The rules themselves
are in :mod:`hnet_seq.model.boundary_rules` and what it names; docs/policies.md compares them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

POLICIES = (
    *("learned", "top_k", "stride", "delimiters", "snapped"),
    *("random", "entropy", "surprisal", "byte_pairs"),
)
#: These look at the router's probabilities.
ROUTED = ("learned", "top_k")
#: These have tables that are made from the training data, and lie in the checkpoint.
COUNTED = ("entropy", "surprisal")
FITTED = (*COUNTED, "byte_pairs")
MOST_MERGES = 4096
LONGEST_PIECE = 256


@dataclass
class BoundaryPolicy:
    """One stage's rule.

    Attributes:
        policy: by what chunks are cut. ``learned``, the router; ``top_k``, where the router's
            probability is among the ``top`` highest of a window of ``every`` positions; ``stride``,
            every ``every`` positions; ``delimiters``, at each token that follows one of ``tokens``
            and is not one itself, so that a run of spaces ends a word; ``snapped``, at the first
            such token from each line of a grid of ``every`` positions on; ``random``, each position
            with probability ``rate``; ``entropy``, where n-gram counts are least sure of the token,
            and ``surprisal``, where they find it least likely, at the share ``rate`` of positions;
            ``byte_pairs``, where byte pairs learned from the training data begin.
        every: positions of a chunk (stride), of a window (top_k), between the lines of a grid
            (snapped), or of the pieces inside which byte pairs are joined, at most.
        phase: the first boundary after the start of a sequence, from 0: a reading frame; of a grid
            its first line.
        tokens: ids of delimiters. In an inner stage a position's token is its chunk's first. Byte
            pairs do not reach over the boundaries that they make.
        rate: boundaries per position.
        seed: of the random rule, which depends on it, the position and the token alone.
        top: boundaries of a window.
        orders: how many tokens before a position counts look at, ascending; each is mixed with the
            one before it.
        symbols: the ids that are counted are ``0 .. symbols - 1``; 0: all of the vocabulary.
        merges: byte pairs that are joined, at most.
        counted: tokens of the text that is counted. Pretraining sets it.
    """

    policy: str = "learned"
    every: int = 0
    phase: int = 0
    tokens: list[int] = field(default_factory=list)
    rate: float = 0.0
    seed: int = 0
    top: int = 0
    orders: list[int] = field(default_factory=list)
    symbols: int = 0
    merges: int = 0
    counted: list[int] = field(default_factory=list, compare=False)

    def validate(self, name: str) -> None:
        """Raise ValueError unless the rule can be followed; ``name`` is the key it stands at."""
        if self.policy not in POLICIES:
            raise ValueError(f"{name}.policy: {self.policy!r} is not one of {', '.join(POLICIES)}")
        if self.policy in ("stride", "snapped") and not (
            self.every >= 1 and 0 <= self.phase < self.every
        ):
            raise ValueError(
                f"{name}: {self.policy} needs every >= 1 and 0 <= phase < every; "
                f"got every {self.every}, phase {self.phase}"
            )
        if self.policy in ("delimiters", "snapped") and not self.tokens:
            raise ValueError(f"{name}: {self.policy} needs tokens, the ids that end a chunk")
        if self.policy == "random" and not 0 <= self.rate <= 1:
            raise ValueError(f"{name}: random needs a rate from 0 to 1; got {self.rate}")
        if self.policy == "top_k" and not 1 <= self.top <= self.every:
            raise ValueError(
                f"{name}: top_k needs 1 <= top <= every; got top {self.top}, every {self.every}"
            )
        if self.policy in COUNTED and not 0 < self.rate < 1:
            raise ValueError(
                f"{name}: {self.policy} needs a rate above 0 and below 1; got {self.rate}"
            )
        if self.policy in COUNTED and not self.orders:
            raise ValueError(f"{name}: {self.policy} needs orders, such as [2, 4, 8]")
        if self.policy == "byte_pairs" and not (
            2 <= self.every <= LONGEST_PIECE and 1 <= self.merges <= MOST_MERGES
        ):
            raise ValueError(
                f"{name}: byte_pairs needs every from 2 to {LONGEST_PIECE} and merges from 1 to "
                f"{MOST_MERGES}; "
                f"got every {self.every}, merges {self.merges}"
            )

    def __str__(self) -> str:
        after = f"after {' '.join(map(str, self.tokens))}"
        orders = " ".join(map(str, self.orders))
        words = {
            "top_k": f"the {self.top} likeliest of {self.every}",
            "stride": f"every {self.every} from {self.phase}",
            "delimiters": after,
            "snapped": f"every {self.every} from {self.phase}, then {after}",
            "random": f"random at {self.rate:g}, seed {self.seed}",
            "entropy": f"counts of {orders} least sure, at {self.rate:g}",
            "surprisal": f"counts of {orders} most surprised, at {self.rate:g}",
            "byte_pairs": f"{self.merges} byte pairs",
        }
        return words.get(self.policy, self.policy)


def check_both_strands(name: str, rule: BoundaryPolicy) -> None:
    """Raise ValueError unless a rule cuts both strands between the same bases."""
    if rule.policy != "learned":
        raise ValueError(
            f"{name}: {rule.policy} goes by one end of a sequence, and a strand-symmetric model is "
            "cut alike from both; take learned boundaries, or strand_symmetric: false"
        )


@contextmanager
def use_boundary_policy(model: nn.Module, rules: list[BoundaryPolicy]) -> Iterator[None]:
    """Run a trained model with other boundaries inside the block.

    Args:
        model: an H-Net, or a model around one.
        rules: one for each stage, from the outside in.

    Raises:
        ValueError: a rule cannot be followed, there is not one for each stage, or it needs tables
            that the model was not trained with.
    """
    levels: list[Any] = [m for m in model.modules() if hasattr(m, "boundary_policy")]
    if len(levels) != len(rules):
        raise ValueError(f"expected {len(levels)} policies, one for each stage; got {len(rules)}")
    before = [level.boundary_policy for level in levels]
    for stage, (rule, level) in enumerate(zip(rules, levels, strict=True)):
        rule.validate(f"policy of stage {stage}")
        if level.strand_symmetric:
            check_both_strands(f"policy of stage {stage}", rule)
        tables = level.boundary_tables
        if rule.policy in FITTED and (tables is None or tables.rule != rule):
            raise ValueError(
                f"policy of stage {stage}: {rule.policy} needs tables of the training data; train "
                "a model with it in model.boundary_policies"
            )
    try:
        for level, rule in zip(levels, rules, strict=True):
            level.boundary_policy = rule
        yield
    finally:
        for level, rule in zip(levels, before, strict=True):
            level.boundary_policy = rule
