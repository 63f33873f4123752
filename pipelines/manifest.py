"""``manifest.json``: what a folder of shards holds, and where in its files each block lies."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from modalities import MODALITIES
from modalities.errors import InputError
from pipelines.files import replaced_file
from pipelines.json_records import Column, as_json, parse_record

MANIFEST = "manifest.json"
FORMAT = 2
# Part of every fingerprint; raised whenever the same shards would give other batches.
ORDER_VERSION = 2
SPLITS = ("train", "validation")
_CHECKSUM = "checksum"
_LARGEST = 1 << 60  # bytes of a shard; sums of two such numbers have room in an int64


@dataclass(frozen=True)
class Source:
    """An input file: its name without folders, and sha256 and number of its bytes as they lie."""

    name: str
    sha256: str
    bytes: int


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


@dataclass(frozen=True, eq=False)
class Manifest:
    """Contents of a shard folder.

    Attributes:
        options: what the documents were made with, by the option's name.
        statistics: what ``hnet-seq shard`` prints: counts by name, in bases or bytes.
    """

    modality: str
    vocab_size: int
    vocabulary_fingerprint: str
    block_size: int
    soft_mask: bool
    validation: str | None
    options: dict[str, Any]
    sources: list[Source]
    shards: list[Shard]
    statistics: dict[str, int] = field(default_factory=dict)
    order_version: int = ORDER_VERSION
    format: int = FORMAT

    @classmethod
    def load(cls, shard_dir: str | Path) -> Manifest:
        """Read and check ``manifest.json`` of a local folder.

        Raises:
            InputError: there is none, or as :meth:`parse`.
        """
        path = Path(shard_dir) / MANIFEST
        try:
            return cls.parse(path, path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(
                path, "not found: not a folder of shards; `hnet-seq shard` makes one"
            ) from None
        except OSError as error:
            raise InputError(path, f"cannot be read ({error.strerror})") from None

    @classmethod
    def parse(cls, path: str | Path, text: bytes) -> Manifest:
        """A manifest from the bytes of its file.

        Args:
            path: for errors.

        Raises:
            InputError: it is not JSON, a key is missing, unknown or of the wrong type, it was
                changed since it was written, the vocabulary is not the one of this version, or
                numbers contradict each other.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(path, f"not JSON ({error}); make the shards again") from None
        if isinstance(data, dict):
            if data.get("format", FORMAT) != FORMAT:
                raise InputError(
                    path,
                    f"is {data['format']!r}, this version reads {FORMAT}; make the shards again",
                    where="format",
                )
            stated = data.pop(_CHECKSUM, None)
            if stated is not None and stated != _checksum(data):
                raise InputError(
                    path, "was changed since it was written; copy or make the shards again"
                )
        manifest: Manifest = parse_record(path, "", data, cls)
        manifest._check(path)
        if stated is None:
            raise InputError(path, "missing key; make the shards again", where=_CHECKSUM)
        return manifest

    def save(self, shard_dir: str | Path) -> None:
        """Write ``manifest.json``: complete or not at all."""
        data = as_json(self)
        with replaced_file(Path(shard_dir) / MANIFEST) as file:
            json.dump(data | {_CHECKSUM: _checksum(data)}, file, sort_keys=True)
            file.write("\n")

    def of(self, split: str) -> list[Shard]:
        """Shards of one split, in order."""
        return [shard for shard in self.shards if shard.split == split]

    def tokens(self, split: str) -> int:
        """Tokens of one split."""
        return sum(shard.tokens for shard in self.of(split))

    def documents(self, split: str) -> int:
        """Documents of one split."""
        return sum(shard.documents for shard in self.of(split))

    def label_tokens(self, split: str) -> dict[str, int]:
        """Tokens of each label in a split, by name."""
        counts: Counter[str] = Counter()
        for shard in self.of(split):
            for number, label in enumerate(shard.labels):
                counts[label] += int(shard.blocks.tokens[shard.blocks.label == number].sum())
        return {label: counts[label] for label in sorted(counts)}

    def _check(self, path: str | Path) -> None:
        self._check_vocabulary(path)
        for number, shard in enumerate(self.shards):
            _check_shard(path, f"shards[{number}]", shard)
        for split in SPLITS:
            self._check_continuation(path, split)
        for number, shard in enumerate(self.shards):
            blocks = shard.blocks
            parts = (blocks.documents > 1) & (blocks.document_tokens != blocks.tokens)
            if parts.any():
                raise InputError(
                    path,
                    "has several documents and is a part of one; make the shards again",
                    where=f"shards[{number}].blocks[{int(np.argmax(parts))}]",
                )

    def _check_vocabulary(self, path: str | Path) -> None:
        if not 0 < self.vocab_size <= 256:
            raise InputError(path, f"is {self.vocab_size}, not in 1..256", where="vocab_size")
        modality = MODALITIES.get(self.modality)
        if modality is None:
            raise InputError(
                path, f"is {self.modality!r}, expected {' or '.join(MODALITIES)}", where="modality"
            )
        if self.vocabulary_fingerprint != modality.fingerprint:
            raise InputError(
                path,
                f"is of another {modality.name} vocabulary; make the shards again",
                where="vocabulary_fingerprint",
            )
        if self.vocab_size != modality.vocab_size:
            raise InputError(
                path,
                f"is {self.vocab_size}, {modality.name} has {modality.vocab_size} tokens",
                where="vocab_size",
            )

    def _check_continuation(self, path: str | Path, split: str) -> None:
        """Each block goes on where the one before it stopped, or begins a document."""
        shards = self.of(split)
        if not shards:
            return
        position, tokens, length = (
            np.concatenate([getattr(shard.blocks, name) for shard in shards])
            for name in ("position", "tokens", "document_tokens")
        )
        left = length - position - tokens  # still to come after each block
        open_before = np.append(0, left[:-1])
        expected = np.where(open_before > 0, length - open_before, 0)
        wrong = np.flatnonzero(position != expected)
        if wrong.size:
            keys = (shard.block_key(i) for shard in shards for i in range(len(shard.blocks)))
            key = next(key for number, key in enumerate(keys) if number == wrong[0])
            raise InputError(
                path,
                f"does not follow the block before it; {split} blocks are missing or out of order",
                where=f"block {key}",
            )
        if left.size and left[-1]:
            raise InputError(
                path, f"the last {split} document lacks {left[-1]} tokens", where="shards"
            )


def _check_shard(path: str | Path, where: str, shard: Shard) -> None:
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
    columns: dict[str, Column] = vars(blocks)
    for name, column in columns.items():
        if len(column) != len(blocks):
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
    if not inside.all():
        raise InputError(
            path,
            f"lies outside {shard.name} ({shard.bytes} bytes) or its document; "
            "make the shards again",
            where=f"{where}.blocks[{int(np.argmin(inside))}]",
        )


def _checksum(data: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
