"""Writes shards: plain WebDataset tars of token blocks, the same bytes for the same input."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from modalities.errors import UsageError
from pipelines.files import check_folder
from pipelines.manifest import MANIFEST, SPLITS, Block, Shard

BLOCK_SIZE = 256 * 1024  # tokens
SHARD_SIZE = 256 * 1024 * 1024  # tokens
# Bit 7 of a stored token: soft-masked. Only in shards whose manifest says ``soft_mask``.
SOFT_MASK_BIT = 0x80
_TAR_UNIT = 512
_WRITTEN_HERE = re.compile(rf"({'|'.join(SPLITS)})-\d+\.tar|{re.escape(MANIFEST)}")


@dataclass(frozen=True)
class Document:
    """A stretch of a record without long runs of unknown bases.

    Args:
        name: the record.
        start: where the document starts in the record (0-based, tokens).
        tokens: (n,) uint8, with ``SOFT_MASK_BIT`` where the shards keep it.
    """

    name: str
    start: int
    tokens: np.ndarray


@dataclass(frozen=True)
class Span:
    """The part of a document that lies in a block: an entry of the sample's JSON.

    ``offset`` and ``tokens`` place it in the block; ``position`` of ``document_tokens`` in its
    document; ``start`` is where that document starts in record ``name``.
    """

    name: str
    start: int
    position: int
    document_tokens: int
    offset: int
    tokens: int


class ShardWriter:
    """Tars of one split: documents in, ``shards`` out.

    A document longer than a block becomes consecutive blocks of its own; shorter ones share a
    block and never cross its end.

    Args:
        block_size: tokens of a block at most.
        shard_size: tokens of a tar at most; at least a block.
    """

    def __init__(
        self,
        folder: Path,
        split: str,
        *,
        block_size: int = BLOCK_SIZE,
        shard_size: int = SHARD_SIZE,
    ) -> None:
        if split not in SPLITS:
            raise ValueError(f"split is {split!r}, expected one of {', '.join(SPLITS)}")
        if block_size < 1:
            raise UsageError("--block-size", f"is {block_size}, expected at least 1 token")
        if shard_size < block_size:
            raise UsageError(
                "--shard-size", f"is {shard_size}, less than a block of {block_size} tokens"
            )
        self.shards: list[Shard] = []
        self._folder = folder
        self._split = split
        self._block_size = block_size
        self._shard_size = shard_size
        self._pending: list[Document] = []
        self._pending_tokens = 0
        self._blocks_written = 0
        self._tar: _Tar | None = None
        self._blocks: list[Block] = []  # of the open tar
        self._shard_tokens = 0

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self._flush()
            self._close_shard()
        elif self._tar is not None:
            self._tar.abandon()

    def add(self, document: Document) -> None:
        """Append a document of at least one token."""
        length = len(document.tokens)
        if length == 0:
            raise ValueError(f"document {document.name!r} is empty")
        if self._pending_tokens + length > self._block_size:
            self._flush()
        if length <= self._block_size:
            # A copy: a view would keep the whole record in memory until the block is full.
            self._pending.append(Document(document.name, document.start, document.tokens.copy()))
            self._pending_tokens += length
            return
        for position in range(0, length, self._block_size):
            part = document.tokens[position : position + self._block_size]
            span = Span(document.name, document.start, position, length, 0, len(part))
            self._write([span], part, position, length)

    def _flush(self) -> None:
        if not self._pending:
            return
        spans, offset = [], 0
        for document in self._pending:
            length = len(document.tokens)
            spans.append(Span(document.name, document.start, 0, length, offset, length))
            offset += length
        tokens = np.concatenate([document.tokens for document in self._pending])
        self._pending, self._pending_tokens = [], 0
        self._write(spans, tokens, 0, offset)

    def _write(
        self, spans: list[Span], tokens: np.ndarray, position: int, document_tokens: int
    ) -> None:
        if self._shard_tokens + len(tokens) > self._shard_size:
            self._close_shard()
        if self._tar is None:
            name = f"{self._split}-{len(self.shards):06d}.tar"
            self._tar = _Tar(self._folder / name)
        key = f"{self._split}-{self._blocks_written:09d}"
        text = json.dumps({"documents": [asdict(span) for span in spans]}, separators=(",", ":"))
        described = text.encode()
        self._blocks.append(
            Block(
                key=key,
                offset=self._tar.add(key, "bin", tokens.tobytes()),
                tokens=len(tokens),
                spans_offset=self._tar.add(key, "json", described),
                spans_bytes=len(described),
                documents=len(spans),
                position=position,
                document_tokens=document_tokens,
            )
        )
        self._blocks_written += 1
        self._shard_tokens += len(tokens)

    def _close_shard(self) -> None:
        if self._tar is None:
            return
        size, digest = self._tar.close()
        self.shards.append(
            Shard(
                name=self._tar.path.name,
                split=self._split,
                bytes=size,
                sha256=digest,
                tokens=self._shard_tokens,
                documents=sum(b.documents for b in self._blocks if b.position == 0),
                blocks=self._blocks,
            )
        )
        self._tar, self._blocks, self._shard_tokens = None, [], 0


class _Tar:
    """A tar written front to back: no times, no owners, and a sha256 as it goes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = open(path, "xb")  # noqa: SIM115  closed by close() or abandon()
        self._size = 0
        self._hash = hashlib.sha256()

    def add(self, key: str, extension: str, data: bytes) -> int:
        """Append ``<key>.<extension>``; returns where its data begins, in bytes.

        Raises:
            ValueError: a dot in the key. WebDataset splits names at the first one, and would
                merge different samples without a word.
        """
        if "." in key or "/" in key:
            raise ValueError(f"sample key {key!r} has a dot or a slash")
        # TarInfo's defaults are mtime 0, uid 0, gid 0, no user names, mode 0644.
        header = tarfile.TarInfo(f"{key}.{extension}")
        header.size = len(data)
        self._write(header.tobuf(tarfile.USTAR_FORMAT))
        offset = self._size
        self._write(data)
        self._write(bytes(-len(data) % _TAR_UNIT))
        return offset

    def close(self) -> tuple[int, str]:
        """End the archive; returns its size in bytes and its sha256."""
        self._write(bytes(2 * _TAR_UNIT))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._size, self._hash.hexdigest()

    def abandon(self) -> None:
        self._file.close()

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)
        self._size += len(data)


def read_spans(data: bytes) -> list[Span]:
    """Document spans from a sample's JSON."""
    return [Span(**entry) for entry in json.load(io.BytesIO(data))["documents"]]


@contextmanager
def new_folder(out: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary folder beside ``out`` that takes its name when the block ends well.

    After a failure or an interrupt nothing new is left, and an old ``out`` is as it was.

    Raises:
        UsageError: ``out`` exists without ``overwrite``, is no folder, or holds other things than
            shards.
    """
    out = check_folder(out)
    # A link stays one, and what it points to is replaced.
    out = out.resolve() if out.is_symlink() else out
    if out.exists():
        if not overwrite:
            raise UsageError(out, "exists already; choose another --out, or give --overwrite")
        foreign = sorted(
            path.name for path in out.iterdir() if not _WRITTEN_HERE.fullmatch(path.name)
        )
        if foreign:
            raise UsageError(out, f"holds {foreign[0]}: not only shards, so not overwritten")
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{os.getpid()}.partial")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        if out.exists():
            old = out.with_name(f".{out.name}.{os.getpid()}.old")
            out.rename(old)
            temporary.rename(out)
            shutil.rmtree(old)
        else:
            temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def cut_unknown(tokens: np.ndarray, unknown: int, run: int) -> tuple[list[tuple[int, int]], int]:
    """Cut long runs of unknown tokens out of a sequence.

    Args:
        tokens: (n,) uint8.
        unknown: the unknown token.
        run: runs of at least this many are cut out, as are shorter ones at either end of what is
            left: they would never be predicted nor tell anything.

    Returns:
        ``[(start, end), ...]`` of what is left, each with a known token; and tokens cut out.
    """
    if run < 1:
        raise UsageError("--unknown-run", f"is {run}, expected at least 1 token")
    is_unknown = tokens == unknown
    edges = np.flatnonzero(is_unknown[1:] != is_unknown[:-1]) + 1
    bounds = np.concatenate(([0], edges, [len(tokens)]))
    starts, ends = bounds[:-1], bounds[1:]
    runs = is_unknown[starts] if len(tokens) else np.zeros(0, bool)
    long = runs & (ends - starts >= run)
    pieces: list[tuple[int, int]] = []
    first: int | None = None  # start of the piece, at its first known run
    last = 0  # end of its last known run
    for start, end, unknown_here, cut in zip(
        starts.tolist(), ends.tolist(), runs.tolist(), long.tolist(), strict=False
    ):
        if cut:
            if first is not None:
                pieces.append((first, last))
            first = None
        elif not unknown_here:
            first = start if first is None else first
            last = end
    if first is not None:
        pieces.append((first, last))
    return pieces, len(tokens) - sum(end - start for start, end in pieces)
