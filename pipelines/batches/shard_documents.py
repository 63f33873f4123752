"""Whole documents read back out of shards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modalities.base import Tokens
from pipelines.batches.reader import BlockReader
from pipelines.shards.open_shards import open_shards
from pipelines.shards.writer import SOFT_MASK_BIT


@dataclass(frozen=True)
class ShardDocument:
    """A document read back: its record, where it starts there, its label and tokens (L,) uint8."""

    name: str
    start: int
    label: str
    tokens: Tokens


def read_documents(location: str | Path, split: str) -> Iterator[ShardDocument]:
    """Whole documents of a split, in the order of the shards; soft masks are stripped.

    A record of which parts were cut out gives several.

    Raises:
        InputError: the manifest is wrong, or a shard missing or damaged.
    """
    store, manifest = open_shards(location)
    reader = BlockReader(store, manifest, split)
    for block in range(len(reader.blocks)):
        if reader.blocks.position[block]:
            continue
        spans, offset = reader.spans(block), 0
        lengths = spans.tokens
        if not spans.ends:
            lengths = [int(reader.blocks.document_tokens[block])]
        for name, start, length in zip(spans.names, spans.starts, lengths, strict=True):
            tokens = reader.read(block, offset, length)
            if manifest.soft_mask:
                tokens = tokens & np.uint8(0xFF ^ SOFT_MASK_BIT)
            yield ShardDocument(name, start, spans.label, tokens)
            offset += length
