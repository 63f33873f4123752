"""Score order-k models on the validation split of shards, beside which a trained model stands.

They are counted on the training split and scored on exactly the tokens that ``pretrain`` validates
on. DNA: Markov models of the orders 0 to 12 on both strands. Text, code and other bytes: the orders
0 to 6 with Witten-Bell back-off; several folders are counted together and scored apart, as are the
labels (languages) of their documents.
"""

from __future__ import annotations

import argparse

from hnet_seq.commands.checks import (
    check_causal,
    check_checkpoint,
    manifest_here,
    modality_here,
)
from hnet_seq.commands.later import later
from hnet_seq.evidence.baselines import byte_markov
from hnet_seq.evidence.baselines.markov import MAX_ORDER
from hnet_seq.tasks.arguments import add_device_argument
from hnet_seq.tasks.choices import MARKOV_BYTES_ORDER
from modalities.errors import InputError
from pipelines.storage.files import check_file

EXAMPLE = "hnet-seq markov shards --out run/markov.json"

MEANT = {
    "": {
        "": "out max_order mix",
        "of=shards of DNA": "one_strand",
        "mix": "beside",
        "beside": "device",
    }
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``hnet-seq markov``."""
    parser.add_argument(
        "shards", nargs="+", metavar="SHARDS", help="folder made by hnet-seq shard; bytes: several"
    )
    parser.add_argument("--out", metavar="FILE", help="write the scores as JSON, e.g. markov.json")
    parser.add_argument(
        "--max-order",
        type=int,
        help=f"default {MAX_ORDER} for DNA, {MARKOV_BYTES_ORDER} for bytes (at most "
        f"{byte_markov.MAX_ORDER})",
    )
    parser.add_argument(
        "--one-strand", action="store_true", help="DNA: count the records' forward strand only"
    )
    parser.add_argument(
        "--mix",
        action="store_true",
        help="also context mixing, as compressors do, the bar above: of orders 1 to 24 of DNA, of "
        "orders 1 to 6 and words of bytes",
    )
    parser.add_argument(
        "--with",
        dest="beside",
        metavar="RUN",
        help="with --mix: also a trained model, a run or a checkpoint of one, and the mixture of "
        "the two by log-odds",
    )
    add_device_argument(parser)


def main(args: argparse.Namespace) -> int:
    """Run the verb, once its words can be meant."""
    if args.out:
        check_file(args.out)
    manifests = [manifest_here(location) for location in args.shards]
    if args.beside:
        check_checkpoint(args.beside)
        check_causal(args.beside, "the mixture predicts each token from those before it")
        reads = modality_here(args.beside)
        for location, manifest in zip(args.shards, manifests, strict=True):
            if manifest and reads and reads.fingerprint != manifest.vocabulary_fingerprint:
                raise InputError(
                    args.beside,
                    f"reads {reads.name}, and {location} holds {manifest.modality}; give --with a "
                    "run that was trained on such shards",
                )
    return later("hnet_seq.tasks.markov")(args)
