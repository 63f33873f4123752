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
from pipelines.shards.corpus_entry import Corpus
from pipelines.shards.manifest_entry import SPLITS, Blocks, Shard, add_weights, check_shard_entry
from pipelines.storage.files import replaced_file
from pipelines.storage.json_records import as_json, parse_record

MANIFEST = "manifest.json"
FORMAT = 2
# Part of every fingerprint; raised whenever the same shards would give other batches.
ORDER_VERSION = 2
__all__ = ["FORMAT", "MANIFEST", "ORDER_VERSION", "SPLITS", "Blocks", "Manifest", "Shard", "Source"]

_CHECKSUM = "checksum"


@dataclass(frozen=True)
class Source:
    """An input file: its name without folders, and sha256 and number of its bytes as they lie."""

    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True, eq=False)
class Manifest:
    """Contents of a shard folder.

    Attributes:
        options: what the documents were made with, by the option's name.
        statistics: what ``hnet-seq shard`` prints: counts by name, in bases or bytes.
        corpus: its genomes, where each is a unit of the split; None for other inputs.
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
    corpus: Corpus | None = None
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
            _add_later_keys(data)
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
            check_shard_entry(path, f"shards[{number}]", shard)
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


def _add_later_keys(data: dict[str, Any]) -> None:
    """What manifests lack where it is None, and all of older versions do."""
    data.setdefault("corpus", None)
    add_weights(data.get("shards"))


def _checksum(data: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
