"""What a manifest says of one shard, and whether its numbers hold together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modalities.errors import InputError

SPLITS = ("train", "validation")
WEIGHT_UNIT = 1_000_000
"""A weight of 1: weights are whole parts of it, so that they are exact."""
Column = NDArray[np.int64]
_LARGEST = 1 << 60  # bytes of a shard; sums of two such numbers have room in an int64


@dataclass(frozen=True, eq=False)
class Blocks:
    """The samples of a shard column by column, each (n,) int64.

    A block is a part of one long document, or holds whole ones of one label.

    Attributes:
        offset, tokens, crc32: of ``<key>.bin``, one byte a token; the offset in bytes of the tar.
        spans_offset, spans_bytes, spans_crc32: of ``<key>.json``, which names the documents.
        documents: how many there are.
        position: where the block starts in its document; 0 for a block of whole documents.
        document_tokens: length of the document it is a part of; for a block of whole documents,
            its own tokens.
        label: number of the block's label among the shard's.
        weight: factor of the loss of its tokens in training, in parts of :data:`WEIGHT_UNIT`; None
            where all are 1.
    """

    offset: Column
    tokens: Column
    crc32: Column
    spans_offset: Column
    spans_bytes: Column
    spans_crc32: Column
    documents: Column
    position: Column
    document_tokens: Column
    label: Column
    weight: Column | None = None

    def __len__(self) -> int:
        return len(self.offset)


@dataclass(frozen=True, eq=False)
class Shard:
    """One tar file.

    Attributes:
        documents: those that begin in it.
        key: what the keys of its samples begin with; the number of a sample follows.
        first: number of its first sample.
        labels: of its blocks.
    """

    name: str
    split: str
    bytes: int
    sha256: str
    tokens: int
    documents: int
    key: str
    first: int
    labels: list[str]
    blocks: Blocks

    def block_key(self, index: int) -> str:
        """Key of the sample that holds a block of this shard."""
        return f"{self.key}-{self.first + index:07d}"


def add_weights(shards: Any) -> None:
    """Say None where entries, as they lie in JSON, say nothing of weights: all are 1."""
    for shard in shards if isinstance(shards, list) else []:
        if isinstance(shard, dict) and isinstance(shard.get("blocks"), dict):
            shard["blocks"].setdefault("weight", None)


def check_shard_entry(path: str | Path, where: str, shard: Shard) -> None:
    """Raise InputError, naming the manifest and the place in it, where numbers contradict."""
    blocks = shard.blocks
    if shard.split not in SPLITS:
        raise InputError(
            path,
            f"is {shard.split!r}, expected one of {', '.join(SPLITS)}",
            where=f"{where}.split",
        )
    if Path(shard.name).name != shard.name:
        raise InputError(path, f"is {shard.name!r}, expected a file name", where=f"{where}.name")
    if not shard.key.isascii():
        raise InputError(path, f"is {shard.key!r}, expected ASCII", where=f"{where}.key")
    if not 0 <= shard.bytes <= _LARGEST:
        raise InputError(path, f"is {shard.bytes}, no size of a file", where=f"{where}.bytes")
    columns: dict[str, Column | None] = vars(blocks)
    for name, column in columns.items():
        if column is not None and len(column) != len(blocks):
            raise InputError(
                path,
                f"has {len(column)} entries, the shard {len(blocks)} blocks; make the shards again",
                where=f"{where}.blocks.{name}",
            )
    total = int(blocks.tokens.sum())
    if total != shard.tokens:
        raise InputError(
            path,
            f"is {shard.tokens}, its blocks hold {total}; make the shards again",
            where=f"{where}.tokens",
        )
    inside = (
        (blocks.offset >= 0)
        & (blocks.tokens > 0)
        & (blocks.offset <= shard.bytes - blocks.tokens)
        & (blocks.spans_offset >= 0)
        & (blocks.spans_bytes >= 0)
        & (blocks.spans_offset <= shard.bytes - blocks.spans_bytes)
        & (blocks.document_tokens > 0)
        & (blocks.position >= 0)
        & (blocks.position <= blocks.document_tokens - blocks.tokens)
        & (blocks.documents > 0)
        & (blocks.label >= 0)
        & (blocks.label < len(shard.labels))
    )
    if blocks.weight is not None:
        inside &= blocks.weight > 0
    if not inside.all():
        raise InputError(
            path,
            f"lies outside {shard.name} ({shard.bytes} bytes) or its document; "
            "make the shards again",
            where=f"{where}.blocks[{int(np.argmin(inside))}]",
        )
