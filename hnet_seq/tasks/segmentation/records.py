"""The records of a genome through a model, in one pass each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from hnet_seq.analysis.cutting import Stretch, cut
from hnet_seq.analysis.record_boundaries import RecordBoundaries
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.streaming import CACHE_LIMIT, CacheLimitError, attention_window
from hnet_seq.tasks.segmentation.common import check_stages
from modalities.errors import InputError, UsageError
from pipelines.genome import Genome
from pipelines.progress import progress_bar
from pipelines.regions import parse_region

LEFT_CONTEXT = 8192  # bases
BATCH_TOKENS = 8192  # bases; twice that takes 140 MB more and the same time


def segment(
    model: HNetForCausalLM,
    genome: str | Path | Genome,
    *,
    region: str | None = None,
    left_context: int = LEFT_CONTEXT,
    batch_tokens: int = BATCH_TOKENS,
    window: int | None = None,
    cache_limit: int = CACHE_LIMIT,
    progress: bool = False,
) -> Iterator[RecordBoundaries]:
    """Cut every record of a genome, or one region of it, on the model's device.

    Records come in the file's order, and each is what one pass over the whole record gives. Held
    at a time are one forward call of ``batch_tokens`` and about 10 bytes per base of the longest
    record.

    Args:
        genome: FASTA, GenBank or 2bit; or one that is open.
        region: ``NAME`` or ``NAME:START-END``, 1-based and inclusive as samtools has it.
        left_context: bases before a region that the model reads first, if the record has them.
        batch_tokens: bases of one forward call.
        window: positions that global attention sees, instead of all; None leaves the model as it
            is. Without global attention it changes nothing.
        cache_limit: bytes that global attention may cache; a record that needs more is an error.

    Raises:
        UsageError: sizes that cannot be meant, or a malformed region.
        InputError: an unreadable genome, an unknown record, a region outside it, a model that
            has no boundaries or was not trained on DNA, or a record over ``cache_limit``.
    """
    check_model(model)
    check_sizes(left_context, batch_tokens, window)
    source = genome if isinstance(genome, Genome) else Genome(genome)
    spans = region_spans(source, region)
    return segment_stretches(
        model,
        (read_stretch(source, span, left_context) for span in spans),
        path=source.path,
        total=sum(end - start for _, start, end in spans),
        batch_tokens=batch_tokens,
        window=window,
        cache_limit=cache_limit,
        progress=progress,
    )


def check_sizes(left_context: int, batch_tokens: int, window: int | None) -> None:
    """Raise UsageError for sizes that cannot be meant."""
    for name, value, least in (
        ("--left-context", left_context, 0),
        ("--batch-tokens", batch_tokens, 1),
        ("--attention-window", 1 if window is None else window, 1),
    ):
        if value < least:
            raise UsageError(name, f"must be {least} or more; got {value}")


def region_spans(genome: Genome, region: str | None) -> list[tuple[str, int, int]]:
    """Record, start and end of a region, or of every record where there is none; none empty."""
    if region:
        spans = [parse_region(region, genome.lengths, genome.path)]
    else:
        spans = [(name, 0, length) for name, length in genome.lengths.items()]
    return [(name, start, end) for name, start, end in spans if start < end]


def read_stretch(genome: Genome, span: tuple[str, int, int], left_context: int) -> Stretch:
    """A span of a record, with as many bases before it as there are, up to ``left_context``."""
    name, start, end = span
    origin = max(start - left_context, 0)
    return Stretch(name, start, origin, genome.fetch(name, origin, end))


def segment_stretches(
    model: HNetForCausalLM,
    stretches: Iterable[Stretch],
    *,
    path: str | Path,
    total: int,
    batch_tokens: int = BATCH_TOKENS,
    window: int | None = None,
    cache_limit: int = CACHE_LIMIT,
    progress: bool = False,
    on_bases: Callable[[int], object] | None = None,
) -> Iterator[RecordBoundaries]:
    """Cut stretches, none empty, in their order.

    Args:
        path: of the genome that they come from, for errors.
        total: bases of all of them, for the progress bar.
        on_bases: told the bases that are done after each call, instead of a bar.

    Raises:
        InputError: a stretch needs more than ``cache_limit`` bytes.
    """
    bar = progress_bar("segment", total, unit="base", progress=progress)
    on_bases = on_bases or bar.update
    return _segment(model, path, stretches, batch_tokens, window, cache_limit, bar, on_bases)


def _segment(
    model: HNetForCausalLM,
    path: str | Path,
    stretches: Iterable[Stretch],
    batch_tokens: int,
    window: int | None,
    cache_limit: int,
    bar: tqdm[Any],
    on_bases: Callable[[int], object],
) -> Iterator[RecordBoundaries]:
    with bar, attention_window(model, window):
        try:
            yield from cut(model, stretches, batch_tokens, cache_limit, on_bases)
        except CacheLimitError as error:
            raise InputError(
                path,
                f"{error} (--attention-window, --cache-limit)",
                where=f"record {error.key}",
            ) from None


def check_model(model: HNetForCausalLM, checkpoint: str | Path | None = None) -> None:
    """Raise InputError unless the model cuts DNA."""
    modality = model.metadata.get("modality")
    if modality != "dna":
        found = f"was trained on {modality}" if modality else "does not say what it was trained on"
        raise InputError(checkpoint, f"the model {found}; segment needs one trained on DNA")
    check_stages(model, checkpoint)
