"""Parts of tars that webdataset deals out to processes and workers, read and compared.

WebDataset deals out whole tars. One of ours may hold a genome, so it would keep one worker busy and
the others idle: what is dealt out here are some neighbouring blocks of a tar. A tar is its members
one after the other, so a part of one is a tar too, and webdataset's own stages read it.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import modalities
from modalities.errors import InputError, UsageError
from pipelines.batches.reader import spelled_labels
from pipelines.batches.token_batches import MixedSource
from pipelines.shards.manifest import MANIFEST, SPLITS, Manifest, Shard
from pipelines.shards.open_shards import check_size, open_shards
from pipelines.storage.deflate import crc32
from pipelines.storage.folders import ShardStore

_HEADER = _UNIT = 512  # bytes, of a tar
# A window ends where its slice does: of four windows at most one is cut short.
_SHORTEST, _WINDOWS = 1 << 16, 4

Item = dict[str, Any]
"""What goes from one stage of webdataset to the next."""


@dataclass(frozen=True, eq=False)
class TarSlice:
    """Blocks ``first`` to ``last`` (exclusive) of a shard, which follow each other in its tar."""

    shard: Shard
    first: int
    last: int

    @property
    def members(self) -> list[str]:
        """Names of its files in the tar, in their order."""
        keys = (self.shard.block_key(row) for row in range(self.first, self.last))
        return [f"{key}.{extension}" for key in keys for extension in ("bin", "json")]

    @property
    def start(self) -> int:
        """Its first byte in the tar."""
        return int(self.shard.blocks.offset[self.first]) - _HEADER

    @property
    def stop(self) -> int:
        """The end of its last member, in bytes of the tar."""
        blocks, row = self.shard.blocks, self.last - 1
        end = int(blocks.spans_offset[row] + blocks.spans_bytes[row])
        return -(-end // _UNIT) * _UNIT


class SlicedShards:
    """One source as slices; picklable, files are opened by the process that reads them.

    Args:
        source: folder or URL, and the labels that are read.
        context: tokens of a window.
        options: of :class:`pipelines.storage.folders.ShardStore`.

    Attributes:
        urls: of the slices, in the order of the files: address of the tar, ``#``, first and last
            block.

    Raises:
        InputError: the manifest is wrong, a shard is missing or truncated, or the split empty.
        UsageError: no such split or label.
    """

    def __init__(
        self, source: MixedSource, split: str, *, context: int, options: dict[str, Any]
    ) -> None:
        if split not in SPLITS:
            raise UsageError("split", f"is {split!r}, expected one of {', '.join(SPLITS)}")
        self._store: ShardStore
        self.manifest: Manifest
        self._store, self.manifest = open_shards(source.location, **options)
        self.location = self._store.location
        self.modality = modalities.get(self.manifest.modality)
        labels = source.labels
        if labels is not None:
            labels = spelled_labels(self.location, self.manifest, labels)
        self._slices: dict[str, TarSlice] = {}
        shortest = max(_SHORTEST, _WINDOWS * context)
        for shard in self.manifest.of(split):
            if self._store.is_local:
                check_size(self._store, shard)
            address = self._store.address(shard.name)
            for first, last in _ranges(shard, labels, shortest):
                self._slices[f"{address}#{first}-{last - 1}"] = TarSlice(shard, first, last)
        if not self._slices:
            with_label = f" with label {' or '.join(labels)}" if labels else ""
            raise InputError(
                self._store.address(MANIFEST),
                f"there are no {split} documents{with_label}; see --validation of `hnet-seq shard`",
            )

    @property
    def urls(self) -> list[str]:
        return list(self._slices)

    def opened(self, slices: Iterator[Item]) -> Iterator[Item]:
        """A stage: the bytes of each slice as a tar, its blocks compared with their crc32.

        Raises:
            InputError: a tar cannot be had, has changed its size, or a block is damaged.
        """
        for item in slices:
            yield item | {"stream": io.BytesIO(self._bytes(self._slices[item["url"]]))}

    def refused(self, error: Exception) -> bool:
        """What webdataset asks when a tar cannot be read: the last thing it adds is the address.

        Raises:
            InputError: always, once it is known which tar it is.
        """
        part = self._slices.get(str(error.args[-1]))
        if part is None:
            raise error
        raise self._damaged(part, part.members[0]) from None

    def whole(self, members: Iterator[Item]) -> Iterator[Item]:
        """A stage: members as they come, compared with the names that the manifest has.

        A header that cannot be read ends a tar for webdataset, without a word.

        Raises:
            InputError: a member is missing, or another one than was written.
        """
        expected: list[str] = []
        url = ""
        for member in members:
            if member:
                if not expected:
                    url = member["__url__"]
                    expected = self._slices[url].members
                if member["fname"] != expected.pop(0):
                    raise self._damaged(self._slices[url], member["fname"])
            elif expected:
                raise self._damaged(self._slices[url], expected[0])
            yield member

    def _bytes(self, part: TarSlice) -> bytes:
        shard = part.shard
        with self._store.open(shard.name, size=shard.bytes, sha256=shard.sha256) as file:
            if os.fstat(file.fileno()).st_size != shard.bytes:
                raise InputError(
                    self._store.address(shard.name),
                    "has changed its size; copy or make the shards again",
                )
            file.seek(part.start)
            data = file.read(part.stop - part.start)
        blocks = shard.blocks
        for row in range(part.first, part.last):
            for extension, start, size, crc in (
                ("bin", blocks.offset[row], blocks.tokens[row], blocks.crc32[row]),
                (
                    "json",
                    blocks.spans_offset[row],
                    blocks.spans_bytes[row],
                    blocks.spans_crc32[row],
                ),
            ):
                begin, name = int(start) - part.start, f"{shard.block_key(row)}.{extension}"
                header = data[begin - _HEADER : begin].split(b"\0", 1)[0]
                if header != name.encode() or crc32(data[begin : begin + int(size)]) != crc:
                    raise self._damaged(part, name)
        return data

    def _damaged(self, part: TarSlice, member: str) -> InputError:
        return InputError(
            self._store.address(part.shard.name),
            "is damaged: it is not what the manifest says; copy or make the shards again",
            where=member,
        )


def _ranges(shard: Shard, labels: list[str] | None, shortest: int) -> Iterator[tuple[int, int]]:
    """First and last block of each slice: neighbours, of ``shortest`` tokens where there are."""
    numbers = [n for n, label in enumerate(shard.labels) if labels is None or label in labels]
    rows = np.flatnonzero(np.isin(shard.blocks.label, numbers)).tolist()
    begin = 0
    while begin < len(rows):
        end, tokens = begin, 0
        while end < len(rows) and rows[end] - rows[begin] == end - begin and tokens < shortest:
            tokens += int(shard.blocks.tokens[rows[end]])
            end += 1
        yield rows[begin], rows[end - 1] + 1
        begin = end
