"""Log-likelihoods of sequences, effects of variants, and mutagenesis, beside trivial baselines.

What INPUT holds decides. Sequences (FASTA, GenBank, 2bit, BED with --genome, a table with the
column sequence, - for standard input): a line each with its bases, how many were scored (A, C, G
and T that have a predecessor), the sum of their log-probabilities (nats), bits per base, and the
bits per base that the sequence's own letter frequencies need. Variants (VCF, or a table with the
columns chrom, pos, ref, alt) with --genome: the log-likelihood of a window with the variant less
that without it. --measured COLUMN of a table: how well the model ranks measured effects.
--mutagenesis NAME:START-END with --genome and without INPUT: every single-base change there.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import astuple
from pathlib import Path
from typing import Any, TextIO

from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.streaming import attention_window
from hnet_seq.tasks.arguments import add_batch_arguments, add_streaming_arguments
from hnet_seq.tasks.embedding.plan import model_hash
from hnet_seq.tasks.embedding.vectors import STRANDS, Strands
from hnet_seq.tasks.ranked.digests import computed_by
from hnet_seq.tasks.ranked.ranks import (
    Ranks,
    check_ranks_input,
    find_ranks,
    rank_device,
    refuse_ranks,
)
from hnet_seq.tasks.ranked.units import Part, sequence_cost
from hnet_seq.tasks.scoring.on_ranks import on_ranks, rows_on_ranks
from hnet_seq.tasks.scoring.sequences import (
    BATCH_TOKENS,
    Score,
    check_scoring,
    score,
    score_part,
    sequence_parts,
    stream_scores,
)
from hnet_seq.tasks.scoring.variant_scores import ON_MISMATCH
from hnet_seq.tasks.scoring.variant_windows import WINDOW
from hnet_seq.tasks.sequences.inputs import STDIN, SequenceSource, open_sequences
from hnet_seq.tasks.sequences.parts import Named, named_length
from modalities.errors import UsageError
from pipelines.files import check_file, replaced_file
from pipelines.progress import progress_bar
from pipelines.variants import variant_form

__all__ = ["Score", "score"]

EXAMPLE = "hnet-seq score run variants.vcf.gz --genome genome.fna.gz --out scored.vcf.gz"

# What each use takes beside the model, its input and how calls are made.
_USES: dict[str, frozenset[str]] = {
    "sequences": frozenset({"genome", "attention_window", "cache_limit"}),
    "variants": frozenset({"genome", "window", "on_mismatch", "markov_order"}),
    "mutagenesis": frozenset({"genome", "window", "markov_order", "mutagenesis"}),
    "measured": frozenset(
        {
            "measured",
            "sequence_column",
            "split",
            "group",
            "test_fraction",
            "flanks",
            "max_rows",
            "seed",
        }
    ),
}
_OPTIONS = sorted(frozenset().union(*_USES.values()))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq score``."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="checkpoint folder or run folder")
    parser.add_argument(
        "input", metavar="INPUT", nargs="?", help="sequences or variants; - for standard input"
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help=".tsv instead of standard output; variants also .parquet, .vcf, .vcf.gz; .json beside",
    )
    parser.add_argument(
        "--strands",
        choices=STRANDS,
        help="average: with the reverse complement (default none for sequences, else average)",
    )
    parser.add_argument("--genome", metavar="FASTA", help="what variants or BED lie on")
    variants = parser.add_argument_group("variants and mutagenesis")
    variants.add_argument(
        "--mutagenesis", metavar="REGION", help="NAME:START-END, 1-based and inclusive"
    )
    variants.add_argument("--window", type=int, help=f"bases around a variant ({WINDOW:,})")
    variants.add_argument(
        "--on-mismatch", choices=ON_MISMATCH, help="of reference alleles (default error)"
    )
    variants.add_argument(
        "--markov-order", type=int, metavar="K", help="of the baseline (chosen by genome size)"
    )
    measured = parser.add_argument_group("measured effects")
    measured.add_argument("--measured", metavar="COLUMN", help="of the table INPUT: numbers")
    measured.add_argument("--sequence-column", metavar="COLUMN", help="(sequence)")
    measured.add_argument("--split", metavar="COLUMN", help="train, validation and test rows")
    measured.add_argument("--group", metavar="COLUMN", help="rows kept on one side of the split")
    measured.add_argument(
        "--test-fraction", type=float, help="of the groups, without --split (0.2)"
    )
    measured.add_argument(
        "--flanks", nargs=2, metavar=("LEFT", "RIGHT"), help="letters around every sequence"
    )
    measured.add_argument("--max-rows", type=int, help="of each split, drawn by --seed (all)")
    measured.add_argument("--seed", type=int, help="of draws, folds and intervals (0)")
    add_streaming_arguments(parser)
    add_batch_arguments(parser, BATCH_TOKENS)


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    use = _use(args)
    _check_options(args, use)
    out = check_file(args.out) if args.out else None
    if out is not None:
        from hnet_seq.tasks.scoring.summary import check_places

        check_places(out, args.input)
    if use == "sequences":
        return _sequences(args, out)
    # What only one use needs is imported for it: scikit-learn and pyarrow take a second.
    if use == "measured":
        refuse_ranks("score --measured")
        from hnet_seq.tasks.scoring.measured_verb import run as measured

        return measured(args, out)
    from hnet_seq.tasks.scoring.variant_verb import run as variants

    return variants(args, out)


def _use(args: argparse.Namespace) -> str:
    if args.mutagenesis is not None:
        if args.input is not None:
            raise UsageError("--mutagenesis", f"makes its own changes; leave {args.input} out")
        return "mutagenesis"
    if args.input is None:
        raise UsageError("INPUT", "give sequences or variants, or --mutagenesis NAME:START-END")
    if args.measured is not None:
        return "measured"
    if args.input == STDIN or variant_form(args.input) is None:
        return "sequences"
    return "variants"


def _check_options(args: argparse.Namespace, use: str) -> None:
    """An option that would be ignored is an error."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    for name in _OPTIONS:
        given = getattr(args, name) != parser.get_default(name)
        if given and name not in _USES[use]:
            owners = " or ".join(sorted(other for other, names in _USES.items() if name in names))
            raise UsageError(f"--{name.replace('_', '-')}", f"is for {owners}; this is {use}")
    if use in ("variants", "mutagenesis") and args.genome is None:
        raise UsageError("--genome", f"{use} need the genome that they lie on; give its FASTA")


def _sequences(args: argparse.Namespace, out: Path | None) -> int:
    ranks = find_ranks()
    on_ranks(out, ranks)
    check_ranks_input(args.input, ranks)
    model = HNetForCausalLM.from_pretrained(args.checkpoint, rank_device(args.device, ranks))
    strands: Strands = args.strands or "none"
    check_scoring(model, strands, args.batch_tokens)
    source = open_sequences(args.input, genome=args.genome)
    # The first pass finds what is wrong with the input before anything is computed.
    cost = sequence_cost(model.config, args.attention_window)
    parts = [
        Part(len(part), sum(map(named_length, part)), sum(cost(len(own)) for _, own in part))
        for part in sequence_parts(source.names_and_tokens())
    ]
    bases = scored = 0
    nats = 0.0
    with (
        attention_window(model, args.attention_window),
        _scores(args, out, model, source, strands, parts, ranks) as scores,
    ):
        if scores is None:  # the rank that is done last writes
            return 0
        bar = progress_bar("score", source.total_bases, unit="base")
        with replaced_file(out) if out else nullcontext(sys.stdout) as file, bar:
            file.write("name\tbases\tscored\tlog_likelihood\tbits_per_base\tcomposition_bits\n")
            for row in scores:
                _write(file, row)
                bases, scored = bases + row.bases, scored + row.scored
                nats += row.log_likelihood
                bar.update(row.bases)
        if out:
            from hnet_seq.tasks.scoring.summary import described, write_summary

            found: dict[str, Any] = {
                "kind": "sequences",
                **described(args, strands),
                "sequences": source.count,
                "bases": bases,
                "scored": scored,
                "bits_per_base": -nats / math.log(2) / scored if scored else None,
            }
            write_summary(out, found)
    return 0


@contextmanager
def _scores(
    args: argparse.Namespace,
    out: Path | None,
    model: HNetForCausalLM,
    source: SequenceSource,
    strands: Strands,
    parts: list[Part],
    ranks: Ranks,
) -> Iterator[Iterator[Score] | None]:
    """The scores in order, computed here or by several ranks; None for a rank that has no more."""
    how: dict[str, Any] = {
        "strands": strands,
        "batch_tokens": args.batch_tokens,
        "cache_limit": args.cache_limit,
    }
    if not on_ranks(out, ranks):
        yield stream_scores(model, source.names_and_tokens(), **how)
        return
    assert out is not None
    identity = {
        "model": model_hash(model),
        **computed_by(model.embeddings.weight.device),
        "sequences": source.digest,
        **how,
        "attention_window": args.attention_window,
    }

    def read() -> Iterator[list[Named]]:
        return sequence_parts(source.names_and_tokens())

    def rows(part: list[Named]) -> Iterator[tuple[Any, ...]]:
        return (astuple(row) for row in score_part(model, part, **how))

    with rows_on_ranks(out, identity, parts, read, rows, ranks) as found:
        yield None if found is None else (Score(*row) for row in found)


def _write(file: TextIO, row: Score) -> None:
    values = (row.log_likelihood, row.bits_per_base, row.composition_bits)
    numbers = "\t".join("" if math.isnan(value) else f"{value:.6f}" for value in values)
    file.write(f"{row.name}\t{row.bases}\t{row.scored}\t{numbers}\n")
