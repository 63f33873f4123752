"""The record of an explanation, of what was computed and what takes seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnet_seq.analysis.dependency_controls import above
from hnet_seq.analysis.paired_arms import Arms, contrast
from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.results.dependency_map import DependencyMap, packed
from hnet_seq.results.explanation import (
    MARKOV,
    MODEL,
    SHUFFLED,
    TWIN,
    Agrees,
    BaseTracks,
    ChunkEffect,
    Control,
    Explanation,
    PairedArms,
)
from hnet_seq.tasks.explaining.attributed import agrees, attributed
from hnet_seq.tasks.explaining.markov_map import markov_map
from hnet_seq.tasks.explaining.work import Found, Work
from modalities import dna

Floats = NDArray[np.float64]


def finish(
    model: HNetLanguageModel,
    work: Work,
    found: Found,
    *,
    name: str,
    origin: int,
    markov: MarkovModel | None,
    counted: bool,
    pairs: Mapping[str, Sequence[Arms]],
    seed: int,
    batch_tokens: int,
    about: Mapping[str, Any] | None = None,
) -> Explanation:
    """The record of what was computed, with what takes seconds.

    Args:
        origin: 0-based place in the record of the first base that is read.
        counted: ``markov`` was counted on what is read.
    """
    window = work.window
    start = origin + window.start
    own = found.maps[0][1]
    controls: dict[str, list[Floats]] = {}
    for what, values in found.maps[1:]:
        controls.setdefault(what, []).append(values)
    order = None if markov is None else markov.order
    if markov is not None:
        both = work.strands == 2 or not work.causal
        controls[MARKOV] = [markov_map(markov, window, both_strands=both, counted=counted)]
    apart = 1 if order is None else order + 1
    beside = {what: controls[what] for what in (SHUFFLED, TWIN) if what in controls}
    rows = [
        above(what, own, maps, least)
        for what, maps in beside.items()
        for least in dict.fromkeys((1, apart))
    ]
    of_pairs = [
        row
        for label, arms in pairs.items()
        for row in contrast(label, {MODEL: [own], **controls}, arms, seed=seed)
    ]
    bases: BaseTracks | None = None
    chunks: list[ChunkEffect] = []
    agreement: list[Agrees] = []
    if isinstance(model, HNetForCausalLM):
        bases, chunks, agreement = attributed(model, work, found, start, seed, batch_tokens)
    if MARKOV in controls and apart > 1:
        agreement.append(_as_markov(own, controls[MARKOV][0], apart))
    return Explanation(
        **(about or {}),
        name=name,
        start=start + 1,
        end=start + window.length,
        context_start=origin + 1,
        context_end=origin + len(window.tokens),
        reference=dna.decode(window.letters),
        seed=seed,
        shuffles=len(controls.get(SHUFFLED, [])),
        baselines=len(work.baselines),
        steps=work.steps,
        change=_mean([own.change for own in found.integrated]),
        missed=_mean([own.missed for own in found.integrated]),
        dependencies=map_record(own, name, start, work),
        arms=[
            PairedArms(
                name=label,
                first=[start + each.first[0] + 1, start + each.first[1]],
                second=[start + each.second[0] + 1, start + each.second[1]],
                stem=each.stem,
            )
            for label, arms in pairs.items()
            for each in arms
        ],
        controls=[
            Control(
                of=what,
                values=packed(values),
                order=order if what == MARKOV else None,
                counted_without=counted if what == MARKOV else None,
            )
            for what, maps in controls.items()
            for values in maps
        ],
        above=[row for row in rows if row is not None],
        of_pairs=of_pairs,
        bases=bases,
        chunks=chunks,
        agreement=agreement,
    )


def _as_markov(own: Floats, other: Floats, apart: int) -> Agrees:
    """Rank correlation of two maps over pairs that the Markov model can know of."""
    length = len(own)
    near = np.abs(np.subtract.outer(np.arange(length), np.arange(length))) < apart
    values = {"model": own[near], "markov": other[near]}
    return agrees(f"pairs within {apart - 1} bases", "model", "markov", values)


def map_record(values: Floats, name: str, start: int, work: Work) -> DependencyMap:
    """Args: start: 0-based place of the stretch in its record."""
    return DependencyMap(
        name=name,
        start=start + 1,
        reference=dna.decode(work.window.letters),
        reads="both sides" if not work.causal else "strands" if work.strands == 2 else "forward",
        values=packed(values),
    )


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 6) if values else None
