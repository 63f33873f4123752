"""``hnet-seq embed``: vectors of sequences into a file; its arguments are in ``commands``."""

from __future__ import annotations

import argparse
from dataclasses import fields

from hnet_seq.tasks.embedding.plan import EmbedOptions
from hnet_seq.tasks.embedding.run import run
from hnet_seq.tasks.embedding.vectors import embed, embed_poolings
from hnet_seq.tasks.sequences.reading import Reading

__all__ = ["embed", "embed_poolings", "main"]


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    options = EmbedOptions(**{own.name: getattr(args, own.name) for own in fields(EmbedOptions)})
    run(
        args.checkpoint,
        args.input,
        args.out,
        options,
        reading=Reading.of(args),
        device=args.device,
        twin=args.twin,
    )
    return 0
