"""Writes shards: plain WebDataset tars of token blocks, the same bytes for the same input."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Protocol

import numpy as np

from modalities.base import Tokens
from modalities.errors import UsageError
from pipelines.shards.manifest import SPLITS, Blocks, Shard
from pipelines.shards.manifest_entry import WEIGHT_UNIT
from pipelines.shards.spans import Spans
from pipelines.shards.tar_file import TarFile
from pipelines.storage.deflate import crc32

BLOCK_SIZE = 256 * 1024  # tokens
SHARD_SIZE = 256 * 1024 * 1024  # tokens
# Bit 7 of a stored token: soft-masked. Only in shards whose manifest says ``soft_mask``.
SOFT_MASK_BIT = 0x80
# One token has no predecessor in its document, so nothing to be predicted from.
SHORTEST_DOCUMENT = 2
_WAITING_BLOCKS = 64  # blocks of short documents, over all labels, that wait to be full


@dataclass
class _Open:
    """The document that is being written."""

    name: str
    start: int
    label: str
    weight: int
    parts: list[Tokens] = field(default_factory=list)
    held: int = 0  # tokens in ``parts``
    written: int = 0  # tokens in blocks already
    rows: list[tuple[_Columns, int]] = field(default_factory=list)  # those blocks


@dataclass
class _Waiting:
    """Short documents of one label and weight that will share a block."""

    spans: Spans
    parts: list[Tokens] = field(default_factory=list)
    tokens: int = 0


class _Columns:
    """Blocks of a tar as they are written; see :class:`pipelines.shards.manifest.Blocks`."""

    def __init__(self) -> None:
        self.values: dict[str, list[int]] = {name: [] for name in Blocks.__annotations__}
        self.labels: dict[str, int] = {}

    def blocks(self) -> Blocks:
        columns = Blocks(**{name: np.array(v, np.int64) for name, v in self.values.items()})
        plain = np.all(columns.weight == WEIGHT_UNIT)
        return replace(columns, weight=None) if plain else columns


class DocumentWriter(Protocol):
    """What documents are given to: a :class:`ShardWriter`, or what stands before one."""

    def begin(self, name: str, *, start: int = 0, label: str = "") -> None:
        """A document follows."""

    def append(self, tokens: Tokens) -> None:
        """Its next tokens, (n,) uint8."""

    def end(self) -> None:
        """It is complete."""


class ShardWriter:
    """Tars of one split: documents in, ``shards`` out once it is closed.

    A document longer than a block becomes consecutive blocks of its own, written as it comes, so
    that its length need not be known. Shorter ones share a block with others of their label, and
    never cross its end.

    Args:
        unit: number of the stretch of input that the documents come from; part of every name.
        block_size: tokens of a block at most.
        shard_size: tokens of a tar at most; at least a block.

    Attributes:
        weight: of documents that begin from now on, in parts of :data:`WEIGHT_UNIT`.
    """

    def __init__(
        self,
        folder: Path,
        split: str,
        unit: int = 0,
        *,
        block_size: int = BLOCK_SIZE,
        shard_size: int = SHARD_SIZE,
    ) -> None:
        if split not in SPLITS:
            raise ValueError(f"split is {split!r}, expected one of {', '.join(SPLITS)}")
        check_sizes(block_size, shard_size)
        self.dropped_short = 0  # tokens of documents too short to be predicted
        self.weight = WEIGHT_UNIT
        self._folder = folder
        self._split = split
        self._key = f"{split}-{unit:05d}"
        self._block_size = block_size
        self._shard_size = shard_size
        self._open: _Open | None = None
        self._waiting: dict[tuple[str, int], _Waiting] = {}
        self._waiting_tokens = 0
        self._blocks_written = 0
        self._tar: TarFile | None = None
        self._columns = _Columns()
        self._finished: list[tuple[TarFile, _Columns, int, str]] = []

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            assert self._open is None
            for waiting in list(self._waiting):
                self._flush(waiting)
            self._close_tar()
        elif self._tar is not None:
            self._tar.abandon()

    @property
    def shards(self) -> list[Shard]:
        """What was written."""
        shards, first = [], 0
        for tar, columns, documents, digest in self._finished:
            blocks = columns.blocks()
            shards.append(
                Shard(
                    name=tar.path.name,
                    split=self._split,
                    bytes=tar.size,
                    sha256=digest,
                    tokens=int(blocks.tokens.sum()),
                    documents=documents,
                    key=self._key,
                    first=first,
                    labels=list(columns.labels),
                    blocks=blocks,
                )
            )
            first += len(blocks)
        return shards

    def add(self, name: str, tokens: Tokens, *, start: int = 0, label: str = "") -> None:
        """Append a whole document (L,) uint8."""
        self.begin(name, start=start, label=label)
        self.append(tokens)
        self.end()

    def begin(self, name: str, *, start: int = 0, label: str = "") -> None:
        """A document follows: a stretch of record ``name`` from ``start`` on."""
        assert self._open is None
        self._open = _Open(name, start, label, self.weight)

    def append(self, tokens: Tokens) -> None:
        """Tokens (n,) uint8 of the document; kept as they are until they are written."""
        document = self._open
        assert document is not None
        document.parts.append(tokens)
        document.held += len(tokens)
        if document.held <= self._block_size:
            return
        held = np.concatenate(document.parts)
        done = 0
        # The last block of a document says so: more than a block must be there to write one.
        while document.held - done > self._block_size:
            self._write_part(document, held[done : done + self._block_size], ends=False)
            done += self._block_size
        # A copy: a view would keep all of it in memory.
        document.parts = [held[done:].copy()]
        document.held -= done

    def end(self) -> None:
        """The document is complete."""
        document, self._open = self._open, None
        assert document is not None
        if document.written:
            self._write_part(document, np.concatenate(document.parts), ends=True)
            for columns, row in document.rows:
                columns.values["document_tokens"][row] = document.written
        elif document.held < SHORTEST_DOCUMENT:
            self.dropped_short += document.held
        else:
            self._wait(document)

    def _wait(self, document: _Open) -> None:
        kind = document.label, document.weight
        waiting = self._waiting.get(kind)
        if waiting and waiting.tokens + document.held > self._block_size:
            self._flush(kind)
            waiting = None
        if not waiting:
            waiting = self._waiting[kind] = _Waiting(Spans(document.label, [], [], []))
        waiting.spans.names.append(document.name)
        waiting.spans.starts.append(document.start)
        waiting.spans.tokens.append(document.held)
        # Copies: a view of a long record would keep all of it until the block is full.
        waiting.parts += [part.copy() for part in document.parts]
        waiting.tokens += document.held
        self._waiting_tokens += document.held
        if self._waiting_tokens > _WAITING_BLOCKS * self._block_size:
            self._flush(max(self._waiting, key=lambda kind: self._waiting[kind].tokens))

    def _flush(self, kind: tuple[str, int]) -> None:
        waiting = self._waiting.pop(kind)
        self._waiting_tokens -= waiting.tokens
        self._write(waiting.spans, np.concatenate(waiting.parts), waiting.tokens, kind[1])

    def _write_part(self, document: _Open, tokens: Tokens, *, ends: bool) -> None:
        spans = Spans(
            document.label,
            [document.name],
            [document.start],
            [len(tokens)],
            position=document.written,
            ends=ends,
        )
        document.written += len(tokens)
        document.rows.append(self._write(spans, tokens, document.written, document.weight))

    def _write(
        self, spans: Spans, tokens: Tokens, document_tokens: int, weight: int
    ) -> tuple[_Columns, int]:
        if self._tar and self._tar.tokens + len(tokens) > self._shard_size:
            self._close_tar()
        if self._tar is None:
            name = f"{self._key}-{len(self._finished):04d}.tar"
            self._tar = TarFile(self._folder / name)
            self._columns = _Columns()
        key = f"{self._key}-{self._blocks_written:07d}"
        columns, data, described = self._columns, tokens.tobytes(), spans.to_json()
        row = {
            "offset": self._tar.add(key, "bin", data),
            "tokens": len(tokens),
            "crc32": crc32(data),
            "spans_offset": self._tar.add(key, "json", described),
            "spans_bytes": len(described),
            "spans_crc32": crc32(described),
            "documents": len(spans.names),
            "position": spans.position,
            "document_tokens": document_tokens,
            "label": columns.labels.setdefault(spans.label, len(columns.labels)),
            "weight": weight,
        }
        for name, value in row.items():
            columns.values[name].append(value)
        self._blocks_written += 1
        self._tar.tokens += len(tokens)
        self._tar.documents += 0 if spans.position else len(spans.names)
        return columns, len(columns.values["offset"]) - 1

    def _close_tar(self) -> None:
        if self._tar is None:
            return
        digest = self._tar.close()
        self._finished.append((self._tar, self._columns, self._tar.documents, digest))
        self._tar = None


@contextmanager
def split_writers(
    folder: Path, unit: int, *, block_size: int, shard_size: int
) -> Iterator[dict[str, ShardWriter]]:
    """A writer for each split, all closed when the block ends."""
    with ExitStack() as stack:
        yield {
            split: stack.enter_context(
                ShardWriter(folder, split, unit, block_size=block_size, shard_size=shard_size)
            )
            for split in SPLITS
        }


def check_sizes(block_size: int, shard_size: int) -> None:
    """Raise UsageError unless a tar has room for a block, and a block for a token."""
    if block_size < SHORTEST_DOCUMENT:
        raise UsageError(
            "block_size", f"is {block_size}, expected at least {SHORTEST_DOCUMENT} tokens"
        )
    if shard_size < block_size:
        raise UsageError("shard_size", f"is {shard_size}, less than a block of {block_size} tokens")
