"""How sure a share of independent trials is."""

from __future__ import annotations


def share_interval(hits: int, trials: int) -> tuple[float, float]:
    """The exact 95% interval of a share (Clopper and Pearson, Biometrika 26, 1934).

    It holds the true share in at least 95% of experiments, whatever the share and however few the
    trials, also where all or none hit.
    """
    from scipy.stats import beta  # takes as long as all that reads genomes

    low = float(beta.ppf(0.025, hits, trials - hits + 1)) if hits else 0.0
    high = float(beta.ppf(0.975, hits + 1, trials - hits)) if hits < trials else 1.0
    return low, high
