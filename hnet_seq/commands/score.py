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
from hnet_seq.commands.score_options import WITHOUT_INPUT
from hnet_seq.commands.score_options import add_arguments as add_arguments
from hnet_seq.commands.uses import Use
from hnet_seq.jobs.ranks import refuse_ranks
from hnet_seq.tasks.choices import WINDOW
from hnet_seq.tasks.scoring.outputs import BIGWIG, TRACKS, check_out, files_of
from modalities.errors import UsageError
from pipelines.storage.files import check_file

EXAMPLE = "hnet-seq score run variants.vcf.gz --genome genome.fna.gz --out scored.vcf.gz"

# What INPUT holds decides which use of the verb it is; where rows are chosen, and blocks joined, is
# asked when it is read.
MEANT = {
    "": {
        "": "twin out strands batch_tokens device",
        "use=mutagenesis|sequences|variants|genes": "genome dask",
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


def main(args: argparse.Namespace) -> int:
    """Run the verb, once its words can be meant."""
    if args.out:
        check_file(args.out)
    args.use, args.form = use_of(args)
    check_there(args.genes)
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
    from hnet_seq.evidence.zero_shot.codons import amino_acids, spelled_codon

    if args.stop_codon is not None:
        args.stop_codon = spelled_codon(args.stop_codon, "stop_codon")
    if args.genetic_code is not None:
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
    if use in ("variants", *WITHOUT_INPUT) and args.genome is None:
        needs = "mutagenesis needs" if use == "mutagenesis" else f"{use} need"
        raise UsageError("genome", f"{needs} the genome; give its FASTA")
    return use, form


def _use(args: argparse.Namespace) -> tuple[str, str | None]:
    for own in WITHOUT_INPUT:
        if getattr(args, own) is not None:
            if args.input is not None:
                said = "makes its own changes" if own == "mutagenesis" else "have their own edits"
                raise UsageError(own, f"{said}; leave {args.input} out")
            return own, None
    if args.input is None:
        raise UsageError("INPUT", "give sequences or variants, or --mutagenesis or --genes")
    check_there(args.input)
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
