"""Turn genomes, text or code into WebDataset shards with a manifest, for training and validation.

DNA is read from FASTA, GenBank or 2bit; text and code from files, folders, JSON lines, parquet and
tars of others.
`hnet-seq shard check DIR` verifies a folder of shards, `hnet-seq shard peek DIR` shows what is in
it (docs/shards.md).
"""

from __future__ import annotations

from hnet_seq.commands.later import later
from hnet_seq.tasks.sharding.arguments import add_arguments

__all__ = ["EXAMPLE", "add_arguments", "main"]

EXAMPLE = "hnet-seq shard examples/data/ecoli_536/genome.fna.gz --out shards --validation last:0.1"

main = later("hnet_seq.tasks.shard")
