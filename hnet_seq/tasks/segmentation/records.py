"""The records of a genome through a model, in one pass each."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from hnet_seq.analysis.cutting import Stretch, cut
from hnet_seq.analysis.record_boundaries import CHUNK_COLUMNS, RecordBoundaries
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.streaming import CACHE_LIMIT, CacheLimitError, attention_window
from hnet_seq.results.tables import import_pandas, to_pandas
from hnet_seq.tasks.choices import LEFT_CONTEXT
from hnet_seq.tasks.choices import SEGMENT_BATCH_TOKENS as BATCH_TOKENS
from hnet_seq.train.precision import computed_in
from hnet_seq.train.predict import computing
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError, UsageError
from modalities.given import Given, named_sequences
from pipelines.formats.genome import Genome
from pipelines.formats.regions import Span, region_spans
from pipelines.progress import progress_bar

if TYPE_CHECKING:
    import pandas


def segment(
    model: HNetLanguageModel,
    genome: str | Path | Genome | Given,
    *,
    region: str | None = None,
    left_context: int = LEFT_CONTEXT,
    batch_tokens: int = BATCH_TOKENS,
    window: int | None = None,
    cache_limit: int = CACHE_LIMIT,
    device: str | torch.device | None = None,
    precision: str = "fp32",
    progress: bool = False,
) -> Records:
    """Cut every record of a genome, one region of it, or sequences.

    Records come in their order, and each is what one pass over the whole record gives; of a
    bidirectional model a record over ``batch_tokens`` is read in windows that overlap. Held at a
    time are one forward call of ``batch_tokens`` and about 10 bytes per base of the longest record.
    The model's mode and device are left as they were found.

    Args:
        genome: FASTA, GenBank or 2bit; or one that is open; or sequences, see
            :func:`modalities.given.named_sequences`. A string is a file if there is one of that
            name, else one sequence.
        region: ``NAME`` or ``NAME:START-END`` of a genome, 1-based and inclusive as samtools has
            it.
        left_context: bases before a region that the model reads first, if the record has them; a
            bidirectional model reads as many behind it, of both at most what its windows hold.
        batch_tokens: bases of one forward call.
        window: positions that global attention sees, instead of all; None leaves the model as it
            is. Without global attention it changes nothing.
        cache_limit: bytes that global attention may cache; a record that needs more is an error.
        device: None is the model's own accelerator, else a GPU if there is one, else the CPU.
        precision: of the forward calls, see :mod:`hnet_seq.train.precision`.
        progress: show a bar.

    Returns:
        an iterator of :class:`hnet_seq.analysis.record_boundaries.RecordBoundaries`.

    Raises:
        UsageError: sizes that cannot be meant, or a malformed region.
        InputError: an unreadable genome, an unknown record, a region outside it, sequences that are
            none, a model that has no boundaries or was not trained on DNA, or a record over
            ``cache_limit``.
    """
    check_model(model)
    check_sizes(left_context, batch_tokens, window)
    source = _source(genome, region)
    if isinstance(source, Genome):
        uncut = region_stretches(source, region, left_context, model.bidirectional)
        total = sum(own.end - own.start for own in uncut)
        named, path = [], source.path
    else:
        named = list(named_sequences(source, dna.DNA, model.config.vocab_size, parameter="genome"))
        # Names may repeat; the numbers that stand for them meanwhile do not.
        uncut = [
            Stretch(f"{n}", 0, 0, len(tokens), partial(np.asarray, tokens))
            for n, (_, tokens) in enumerate(named)
        ]
        total, path = sum(len(tokens) for _, tokens in named), None

    def records() -> Iterator[RecordBoundaries]:
        with computing(model, device) as where:
            found = segment_stretches(
                model,
                uncut,
                path=path,
                total=total,
                batch_tokens=batch_tokens,
                window=window,
                cache_limit=cache_limit,
                progress=progress,
            )
            found = computed_in(precision, where, found)
            if path is not None:
                yield from found
            else:
                for (name, _), record in zip(named, found, strict=True):
                    yield replace(record, name=name)

    return Records(records())


class Records(Iterator[RecordBoundaries]):
    """Records as they are cut; none is kept."""

    def __init__(self, records: Iterator[RecordBoundaries]) -> None:
        self._records = records

    def __next__(self) -> RecordBoundaries:
        return next(self._records)

    def __repr__(self) -> str:
        return "<records as they are cut: list(...), or .to_pandas()>"

    def to_pandas(self, stage: int = 0) -> pandas.DataFrame:
        """The chunks of the records that are still to come, a row a chunk; needs pandas."""
        import_pandas()
        rows = [row for record in self for row in record.chunk_rows(stage)]
        return to_pandas(rows, CHUNK_COLUMNS)


def _source(genome: str | Path | Genome | Given, region: str | None) -> Genome | Given:
    """An open genome, or what are sequences."""
    if isinstance(genome, Genome):
        return genome
    if isinstance(genome, Path):
        return Genome(genome, use_index=region is not None)
    if isinstance(genome, str) and genome and (os.path.exists(genome) or not _is_dna(genome)):
        return Genome(genome, use_index=region is not None)
    if region is not None:
        raise UsageError("region", "is of a genome, and sequences are given; cut them yourself")
    return genome


def _is_dna(letters: str) -> bool:
    try:
        return bool(len(dna.encode(letters)))
    except InputError:
        return False


def check_sizes(left_context: int, batch_tokens: int, window: int | None) -> None:
    """Raise UsageError for sizes that cannot be meant."""
    for name, value, least in (
        ("left_context", left_context, 0),
        ("batch_tokens", batch_tokens, 1),
        ("window", 1 if window is None else window, 1),
    ):
        if value < least:
            raise UsageError(name, f"must be {least} or more; got {value}")


def region_stretches(
    genome: Genome, region: str | None, context: int, both_sides: bool
) -> list[Stretch]:
    """A region or all records, with as many bases around as there are, up to ``context``.

    Args:
        both_sides: behind too, for a bidirectional model.
    """
    return [stretch_of(genome, span, context, both_sides) for span in region_spans(genome, region)]


def stretch_of(genome: Genome, span: Span, context: int, both_sides: bool) -> Stretch:
    """One of them."""
    name, start, end = span
    first = max(start - context, 0)
    last = min(end + context, genome.lengths[name]) if both_sides else end

    def read_part(left: int, right: int) -> Tokens:
        return genome.fetch(name, first + left, first + right)

    read = partial(read_part, 0, last - first)
    return Stretch(name, start, first, last - first, read, behind=last - end, read_part=read_part)


def segment_stretches(
    model: HNetLanguageModel,
    stretches: Iterable[Stretch],
    *,
    path: str | Path | None,
    total: int,
    batch_tokens: int = BATCH_TOKENS,
    window: int | None = None,
    cache_limit: int = CACHE_LIMIT,
    progress: bool = False,
) -> Iterator[RecordBoundaries]:
    """Cut stretches, none empty, in their order.

    Args:
        path: of the genome that they come from, for errors; None without one.
        total: bases of all of them, for the progress bar.

    Raises:
        InputError: a stretch needs more than ``cache_limit`` bytes.
    """
    bar = progress_bar("segment", total, unit="base", progress=progress)
    with bar, attention_window(model, window):
        try:
            yield from cut(model, stretches, batch_tokens, cache_limit, bar.update)
        except CacheLimitError as error:
            raise over_limit(path, error) from None


def over_limit(path: str | Path | None, error: CacheLimitError) -> InputError:
    """What is said of a stretch that would cache too much."""
    return InputError(path, f"{error} (`window`, `cache_limit`)", where=f"record {error.key}")


def check_model(model: HNetLanguageModel, checkpoint: str | Path | None = None) -> None:
    """Raise InputError unless the model cuts DNA."""
    modality = model.metadata.get("modality")
    if modality != "dna":
        found = f"was trained on {modality}" if modality else "does not say what it was trained on"
        raise InputError(checkpoint, f"the model {found}; segment needs one trained on DNA")
    check_stages(model, checkpoint)


def check_stages(model: HNetLanguageModel, checkpoint: str | Path | None = None) -> None:
    """Raise InputError where a model has no boundaries."""
    if not model.num_stages:
        raise InputError(
            checkpoint,
            "the model is isotropic: it has no router and no boundaries; give an H-Net with stages",
        )


def check_stage(model: HNetLanguageModel, stage: int, checkpoint: str | Path) -> None:
    """Raise UsageError where a model has no such stage."""
    if not 0 <= stage < model.num_stages:
        raise UsageError(
            "stage", f"{checkpoint} has stages 0 to {model.num_stages - 1}; got {stage}"
        )
