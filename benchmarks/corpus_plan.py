"""A corpus of 100 million documents, planned without its data: time and memory.

    python benchmarks/corpus_plan.py [--documents 100000000]

Writes the manifest that such a corpus would have (documents of about 1 kB, in blocks of 256 KiB),
loads it, and makes the order of an epoch, a stretch at a random place, and one in another epoch, as
a run that starts, goes on and resumes does. The documents of a block come from a function instead
of a tar; everything else is what training calls.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

import modalities
from pipelines.batches.order import Order, Pieces
from pipelines.shards.manifest import Blocks, Manifest, Shard
from pipelines.shards.writer import BLOCK_SIZE

DOCUMENT = 1000  # tokens on average
BLOCKS_A_SHARD = 1024
CONTEXT, BATCH = 8192, 1 << 20


def made_up(documents: int) -> Manifest:
    """The manifest of a corpus; the shards are not there."""
    in_block = BLOCK_SIZE // DOCUMENT
    blocks = -(-documents // in_block)
    shards = []
    for first in range(0, blocks, BLOCKS_A_SHARD):
        count = min(BLOCKS_A_SHARD, blocks - first)
        tokens = np.random.default_rng(first).integers(BLOCK_SIZE * 9 // 10, BLOCK_SIZE, count)
        padded = -(-tokens // 512) * 512 + 512
        described = 512 * 17
        offset = np.cumsum(padded + described) - padded - described + 512
        constant = np.ones(count, np.int64)
        number = first // BLOCKS_A_SHARD
        shards.append(
            Shard(
                name=f"train-{number:05d}-0000.tar",
                split="train",
                bytes=int(offset[-1] + padded[-1] + described + 1024),
                sha256=f"{number:064x}",
                tokens=int(tokens.sum()),
                documents=count * in_block,
                key=f"train-{number:05d}",
                first=0,
                labels=["python", "c"],
                blocks=Blocks(
                    offset=offset,
                    tokens=tokens,
                    crc32=constant * 0xFFFFFFFF,
                    spans_offset=offset + padded,
                    spans_bytes=constant * (described - 600),
                    spans_crc32=constant * 0xFFFFFFFF,
                    documents=constant * in_block,
                    position=constant * 0,
                    document_tokens=tokens,
                    label=np.arange(count) % 2,
                ),
            )
        )
    text = modalities.get("text")
    return Manifest(
        modality="text",
        vocab_size=text.vocab_size,
        vocabulary_fingerprint=text.fingerprint,
        block_size=BLOCK_SIZE,
        soft_mask=False,
        validation=None,
        options={},
        sources=[],
        shards=shards,
    )


def main() -> None:
    """Print seconds of each step, and the peak memory of all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=100_000_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # In another process: what loading takes is asked for, not what making it up took.
        context = multiprocessing.get_context("spawn")
        maker = context.Process(target=_save, args=(args.documents, folder))
        maker.start()
        maker.join()
        size = (Path(folder) / "manifest.json").stat().st_size
        began = time.perf_counter()
        manifest = Manifest.load(folder)
        loaded = time.perf_counter() - began
    columns = [
        np.concatenate([getattr(shard.blocks, name) for shard in manifest.shards])
        for name in ("position", "tokens", "document_tokens", "documents")
    ]
    position, tokens, document_tokens, documents = columns
    count = len(tokens)

    def pieces_of(block: int) -> Pieces:
        total, parts = int(tokens[block]), int(documents[block])
        lengths = np.full(parts, total // parts)
        lengths[0] += total - lengths.sum()
        zeros = np.zeros(parts, np.int64)
        return Pieces(zeros + block, np.cumsum(lengths) - lengths, zeros, lengths, lengths)

    def order() -> Order:
        return Order(
            Pieces(np.arange(count), np.zeros(count, np.int64), position, tokens, document_tokens),
            pieces_of,
            context=CONTEXT,
            seed=0,
            shuffle=True,
            reverse_complement=False,
        )

    print(f"documents        {manifest.documents('train'):,} in {count:,} blocks")
    print(f"tokens           {manifest.tokens('train'):,}")
    print(f"manifest         {size / 1e6:.0f} MB, loaded and checked in {loaded:.1f} s")
    stream = order()
    total = stream.tokens_per_epoch
    for name, made, start in (
        ("first batch", stream, 0),
        ("middle of it", stream, total // 2),
        ("next epoch", stream, total + total // 3),
        ("resumed", order(), 7 * total + total // 5),
    ):
        began = time.perf_counter()
        sequences = sum(1 for _ in made.slices(start, start + BATCH))
        seconds = time.perf_counter() - began
        print(f"{name:16s} {seconds * 1e3:7.1f} ms for {BATCH:,} tokens, {sequences:,} sequences")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory      {peak:,.0f} MB")


def _save(documents: int, folder: str) -> None:
    made_up(documents).save(folder)


if __name__ == "__main__":
    main()
