"""Turn genomes, text or code into WebDataset shards with a manifest, for training and validation.

DNA is read from FASTA, GenBank or 2bit; text and code from files, folders, JSON lines, parquet and
tars of others.
`hnet-seq shard check DIR` verifies a folder of shards, `hnet-seq shard peek DIR` shows what is in
it (docs/shards.md).
"""

from __future__ import annotations

import argparse

from hnet_seq.commands.later import later
from hnet_seq.commands.meaning import check_meant
from hnet_seq.tasks.sharding.arguments import add_arguments

__all__ = ["EXAMPLE", "add_arguments", "main"]

EXAMPLE = "hnet-seq shard examples/data/ecoli_536/genome.fna.gz --out shards --validation last:0.1"

_ACTIONS = ("check", "peek")
_DNA, _TEXT, _CODE = "modality=dna|dna_bytes", "modality=text|code", "modality=code"
MEANT = {
    "": {
        "": "",
        "asked=making shards": "out modality validation workers block_size shard_size overwrite "
        "duplicates similarity guard iupac unknown_run regions features flank label_regions "
        "keep_soft_mask invalid_utf8 broken_lines line_ends text_field languages "
        "exclude_languages licenses min_bytes max_bytes mean_line longest_line keep_generated "
        "keep_minified header",
        "asked=shard peek": "count",
        "duplicates=near": "similarity",
        _DNA: "guard iupac unknown_run regions features flank label_regions",
        "modality=dna": "keep_soft_mask",
        "validation=region:|last:": "guard",
        "regions": "features flank label_regions",
        _TEXT: "invalid_utf8 broken_lines line_ends text_field languages exclude_languages "
        "licenses min_bytes max_bytes header",
        _CODE: "mean_line longest_line keep_generated keep_minified",
        "!keep_minified": "mean_line longest_line",
    }
}


def main(args: argparse.Namespace) -> int:
    """Run the verb, once its words can be meant."""
    asked = "making shards"
    if args.inputs[0] in _ACTIONS and not args.out:
        asked = f"shard {args.inputs[0]}"
    check_meant(args, f"this is {asked}", asked=asked)
    return later("hnet_seq.tasks.shard")(args)
