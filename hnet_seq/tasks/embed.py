"""``hnet-seq embed``: vectors of sequences into a file; its arguments are in ``commands``."""

from __future__ import annotations

import argparse

from hnet_seq.tasks.embedding.plan import EmbedOptions
from hnet_seq.tasks.embedding.run import run
from hnet_seq.tasks.embedding.vectors import embed, embed_poolings
from hnet_seq.tasks.sequences.reading import Reading

__all__ = ["embed", "embed_poolings", "main"]


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    options = EmbedOptions(
        level=args.level,
        pooling=args.pooling,
        layer=args.layer,
        stage=args.stage,
        strands=args.strands,
        batch_tokens=args.batch_tokens,
        cache_limit=args.cache_limit,
        attention_window=args.attention_window,
        label=args.label,
        precision=args.precision,
    )
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
