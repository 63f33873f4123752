"""``hnet-seq score`` with variants, or with a stretch to mutate."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

from hnet_seq.jobs.job import Job
from hnet_seq.jobs.ranks import Ranks, check_meeting, find_ranks, rank_device
from hnet_seq.jobs.units import Unit, units_of
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.results.scores import VariantScores
from hnet_seq.tasks.choices import Strands
from hnet_seq.tasks.embedding.vectors import check_modality
from hnet_seq.tasks.run_identity import computed_by, genome_digest
from hnet_seq.tasks.scoring import mutagenesis_verb
from hnet_seq.tasks.scoring.genome_markov import check_order, count_markov
from hnet_seq.tasks.scoring.outputs import files_of, summary_path, variant_format
from hnet_seq.tasks.scoring.summary import (
    VariantSummary,
    described,
    shown,
    table,
)
from hnet_seq.tasks.scoring.variant_files import (
    ScoreWriter,
    TsvWriter,
    check_fields,
    open_scores,
)
from hnet_seq.tasks.scoring.variant_scores import (
    KINDS,
    PlacedVariant,
    place_all,
    score_rows,
    scores_of,
    variant_parts,
)
from hnet_seq.tasks.scoring.variant_windows import REASONS, WINDOW, Placed, check_window
from pipelines.formats.genome import Genome
from pipelines.formats.variant_source import VariantSource

_TOKENS: Callable[[PlacedVariant], int] = attrgetter("tokens")


def run(args: argparse.Namespace, out: Path | None) -> int:
    """Score the variants of ``args.input``, or the region ``args.mutagenesis``."""
    window = WINDOW if args.window is None else args.window
    check_window(window)
    check_order(args.markov_order)
    strands: Strands = args.strands or "average"
    outputs = files_of(out)
    ranks = find_ranks()
    check_meeting(args.input, outputs, ranks)
    genome = Genome(args.genome)  # without its index: the Markov model counts all of it
    on_mismatch, units = args.on_mismatch or "error", []
    if args.mutagenesis is not None:
        mutagenesis_verb.find_stretch(genome, args.mutagenesis, window)
    else:
        source = _source(args, out)

        def read() -> Iterator[list[PlacedVariant]]:
            placed = place_all(genome, source.variants(), window=window, on_mismatch=on_mismatch)
            return variant_parts(placed)

        units = _check(read(), window, ranks)
    device = rank_device(args.device, ranks)
    model = HNetForCausalLM.from_pretrained(args.checkpoint, device, twin=args.twin)
    check_modality(model)
    markov = count_markov(genome, args.markov_order)
    about = {**described(args, model, strands), "window": window, "markov_order": markov.order}
    if args.mutagenesis is not None:
        mutagenesis_verb.run(
            model,
            genome,
            markov,
            args.mutagenesis,
            window=window,
            strands=strands,
            batch_tokens=args.batch_tokens,
            about=about,
            out=out,
            ranks=ranks,
        )
        return 0
    about["on_mismatch"] = on_mismatch

    compute = partial(score_rows, model, genome, strands, markov, args.batch_tokens)
    identity = {
        **computed_by(model),
        **{key: about[key] for key in ("strands", "window", "markov_order", "on_mismatch")},
        "variants": source.digest,
        "genome": genome_digest(genome),
        "batch_tokens": args.batch_tokens,
        "output": [path.name for path in outputs],
    }
    job = Job("score", "alleles", outputs, identity, units, read, compute, KINDS, _TOKENS)
    with job.run(ranks) as computed:
        if computed is None:  # the rank that is done last writes
            return 0
        summary = VariantSummary()
        with _writer(out, source, about) as writer:
            for part, columns in computed.parts():
                scores = scores_of(part, columns["score"])
                writer.write(scores)
                summary.add(scores)
        _finish(summary, out, about, markov.order)
    return 0


def _finish(scores: VariantSummary, out: Path | None, about: dict[str, Any], order: int) -> None:
    found = scores.record(about)
    if out is not None and (summary := summary_path(out)):
        found.write(summary)
    print(_told(found, order), file=sys.stderr)


def _source(args: argparse.Namespace, out: Path | None) -> VariantSource:
    form, path = args.form, Path(args.input)
    if out is None or not variant_format(out).startswith(".vcf"):
        return VariantSource(path, form)
    return VariantSource(
        path,
        form,
        keep_content=True,
        check=lambda line: check_fields(line, path),
    )


def _check(parts: Iterator[list[PlacedVariant]], window: int, ranks: Ranks) -> list[Unit]:
    """All that can be wrong is found before anything is computed."""
    scored = 0

    def counted() -> Iterator[list[PlacedVariant]]:
        nonlocal scored
        for part in parts:
            scored += sum(isinstance(row.placed, Placed) for row in part)
            yield part

    units = units_of(counted(), _TOKENS, progress=ranks.rank == 0)
    if ranks.rank == 0:
        total = sum(unit.items for unit in units)
        print(
            f"{total:,} alleles, {scored:,} to score in windows of {window:,} bases",
            file=sys.stderr,
        )
    return units


def _writer(
    out: Path | None, source: VariantSource, about: dict[str, Any]
) -> AbstractContextManager[ScoreWriter]:
    if out is None:
        return nullcontext(TsvWriter(sys.stdout))
    return open_scores(out, source, {key: f"{value}" for key, value in about.items()})


def _told(found: VariantScores, order: int) -> str:
    rows: list[tuple[str, ...]] = [("kind", "alleles", "mean LLR", "5%", "median", "95%")]
    for row in found.by_kind:
        low, _, middle, _, high = row.quantiles
        numbers = (row.mean, low, middle, high)
        rows.append((row.kind, f"{row.count:,}", *(shown(x) for x in numbers)))
    lines = [table(rows)] if found.by_kind else []
    if found.strand_agreement:
        agreement = found.strand_agreement
        lines.append(f"strands agree: Spearman {shown(agreement.rho)} (n {agreement.n:,})")
    lines.append(
        "Spearman of LLR with what needs no model: "
        + ", ".join(
            f"{f'order-{order} Markov' if row.name == 'markov_llr' else row.name} {shown(row.rho)}"
            for row in found.baselines
        )
    )
    lines += [f"{count:,} skipped: {REASONS[reason]}" for reason, count in found.skipped.items()]
    return "\n".join(lines)
