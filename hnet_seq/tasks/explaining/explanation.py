"""Explanations from Python, and what the verb makes of what was computed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hnet_seq.analysis.dependency_controls import Arms, above, contrast
from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.evidence.measures.spearman import spearman
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.results.explanation import (
    MARKOV,
    MODEL,
    SHUFFLED,
    TWIN,
    Agrees,
    BaseTracks,
    ChunkEffect,
    Control,
    DependencyMap,
    Explanation,
    PairedArms,
    packed,
)
from hnet_seq.tasks.choices import (
    EXPLAIN_BASELINES,
    EXPLAIN_MOST_BASES,
    EXPLAIN_SHUFFLES,
    EXPLAIN_STEPS,
    STRANDS,
    Strands,
)
from hnet_seq.tasks.choices import SCORE_BATCH_TOKENS as BATCH_TOKENS
from hnet_seq.tasks.embedding.vectors import check_modality
from hnet_seq.tasks.explaining.chunk_effects import Effect, chunk_effects
from hnet_seq.tasks.explaining.gradients import Attribution, gradient_by_input, over_others
from hnet_seq.tasks.explaining.markov_map import markov_map
from hnet_seq.tasks.explaining.substituted import Part
from hnet_seq.tasks.explaining.work import Found, Work, mean_of_strands, plan
from hnet_seq.train.predict import computing
from modalities import dna
from modalities.errors import InputError, UsageError
from modalities.given import Given, named_sequences
from pipelines.progress import progress_bar

Floats = NDArray[np.float64]
CHUNK_DRAWS = 3  # other orders of a chunk's letters
_FEWEST = 3  # that a rank correlation is of


def dependency_map(
    model: HNetLanguageModel,
    sequence: Given,
    *,
    start: int = 0,
    end: int | None = None,
    strands: Strands = "average",
    batch_tokens: int = BATCH_TOKENS,
    device: str | torch.device | None = None,
    progress: bool = False,
) -> DependencyMap:
    """How much each base of a stretch changes what the model expects of each other one.

    Base i is substituted by each of the three other letters; the dependency of j on i is the
    largest size, over these and over the letters at j, of the change of log2 odds at j (Tomaz da
    Silva et al., Nature Genetics 57, 2025). A causal model sees what lies before j, so i before j
    is read on the sequence and i behind j on its reverse complement. A masked model is shown the
    sequence as it is, as there.

    Args:
        model: of DNA, causal or masked.
        sequence: letters, or tokens (W,); one sequence, which may have a name.
        start, end: 0-based bounds of the stretch; what lies around it is read with it.
        strands: ``none`` leaves the second half of a causal model's map out.
        batch_tokens: bases of one forward call.
        device: None is the model's own accelerator, else a GPU if there is one, else the CPU.
        progress: show a bar.

    Raises:
        UsageError: bounds that are none or too far apart, or other strands.
        InputError: a model of something else, or letters that are not DNA.
    """
    name, part = _given(model, sequence, start, end, strands, batch_tokens)
    work = _plan(model, part, strands=strands)
    with computing(model, device):
        found = _compute(model, None, work, batch_tokens, progress)
    return _map(found.maps[0][1], name, start, work)


def explain(
    model: HNetLanguageModel,
    sequence: Given,
    *,
    start: int = 0,
    end: int | None = None,
    twin: HNetLanguageModel | None = None,
    markov: MarkovModel | None = None,
    pairs: Mapping[str, Sequence[Arms]] | None = None,
    strands: Strands = "average",
    shuffles: int = EXPLAIN_SHUFFLES,
    baselines: int = EXPLAIN_BASELINES,
    steps: int = EXPLAIN_STEPS,
    seed: int = 0,
    batch_tokens: int = BATCH_TOKENS,
    device: str | torch.device | None = None,
    progress: bool = False,
) -> Explanation:
    """A dependency map beside its controls, attributions by base, and effects of chunks.

    Args:
        model, sequence, start, end, strands, batch_tokens, device, progress: as for
            :func:`dependency_map`.
        twin: the same with the weights that training began with
            (``from_pretrained(..., twin=True)``); None leaves this control out.
        markov: of the genome, see :func:`hnet_seq.count_markov`; None leaves it out.
        pairs: by name stretches that pair, :class:`hnet_seq.analysis.dependency_controls.Arms`.
        shuffles: sequences with the same dinucleotides whose map is a control.
        baselines: of integrated gradients, shuffled stretches; ``steps`` on the way from each.
        seed: of all draws.

    Raises:
        UsageError: bounds that are none or too far apart, or numbers below 0.
        InputError: a model of something else, or letters that are not DNA.
    """
    for what, value in {"shuffles": shuffles, "baselines": baselines, "seed": seed}.items():
        if value < 0:
            raise UsageError(what, f"is {value}; expected 0 or more")
    if steps < 1:
        raise UsageError("steps", f"is {steps}; expected 1 or more")
    name, part = _given(model, sequence, start, end, strands, batch_tokens)
    work = _plan(
        model,
        part,
        strands=strands,
        twin=twin is not None,
        shuffles=shuffles,
        baselines=baselines,
        steps=steps,
        seed=seed,
    )
    with ExitStack() as stack:
        for each in (model, twin):
            if each is not None:
                stack.enter_context(computing(each, device))
        found = _compute(model, twin, work, batch_tokens, progress)
        return finish(
            model,
            work,
            found,
            name=name,
            origin=0,
            markov=markov,
            counted=False,
            pairs=pairs or {},
            seed=seed,
            batch_tokens=batch_tokens,
        )


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
    part = work.part
    start = origin + part.start
    own = found.maps[0][1]
    controls: dict[str, list[Floats]] = {}
    for what, values in found.maps[1:]:
        controls.setdefault(what, []).append(values)
    order = None if markov is None else markov.order
    if markov is not None:
        both = work.strands == 2 or not work.causal
        controls[MARKOV] = [markov_map(markov, part, both_strands=both, counted=counted)]
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
    bases, chunks, agreement = None, [], []
    if isinstance(model, HNetForCausalLM):
        bases, chunks, agreement = _attributed(model, work, found, start, seed, batch_tokens)
    if MARKOV in controls:
        agreement.append(_as_markov(own, controls[MARKOV][0], apart))
    return Explanation(
        **(about or {}),
        name=name,
        start=start + 1,
        end=start + part.length,
        context_start=origin + 1,
        context_end=origin + len(part.tokens),
        reference=dna.decode(part.letters),
        seed=seed,
        shuffles=len(controls.get(SHUFFLED, [])),
        baselines=len(work.baselines),
        steps=work.steps,
        change=_mean([own.change for own in found.integrated]),
        missed=_mean([own.missed for own in found.integrated]),
        dependencies=_map(own, name, start, work),
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
            Control(of=what, values=packed(values), order=order if what == MARKOV else None)
            for what, maps in controls.items()
            for values in maps
        ],
        above=[row for row in rows if row is not None],
        of_pairs=of_pairs,
        bases=bases,
        chunks=chunks,
        agreement=agreement,
    )


def _attributed(
    model: HNetForCausalLM, work: Work, found: Found, start: int, seed: int, batch_tokens: int
) -> tuple[BaseTracks, list[ChunkEffect], list[Agrees]]:
    """What depends on the log-likelihood, which a causal model has."""
    parts = [work.part, work.part.reverse_complement][: work.strands]
    gradients = [gradient_by_input(model, part) for part in parts]
    changed = [
        Attribution(over_others(effects), own.own)
        for effects, own in zip(found.effects, gradients, strict=True)
    ]
    ways = {"gradient": gradients, "integrated": list(found.integrated), "mutagenesis": changed}
    chunks: list[ChunkEffect] = []
    generator = np.random.default_rng(seed)
    for strand, part in enumerate(parts):
        for effect in chunk_effects(
            model, part, draws=CHUNK_DRAWS, generator=generator, batch_tokens=batch_tokens
        ):
            sums = {
                way: own[strand].behind[effect.start : effect.end].sum() if own else math.nan
                for way, own in ways.items()
            }
            chunks.append(_chunk(effect, strand, start, part.length, sums))
    totals = {way: mean_of_strands([x.total for x in own]) for way, own in ways.items()}
    owns = {way: mean_of_strands([x.own for x in own]) for way, own in ways.items()}
    agreement = []
    for items, values in (
        ("bases", totals),
        ("bases, of those behind", {way: totals[way] - owns[way] for way in ways}),
    ):
        for one in ("gradient", "integrated"):
            if len(values[one]):
                agreement.append(_agrees(items, one, "mutagenesis", values))
    for stage in sorted({own.stage for own in chunks}):
        some = [own for own in chunks if own.stage == stage]
        columns = {
            way: np.array([_float(getattr(own, way)) for own in some])
            for way in ("deleted", "shuffled", *ways)
        }
        agreement += [
            _agrees(f"chunks of stage {stage}", one, "deleted", columns)
            for one in ("shuffled", *(way for way, own in ways.items() if own))
        ]
    length = work.part.length
    tracks = {
        "own": owns["gradient"],
        "gradient": totals["gradient"],
        "mutagenesis": totals["mutagenesis"],
        "integrated": totals["integrated"],
        "integrated_own": owns["integrated"],
    }
    shown = {
        what: _rounded(values) if len(values) else [None] * length
        for what, values in tracks.items()
    }
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


def _agrees(items: str, one: str, other: str, values: Mapping[str, Floats]) -> Agrees:
    known = ~(np.isnan(values[one]) | np.isnan(values[other]))
    count = int(known.sum())
    rho = None
    if count >= _FEWEST:
        rho = spearman(values[one][known], values[other][known], interval=False)["rho"]
    rounded = None if rho is None else round(rho, 6)
    return Agrees(items=items, one=one, other=other, rho=rounded, n=count)


def _as_markov(own: Floats, other: Floats, apart: int) -> Agrees:
    """Rank correlation of two maps over pairs that the Markov model can know of."""
    length = len(own)
    near = np.abs(np.subtract.outer(np.arange(length), np.arange(length))) < apart
    values = {"model": own[near], "markov": other[near]}
    return _agrees(f"pairs within {apart - 1} bases", "model", "markov", values)


def _map(values: Floats, name: str, start: int, work: Work) -> DependencyMap:
    """Args: start: 0-based place of the stretch in its record."""
    return DependencyMap(
        name=name,
        start=start + 1,
        reference=dna.decode(work.part.letters),
        reads="both sides" if not work.causal else "strands" if work.strands == 2 else "forward",
        values=packed(values),
    )


def _compute(
    model: HNetLanguageModel,
    twin: HNetLanguageModel | None,
    work: Work,
    batch_tokens: int,
    progress: bool,
) -> Found:
    def model_of(is_twin: bool) -> HNetLanguageModel:
        chosen = twin if is_twin else model
        assert chosen is not None
        return chosen

    items = list(work.items())
    total = sum(map(work.tokens, items))
    with progress_bar("explain", total, unit="base", progress=progress) as bar:
        values = []
        for item in items:
            values.append((item, work.compute(model_of, item, batch_tokens)))
            bar.update(work.tokens(item))
    return work.found(values)


def _plan(
    model: HNetLanguageModel,
    part: Part,
    *,
    strands: Strands,
    twin: bool = False,
    shuffles: int = 0,
    baselines: int = 0,
    steps: int = 1,
    seed: int = 0,
) -> Work:
    return plan(
        part,
        causal=isinstance(model, HNetForCausalLM),
        both_strands=strands == "average",
        twin=twin,
        shuffles=shuffles,
        baselines=baselines,
        steps=steps,
        seed=seed,
    )


def _given(
    model: HNetLanguageModel,
    sequence: Given,
    start: int,
    end: int | None,
    strands: str,
    batch_tokens: int,
) -> tuple[str, Part]:
    check_explained(model)
    if strands not in STRANDS:
        raise UsageError("strands", f"is {strands!r}; expected none or average")
    if batch_tokens < 1:
        raise UsageError("batch_tokens", f"is {batch_tokens}; expected 1 or more")
    found = list(named_sequences(sequence, dna.DNA, model.config.vocab_size, parameter="sequence"))
    if len(found) > 1:
        raise InputError(None, f"{len(found)} sequences are given; give one", where="sequence")
    ((name, tokens),) = found
    end = len(tokens) if end is None else end
    if not 0 <= start < end <= len(tokens):
        raise UsageError("start, end", f"{start} to {end} is not within 0 to {len(tokens)}")
    check_length(end - start, "start, end")
    return name, Part(tokens, start, end)


def check_explained(model: HNetLanguageModel) -> None:
    """Raise InputError for a model of which there is no map."""
    if not isinstance(model, HNetLanguageModel):
        said = f"is {type(model).__name__}; expected a language model of DNA"
        raise InputError(None, said, where="model")
    check_modality(model)


def check_length(bases: int, parameter: str) -> None:
    """Raise UsageError for a stretch whose map would be too large, or that has no pair."""
    if not 2 <= bases <= EXPLAIN_MOST_BASES:
        raise UsageError(
            parameter,
            f"is {bases:,} bases; a map is of 2 to {EXPLAIN_MOST_BASES:,}, and grows with the square",
        )


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 6) if values else None


def _rounded(values: Sequence[float] | Floats) -> list[float | None]:
    return [None if math.isnan(x) else round(float(x), 6) for x in values]


def _float(value: float | None) -> float:
    return math.nan if value is None else value
