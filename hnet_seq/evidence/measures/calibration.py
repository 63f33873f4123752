"""Whether a probability of 0.8 is right eight times in ten."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hnet_seq.results.classification import Bin, Calibration

BINS = 10


def calibration(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer], *, bins: int = BINS
) -> Calibration:
    """Confidence, the largest probability of a sequence, against how often the prediction is right.

    Bins have equal mass: as many sequences each as can be (sequences of one confidence stay
    together, so that a constant prediction has one bin). The expected calibration error is the mean
    over sequences of the absolute gap of their bin (Guo et al. 2017, equation 3, there with bins of
    equal width).

    Args:
        probabilities: (N, C). labels: (N,).
    """
    confidence = probabilities.max(1).astype(np.float64)
    right = probabilities.argmax(1) == labels
    _, inverse, counts = np.unique(confidence, return_inverse=True, return_counts=True)
    # A value goes to the bin of its middle sequence.
    middle = np.cumsum(counts) - (counts + 1) / 2
    member = (middle * bins / len(labels)).astype(np.int64)[inverse]
    found: list[Bin] = []
    for number in np.unique(member):
        inside = member == number
        found.append(
            Bin(
                confidence=float(confidence[inside].mean()),
                accuracy=float(right[inside].mean()),
                count=int(inside.sum()),
            )
        )
    gaps = [each["count"] * abs(each["confidence"] - each["accuracy"]) for each in found]
    return Calibration(bins=found, ece=sum(gaps) / len(labels))
