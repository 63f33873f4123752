"""Turn genomes, text or code into WebDataset shards with a manifest, for training and validation.

DNA is read from FASTA, GenBank or 2bit, and genomes by the thousand from folders, lists of paths
and packages of NCBI Datasets; text and code from files, folders, JSON lines, parquet and tars of
others (docs/shards.md).
"""

from __future__ import annotations

import argparse

from hnet_seq.commands.checks import check_at_least, check_there, manifest_here
from hnet_seq.commands.later import later
from hnet_seq.commands.meaning import check_meant
from hnet_seq.commands.shard_options import add_arguments, options_from
from hnet_seq.commands.uses import Use
from hnet_seq.tasks.sharding.options import ShardOptions
from modalities.errors import UsageError
from pipelines.corpus.inputs import is_corpus
from pipelines.shards.document_split import DocumentSplit
from pipelines.shards.shard_folder import check_free
from pipelines.storage.files import check_folder

__all__ = ["EXAMPLE", "add_arguments", "main"]

EXAMPLE = "hnet-seq shard examples/data/ecoli_536/genome.fna.gz --out shards --validation last:0.1"

USES = {
    "make": Use("turn inputs into shards; as without a use", ("asked", "making shards"), EXAMPLE),
    "check": Use(
        "verify every byte of a folder of shards",
        ("asked", "shard check"),
        "hnet-seq shard check shards",
    ),
    "peek": Use(
        "how the first documents of each split and label begin",
        ("asked", "shard peek"),
        "hnet-seq shard peek shards --count 1",
    ),
}
_DNA, _TEXT, _CODE = "modality=dna|dna_bytes", "modality=text|code", "modality=code"
MEANT = {
    "": {
        "": "",
        "asked=making shards": "out modality validation workers block_size shard_size overwrite "
        "duplicates similarity near_distance min_distance broken_genomes guard iupac unknown_run "
        "regions features flank label_regions "
        "keep_soft_mask invalid_utf8 broken_lines line_ends text_field languages "
        "exclude_languages licenses min_bytes max_bytes mean_line longest_line keep_generated "
        "keep_minified header dask",
        "!dask": "workers",
        "asked=shard peek": "count",
        "duplicates=near": "similarity",
        _DNA: "guard iupac unknown_run regions features flank label_regions near_distance "
        "min_distance broken_genomes",
        "genomes=corpus": "near_distance min_distance broken_genomes",
        "genomes=files": "similarity guard regions features flank label_regions",
        "validation=similarity:": "min_distance",
        "modality=dna": "keep_soft_mask",
        "validation=region:|last:": "guard",
        "regions": "features flank label_regions",
        _TEXT: "invalid_utf8 broken_lines line_ends text_field languages exclude_languages "
        "licenses min_bytes max_bytes header",
        _CODE: "mean_line longest_line keep_generated keep_minified",
        "!keep_minified": "mean_line longest_line",
    }
}


def check_making(args: argparse.Namespace) -> None:
    """Raise for what cannot be meant, before what makes shards is imported."""
    if not args.out:
        raise UsageError("out", "is missing: name a folder to make")
    check_free(check_folder(args.out), args.overwrite)
    options = ShardOptions(**options_from(args))
    options.check()
    if args.workers < 1:
        raise UsageError("workers", f"is {args.workers}, expected at least 1 process")
    if options.is_dna:
        options.check_inputs(is_corpus(args.inputs))
    else:
        DocumentSplit.parse(options.validation)
    check_there(*args.inputs, options.regions)


def main(args: argparse.Namespace) -> int:
    """Run the verb, once its words can be meant."""
    asked = getattr(args, "asked", "making shards")
    check_meant(args, f"this is {asked}", asked=asked)
    if asked == "making shards":
        if args.modality in ("dna", "dna_bytes"):
            corpus = is_corpus(args.inputs)
            given = "a folder, list or package" if corpus else "a file"
            genomes = "corpus" if corpus else "files"
            check_meant(args, f"the input is {given} of DNA", genomes=genomes)
        check_making(args)
    else:
        check_at_least(1, count=args.count)
        manifest_here(args.inputs[0])
    return later("hnet_seq.tasks.shard")(args)
