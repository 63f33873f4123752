"""``hnet-seq score`` with variants, or with a stretch to mutate."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from hnet_seq.baselines.markov_model import MarkovModel
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.tasks.embedding.vectors import Strands, check_modality
from hnet_seq.tasks.ranked.digests import computed_by, genome_digest
from hnet_seq.tasks.ranked.ranks import Ranks, check_ranks_input, find_ranks, rank_device
from hnet_seq.tasks.ranked.units import Part, sequence_cost
from hnet_seq.tasks.scoring import mutagenesis_verb
from hnet_seq.tasks.scoring.genome_markov import check_order, count_markov
from hnet_seq.tasks.scoring.kept_rows import check_meeting, is_kept, kept_rows
from hnet_seq.tasks.scoring.summary import (
    VariantSummary,
    described,
    shown,
    summary_path,
    table,
    write_summary,
)
from hnet_seq.tasks.scoring.variant_files import (
    TsvWriter,
    check_fields,
    open_scores,
    variant_format,
)
from hnet_seq.tasks.scoring.variant_scores import (
    PlacedVariant,
    VariantScore,
    place_all,
    score_part,
    variant_parts,
    window_tokens,
)
from hnet_seq.tasks.scoring.variant_windows import REASONS, WINDOW, Placed, check_window
from hnet_seq.tasks.twin_results import about_twin
from modalities.errors import UsageError
from pipelines.files import file_sha256
from pipelines.genome import Genome
from pipelines.progress import progress_bar
from pipelines.variants import Variant, read_variants, variant_form
from pipelines.vcf import read_vcf

_FIELDS = tuple(field.name for field in fields(VariantScore) if field.name != "variant")


def run(args: argparse.Namespace, out: Path | None) -> int:
    """Score the variants of ``args.input``, or the region ``args.mutagenesis``."""
    window = WINDOW if args.window is None else args.window
    check_window(window)
    check_order(args.markov_order)
    if out is not None:
        _check_out(args, out)
    strands: Strands = args.strands or "average"
    genome = Genome(args.genome)  # without its index: the Markov model counts all of it
    ranks = find_ranks()
    placed_parts: list[Part] = []
    if args.mutagenesis is None:
        placed_parts = _check_variants(args, genome, window, out, ranks)
    else:
        check_meeting(out, ranks)
        mutagenesis_verb.find_stretch(genome, args.mutagenesis, window)
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
    about["on_mismatch"] = args.on_mismatch or "error"
    summary = VariantSummary()
    cost = sequence_cost(model.config)(window) / window
    parts = [replace(part, cost=part.tokens * cost) for part in placed_parts]
    with _scores(args, out, about, model, genome, markov, parts, ranks) as scores:
        if scores is None:  # the rank that is done last writes
            return 0
        total = sum(part.items for part in parts)
        bar = progress_bar("write" if out else "score", total, unit="allele")
        with bar, _writer(args, out, about) as writer:
            for score in scores:
                writer.write(score)
                summary.add(score)
                bar.update()
        _finish(summary, out, about, markov.order)
    return 0


def _finish(summary: VariantSummary, out: Path | None, about: dict[str, Any], order: int) -> None:
    content = summary.content()
    if out is not None:
        write_summary(out, {"kind": "variants", **about, **content})
    print(_told(content, order), file=sys.stderr)


@contextmanager
def _scores(
    args: argparse.Namespace,
    out: Path | None,
    about: dict[str, Any],
    model: HNetForCausalLM,
    genome: Genome,
    markov: MarkovModel,
    parts: list[Part],
    ranks: Ranks,
) -> Iterator[Iterator[VariantScore] | None]:
    """The scores in order; None for a rank of several that is not the last."""
    how: dict[str, Any] = {"window": about["window"], "on_mismatch": about["on_mismatch"]}

    def score(part: list[PlacedVariant], done: int = 0) -> Iterator[VariantScore]:
        return score_part(
            model,
            genome,
            part,
            strands=about["strands"],
            markov=markov,
            batch_tokens=args.batch_tokens,
            done=done,
        )

    def variants() -> Iterator[Variant]:
        return read_variants(args.input, keep_faults=how["on_mismatch"] == "skip")

    def read() -> Iterator[list[PlacedVariant]]:
        return variant_parts(place_all(genome, variants(), **how))

    if not is_kept(out):
        yield (row for part in read() for row in score(part))
        return
    identity = {
        **{key: about[key] for key in ("weights", "strands", "markov_order")},
        **about_twin(model),
        **how,
        **computed_by(model.embeddings.weight.device),
        "input": file_sha256(args.input),
        "genome": genome_digest(genome),
        "batch_tokens": args.batch_tokens,
        "output": out.name,
    }

    def rows(part: list[PlacedVariant], done: int) -> Iterator[list[Any]]:
        return ([getattr(found, name) for name in _FIELDS] for found in score(part, done))

    outputs = [out, summary_path(out)]
    with kept_rows(outputs, identity, parts, read, rows, ranks, noun="alleles") as found:
        if found is None:
            yield None
            return
        yield (VariantScore(own, *row) for own, row in zip(variants(), found, strict=True))


def _check_out(args: argparse.Namespace, out: Path) -> None:
    if args.mutagenesis is not None:
        mutagenesis_verb.check_out(out)
        return
    form = variant_format(out)
    if form.startswith(".vcf") and variant_form(args.input) != "vcf":
        raise UsageError(
            "--out",
            f"{out.name}: scores go into the VCF file they came from, and {args.input} is "
            "a table; end it in .tsv or .parquet",
        )
    if out.resolve() == Path(args.input).resolve():
        raise UsageError("--out", f"{out} is the input; name another file")


def _check_variants(
    args: argparse.Namespace, genome: Genome, window: int, out: Path | None, ranks: Ranks
) -> list[Part]:
    """All that can be wrong is found before anything is computed; parts, without their cost."""
    check_meeting(out, ranks)
    check_ranks_input(args.input, ranks)
    on_mismatch = args.on_mismatch or "error"
    parts: list[Part] = []
    scored = 0
    with progress_bar("check", None, unit="allele", progress=ranks.rank == 0) as bar:
        for part in variant_parts(
            place_all(genome, _all(args, out), window=window, on_mismatch=on_mismatch)
        ):
            scored += sum(isinstance(placed, Placed) for _, placed in part)
            parts.append(Part(len(part), sum(window_tokens(placed) for _, placed in part), 0.0))
            bar.update(len(part))
    if ranks.rank == 0:
        total = sum(part.items for part in parts)
        print(
            f"{total:,} alleles, {scored:,} to score in windows of {window:,} bases",
            file=sys.stderr,
        )
    return parts


def _all(args: argparse.Namespace, out: Path | None) -> Iterator[Variant]:
    skip = args.on_mismatch == "skip"
    if out is not None and variant_format(out).startswith(".vcf"):
        for line in read_vcf(args.input, keep_faults=skip):
            check_fields(line, args.input)
    yield from read_variants(args.input, keep_faults=skip)


def _writer(args: argparse.Namespace, out: Path | None, about: dict[str, Any]) -> Any:
    if out is None:
        from contextlib import nullcontext

        return nullcontext(TsvWriter(sys.stdout))
    return open_scores(out, Path(args.input), {key: f"{value}" for key, value in about.items()})


def _told(content: dict[str, Any], order: int) -> str:
    rows = [("kind", "alleles", "mean LLR", "5%", "median", "95%")]
    for row in content["by_kind"]:
        low, _, middle, _, high = row["quantiles"]
        numbers = (row["mean"], low, middle, high)
        rows.append((row["kind"], f"{row['count']:,}", *(shown(x) for x in numbers)))
    lines = [table(rows)] if content["by_kind"] else []
    if content["strand_agreement"]:
        agreement = content["strand_agreement"]
        lines.append(f"strands agree: Spearman {shown(agreement['rho'])} (n {agreement['n']:,})")
    lines.append(
        "Spearman of LLR with what needs no model: "
        + ", ".join(
            f"{'order-' + str(order) + ' Markov' if row['name'] == 'markov_llr' else row['name']} "
            f"{shown(row['rho'])}"
            for row in content["baselines"]
        )
    )
    lines += [
        f"{count:,} skipped: {REASONS[reason]}" for reason, count in content["skipped"].items()
    ]
    return "\n".join(lines)
