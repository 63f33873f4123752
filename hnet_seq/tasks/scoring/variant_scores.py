"""Effects of variants: how much more likely a window is with the variant than without it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import torch

from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.results.rows import Rows
from hnet_seq.tasks.choices import ON_MISMATCH, Strands
from hnet_seq.tasks.choices import SCORE_BATCH_TOKENS as BATCH_TOKENS
from hnet_seq.tasks.scoring.sequences import check_scoring
from hnet_seq.tasks.scoring.variant_score import PlacedVariant, VariantScore, score_part
from hnet_seq.tasks.scoring.variant_windows import WINDOW, Placed, check_window, place
from hnet_seq.train.precision import computing_in
from hnet_seq.train.predict import computing
from modalities.errors import InputError, UsageError
from modalities.given_paths import a_kind_of, given_path
from pipelines.formats.genome import Genome
from pipelines.formats.variants import Variant, read_variants
from pipelines.progress import progress_bar

AnyScore = TypeVar("AnyScore", bound=VariantScore)

PART_TOKENS = 1 << 20  # bases of windows held at a time
_ROW_COST = 64  # bases: bounds a part of many skipped rows


def score_variants(
    model: HNetForCausalLM,
    genome: Genome | str | Path,
    variants: Iterable[Variant] | str | Path,
    *,
    window: int = WINDOW,
    strands: Strands = "average",
    on_mismatch: str = "error",
    markov: MarkovModel | None = None,
    batch_tokens: int = BATCH_TOKENS,
    device: str | torch.device | None = None,
    precision: str = "fp32",
    progress: bool = False,
) -> Rows[VariantScore]:
    """Scores of variants in their order, computed as they are asked for and kept.

    A score depends on its edit, the genome around it and ``window`` alone, not on how the row
    spells the edit: up to rounding, and on a CPU to the last bit, but for SNVs. See
    :func:`hnet_seq.tasks.scoring.variant_windows.place` for the windows. Windows that variants of a
    part (a million bases) share are computed once. Bases before the first one that differs have the
    same probability in both and are left out of the difference.

    Args:
        genome: FASTA, GenBank or 2bit, or an open one.
        variants: a VCF, CSV, TSV or Parquet file, or variants.
        window: bases of the longer window.
        strands: ``average``, the mean of both strands; ``none``, the forward strand alone.
        on_mismatch: ``error``, or ``skip`` for rows that are no variant or not of this genome.
        markov: what ``markov_llr`` is of, see :func:`hnet_seq.count_markov`; NaN without one. The
            reference window is left out of its counts.
        batch_tokens: bases of one forward call.
        device: None is the model's own accelerator, else a GPU if there is one, else the CPU.
        precision: of the forward calls, see :mod:`hnet_seq.train.precision`.
        progress: show a bar.

    Raises:
        UsageError: an option that cannot be meant.
        InputError: a model of something else; a variant that is none, or does not fit the genome.
    """
    check_scoring(model, strands, batch_tokens)
    opened, placed = given_variants(genome, variants, window, on_mismatch)

    def scores() -> Iterator[VariantScore]:
        bar = progress_bar("score", None, unit="allele", progress=progress)
        with computing(model, device) as where, bar:
            for part in variant_parts(placed):
                with computing_in(precision, where):
                    rows = list(
                        score_part(
                            model,
                            opened,
                            part,
                            strands=strands,
                            markov=markov,
                            batch_tokens=batch_tokens,
                        )
                    )
                bar.update(len(rows))
                yield from rows

    return variant_table(scores(), VariantScore)


def given_variants(
    genome: Genome | str | Path,
    variants: Iterable[Variant] | str | Path,
    window: int,
    on_mismatch: str,
) -> tuple[Genome, Iterator[PlacedVariant]]:
    """The genome, and the variants on it; errors as :func:`score_variants`."""
    if on_mismatch not in ON_MISMATCH:
        raise UsageError("on_mismatch", f"is {on_mismatch!r}; expected error or skip")
    check_window(window)
    opened = given_genome(genome)
    if isinstance(variants, str | Path):
        rows = read_variants(variants, keep_faults=True)  # placing refuses them, by the own option
    elif isinstance(variants, Iterable) and not isinstance(variants, Mapping):
        rows = _checked(variants)
    else:
        said = f"is {a_kind_of(variants)}; give a file, or a list of hnet_seq.Variant"
        raise InputError(None, said, where="variants")
    return opened, place_all(opened, rows, window=window, on_mismatch=on_mismatch)


def _checked(variants: Iterable[Variant]) -> Iterator[Variant]:
    for number, row in enumerate(variants, 1):
        if not isinstance(row, Variant):
            said = f"variant {number} is {a_kind_of(row)}; expected hnet_seq.Variant"
            raise InputError(None, said, where="variants")
        yield row


def given_genome(genome: Genome | str | Path) -> Genome:
    """A genome as a caller hands it to a function."""
    if isinstance(genome, Genome):
        return genome
    return Genome(given_path(genome, "genome"), use_index=True)


_OF_VARIANT = ("chrom", "pos", "name", "ref", "alt")


def variant_table(
    scores: Iterator[AnyScore], kind: type[AnyScore], what: str = "alleles"
) -> Rows[AnyScore]:
    """Scores as a function gives them, with the columns of their variants first."""
    columns = (*_OF_VARIANT, *(own.name for own in fields(kind) if own.name != "variant"))

    def record(row: AnyScore) -> dict[str, Any]:
        about = {name: getattr(row.variant, name) for name in _OF_VARIANT}
        return about | {name: getattr(row, name) for name in columns[len(about) :]}

    return Rows(scores, columns, record, what)


def place_all(
    genome: Genome, variants: Iterable[Variant], *, window: int, on_mismatch: str
) -> Iterator[PlacedVariant]:
    """Each variant with its windows, or why it has none; errors as :func:`score_variants`."""
    for row in variants:
        placed = place(genome, row, window=window, skip_mismatches=on_mismatch == "skip")
        yield PlacedVariant(row, placed, placed.tokens if isinstance(placed, Placed) else 0)


def variant_parts(rows: Iterable[PlacedVariant]) -> Iterator[list[PlacedVariant]]:
    """Consecutive variants that are scored together, a million bases of windows or more."""
    part: list[PlacedVariant] = []
    held = 0
    for row in rows:
        part.append(row)
        held += row.tokens or _ROW_COST
        if held >= PART_TOKENS:
            yield part
            part, held = [], 0
    if part:
        yield part
