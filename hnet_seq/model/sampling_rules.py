"""How tokens are drawn, as a caller says it; torch is not needed to find it wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn. The filters apply in the order of the fields; defaults keep all.

    Attributes:
        temperature: logits are divided by it; 0 takes the likeliest token.
        top_k: keep the k likeliest tokens; 0 keeps all.
        top_p: keep the fewest likeliest tokens that together reach this probability (Holtzman et
            al. 2020).
        min_p: keep tokens of at least this share of the likeliest one's probability (Nguyen et
            al. 2024).
        allowed: ids that may be drawn; None for all.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    allowed: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not self.temperature >= 0:
            raise ValueError(f"temperature: expected 0 or more; got {self.temperature}")
        if self.top_k < 0:
            raise ValueError(f"top_k: expected 0 (all) or more; got {self.top_k}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p: expected above 0, up to 1; got {self.top_p}")
        if not 0 <= self.min_p <= 1:
            raise ValueError(f"min_p: expected 0 to 1; got {self.min_p}")
        if self.allowed is not None and not self.allowed:
            raise ValueError("allowed: no token may be drawn")
