"""Real sequences against altered ones: which of the two is likelier.

The field's measure is the share of pairs in which the real one has the higher log-likelihood
(Carbon's evaluation, "pairwise discrimination accuracy"). Pairs that a reader cannot tell apart
are no trials: they are counted beside it. So are those of which it scores more bases of one than of
the other, as where a first word that nothing predicts is longer there: the sums say nothing then.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hnet_seq.evidence.zero_shot.figures import area, figure, share
from hnet_seq.evidence.zero_shot.reader import Reader, likelihoods
from hnet_seq.results.zero_shot import Figure
from modalities.base import Tokens

_SAME = 1e-4  # nats: rounding of the sum over a sequence


def preference(
    reader: Reader, real: Sequence[Tokens], altered: Sequence[Tokens]
) -> dict[str, Figure]:
    """``accuracy``, the share of pairs in which the real sequence is likelier; ``auroc``; ``ties``.

    ``auroc`` ranks all sequences by bits a base, across pairs. It has no interval: the two of a
    pair share most of their bases, and no method here covers that.

    Args:
        real, altered: (L,) each, as long as each other in a pair; pairs are independent.
    """
    found = likelihoods(reader, [*real, *altered])
    ones, others = found[: len(real)], found[len(real) :]
    apart = np.array(
        [
            one.nats - other.nats if one.bases == other.bases else 0.0
            for one, other in zip(ones, others, strict=True)
        ]
    )
    wins, losses = int((apart > _SAME).sum()), int((apart < -_SAME).sum())
    ties = len(apart) - wins - losses
    accuracy = share(wins, wins + losses)
    if not wins + losses:
        accuracy = figure(None, 0, no_interval="all pairs tie")
    bits = [np.array([-own.bits_per_base for own in group]) for group in (ones, others)]
    return {
        "accuracy": accuracy,
        "auroc": figure(area(*bits), 2 * len(real), no_interval="pairs depend on each other"),
        "ties": figure(float(ties), len(apart), no_interval="a count"),
    }
