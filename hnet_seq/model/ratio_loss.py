"""The ratio loss: holds the share of boundaries near 1 / N."""

from __future__ import annotations

from torch import Tensor


def ratio_loss(boundary_prob: Tensor, boundary_mask: Tensor, target: float) -> Tensor:
    """N / (N - 1) * ((N - 1) F G + (1 - F)(1 - G)); Hwang, Wang, Gu 2025, equation 10.

    F is the share of boundaries (no gradient), G the mean probability. It is 1 where both are
    1 / N, its least value along F = G.

    Args:
        boundary_prob: (T,).
        boundary_mask: (T,) bool.
        target: N, tokens per chunk, above 1.

    Raises:
        ValueError: ``target`` is not above 1.
    """
    if target <= 1:
        raise ValueError(f"the target must be above 1 token per chunk; got {target}")
    selected = boundary_mask.float().mean().detach()
    expected = boundary_prob.float().mean()
    return (
        target
        / (target - 1)
        * ((target - 1) * selected * expected + (1 - selected) * (1 - expected))
    )
