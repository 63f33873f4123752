"""Recall of training sequence: does a model know the very windows that it was trained on.

Three measures of the field, of genomic models last by Nemecek et al. 2026 (arXiv 2603.08913):

- ``likelihood``: how often a training window has fewer bits a base than a held-out one (the attack
  by loss of Yeom et al. 2018). Where the two come from regions of other composition or with more
  repeats, it is off 0.5 without any memory.
- ``membership``: the same of what a window loses when one base in twenty is changed at random, the
  comparison with neighbours of Mattern et al. 2023 (arXiv 2305.18462). Who has a window by heart
  loses more where it was trained. But so does everybody in a region that is easier to predict, or
  that repeats itself: what a Markov model of low order, counted on both kinds of windows alike, and
  one that copies what followed before in the window need for it and lose there is taken out by
  regression first (difficulty calibration, Watson et al. 2022, arXiv 2111.08440).
- ``beyond_twin``: ``membership`` of the model minus that of its untrained twin on the same windows,
  which has read neither kind: what regression leaves of a difference between them, it has too.
- ``extracted``: the share of training windows whose last 32 bases come, all of them, when the model
  goes on from what is before (Carlini et al. 2023, arXiv 2202.07646), beside ``extracted_held_out``
  of windows that it never saw, which repeats of the genome explain. Windows that hold the answer
  before it, so that copying finds it, are not asked.

The verdict is of the model's row, and nothing but ``none found`` is said without a twin:

- ``memorised``: a training window is told from a held-out one in three of four cases or more
  (``membership`` 0.75), beyond chance and beyond the twin; or more is extracted of training than of
  held-out windows, beyond both intervals, and more than the twin extracts of training windows;
- ``trace``: ``membership`` is above 0.5 beyond chance, and beyond the twin's;
- ``none found``: neither. A model that keeps its data in a way that these do not ask for has none;
- ``not judged``: one of them but for the twin, which is not there or has as much; or windows of the
  two kinds that are told apart by their difficulty alone (``told_by_difficulty`` 0.9 or more): what
  a straight line leaves of so large a difference is no memory;
- ``too few windows``: under 10 of a kind.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.baselines.markov import MarkovModel, order_for
from hnet_seq.evidence.zero_shot.counting import CopyReader, MarkovReader
from hnet_seq.evidence.zero_shot.figures import (
    Kind,
    Readers,
    area,
    area_of_two_groups,
    areas_apart,
    figure,
    rows_of,
    share,
)
from hnet_seq.evidence.zero_shot.reader import Reader, likelihoods
from hnet_seq.results.zero_shot import Figure, ZeroShotTest
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError

CHANGED = 0.05  # of the bases of a neighbour
NEIGHBOURS = 2  # of each window, whose mean counts
EXTRACTED = 32  # bases that have to come
BY_HEART = 0.75
WORDS = (8, 12)  # that agree where a window is copied from itself
TOLD_APART = 0.9  # by difficulty alone: beyond it nothing is judged

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

    Raises:
        InputError: a window stands among both.
    """
    check_apart(train, held_out)
    generator = np.random.default_rng(seed)
    windows = [*train, *held_out]
    neighbours = [neighbour(own, generator) for _ in range(NEIGHBOURS) for own in windows]

    seen, unseen = slice(0, len(train)), slice(len(train), None)
    difficulty = difficulty_of(windows, neighbours)
    apart = told_by_difficulty(difficulty, len(train))
    beyond: dict[int, NDArray[np.float64]] = {}

    def measure(reader: Reader) -> dict[str, Figure]:
        bits, lost = bits_and_lost(reader, windows, neighbours)
        more = beyond[id(reader)] = beyond_difficulty(lost, difficulty)
        figures = {
            "membership": area_of_two_groups(more[seen], more[unseen]),
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
    of: dict[Kind, tuple[Reader, dict[str, Figure]]] = {}
    for (kind, reader), row in zip(readers, rows, strict=True):
        if row["figures"]:
            of.setdefault(kind, (reader, row["figures"]))
    said = None
    if "model" in of:
        model, own = of["model"]
        untrained, of_twin = of.get("twin", (None, None))
        if untrained is not None:
            own["beyond_twin"] = areas_apart(beyond[id(model)], beyond[id(untrained)], len(train))
        said = verdict(own, of_twin, apart < TOLD_APART)
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
            "told_by_difficulty": round(apart, 4),
            "seed": seed,
        },
        rows=rows,
        verdict=said,
    )


def check_apart(train: Sequence[Tokens], held_out: Sequence[Tokens]) -> None:
    """Raise InputError where a window stands among both."""
    twice = {own.tobytes() for own in train} & {own.tobytes() for own in held_out}
    if twice:
        raise InputError(
            None,
            f"{len(twice)} of {len(held_out)} windows stand in the training data, too; hold out "
            "what the model never saw",
            where="held_out",
        )


def difficulty_of(windows: Sequence[Tokens], neighbours: Sequence[Tokens]) -> NDArray[np.float64]:
    """(N, C) of windows: one, and what counting and copying need for them and lose there."""
    readers = [*counting(windows), *(CopyReader(word) for word in WORDS)]
    columns = [bits_and_lost(own, windows, neighbours) for own in readers]
    return np.stack([np.ones(len(windows)), *(column for own in columns for column in own)], 1)


def counting(windows: Sequence[Tokens]) -> list[MarkovReader]:
    """What is counted on windows of both kinds alike."""
    orders = sorted({2, order_for(sum(map(len, windows)))})
    return [MarkovReader(MarkovModel(windows, order)) for order in orders]


def beyond_difficulty(
    lost: NDArray[np.float64], difficulty: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(N,) what windows lose beyond their difficulty.

    Args:
        lost: (N,) bits a base.
        difficulty: (N, C) what is taken out by regression, a column of ones among it.
    """
    expected = difficulty @ np.linalg.lstsq(difficulty, lost)[0]
    return np.asarray(np.round(lost - expected, 9))  # what is below is rounding


def told_by_difficulty(difficulty: NDArray[np.float64], trained: int) -> float:
    """The area by which a straight line through the difficulty tells the two kinds apart."""
    kind = (np.arange(len(difficulty)) < trained) + 0.0
    said = np.round(difficulty @ np.linalg.lstsq(difficulty, kind)[0], 9)
    return area(said[:trained], said[trained:])


def verdict(
    figures: dict[str, Figure], twin: dict[str, Figure] | None, comparable: bool = True
) -> Verdict:
    """What a reader with these figures is called, see this module.

    Args:
        twin: the figures of its untrained twin.
        comparable: windows of the two kinds are not told apart by their difficulty alone.
    """
    found = figures["membership"]
    value, low = found["value"] or 0.0, found["low"]
    # An area so high that its interval is not known is beyond chance in groups that have one.
    ranked = low is not None or "over" in (found.get("no_interval") or "")
    remembers = value > 0.5 and (ranked if low is None else low > 0.5)
    out, other = figures.get("extracted"), figures.get("extracted_held_out")
    extracts = _more(out, other)
    if not (ranked or extracts):
        return "too few windows"
    if not comparable:
        return "not judged"
    if not (remembers or extracts):
        return "none found"
    if twin is None:
        return "not judged"
    apart = figures["beyond_twin"]["low"] if "beyond_twin" in figures else None
    remembers = remembers and apart is not None and apart > 0
    extracts = extracts and _more(out, twin.get("extracted"))
    if extracts or (remembers and value >= BY_HEART):
        return "memorised"
    return "trace" if remembers else "not judged"


def _more(one: Figure | None, other: Figure | None) -> bool:
    """Whether a share is above another beyond both intervals."""
    if one is None or other is None or one["low"] is None or other["high"] is None:
        return False
    return one["low"] > other["high"]


def bits_and_lost(
    reader: Reader, windows: Sequence[Tokens], neighbours: Sequence[Tokens]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N,) bits a base of each window, and by how much more its neighbours need."""
    found = likelihoods(reader, [*windows, *neighbours])
    bits = np.array([own.bits_per_base for own in found]).reshape(-1, len(windows))
    return bits[0], bits[1:].mean(0) - bits[0]


def neighbour(window: Tokens, generator: np.random.Generator) -> Tokens:
    """One base in twenty as another one; unknown ones stay."""
    count = max(1, round(CHANGED * len(window)))
    places = generator.choice(len(window), count, replace=False)
    found = window.copy()
    other = (window[places] + generator.integers(1, 4, count)) % 4
    found[places] = np.where(window[places] < dna.UNKNOWN, other, window[places])
    return found


def _extracted(reader: Reader, windows: Sequence[Tokens]) -> Figure:
    asked = [own for own in windows if not _comes(CopyReader(), [own])[0]]
    try:
        return share(sum(_comes(reader, asked)), len(asked))
    except InputError as error:  # a context that ends before; what else was measured stands
        return figure(None, 0, no_interval=f"{error}")


def _comes(reader: Reader, windows: Sequence[Tokens]) -> list[bool]:
    given = reader.continued([own[:-EXTRACTED] for own in windows], EXTRACTED) if windows else []
    return [np.array_equal(a, b[-EXTRACTED:]) for a, b in zip(given, windows, strict=True)]
