"""Reads blocks of tokens at random out of shards, in any process."""

from __future__ import annotations

import mmap
import os
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

from modalities.errors import InputError, UsageError
from pipelines.batches.order import Pieces
from pipelines.shards.manifest import Blocks, Manifest, Shard
from pipelines.shards.manifest_entry import WEIGHT_UNIT
from pipelines.shards.open_shards import check_shard, check_size
from pipelines.shards.spans import Spans
from pipelines.storage.deflate import crc32
from pipelines.storage.folders import ShardStore

_TAR_HEADER = 512  # bytes
_TAR_NAME = 100  # bytes
_MAPPED = 64  # shards at once
_VIEWS = 256  # blocks; a group of the order has 64


class BlockReader:
    """Blocks of one split, numbered through all its shards.

    A block's name, crc32 and documents are compared with the manifest when a process first reads
    it.

    Args:
        labels: only blocks with one of these labels; None for all.
        skip_damaged: read all shards now, and leave out the documents of those that are missing
            or not what the manifest says.

    Attributes:
        blocks: what the manifest says of them, in the order of their numbers.
        skipped: name of each shard that was left out, and why.
        skipped_tokens: what its documents have, in this shard and others.

    Raises:
        InputError: a local shard is missing or not of the size that the manifest states.
        UsageError: there is no such label.
    """

    def __init__(
        self,
        store: ShardStore,
        manifest: Manifest,
        split: str,
        labels: Sequence[str] | None = None,
        skip_damaged: bool = False,
    ) -> None:
        self._store = store
        self._shards = manifest.of(split)
        self.skipped: dict[str, str] = {}
        self.skipped_tokens = 0
        if labels is not None:
            labels = spelled_labels(store.location, manifest, labels)
        chosen = [_chosen(shard, labels) for shard in self._shards]
        if skip_damaged:
            chosen = self._without_damaged(chosen)
        elif store.is_local:
            for shard in self._shards:
                check_size(store, shard)
        parts = list(zip(self._shards, chosen, strict=True))
        # Of each block its shard, and its number there.
        self._shard = np.repeat(np.arange(len(parts)), [len(rows) for _, rows in parts])
        self._row = _joined([rows for _, rows in parts])
        self.blocks = Blocks(
            **{
                name: _joined([getattr(shard.blocks, name)[rows] for shard, rows in parts])
                for name in Blocks.__annotations__
                if name != "weight"
            },
            weight=_weights(parts),
        )
        self._maps: OrderedDict[int, np.ndarray] = OrderedDict()
        self._checked = np.zeros(len(self.blocks), bool)
        self._views: dict[int, np.ndarray] = {}  # of blocks that were read lately

    def _without_damaged(self, chosen: list[np.ndarray]) -> list[np.ndarray]:
        """The rows of every shard that belong to documents of sound shards only."""
        for shard in self._shards:
            try:
                check_shard(self._store, shard)
            except InputError as error:
                self.skipped[shard.name] = str(error)
        if not self.skipped:
            return chosen
        damaged = np.repeat(
            [shard.name in self.skipped for shard in self._shards],
            [len(shard.blocks) for shard in self._shards],
        )
        document = np.cumsum(_joined([shard.blocks.position for shard in self._shards]) == 0)
        lost = np.isin(document, document[damaged])
        ends = np.cumsum([len(shard.blocks) for shard in self._shards])
        kept = []
        for shard, rows, end in zip(self._shards, chosen, ends, strict=True):
            gone = lost[end - len(shard.blocks) : end][rows]
            self.skipped_tokens += int(shard.blocks.tokens[rows[gone]].sum())
            kept.append(rows[~gone])
        return kept

    def __getstate__(self) -> dict[str, Any]:
        # Each process maps the files for itself.
        fresh = {"_maps": OrderedDict(), "_views": {}, "_checked": np.zeros(len(self.blocks), bool)}
        return self.__dict__ | fresh

    def read(self, block: int, offset: int, count: int) -> np.ndarray:
        """(count,) stored uint8 from ``offset`` of a block on, into the blocks after it.

        The offset may lie in the blocks before or after it.
        """
        data = self._views.get(block)
        if data is not None and 0 <= offset <= len(data) - count:
            return data[offset : offset + count]
        while offset < 0:
            block -= 1
            offset += int(self.blocks.tokens[block])
        while offset >= (tokens := int(self.blocks.tokens[block])):
            offset -= tokens
            block += 1
        if offset + count <= tokens:
            return self._data(block)[offset : offset + count]
        parts = []
        while count > 0:
            part = self._data(block)[offset : offset + count]
            parts.append(part)
            count -= len(part)
            block, offset = block + 1, 0
        return np.concatenate(parts)

    def spans(self, block: int) -> Spans:
        """Documents of a block."""
        self._data(block)
        return self._spans(block)

    def _spans(self, block: int) -> Spans:
        blocks = self.blocks
        start = int(blocks.spans_offset[block])
        data = self._map(block)[start : start + int(blocks.spans_bytes[block])].tobytes()
        if crc32(data) != blocks.spans_crc32[block]:
            raise self._damaged(block, "json")
        spans = Spans.from_json(data)
        found = (len(spans.tokens), sum(spans.tokens), spans.position)
        if found != (blocks.documents[block], blocks.tokens[block], blocks.position[block]):
            raise self._damaged(block, "json")
        return spans

    def pieces(self) -> Pieces:
        """All blocks, as the manifest describes them."""
        blocks = self.blocks
        count = len(blocks)
        return Pieces(
            np.arange(count),
            np.zeros(count, np.int64),
            blocks.position,
            blocks.tokens,
            blocks.document_tokens,
        )

    def pieces_of(self, block: int) -> Pieces:
        """The documents of one block apart."""
        blocks = self.blocks
        if blocks.documents[block] == 1:
            row = (block, 0, blocks.position[block], blocks.tokens[block])
            return Pieces(
                *np.array([[*row, blocks.document_tokens[block]]], np.int64).T,
            )
        tokens = np.array(self.spans(block).tokens, np.int64)
        zeros = np.zeros(len(tokens), np.int64)
        return Pieces(zeros + block, np.cumsum(tokens) - tokens, zeros, tokens, tokens)

    def verify(self) -> None:
        """Read every block once and compare it with the manifest.

        Raises:
            InputError: a shard cannot be had, or a block is damaged.
        """
        for block in range(len(self.blocks)):
            self.spans(block)

    def _data(self, block: int) -> np.ndarray:
        """Stored tokens of a block, (tokens,) uint8."""
        blocks = self.blocks
        start = int(blocks.offset[block])
        tokens = self._map(block)[start : start + int(blocks.tokens[block])]
        if not self._checked[block]:
            header = start - _TAR_HEADER
            name = self._map(block)[max(0, header) : max(0, header) + _TAR_NAME].tobytes()
            if name.rstrip(b"\0") != f"{self._key(block)}.bin".encode():
                raise InputError(
                    self._path(block),
                    f"no {self._key(block)}.bin at byte {start}; copy or make the shards again",
                )
            if crc32(tokens.data) != blocks.crc32[block]:
                raise self._damaged(block, "bin")
            if blocks.documents[block] == 1:
                # Nobody else asks whether that is so.
                self._spans(block)
            self._checked[block] = True
        if len(self._views) >= _VIEWS:
            self._views.clear()
        self._views[block] = tokens
        return tokens

    def _map(self, block: int) -> np.ndarray:
        """The shard of a block as bytes."""
        number = int(self._shard[block])
        if number not in self._maps:
            shard = self._shards[number]
            # Closing the file leaves the mapping, and memory to the page cache.
            with self._store.open(shard.name, size=shard.bytes, sha256=shard.sha256) as file:
                if os.fstat(file.fileno()).st_size != shard.bytes:
                    raise InputError(
                        self._path(block), "has changed its size; copy or make the shards again"
                    )
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._maps[number] = np.frombuffer(mapped, np.uint8)
            if len(self._maps) > _MAPPED:
                # A file that the cache has given up takes room on the disk while it is mapped, and
                # a view of one block keeps the whole file mapped.
                self._maps.popitem(last=False)
                self._views.clear()
        return self._maps[number]

    def _key(self, block: int) -> str:
        return self._shards[self._shard[block]].block_key(int(self._row[block]))

    def _path(self, block: int) -> str:
        return self._store.address(self._shards[self._shard[block]].name)

    def _damaged(self, block: int, extension: str) -> InputError:
        return InputError(
            self._path(block),
            "is damaged: it is not what the manifest says; copy or make the shards again",
            where=f"{self._key(block)}.{extension}",
        )


def _chosen(shard: Shard, labels: Sequence[str] | None) -> np.ndarray:
    if labels is None:
        return np.arange(len(shard.blocks))
    numbers = [number for number, label in enumerate(shard.labels) if label in labels]
    return np.flatnonzero(np.isin(shard.blocks.label, numbers))


def _weights(parts: list[tuple[Shard, np.ndarray]]) -> np.ndarray | None:
    """Of all blocks; None where no shard has any."""
    if all(shard.blocks.weight is None for shard, _ in parts):
        return None
    return _joined(
        [
            np.full(len(rows), WEIGHT_UNIT)
            if shard.blocks.weight is None
            else shard.blocks.weight[rows]
            for shard, rows in parts
        ]
    )


def _joined(columns: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.int64), *columns])


def spelled_labels(location: str, manifest: Manifest, labels: Sequence[str]) -> list[str]:
    """Labels as the shards spell them, whichever case they are asked for in.

    Raises:
        UsageError: there is no such label.
    """
    known = sorted({label for shard in manifest.shards for label in shard.labels})
    found: list[str] = []
    for label in labels:
        same = [label] if label in known else [k for k in known if k.lower() == label.lower()]
        if not same:
            raise UsageError(location, f"has no label {label!r}; there are: {', '.join(known)}")
        found += same
    return list(dict.fromkeys(found))
