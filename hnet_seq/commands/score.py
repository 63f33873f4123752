"""Log-likelihoods of sequences, effects of variants, and mutagenesis, beside trivial baselines.

What INPUT holds decides. Sequences (FASTA, GenBank, 2bit, BED with --genome, a table with the
column sequence, - for standard input): a line each with its bases, how many were scored (A, C, G
and T that have a predecessor), the sum of their log-probabilities (nats), bits per base, and the
bits per base that the sequence's own letter frequencies need. Variants (VCF, BCF, or a table
with the columns chrom, pos, ref, alt) with --genome: the log-likelihood of a window with the
variant less that without it. --measured COLUMN of a table: how well the model ranks measured
effects.
--mutagenesis NAME:START-END with --genome and without INPUT: every single-base change there.
--genes GENES with --genome and without INPUT: premature stops and deletions of each gene.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hnet_seq.commands.checks import (
    STDIN,
    check_causal,
    check_checkpoint,
    check_dna_model,
    check_genome,
    check_outputs,
    check_region,
    check_seed,
    check_sequences,
    check_there,
    check_tsv,
    modality_here,
)
from hnet_seq.commands.later import later
from hnet_seq.commands.meaning import check_meant
from hnet_seq.commands.uses import Use
from hnet_seq.jobs.ranks import refuse_ranks
from hnet_seq.tasks.arguments import (
    CHECKPOINT,
    add_batch_arguments,
    add_reading_arguments,
    add_streaming_arguments,
    add_twin_argument,
    positive,
)
from hnet_seq.tasks.choices import (
    BASELINES,
    ON_MISMATCH,
    SCORE_BATCH_TOKENS,
    STOPS,
    STRANDS,
    WINDOW,
)
from hnet_seq.tasks.scoring.outputs import BIGWIG, TRACKS, check_out, files_of
from modalities.errors import UsageError
from pipelines.storage.files import check_file

EXAMPLE = "hnet-seq score run variants.vcf.gz --genome genome.fna.gz --out scored.vcf.gz"
_REGION = "NAME:START-END, 1-based and inclusive"
_GENES = "GFF3, GTF or GenBank of the genome"
_WITHOUT_INPUT = {"mutagenesis": ("REGION", _REGION), "genes": ("GENES", _GENES)}
_COLUMN = "of the table INPUT: numbers"
_INPUTS = {
    "sequences": "FASTA, GenBank, 2bit, BED with --genome, a table with the column sequence, or -",
    "variants": "VCF, BCF, or a table with the columns chrom, pos, ref, alt",
    "measured": "a table with a column of sequences and one of numbers",
}

# What INPUT holds decides which use of the verb it is; where rows are chosen, and blocks joined, is
# asked when it is read.
MEANT = {
    "": {
        "": "twin out strands batch_tokens device",
        "use=mutagenesis|sequences|variants|genes": "genome",
        "use=measured|sequences": "where",
        "use=sequences": "blocks attention_window cache_limit per_base difference",
        "use=sequences|variants": "haplotypes samples",
        "difference": "baseline",
        "use=mutagenesis|variants|genes": "window markov_order",
        "use=variants": "on_mismatch region",
        "use=mutagenesis": "mutagenesis",
        "use=genes": "genes stops stop_codon genetic_code",
        "use=measured": "measured sequence_column split group test_fraction flanks max_rows seed",
        "of=a drawn split": "test_fraction",
    }
}


USES = {
    "sequences": Use(
        "log-likelihood of each sequence, beside its letter frequencies",
        ("use", "sequences"),
        "hnet-seq score sequences run windows.fa --out scores.tsv",
    ),
    "variants": Use(
        "effects of variants of a genome",
        ("use", "variants"),
        "hnet-seq score variants run variants.vcf.gz --genome genome.fna.gz --out scored.vcf.gz",
    ),
    "mutagenesis": Use(
        "every single-base change of a stretch of a genome",
        ("use", "mutagenesis"),
        "hnet-seq score mutagenesis run chr1:1001-1100 --genome genome.fna.gz --out map.tsv",
    ),
    "genes": Use(
        "premature stop codons in, and deletions of, the genes of an annotation",
        ("use", "genes"),
        "hnet-seq score genes run genes.gff --genome genome.fna.gz --out genes.tsv",
    ),
    "measured": Use(
        "how well the model ranks measured effects, a column of a table",
        ("use", "measured"),
        "hnet-seq score measured run promoters.csv expression --out measured.tsv",
    ),
}


def add_arguments(parser: argparse.ArgumentParser, use: str | None = None) -> None:
    """Arguments of ``hnet-seq score``, or of one of its uses."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help=CHECKPOINT)
    _add_input(parser, use)
    parser.add_argument(
        "--out",
        metavar="FILE",
        help=".tsv instead of standard output; variants also .parquet, .vcf, .vcf.gz; .json beside",
    )
    add_twin_argument(parser)
    parser.add_argument(
        "--strands",
        choices=STRANDS,
        help="average: with the reverse complement (default none for sequences, else average)",
    )
    parser.add_argument(
        "--genome", metavar="GENOME", help="what variants or BED lie on (FASTA, GenBank or 2bit)"
    )
    add_reading_arguments(parser)
    tracks = parser.add_argument_group("tracks of a genome's records (bigWig)")
    tracks.add_argument("--per-base", metavar="FILE", help="bits of each base")
    tracks.add_argument(
        "--difference", metavar="FILE", help="the same less those of a baseline, read on INPUT"
    )
    tracks.add_argument(
        "--baseline",
        choices=BASELINES,
        default=BASELINES[0],
        help="of --difference: order k, or many orders mixed (minutes; default %(default)s)",
    )
    genes = parser.add_argument_group("genes")
    if use is None:
        genes.add_argument("--genes", metavar="GENES", help=_GENES)
    genes.add_argument(
        "--stops",
        type=positive,
        default=STOPS,
        metavar="N",
        help="places along each gene where a codon becomes a stop (%(default)s)",
    )
    genes.add_argument("--stop-codon", metavar="CODON", help="which (all of the genetic code)")
    genes.add_argument(
        "--genetic-code",
        type=positive,
        metavar="N",
        help="of NCBI's, in place of the annotation's transl_table (1 where it has none)",
    )
    variants = parser.add_argument_group("variants, mutagenesis and genes")
    if use is None:
        variants.add_argument("--mutagenesis", metavar="REGION", help=_REGION)
    variants.add_argument("--window", type=int, help=f"bases around a variant ({WINDOW:,})")
    variants.add_argument(
        "--on-mismatch", choices=ON_MISMATCH, help="of rows that do not fit (default error)"
    )
    variants.add_argument(
        "--region",
        metavar="REGION",
        help=f"only variants of {_REGION}, by the index if there is one",
    )
    variants.add_argument(
        "--markov-order", type=int, metavar="K", help="of the baseline (chosen by genome size)"
    )
    measured = parser.add_argument_group("measured effects")
    if use is None:
        measured.add_argument("--measured", metavar="COLUMN", help=_COLUMN)
    measured.add_argument("--sequence-column", metavar="COLUMN", help="(sequence)")
    measured.add_argument(
        "--split",
        metavar="COLUMN",
        help="train, validation and test rows; random (default) or similarity: drawn",
    )
    measured.add_argument("--group", metavar="COLUMN", help="rows kept on one side of the split")
    measured.add_argument(
        "--test-fraction", type=float, help="of the groups, without --split (0.2)"
    )
    measured.add_argument(
        "--flanks", nargs=2, metavar=("LEFT", "RIGHT"), help="letters around every sequence"
    )
    measured.add_argument("--max-rows", type=int, help="of each split, drawn by --seed (all)")
    measured.add_argument("--seed", type=int, help="of draws and folds (0)")
    add_streaming_arguments(parser)
    add_batch_arguments(parser, SCORE_BATCH_TOKENS)


def _add_input(parser: argparse.ArgumentParser, use: str | None) -> None:
    if use in _WITHOUT_INPUT:
        metavar, text = _WITHOUT_INPUT[use]
        parser.add_argument(use, metavar=metavar, help=text)
        parser.set_defaults(**{other: None for other in ("input", *_WITHOUT_INPUT) if other != use})
        return
    parser.add_argument(
        "input",
        metavar="INPUT",
        nargs="?" if use is None else None,
        help="sequences or variants; - for standard input" if use is None else _INPUTS[use],
    )
    if use == "measured":
        parser.add_argument("measured", metavar="COLUMN", help=_COLUMN)
    elif use is not None:
        parser.set_defaults(measured=None)
    if use is not None:
        parser.set_defaults(**dict.fromkeys(_WITHOUT_INPUT))


def main(args: argparse.Namespace) -> int:
    """Run the verb, once its words can be meant."""
    if args.out:
        check_file(args.out)
    check_there(args.input, args.genes)
    args.use, args.form = use_of(args)
    if args.out:
        if args.use == "sequences":
            check_tsv(args.out)
        check_out(Path(args.out), args.use, args.input, args.form)
    _check_files(args)
    check_seed(args.seed)
    check_checkpoint(args.checkpoint)
    check_causal(args.checkpoint, "a likelihood is that of each base given those before it")
    check_dna_model(args.checkpoint)
    check_there(args.genome, args.haplotypes)
    _CHECKS[args.use](args)
    return later("hnet_seq.tasks.score")(args)


def _check_files(args: argparse.Namespace) -> None:
    """Raise UsageError where a file could not be written, or would take the place of another."""
    tracks = {name: getattr(args, name) for name in TRACKS if getattr(args, name)}
    for name, path in tracks.items():
        check_file(path, name)
        if Path(path).suffix.lower() not in BIGWIG:
            raise UsageError(name, f"{Path(path).name} is to be a bigWig; end it in .bw")
    out = Path(args.out) if args.out else None
    files = {"out": files_of(out, drawn=args.use == "mutagenesis")} if out else {}
    inputs = (args.genome, args.haplotypes, args.genes, args.input)
    check_outputs({**files, **tracks}, *inputs)


def _check_sequences(args: argparse.Namespace) -> None:
    if tracks := [name for name in TRACKS if getattr(args, name)]:
        if args.input == STDIN:
            raise UsageError(tracks[0], "is of a genome's records; give their file, not -")
        if args.genome:
            raise UsageError(tracks[0], "is of whole records; give the genome as INPUT")
    check_sequences(args.input, modality_here(args.checkpoint), args)


def _check_variants(args: argparse.Namespace) -> None:
    # What counts is imported for none of the others.
    from hnet_seq.tasks.scoring.genome_markov import check_order
    from hnet_seq.tasks.scoring.variant_windows import check_window

    check_window(WINDOW if args.window is None else args.window)
    check_order(args.markov_order)
    if args.mutagenesis is None:
        if args.samples and not args.haplotypes:
            raise UsageError("samples", "are those of haplotypes; give them, or leave it out")
        check_genome(args.genome)
        if args.region:
            check_region(args.genome, args.region)
    else:
        check_region(args.genome, args.mutagenesis, "mutagenesis")


def _check_genes(args: argparse.Namespace) -> None:
    _check_variants(args)
    if args.stop_codon is not None:
        args.stop_codon = args.stop_codon.upper().replace("U", "T")
        if len(args.stop_codon) != 3 or set(args.stop_codon) - set("ACGT"):
            raise UsageError("stop_codon", f"is {args.stop_codon!r}; give three letters, as TAA")
    if args.genetic_code is not None:
        from hnet_seq.evidence.zero_shot.codons import amino_acids

        amino_acids(args.genetic_code)


def _read_measured(args: argparse.Namespace) -> None:
    refuse_ranks("score --measured")
    from hnet_seq.tasks.scoring.measured_arguments import (
        flanks_from_arguments,
        rows_from_arguments,
    )

    args.flank_tokens = flanks_from_arguments(args)
    args.rows = rows_from_arguments(args)


_CHECKS = {
    "sequences": _check_sequences,
    "variants": _check_variants,
    "mutagenesis": _check_variants,
    "genes": _check_genes,
    "measured": _read_measured,
}


def use_of(args: argparse.Namespace) -> tuple[str, str | None]:
    """What is asked for, one of ``USES``; and the form of variants.

    Raises:
        UsageError: an option that would be ignored, or one that is missing.
    """
    use, form = _use(args)
    check_meant(args, _told(args, use), use=use)
    if use in ("variants", *_WITHOUT_INPUT) and args.genome is None:
        needs = "mutagenesis needs" if use == "mutagenesis" else f"{use} need"
        raise UsageError("genome", f"{needs} the genome; give its FASTA")
    return use, form


def _use(args: argparse.Namespace) -> tuple[str, str | None]:
    for own in _WITHOUT_INPUT:
        if getattr(args, own) is not None:
            if args.input is not None:
                said = "makes its own changes" if own == "mutagenesis" else "have their own edits"
                raise UsageError(own, f"{said}; leave {args.input} out")
            return own, None
    if args.input is None:
        raise UsageError("INPUT", "give sequences or variants, or --mutagenesis or --genes")
    if args.measured is not None:
        return "measured", None
    asked: str | None = getattr(args, "use", None)
    from pipelines.formats.variants import variant_form  # reads Parquet, too

    form = None if args.input == STDIN else variant_form(args.input)
    found = "variants" if form else "sequences"
    if asked not in (None, found):
        said = f"{args.input} holds variants" if form else _told(args, found)
        raise UsageError("INPUT", f"{said}; ask for hnet-seq score {found}")
    return found, form


def _told(args: argparse.Namespace, use: str) -> str:
    if use != "sequences" or args.input == STDIN:
        return f"this is {use}"
    return f"{args.input} is read as sequences: no header of VCF, no columns chrom, pos, ref, alt"
