"""Every single-base change of a stretch, each scored in the same context window."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.results.scores import Mutagenesis
from hnet_seq.tasks.choices import SCORE_BATCH_TOKENS as BATCH_TOKENS
from hnet_seq.tasks.choices import Strands
from hnet_seq.tasks.scoring.change_effects import (
    Change,
    Scorer,
    calls_of,
    on_strand,
    with_change,
)
from hnet_seq.tasks.scoring.sequences import check_scoring
from hnet_seq.tasks.scoring.variant_windows import WINDOW, check_window
from hnet_seq.train.precision import computing_in
from hnet_seq.train.predict import computing
from modalities import dna
from modalities.base import Tokens
from modalities.errors import UsageError
from modalities.given import Given, one_sequence
from pipelines.formats.genome import Genome
from pipelines.formats.regions import parse_region
from pipelines.progress import progress_bar


@dataclass(frozen=True)
class Stretch:
    """Where the changes are made: 0-based bounds in a record, and the context around them.

    Attributes:
        context: (W,) tokens of the record from ``context_start`` on.
    """

    name: str
    start: int
    end: int
    context_start: int
    context: Tokens

    @property
    def reference(self) -> Tokens:
        """(L,) the bases that are changed."""
        first = self.start - self.context_start
        return self.context[first : first + self.end - self.start]


def find_stretch(
    genome: Genome, region: str, window: int = WINDOW, parameter: str = "mutagenesis"
) -> Stretch:
    """``NAME:START-END`` in the middle of ``window`` bases; a longer stretch is its own context.

    At the ends of a record the window moves inwards, and a shorter record goes in whole.

    Args:
        parameter: what the region was given as, for errors.

    Raises:
        UsageError: no region, or no window.
        InputError: no such record, or bases beyond it.
    """
    check_window(window)
    name, start, end = parse_region(region, genome.lengths, genome.path, parameter)
    first, last = around(start, end, genome.lengths[name], window)
    return Stretch(name, start, end, first, genome.fetch(name, first, last))


def around(start: int, end: int, record: int, window: int = WINDOW) -> tuple[int, int]:
    """Bounds of the context of a stretch of a record of so many bases, see :func:`find_stretch`."""
    length = min(max(window, end - start), record)
    first = min(max(0, (start + end) // 2 - length // 2), record - length)
    return first, first + length


def saturation_mutagenesis(
    model: HNetForCausalLM,
    tokens: Given,
    *,
    start: int = 0,
    end: int | None = None,
    strands: Strands = "average",
    batch_tokens: int = BATCH_TOKENS,
    device: str | torch.device | None = None,
    precision: str = "fp32",
    progress: bool = False,
) -> NDArray[np.float64]:
    """(L, 4) log-likelihood of the sequence with A, C, G or T there less that without, nats.

    0 at the letter that stands there; NaN where that is unknown. On a CPU each of the 3 L sequences
    of W bases goes through the model from its change on, on each strand, and what lies before goes
    once; on a GPU they go through whole.

    Args:
        tokens: the context, (W,) tokens or letters, one sequence.
        start, end: 0-based bounds of what is changed; all of it by default.
        strands: ``average``, the mean of both strands; ``none``, as given.
        batch_tokens: bases of one forward call.
        device: None is the model's own accelerator, else a GPU if there is one, else the CPU.
        precision: of the forward calls, see :mod:`hnet_seq.train.precision`.
        progress: show a bar.

    Raises:
        UsageError: bounds outside the context, unknown strands, or ``batch_tokens`` below 1.
        InputError: a model of something else, or letters that are not DNA.
    """
    check_scoring(model, strands, batch_tokens)
    context = one_sequence(tokens, dna.DNA, model.config.vocab_size, parameter="tokens")
    end = len(context) if end is None else end
    if not 0 <= start < end <= len(context):
        raise UsageError("start, end", f"{start} to {end} is not within 0 to {len(context)}")
    found = no_effects(context, start, end, strands)
    total = len(found) * 3 * int(np.count_nonzero(np.isin(context[start:end], dna.BASES)))
    bar = progress_bar("mutagenesis", total, unit="sequence", progress=progress)
    with bar, computing(model, device) as where, computing_in(precision, where):
        calls = list(calls_of(model, context, start, end, strands, batch_tokens))
        effects = Scorer(model, context, calls, batch_tokens)
        for call in calls:
            fill(found, start, call, effects(call))
            bar.update(len(call))
    mean: NDArray[np.float64] = found.mean(0)
    return mean


def no_effects(context: Tokens, start: int, end: int, strands: Strands) -> NDArray[np.float64]:
    """(1 or 2, L, 4): 0 at the letters that stand there, NaN elsewhere."""
    found = np.full((1 + (strands == "average"), end - start, 4), math.nan)
    for index, letter in enumerate(context[start:end].tolist()):
        if letter in dna.BASES:
            found[:, index, letter] = 0.0
    return found


def fill(
    found: NDArray[np.float64], start: int, changes: Iterable[Change], effects: Iterable[float]
) -> None:
    """Put the effects of changes in their places."""
    for (strand, place, letter), effect in zip(changes, effects, strict=True):
        found[strand, place - start, letter] = effect


def markov_mutagenesis(
    markov: MarkovModel, stretch: Stretch, *, strands: Strands
) -> NDArray[np.float64]:
    """(L, 4) the same differences of a Markov model counted without the context."""
    context, first = stretch.context, stretch.start - stretch.context_start
    length = stretch.end - stretch.start
    found = no_effects(context, first, first + length, strands)
    with markov.without(context):
        for strand in range(len(found)):
            own = dna.reverse_complement(context) if strand else context
            for index in range(length):
                if context[first + index] not in dna.BASES:
                    continue
                for letter in dna.BASES:
                    place, changed = on_strand((strand, first + index, letter), len(own))
                    # Only the words that hold the change differ.
                    begin = max(0, place - markov.order)
                    near = slice(begin, place + markov.order + 1)
                    mutant = with_change(own, place, changed)
                    values = [markov.log_likelihoods(x[near]) for x in (mutant, own)]
                    begin = place - begin
                    found[strand, index, letter] = float(
                        values[0][begin:].sum() - values[1][begin:].sum()
                    )
    mean: NDArray[np.float64] = found.mean(0)
    return mean


def mutagenesis_record(
    stretch: Stretch,
    llr: NDArray[np.float64],
    markov_llr: NDArray[np.float64],
    about: dict[str, Any],
    genome: str | Path,
) -> Mutagenesis:
    """The file beside the table."""
    found = {
        "genome": Path(genome).name,
        "name": stretch.name,
        "start": stretch.start + 1,
        "end": stretch.end,
        "context_start": stretch.context_start + 1,
        "context_end": stretch.context_start + len(stretch.context),
        "reference": dna.decode(stretch.reference),
        "llr": _rows(llr),
        "markov_llr": _rows(markov_llr),
    }
    return Mutagenesis.of(about | found)


def _rows(matrix: NDArray[np.float64]) -> list[list[float | None]]:
    return [[None if math.isnan(x) else round(x, 6) for x in row] for row in matrix.tolist()]
