"""What a low-rank adaptation may be of; torch is not needed to find a wish wrong."""

from __future__ import annotations

from collections.abc import Sequence

from modalities.errors import UsageError

#: The linear maps of each target, by the last part of their names.
TARGETS = {
    "attention": ("Wqkv", "out_proj"),
    "mamba2": ("in_proj", "out_proj"),
    "mlp": ("fc1", "fc2"),
    "router": ("q_proj_layer", "k_proj_layer"),
}
DEFAULT_TARGETS = ("attention", "mamba2", "router")


def check_targets(rank: int, targets: Sequence[str]) -> None:
    """Raise UsageError unless a rank and targets can be meant."""
    if rank < 1:
        raise UsageError("lora", f"is {rank}; expected a rank of 1 or more")
    if unknown := [name for name in targets if name not in TARGETS]:
        raise UsageError("lora_targets", f"names {unknown[0]!r}; expected {', '.join(TARGETS)}")
    if not targets:
        raise UsageError("lora_targets", f"is empty; expected some of {', '.join(TARGETS)}")
