"""``hnet-seq score`` with variants, or with a stretch to mutate."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.jobs.job import Computed, Job, one_row
from hnet_seq.jobs.ranks import Ranks, check_meeting, find_ranks, rank_device
from hnet_seq.jobs.units import Unit, units_of
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.results.scores import VariantScores
from hnet_seq.tasks.embedding.vectors import check_modality
from hnet_seq.tasks.run_identity import computed_by, genome_digest
from hnet_seq.tasks.scoring import mutagenesis_verb
from hnet_seq.tasks.scoring.genome_markov import check_order, count_markov
from hnet_seq.tasks.scoring.haplotype_summary import HaplotypeSummary, told
from hnet_seq.tasks.scoring.on_haplotypes import (
    HaplotypeScore,
    OnHaplotypes,
    haplotype_rows,
    scores_on,
)
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
from hnet_seq.tasks.scoring.variant_score import KINDS, PlacedVariant, score_rows, scores_of
from hnet_seq.tasks.scoring.variant_scores import place_all, variant_parts
from hnet_seq.tasks.scoring.variant_windows import REASONS, WINDOW, Placed, check_window
from hnet_seq.tasks.sequences.reading import Reading
from pipelines.formats.genome import Genome
from pipelines.formats.regions import parse_region
from pipelines.formats.variant_source import VariantSource

_TOKENS: Callable[[PlacedVariant], int] = attrgetter("tokens")


def run(args: argparse.Namespace, out: Path | None) -> int:
    """Score the variants of ``args.input``, or the region ``args.mutagenesis``."""
    window = WINDOW if args.window is None else args.window
    check_window(window)
    check_order(args.markov_order)
    ranks = find_ranks()
    check_meeting(args.input, files_of(out), ranks)
    genome = Genome(args.genome)  # without its index: the Markov model counts all of it
    if args.mutagenesis is not None:
        mutagenesis_verb.find_stretch(genome, args.mutagenesis, window)
        model, markov, about = _made_with(args, genome, window, ranks)
        mutagenesis_verb.run(
            model,
            genome,
            markov,
            args.mutagenesis,
            window=window,
            strands=about["strands"],
            batch_tokens=args.batch_tokens,
            about=about,
            out=out,
            ranks=ranks,
        )
    else:
        _variants(args, out, genome, window, ranks)
    return 0


def _made_with(
    args: argparse.Namespace, genome: Genome, window: int, ranks: Ranks
) -> tuple[HNetForCausalLM, MarkovModel, dict[str, Any]]:
    """Both models, and what is written of them."""
    device = rank_device(args.device, ranks)
    model = HNetForCausalLM.from_pretrained(args.checkpoint, device, twin=args.twin)
    check_modality(model)
    markov = count_markov(genome, args.markov_order)
    about = described(args, model, args.strands or "average")
    return model, markov, {**about, "window": window, "markov_order": markov.order}


def _variants(
    args: argparse.Namespace, out: Path | None, genome: Genome, window: int, ranks: Ranks
) -> None:
    on_mismatch, outputs = args.on_mismatch or "error", files_of(out)
    source = _source(args, out, genome)

    def read() -> Iterator[list[PlacedVariant]]:
        placed = place_all(genome, source.variants(), window=window, on_mismatch=on_mismatch)
        return variant_parts(placed)

    units = _check(read(), window, ranks)
    on = None
    if args.haplotypes:
        samples = Reading.of(args).samples
        on = OnHaplotypes(args.haplotypes, genome, samples, chain.from_iterable(read()), window)
        on.haplotypes.tell()
    model, markov, about = _made_with(args, genome, window, ranks)
    about |= {"on_mismatch": on_mismatch} | ({"region": args.region} if args.region else {})
    how = (about["strands"], markov, args.batch_tokens)
    identity = {
        **computed_by(model),
        **{key: about[key] for key in ("strands", "window", "markov_order", "on_mismatch")},
        "variants": source.digest,
        "genome": genome_digest(genome),
        "batch_tokens": args.batch_tokens,
        "output": [path.name for path in outputs],
        **({} if on is None else {"haplotypes": on.haplotypes.digest}),
    }
    job = Job(
        "score",
        "alleles",
        outputs,
        identity,
        units,
        read,
        partial(score_rows, model, genome, *how)
        if on is None
        else partial(haplotype_rows, model, genome, on, *how),
        KINDS,
        _TOKENS,
        one_row if on is None else on.rows,
    )
    with job.run(ranks) as computed:
        if computed is not None:  # the rank that is done last writes
            _write(computed, out, source, about, on)


def _write(
    computed: Computed[PlacedVariant],
    out: Path | None,
    source: VariantSource,
    about: dict[str, Any],
    on: OnHaplotypes | None,
) -> None:
    summary = VariantSummary()
    others = HaplotypeSummary(on) if on is not None else None
    with _writer(out, source, about, on) as writer:
        for part, columns in computed.parts():
            numbers = np.asarray(columns["score"])
            found: list[list[HaplotypeScore]] = []
            if on is None or others is None:
                scores = scores_of(part, numbers)
            else:
                scores, found = scores_on(on, part, numbers)
                others.add(found)
            writer.write(scores, found)
            summary.add(scores)
    record = summary.record(about)
    if others is not None:
        record = replace(record, haplotypes=others.record())
    if out is not None and (path := summary_path(out)):
        record.write(path)
    print(_told(record), file=sys.stderr)


def _source(args: argparse.Namespace, out: Path | None, genome: Genome) -> VariantSource:
    form, path = args.form, Path(args.input)
    region = args.region and parse_region(args.region, genome.lengths, genome.path)
    if out is None or not variant_format(out).startswith(".vcf"):
        return VariantSource(path, form, region=region)
    return VariantSource(
        path,
        form,
        region=region,
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
    out: Path | None, source: VariantSource, about: dict[str, Any], on: OnHaplotypes | None
) -> AbstractContextManager[ScoreWriter]:
    described = {key: f"{value}" for key, value in about.items()}
    names = []
    if on is not None:
        names, described["haplotypes"] = on.haplotypes.names, on.path.name
    if out is None:
        return nullcontext(TsvWriter(sys.stdout, names))
    return open_scores(out, source, described, names)


def _told(found: VariantScores) -> str:
    rows: list[tuple[str, ...]] = [("kind", "alleles", "mean LLR", "5%", "median", "95%")]
    for row in found.by_kind:
        low, _, middle, _, high = row.quantiles
        numbers = (row.mean, low, middle, high)
        rows.append((row.kind, f"{row.count:,}", *(shown(x) for x in numbers)))
    lines = [table(rows)] if found.by_kind else []
    if found.strand_agreement:
        agreement = found.strand_agreement
        lines.append(f"strands agree: Spearman {shown(agreement.rho)} (n {agreement.n:,})")
    names = {"markov_llr": f"order-{found.markov_order} Markov"}
    lines.append(
        "Spearman of LLR with what needs no model: "
        + ", ".join(f"{names.get(row.name, row.name)} {shown(row.rho)}" for row in found.baselines)
    )
    lines += [f"{count:,} skipped: {REASONS[reason]}" for reason, count in found.skipped.items()]
    if found.haplotypes is not None:
        lines += told(found.haplotypes)
    return "\n".join(lines)
