"""Reads blocks of tokens at random out of shards, in any process."""

from __future__ import annotations

import hashlib
import mmap
import os
from pathlib import Path
from typing import Any

import numpy as np

from modalities.errors import InputError
from pipelines.manifest import Block, Manifest
from pipelines.order import Pieces
from pipelines.shards import SOFT_MASK_BIT, Span, read_spans

_TAR_HEADER = 512  # bytes
_TAR_NAME = 100  # bytes


class BlockReader:
    """Blocks of one split, numbered through all its shards.

    Raises:
        InputError: a shard is missing or not of the size that the manifest states.
    """

    def __init__(self, shard_dir: str | Path, manifest: Manifest, split: str) -> None:
        folder = Path(shard_dir)
        self.blocks: list[Block] = []
        self._paths: list[Path] = []
        self._shard_of: list[int] = []
        for number, shard in enumerate(manifest.of(split)):
            path = folder / shard.name
            if not path.is_file():
                raise InputError(path, "is in the manifest but not in the folder; copy it again")
            size = path.stat().st_size
            if size != shard.bytes:
                raise InputError(
                    path, f"has {size} bytes, the manifest says {shard.bytes}; copy it again"
                )
            self._paths.append(path)
            self.blocks += shard.blocks
            self._shard_of += [number] * len(shard.blocks)
        self._maps: dict[int, np.ndarray] = {}
        self._checked: set[int] = set()

    def __getstate__(self) -> dict[str, Any]:
        # Each process maps the files for itself.
        return self.__dict__ | {"_maps": {}, "_checked": set()}

    def read(self, block: int, offset: int, count: int) -> np.ndarray:
        """(count,) stored uint8 from ``offset`` of a block on, into the blocks after it."""
        found = self.blocks[block]
        data = self._map(block)
        if offset + count <= found.tokens:
            return data[found.offset + offset : found.offset + offset + count]
        parts = []
        while count > 0:
            found = self.blocks[block]
            start = found.offset + offset
            part = self._map(block)[start : start + min(count, found.tokens - offset)]
            parts.append(part)
            count -= len(part)
            block, offset = block + 1, 0
        return np.concatenate(parts)

    def spans(self, block: int) -> list[Span]:
        """Documents of a block."""
        found = self.blocks[block]
        data = self._map(block)[found.spans_offset : found.spans_offset + found.spans_bytes]
        try:
            return read_spans(data.tobytes())
        except (ValueError, KeyError, TypeError):
            raise InputError(
                self._paths[self._shard_of[block]],
                "its document spans are unreadable; copy or make the shards again",
                where=f"{found.key}.json",
            ) from None

    def pieces(self) -> Pieces:
        """All blocks, as the manifest describes them."""
        return Pieces(
            np.arange(len(self.blocks)),
            np.zeros(len(self.blocks), np.int64),
            np.array([block.position for block in self.blocks], np.int64),
            np.array([block.tokens for block in self.blocks], np.int64),
            np.array([block.document_tokens for block in self.blocks], np.int64),
        )

    def pieces_of(self, block: int) -> Pieces:
        """The documents of one block apart."""
        found = self.blocks[block]
        if found.documents == 1:
            rows = [(block, 0, found.position, found.tokens, found.document_tokens)]
        else:
            rows = [
                (block, span.offset, span.position, span.tokens, span.document_tokens)
                for span in self.spans(block)
            ]
        return Pieces(*np.array(rows, np.int64).T)

    def _map(self, block: int) -> np.ndarray:
        """The shard of a block as bytes; a block's tar header is checked when first needed."""
        number = self._shard_of[block]
        if number not in self._maps:
            # Closing the descriptor leaves the mapping, and memory to the page cache.
            descriptor = os.open(self._paths[number], os.O_RDONLY)
            try:
                mapped = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
            finally:
                os.close(descriptor)
            self._maps[number] = np.frombuffer(mapped, np.uint8)
        data = self._maps[number]
        if block not in self._checked:
            found = self.blocks[block]
            start = found.offset - _TAR_HEADER
            name = data[max(0, start) : max(0, start) + _TAR_NAME].tobytes().rstrip(b"\0")
            if name != f"{found.key}.bin".encode():
                raise InputError(
                    self._paths[number],
                    f"no {found.key}.bin at byte {found.offset}; copy or make the shards again",
                )
            self._checked.add(block)
        return data


def check_hashes(shard_dir: str | Path, manifest: Manifest) -> None:
    """Read every shard once, and compare its sha256 with the manifest's: a second for 1.4 GB.

    Raises:
        InputError: a shard is missing, or not what was written.
    """
    for shard in manifest.shards:
        path = Path(shard_dir) / shard.name
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            raise InputError(
                path, "is in the manifest but not in the folder; copy it again"
            ) from None
        if found != shard.sha256:
            raise InputError(
                path,
                f"has sha256 {found[:12]}..., the manifest says {shard.sha256[:12]}...; "
                "copy it again, or make the shards again",
            )


def read_documents(shard_dir: str | Path, split: str) -> list[tuple[str, np.ndarray]]:
    """Whole documents of a split in order: the record's name, and its tokens (n,) uint8.

    A record of which parts were cut out gives several. Soft masks are stripped.

    Raises:
        InputError: the manifest is wrong, or a shard missing or damaged.
    """
    manifest = Manifest.load(shard_dir)
    reader = BlockReader(shard_dir, manifest, split)
    documents = []
    for block in range(len(reader.blocks)):
        for span in reader.spans(block):
            if span.position == 0:
                tokens = reader.read(block, span.offset, span.document_tokens)
                if manifest.soft_mask:
                    tokens = tokens & np.uint8(0xFF ^ SOFT_MASK_BIT)
                documents.append((span.name, tokens))
    return documents
