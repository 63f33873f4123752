"""Dependency maps and explanations from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import torch

from hnet_seq.analysis.paired_arms import Arms, check_arms
from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.results.dependency_map import DependencyMap
from hnet_seq.results.explanation import Explanation
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
from hnet_seq.tasks.explaining.finish import finish, map_record
from hnet_seq.tasks.explaining.substituted import Window
from hnet_seq.tasks.explaining.work import Found, Work, plan
from hnet_seq.train.predict import computing
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError, UsageError
from modalities.given import Given, named_sequences
from pipelines.progress import progress_bar


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
    name, window = _given(model, sequence, start, end, strands, batch_tokens)
    work = plan(model, window, strands=strands)
    with computing(model, device):
        found = _compute(model, None, work, batch_tokens, progress)
    return map_record(found.maps[0][1], name, start, work)


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
        markov: of the genome, see :func:`hnet_seq.count_markov`; None leaves it out. If it was
            counted on this sequence too, that speaks for itself in it: the verb takes it off.
        pairs: by name stretches that pair, :class:`hnet_seq.Arms` in the stretch, no pair
            twice in one.
        shuffles: sequences with the same dinucleotides whose map is a control.
        baselines: of integrated gradients, shuffled stretches; ``steps`` on the way from each.
        seed: of all draws.

    Raises:
        UsageError: bounds that are none or too far apart, or numbers below 0.
        InputError: a model of something else, letters that are not DNA, a twin that is no model of
            its kind, or pairs that are none in the stretch.
    """
    for what, value in {"shuffles": shuffles, "baselines": baselines, "seed": seed}.items():
        if value < 0:
            raise UsageError(what, f"is {value}; expected 0 or more")
    if steps < 1:
        raise UsageError("steps", f"is {steps}; expected 1 or more")
    name, window = _given(model, sequence, start, end, strands, batch_tokens)
    if twin is not None:
        check_explained(twin, "twin")
        if isinstance(twin, HNetForCausalLM) != isinstance(model, HNetForCausalLM):
            said = "is causal and the model masked, or the other way round; give the model's own"
            raise InputError(None, said, where="twin")
    if markov is not None and not isinstance(markov, MarkovModel):
        said = f"is {type(markov).__name__}; expected what hnet_seq.count_markov gives"
        raise InputError(None, said, where="markov")
    check_arms(pairs or {}, window.length)
    work = plan(
        model,
        window,
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


def _given(
    model: HNetLanguageModel,
    sequence: Given,
    start: int,
    end: int | None,
    strands: str,
    batch_tokens: int,
) -> tuple[str, Window]:
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
    check_stretch(tokens[start:end], None, "sequence")
    return name, Window(tokens, start, end)


def check_explained(model: HNetLanguageModel, parameter: str = "model") -> None:
    """Raise InputError for a model of which there is no map."""
    if not isinstance(model, HNetLanguageModel):
        said = f"is {type(model).__name__}; expected a language model of DNA"
        raise InputError(None, said, where=parameter)
    check_modality(model)


def check_stretch(letters: Tokens, source: str | Path | None, parameter: str) -> None:
    """Raise UsageError for a stretch whose map would be too large, InputError for one without a
    pair of known bases."""
    bases = len(letters)
    if bases > 1 and (letters <= max(dna.BASES)).sum() < 2:
        said = "has not two known bases, of which one could depend on the other; choose another"
        raise InputError(source, said, where=parameter)
    if not 2 <= bases <= EXPLAIN_MOST_BASES:
        raise UsageError(
            parameter.removeprefix("--"),
            f"is {bases:,} bases; a map is of 2 to {EXPLAIN_MOST_BASES:,}",
        )
