"""Look at a folder of shards: verify every byte, or show what is in it."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import modalities
from hnet_seq.tasks.sharding.summary import summary
from pipelines.batches.reader import BlockReader
from pipelines.batches.shard_documents import ShardDocument, read_documents
from pipelines.progress import progress_bar
from pipelines.shards.manifest import SPLITS, Manifest
from pipelines.shards.open_shards import check_hashes, open_shards

_SHOWN = 200  # tokens of a document
_UNKNOWN = "\N{REPLACEMENT CHARACTER}"


def check(location: str | Path, args: argparse.Namespace) -> int:
    """Read everything and compare it with the manifest; prints what there is.

    What lies behind a URL is fetched anew: a sound copy in the cache says nothing about it.

    Raises:
        InputError: the first thing that is missing or damaged.
    """
    began = time.perf_counter()
    with TemporaryDirectory() as cache:
        store, manifest = open_shards(location, cache_dir=cache)
        total = sum(shard.bytes for shard in manifest.shards)
        with progress_bar("checking", total, unit="B") as bar:
            check_hashes(store, manifest, bar.update)
    if store.is_local:
        for split in SPLITS:
            BlockReader(store, manifest, split).verify()
    seconds = time.perf_counter() - began
    print(summary(manifest))
    rate = total / max(seconds, 1e-9) / 1e6
    print(
        f"whole: {len(manifest.shards):,} shards, {total:,} bytes, {seconds:.1f} s, "
        f"{rate:,.0f} MB/s"
    )
    return 0


def peek(location: str | Path, args: argparse.Namespace) -> int:
    """Print how the first documents of each split and label begin, and where they are from."""
    _, manifest = open_shards(location)
    for split in SPLITS:
        if not manifest.of(split):
            continue
        for document in _first_of_labels(location, manifest, split, args.count):
            label = f", {document.label}" if document.label else ""
            where = f"{document.name} from {document.start:,}"
            print(f"{split}{label}: {where}, {len(document.tokens):,} tokens")
            print(_shown(manifest, document))
            print()
    return 0


def _first_of_labels(
    location: str | Path, manifest: Manifest, split: str, count: int
) -> Iterator[ShardDocument]:
    left = Counter(dict.fromkeys(manifest.label_tokens(split), count))
    for document in read_documents(location, split):
        if left[document.label] > 0:
            left[document.label] -= 1
            yield document
        if not any(left.values()):
            return


def _shown(manifest: Manifest, document: ShardDocument) -> str:
    text = modalities.get(manifest.modality).decode(document.tokens[:_SHOWN])
    # Control characters would move the cursor; line ends stay.
    clean = "".join(c if c.isprintable() or c == "\n" else _UNKNOWN for c in text)
    cut = len(document.tokens) > _SHOWN
    return clean.rstrip(f"{_UNKNOWN}\n") + (" ..." if cut else "")
