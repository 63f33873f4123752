"""The words that a model made: chunks of a genome, of text or of code, counted and compared.

Of every stage the most frequent chunks, each with how often its letters stand there and how often
they are one chunk, what its contexts and its strand are, and whether it is more than chance:
beside cuts that follow the last letters alone, and beside the same sequence shuffled. With
--features also where in genes it stands. The same text is cut by byte pairs and k-mers, with the
bits that each costs. --out gets the tables, lexicon.json for `hnet-seq report`, and a tokenizer of
the words for other people's models, which says how often it does not give the chunks back.

Guide: docs/lexicon.md
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hnet_seq.commands.checks import (
    check_at_least,
    check_checkpoint,
    check_genome,
    check_outputs,
    check_region,
    check_seed,
    check_stage,
    check_there,
    modality_here,
    stages_of,
)
from hnet_seq.commands.documents import check_documents
from hnet_seq.commands.later import later
from hnet_seq.commands.meaning import check_meant
from hnet_seq.tasks.arguments import (
    CHECKPOINT,
    add_batch_arguments,
    add_streaming_arguments,
    add_twin_argument,
)
from hnet_seq.tasks.choices import (
    LEFT_CONTEXT,
    LEXICON_FORMATS,
    LEXICON_MOST_WORDS,
    LEXICON_SHUFFLED,
    LEXICON_WORDS,
    SEGMENT_BATCH_TOKENS,
)
from modalities.dna import DNA
from modalities.errors import UsageError
from pipelines.storage.files import check_folder

EXAMPLE = "hnet-seq lexicon genomes-tiny genome.fna.gz --features genes.gff.gz --out words"

MEANT = {
    "": {
        "": "twin out vocabulary format no_bpe seed attention_window cache_limit batch_tokens "
        "device",
        "of=DNA": "features shuffled_bases region left_context",
        "region": "left_context",
        "of=text and code": "shards",
    }
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq lexicon``."""
    parser.add_argument("checkpoint", metavar="RUN", help=CHECKPOINT)
    parser.add_argument(
        "inputs", nargs="*", metavar="INPUT", help="FASTA, GenBank or 2bit; or files of text"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for what is written")
    add_twin_argument(parser)
    parser.add_argument(
        "--vocabulary",
        type=int,
        default=LEXICON_WORDS,
        metavar="N",
        help=f"words of each stage: the most frequent; at most {LEXICON_MOST_WORDS:,} "
        "(%(default)s)",
    )
    parser.add_argument(
        "--features",
        action="append",
        default=[],
        metavar="[NAME=]FILE",
        help="GFF3, GTF, GenBank or BED to hold the words against; several times for several",
    )
    parser.add_argument(
        "--shuffled-bases",
        type=int,
        default=LEXICON_SHUFFLED,
        metavar="BASES",
        help="of the genome, shuffled and cut as a control; 0: none (%(default)s)",
    )
    parser.add_argument("--region", metavar="NAME[:START-END]", help="1-based, inclusive")
    parser.add_argument(
        "--left-context",
        type=int,
        default=LEFT_CONTEXT,
        metavar="BASES",
        help="read before a region (bidirectional: and behind), not counted (%(default)s)",
    )
    parser.add_argument(
        "--shards",
        metavar="DIR",
        action="append",
        default=[],
        help="text and code: the validation split of shards; may be repeated",
    )
    parser.add_argument(
        "--format", choices=LEXICON_FORMATS, default="tsv", help="of the tables (%(default)s)"
    )
    parser.add_argument(
        "--no-bpe",
        action="store_true",
        help="leave byte pairs and the tokenizer out (extra: bpe)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of every draw (%(default)s)")
    add_streaming_arguments(parser)
    add_batch_arguments(parser, SEGMENT_BATCH_TOKENS)


def main(args: argparse.Namespace) -> int:
    """Run the verb, once its words can be meant."""
    check_folder(args.out)
    check_checkpoint(args.checkpoint)
    check_there(*args.inputs)
    check_seed(args.seed)
    check_at_least(1, vocabulary=args.vocabulary)
    check_at_least(0, left_context=args.left_context, shuffled_bases=args.shuffled_bases)
    if args.vocabulary > LEXICON_MOST_WORDS:
        said = f"is {args.vocabulary:,}; at most {LEXICON_MOST_WORDS:,} words are followed"
        raise UsageError("vocabulary", said)
    check_stage(args.checkpoint, 0)
    check_written(args, stages_of(args.checkpoint) or 1, is_twin=args.twin)
    modality = modality_here(args.checkpoint)
    if modality is DNA:
        check_dna(args)
        if args.region:
            check_region(args.inputs[0], args.region)
        else:
            check_genome(args.inputs[0])
        read_features(args)
    elif modality is not None:
        check_documents(args, modality.name)
    return later("hnet_seq.tasks.lexicon")(args)


def written_names(args: argparse.Namespace, stages: int, *, is_twin: bool) -> dict[str, str]:
    """Names of the files in --out, by what they are; the twin's replace no model's."""
    twin = ".twin" if is_twin else ""
    names = {"record": f"lexicon{twin}.json", "words": f"words{twin}.{args.format}"}
    if args.features:
        names["features"] = f"features{twin}.{args.format}"
    for stage in () if args.no_bpe else range(stages):
        names[f"tokenizer {stage}"] = f"tokenizer.stage{stage}{twin}.json"
    return names


def check_written(args: argparse.Namespace, stages: int, *, is_twin: bool) -> None:
    """Raise UsageError where an input would be written over."""
    files = [
        Path(args.out) / name for name in written_names(args, stages, is_twin=is_twin).values()
    ]
    features = [source.partition("=")[2] or source for source in args.features]
    check_outputs({"out": files}, *args.inputs, *args.features, *features)


def read_features(args: argparse.Namespace) -> None:
    """Read what --features names; torch is not needed for it."""
    if args.features:
        from hnet_seq.tasks.lexicons.features import read_kinds
        from pipelines.formats.genome import Genome

        args.read_kinds = read_kinds(args.features, Genome(args.inputs[0]))


def check_dna(args: argparse.Namespace) -> None:
    """Raise UsageError for words that mean nothing for a model of DNA."""
    check_meant(args, f"{args.checkpoint} was trained on DNA", of="DNA")
    if len(args.inputs) != 1:
        raise UsageError(
            "INPUT",
            f"{args.checkpoint} is no model of text; give one FASTA, GenBank or 2bit file",
        )
