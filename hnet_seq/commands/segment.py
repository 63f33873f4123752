"""Where a model cuts a genome: BED, bigWig, tables; with genes, what it cuts at. Or text and code.

Records of any length go through in one pass, piece by piece from a running state; a bidirectional
model reads a long one in windows that overlap. With --annotation and --out, DIR/boundaries.json
has boundary rates by codon position, region, homopolymer and start and stop codon beside their
controls, and DIR/region.json one stretch full of genes. A model of text or code reads files,
folders or --shards DIR, and prints at what it cuts: spaces, starts of words, inside words,
punctuation (docs/boundaries.md).
"""

from __future__ import annotations

import argparse

from hnet_seq.commands.checks import (
    check_at_least,
    check_checkpoint,
    check_genome,
    check_region,
    check_stage,
    check_there,
    is_small,
    modality_here,
    stages_of,
)
from hnet_seq.commands.documents import check_documents
from hnet_seq.commands.later import later
from hnet_seq.commands.meaning import check_meant
from hnet_seq.tasks.arguments import (
    CHECKPOINT,
    add_batch_arguments,
    add_dask_argument,
    add_streaming_arguments,
    add_twin_argument,
)
from hnet_seq.tasks.choices import LEFT_CONTEXT, SEGMENT_BATCH_TOKENS
from hnet_seq.tasks.segmentation.outputs import check_stage_files, check_table
from modalities.dna import DNA
from modalities.errors import UsageError
from pipelines.storage.files import check_folder

EXAMPLE = "hnet-seq segment run genome.fna.gz --bed chunks.bed"

MEANT = {
    "": {
        "": "twin stage out attention_window cache_limit batch_tokens device dask",
        "of=DNA": "bed bigwig chunks igv jbrowse region annotation left_context picture",
        "region": "left_context",
        "annotation": "picture",
        "of=text and code": "shards show",
    }
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq segment``."""
    parser.add_argument("checkpoint", help=CHECKPOINT)
    parser.add_argument(
        "inputs", nargs="*", metavar="INPUT", help="FASTA, GenBank or 2bit; or files of text"
    )
    add_twin_argument(parser)
    parser.add_argument("--bed", metavar="FILE", help="chunks; {stage} in the name: every stage")
    parser.add_argument(
        "--bigwig",
        metavar="FILE",
        help="boundary probability per base; {stage} in the name: every stage",
    )
    parser.add_argument(
        "--chunks", metavar="TABLE", help="chunks of all stages: .parquet, .tsv or .tsv.gz"
    )
    parser.add_argument(
        "--igv", metavar="FILE", help="session that opens genome, --bed and --bigwig in IGV (.xml)"
    )
    parser.add_argument(
        "--jbrowse", metavar="FILE", help="configuration that opens them in JBrowse 2 (.json)"
    )
    parser.add_argument("--stage", type=int, default=0, help="0 is the outermost (%(default)s)")
    parser.add_argument("--region", metavar="NAME[:START-END]", help="1-based, inclusive")
    parser.add_argument(
        "--annotation", metavar="GENES", help="GFF3, GTF or GenBank to hold the boundaries against"
    )
    parser.add_argument("--out", metavar="DIR", help="folder for boundaries.json and region.json")
    parser.add_argument(
        "--picture",
        metavar="GENE|NAME:START-END",
        help="what region.json has, to draw (about 3 kb with many genes)",
    )
    parser.add_argument(
        "--left-context",
        type=int,
        default=LEFT_CONTEXT,
        metavar="BASES",
        help="read before a region (bidirectional: and behind), not reported (%(default)s)",
    )
    parser.add_argument(
        "--shards",
        metavar="DIR",
        action="append",
        default=[],
        help="text and code: the validation split of shards; may be repeated",
    )
    parser.add_argument(
        "--show", type=int, default=0, metavar="N", help="text and code: print N stretches, cut"
    )
    add_streaming_arguments(parser)
    add_batch_arguments(parser, SEGMENT_BATCH_TOKENS)
    add_dask_argument(parser)


def main(args: argparse.Namespace) -> int:
    """Run the verb, once its words can be meant."""
    if args.annotation and not args.out:
        raise UsageError("annotation", "goes together with --out DIR")
    if args.out:
        check_folder(args.out)
    check_at_least(0, left_context=args.left_context)
    check_checkpoint(args.checkpoint)
    check_there(*args.inputs, args.annotation)
    check_stage(args.checkpoint, args.stage)
    check_stage_files(args, stages_of(args.checkpoint) or args.stage + 1)
    modality = modality_here(args.checkpoint)
    if modality is DNA:
        check_dna(args)
        if args.region:
            check_region(args.inputs[0], args.region)
        else:
            check_genome(args.inputs[0])
        if args.annotation:
            check_annotation(args)
    elif modality is not None:
        check_bytes(args, modality.name)
    return later("hnet_seq.tasks.segment")(args)


def check_bytes(args: argparse.Namespace, modality: str) -> None:
    """Raise for words that mean nothing for a model of bytes, or shards of something else."""
    check_documents(args, modality)
    if args.show < 0:
        raise UsageError("show", f"is {args.show}; expected 0 or more")


def check_annotation(args: argparse.Namespace) -> None:
    """Raise, as the verb would, for genes, few, that cannot be read, or a picture of none."""
    if is_small(args.annotation) and is_small(args.inputs[0]):
        from hnet_seq.tasks.segmentation.genes import find_picture, read_genes
        from pipelines.formats.genome import Genome

        genome = Genome(args.inputs[0])
        found = read_genes(args.annotation, genome)
        if args.picture:
            find_picture(args.picture, found, genome, args.region)


def check_viewers(args: argparse.Namespace) -> None:
    """Raise for a session without tracks, under another suffix, or of a genome in another form."""
    for option, suffix in (("igv", ".xml"), ("jbrowse", ".json")):
        if path := getattr(args, option):
            if not path.endswith(suffix):
                raise UsageError(option, f"{path} should end in {suffix}")
            if not (args.bed or args.bigwig):
                raise UsageError(option, "opens what --bed and --bigwig write; give one of them")
    if (args.igv or args.jbrowse) and len(args.inputs) == 1:
        from hnet_seq.tasks.segmentation.viewers import check_browsable

        check_browsable(args.inputs[0])


def check_dna(args: argparse.Namespace) -> None:
    """Raise UsageError for words that mean nothing for a model of DNA."""
    check_meant(args, f"{args.checkpoint} was trained on DNA", of="DNA")
    if args.chunks:
        check_table(args.chunks)
    check_viewers(args)
    if len(args.inputs) != 1:
        raise UsageError(
            "INPUT",
            f"{args.checkpoint} is no model of text; give one FASTA, GenBank or 2bit file",
        )
    if bool(args.annotation) != bool(args.out):
        raise UsageError("annotation", "goes together with --out DIR")
    if not (args.bed or args.bigwig or args.chunks or args.out):
        raise UsageError(
            "out",
            "nothing to write; give --bed, --bigwig or --chunks FILE, or --annotation with --out",
        )
