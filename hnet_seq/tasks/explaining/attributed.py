"""What bases and chunks add to the log-likelihood of a stretch, in several ways, and how alike."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.measures.spearman import spearman
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.results.explanation import Agrees, BaseTracks, ChunkEffect
from hnet_seq.tasks.explaining.chunk_effects import Effect, chunk_effects
from hnet_seq.tasks.explaining.gradients import Attribution, gradient_by_input, over_others
from hnet_seq.tasks.explaining.work import Found, Work, mean_of_strands

Floats = NDArray[np.float64]
CHUNK_DRAWS = 3  # other orders of a chunk's letters
_FEWEST = 3  # that a rank correlation is of


def attributed(
    model: HNetForCausalLM, work: Work, found: Found, start: int, seed: int, batch_tokens: int
) -> tuple[BaseTracks, list[ChunkEffect], list[Agrees]]:
    """What depends on the log-likelihood, which a causal model has."""
    parts = [work.window, work.window.reverse_complement][: work.strands]
    gradients = [gradient_by_input(model, window) for window in parts]
    changed = [
        Attribution(over_others(effects), own.own)
        for effects, own in zip(found.effects, gradients, strict=True)
    ]
    ways = {"gradient": gradients, "integrated": list(found.integrated), "mutagenesis": changed}
    chunks: list[ChunkEffect] = []
    generator = np.random.default_rng(seed)
    for strand, window in enumerate(parts):
        for effect in chunk_effects(
            model, window, draws=CHUNK_DRAWS, generator=generator, batch_tokens=batch_tokens
        ):
            sums = {
                way: own[strand].behind[effect.start : effect.end].sum() if own else math.nan
                for way, own in ways.items()
            }
            chunks.append(_chunk(effect, strand, start, window.length, sums))
    totals = {way: mean_of_strands([x.total for x in own]) for way, own in ways.items()}
    owns = {way: mean_of_strands([x.own for x in own]) for way, own in ways.items()}
    behind = {way: mean_of_strands([x.behind for x in own]) for way, own in ways.items()}
    agreement = []
    for items, values in (
        ("bases", totals),
        ("bases, of those behind", behind),
    ):
        agreement += [
            agrees(items, one, "mutagenesis", values)
            for one in ("gradient", "integrated")
            if len(values[one])
        ]
    for stage in sorted({own.stage for own in chunks}):
        some = [own for own in chunks if own.stage == stage]
        columns = {
            way: np.array([_float(getattr(own, way)) for own in some])
            for way in ("deleted", "shuffled", *ways)
        }
        agreement += [
            agrees(f"chunks of stage {stage}", one, "deleted", columns)
            for one in ("shuffled", *(way for way, own in ways.items() if own))
        ]
    length = work.window.length
    tracks = {
        "own": owns["gradient"],
        "gradient": totals["gradient"],
        "mutagenesis": totals["mutagenesis"],
        "integrated": totals["integrated"],
        "integrated_own": owns["integrated"],
    }
    nothing: list[float | None] = [None] * length
    shown = {what: _rounded(own) if len(own) else nothing for what, own in tracks.items()}
    return BaseTracks(**shown), chunks, agreement


def _chunk(
    effect: Effect, strand: int, start: int, length: int, sums: Mapping[str, float]
) -> ChunkEffect:
    first, last = effect.start, effect.end
    if strand:
        first, last = length - last, length - first
    numbers = {"deleted": effect.deleted, "shuffled": effect.shuffled, **sums}
    return ChunkEffect(
        stage=effect.stage,
        strand="-" if strand else "+",
        start=start + first,
        end=start + last,
        kept=effect.kept,
        **{what: _rounded([value])[0] for what, value in numbers.items()},
    )


def agrees(items: str, one: str, other: str, values: Mapping[str, Floats]) -> Agrees:
    known = ~(np.isnan(values[one]) | np.isnan(values[other]))
    count = int(known.sum())
    rho = None
    if count >= _FEWEST:
        rho = spearman(values[one][known], values[other][known], interval=False)["rho"]
    rounded = None if rho is None else round(rho, 6)
    return Agrees(items=items, one=one, other=other, rho=rounded, n=count)


def _rounded(values: Sequence[float] | Floats) -> list[float | None]:
    return [None if math.isnan(x) else round(float(x), 6) for x in values]


def _float(value: float | None) -> float:
    return math.nan if value is None else value
