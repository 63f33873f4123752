"""Which words, and which words in which features, are more than chance makes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hnet_seq.resampling import quotient

LEAST_EXPECTED = 5.0  # chunks in a kind, and out of it, that a normal law needs

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


def beyond_shuffled(
    sampled: Counts, shuffled: Counts, totals: tuple[int, int], tested: int
) -> tuple[Floats, Floats, Floats]:
    """Whether words are chunks more often in a text than in the same text shuffled.

    Where the text is as good as shuffled, each of the chunks of a word, in both together, is from
    the text with the same chance, the share of all chunks that is: a binomial law. The words may
    have been chosen by their counts: all that could have been are tested.

    Args:
        sampled, shuffled: (W,) chunks of each word.
        totals: chunks of all words in the text, and in what it was shuffled to.
        tested: words that might have been chosen.

    Returns:
        (W,) each: how many times as often (half a chunk is added to both), the rate of false
        discoveries among words that are as far out (Benjamini and Hochberg, J. R. Stat. Soc. B
        57:289, 1995), and the likelihood-ratio statistic G, negative below expectation.
    """
    from scipy.stats import binom

    here, there = (max(total, 1) for total in totals)
    ratio = quotient(sampled + 0.5, shuffled + 0.5) * there / here
    share = here / (here + there)
    both = sampled + shuffled
    p = binom.sf(sampled - 1, both, share)
    far = np.zeros(len(sampled))
    for count, of_all in ((sampled, share), (shuffled, 1 - share)):
        some = count > 0
        far[some] += 2 * count[some] * np.log(count[some] / (both[some] * of_all))
    return ratio, false_discoveries(p, tested), np.where(ratio < 1, -far, far)


def false_discoveries(p: Floats, tested: int | None = None) -> Floats:
    """q of each p-value, NaN where it is NaN; ``tested`` counts tests whose p-value is not here."""
    known = np.isfinite(p)
    found = np.full(len(p), np.nan)
    values = p[known]
    number = max(tested or 0, len(values))
    order = np.argsort(values, kind="stable")
    ranked = values[order] * number / np.arange(1, len(values) + 1)
    q = np.empty(len(values))
    q[order] = np.minimum(np.minimum.accumulate(ranked[::-1])[::-1], 1)
    found[known] = q
    return found


def beyond_shifted(
    observed: Floats, shifted: Floats, squares: Floats, chunks: Counts
) -> tuple[Floats, Floats]:
    """z and two-sided p of chunks in a kind of feature beside those of shifted blocks.

    Args:
        observed, shifted, squares: (F, W), of :class:`hnet_seq.analysis.lexicon.facts.KindSums`.
        chunks: (W,) of each word.

    Returns:
        (F, W) each, NaN where too few are expected inside or outside. The variance is the sum of
        squared differences of blocks, which an effect makes larger: p errs upwards.
    """
    from scipy.stats import norm

    few = (shifted < LEAST_EXPECTED) | (chunks - shifted < LEAST_EXPECTED) | (squares <= 0)
    z = np.where(few, np.nan, (observed - shifted) / np.sqrt(np.where(few, 1, squares)))
    return z, 2 * norm.sf(np.abs(z))


def ratio_of_shares(
    inside: Floats,
    whole: Floats | Counts,
    expected_inside: Floats,
    expected_whole: Floats | Counts,
) -> Floats:
    """inside / whole over expected_inside / expected_whole; NaN where that is not known."""
    found: Floats = quotient(quotient(inside, whole), quotient(expected_inside, expected_whole))
    return found
