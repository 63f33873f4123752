"""Recall of training sequence: does a model know the very windows that it was trained on.

Three measures of the field, of genomic models last by Nemecek et al. 2026 (arXiv 2603.08913):

- ``likelihood``: how often a training window has fewer bits a base than a held-out one (the attack
  by loss of Yeom et al. 2018). Where the two come from regions of other composition or with more
  repeats, it is off 0.5 without any memory.
- ``membership``: the same of what a window loses when one base in twenty is changed at random, the
  comparison with neighbours of Mattern et al. 2023 (arXiv 2305.18462). Who has a window by heart
  loses more where it was trained. But so does everybody in a region that is easier to predict: what
  a Markov model of low order, counted on both kinds of windows alike, needs for a window and loses
  there is taken out by regression first (difficulty calibration, Watson et al. 2022, arXiv
  2111.08440). This one decides.
- ``extracted``: the share of training windows whose last 32 bases come, all of them, when the model
  goes on from what is before (Carlini et al. 2023, arXiv 2202.07646), beside ``extracted_held_out``
  of windows that it never saw, which repeats of the genome explain. Windows that hold the answer
  before it, so that copying finds it, are not asked.

The verdict is of the model's row:

- ``memorised``: a training window is told from a held-out one in three of four cases or more
  (``membership`` 0.75) and that is beyond chance, or more is extracted of training than of held-out
  windows, beyond both intervals;
- ``trace``: ``membership`` is above 0.5 beyond chance: it fits what it has read a little better;
- ``none found``: neither. A model that keeps its data in a way that these do not ask for has none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.baselines.markov import MarkovModel, order_for
from hnet_seq.evidence.zero_shot.counting import CopyReader, MarkovReader
from hnet_seq.evidence.zero_shot.figures import (
    Readers,
    area_of_two_groups,
    figure,
    rows_of,
    share,
)
from hnet_seq.evidence.zero_shot.reader import Reader
from hnet_seq.results.zero_shot import Figure, ZeroShotTest
from modalities import dna
from modalities.base import Tokens

CHANGED = 0.05  # of the bases of a neighbour
NEIGHBOURS = 2  # of each window, whose mean counts
EXTRACTED = 32  # bases that have to come
BY_HEART = 0.75

Verdict = str


def memorisation(
    readers: Readers,
    train: Sequence[Tokens],
    held_out: Sequence[Tokens],
    *,
    seed: int = 0,
) -> ZeroShotTest:
    """Windows of the training data against windows that the model never saw, see this module.

    Args:
        train, held_out: (L,) each, of one length, from places far apart.
        seed: of what is changed.
    """
    generator = np.random.default_rng(seed)
    windows = [*train, *held_out]
    neighbours = [_neighbour(own, generator) for _ in range(NEIGHBOURS) for own in windows]

    seen, unseen = slice(0, len(train)), slice(len(train), None)
    counted = MarkovReader(MarkovModel(windows, order_for(sum(map(len, windows)))))
    difficulty = np.stack([np.ones(len(windows)), *_bits_and_lost(counted, windows, neighbours)], 1)

    def measure(reader: Reader) -> dict[str, Figure]:
        bits, lost = _bits_and_lost(reader, windows, neighbours)
        figures = {
            "membership": membership(lost, difficulty, len(train)),
            "likelihood": area_of_two_groups(-bits[seen], -bits[unseen]),
            "bits_lost": figure(float(lost[seen].mean()), len(train), no_interval="see membership"),
            "bits_lost_held_out": figure(
                float(lost[unseen].mean()), len(held_out), no_interval="see membership"
            ),
        }
        if reader.reads == "before":
            figures["extracted"] = _extracted(reader, train)
            figures["extracted_held_out"] = _extracted(reader, held_out)
        return figures

    rows = rows_of(readers, measure)
    own = next((row["figures"] for row in rows if row["kind"] == "model"), None)
    return ZeroShotTest(
        test="memorisation",
        metric="membership",
        chance=0.5,
        settings={
            "train_windows": len(train),
            "held_out_windows": len(held_out),
            "window_bases": max(map(len, windows)),
            "changed": CHANGED,
            "neighbours": NEIGHBOURS,
            "extracted_bases": EXTRACTED,
            "seed": seed,
        },
        rows=rows,
        verdict=None if own is None else verdict(own),
    )


def membership(lost: NDArray[np.float64], difficulty: NDArray[np.float64], trained: int) -> Figure:
    """The area of training windows over the others, by what they lose beyond their difficulty.

    Args:
        lost: (N,) bits a base; the first ``trained`` windows were trained on.
        difficulty: (N, C) what is taken out by regression, a column of ones among it.
    """
    expected = difficulty @ np.linalg.lstsq(difficulty, lost)[0]
    more = np.round(lost - expected, 9)  # what is below is rounding
    return area_of_two_groups(more[:trained], more[trained:])


def verdict(figures: dict[str, Figure]) -> Verdict:
    """What a reader with these figures is called, see this module."""
    found = figures["membership"]
    value, low = found["value"] or 0.0, found["low"]
    # An area so high that its interval is not known is beyond chance in groups that have one.
    beyond = low > 0.5 if low is not None else "over" in (found.get("no_interval") or "")
    out = figures.get("extracted"), figures.get("extracted_held_out")
    extracted = (
        out[0] is not None
        and out[1] is not None
        and (out[0]["low"] or 0.0) > (1.0 if out[1]["high"] is None else out[1]["high"])
    )
    if extracted or (value >= BY_HEART and beyond):
        return "memorised"
    if value > 0.5 and beyond:
        return "trace"
    return "none found" if low is not None or beyond else "too few windows"


def _bits_and_lost(
    reader: Reader, windows: Sequence[Tokens], neighbours: Sequence[Tokens]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N,) bits a base of each window, and by how much more its neighbours need."""
    found = reader.log_likelihoods([*windows, *neighbours])
    bits = np.array([own.bits_per_base for own in found]).reshape(-1, len(windows))
    return bits[0], bits[1:].mean(0) - bits[0]


def _neighbour(window: Tokens, generator: np.random.Generator) -> Tokens:
    """One base in twenty as another one; unknown ones stay."""
    count = max(1, round(CHANGED * len(window)))
    places = generator.choice(len(window), count, replace=False)
    found = window.copy()
    other = (window[places] + generator.integers(1, 4, count)) % 4
    found[places] = np.where(window[places] < dna.UNKNOWN, other, window[places])
    return found


def _extracted(reader: Reader, windows: Sequence[Tokens]) -> Figure:
    asked = [own for own in windows if not _comes(CopyReader(), [own])[0]]
    return share(sum(_comes(reader, asked)), len(asked))


def _comes(reader: Reader, windows: Sequence[Tokens]) -> list[bool]:
    given = reader.continued([own[:-EXTRACTED] for own in windows], EXTRACTED) if windows else []
    return [np.array_equal(a, b[-EXTRACTED:]) for a, b in zip(given, windows, strict=True)]
