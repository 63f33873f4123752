"""``manifest.json``: what a folder of shards holds, and where in its files each block lies."""

from __future__ import annotations

import dataclasses
import functools
import json
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from modalities import MODALITIES
from modalities.errors import InputError
from pipelines.files import replaced_file

MANIFEST = "manifest.json"
FORMAT = 1
# Part of every fingerprint; raised whenever the same shards would give other batches.
ORDER_VERSION = 1
SPLITS = ("train", "validation")


@dataclass(frozen=True)
class Source:
    """An input file: its name without folders, and sha256 and number of its bytes as they lie."""

    name: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Block:
    """One WebDataset sample: ``<key>.bin`` (tokens) and ``<key>.json`` (its document spans).

    Offsets and ``spans_bytes`` are in bytes of the tar. A block is a part of one long document,
    or holds ``documents`` whole ones.
    """

    key: str
    offset: int
    tokens: int
    spans_offset: int
    spans_bytes: int
    documents: int
    # Where the block starts in its document (tokens); 0 for a block of whole documents.
    position: int
    # Length of the document it is a part of; for a block of whole documents, its own tokens.
    document_tokens: int


@dataclass(frozen=True)
class Shard:
    """One tar file. ``documents`` counts those that begin in it."""

    name: str
    split: str
    bytes: int
    sha256: str
    tokens: int
    documents: int
    blocks: list[Block]


@dataclass(frozen=True)
class Manifest:
    """Contents of a shard folder.

    ``statistics`` is what ``hnet-seq shard`` prints: counts by name, in bases or tokens.
    """

    modality: str
    vocab_size: int
    vocabulary_fingerprint: str
    block_size: int
    soft_mask: bool
    validation: str | None
    guard: int
    unknown_run: int
    sources: list[Source]
    shards: list[Shard]
    statistics: dict[str, int] = field(default_factory=dict)
    order_version: int = ORDER_VERSION
    format: int = FORMAT

    @classmethod
    def load(cls, shard_dir: str | Path) -> Manifest:
        """Read and check ``manifest.json`` of a folder.

        Raises:
            InputError: there is none, it is not JSON, a key is missing, unknown or of the wrong
                type, the vocabulary is not the one of this version, or numbers contradict each
                other.
        """
        path = Path(shard_dir) / MANIFEST
        try:
            data = json.loads(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(
                path, "not found: not a folder of shards; `hnet-seq shard` makes one"
            ) from None
        except OSError as error:
            raise InputError(path, f"cannot be read ({error.strerror})") from None
        except (ValueError, RecursionError) as error:
            raise InputError(path, f"not JSON ({error}); make the shards again") from None
        if isinstance(data, dict) and data.get("format", FORMAT) != FORMAT:
            raise InputError(
                path,
                f"is {data['format']!r}, this version reads {FORMAT}; make the shards again",
                where="format",
            )
        manifest: Manifest = _parse(path, "", data, cls)
        manifest._check(path)
        return manifest

    def save(self, shard_dir: str | Path) -> None:
        """Write ``manifest.json``: complete or not at all."""
        with replaced_file(Path(shard_dir) / MANIFEST) as file:
            json.dump(dataclasses.asdict(self), file, indent=1, sort_keys=True)
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

    def _check(self, path: Path) -> None:
        if not 0 < self.vocab_size <= 256:
            raise InputError(path, f"is {self.vocab_size}, not in 1..256", where="vocab_size")
        self._check_vocabulary(path)
        for number, shard in enumerate(self.shards):
            where = f"shards[{number}]"
            if shard.split not in SPLITS:
                raise InputError(
                    path,
                    f"is {shard.split!r}, expected one of {', '.join(SPLITS)}",
                    where=f"{where}.split",
                )
            if Path(shard.name).name != shard.name:
                raise InputError(
                    path, f"is {shard.name!r}, expected a file name", where=f"{where}.name"
                )
            total = sum(block.tokens for block in shard.blocks)
            if total != shard.tokens:
                raise InputError(
                    path,
                    f"is {shard.tokens}, its blocks hold {total}; make the shards again",
                    where=f"{where}.tokens",
                )
            for index, block in enumerate(shard.blocks):
                inside = (
                    0 <= block.offset <= block.offset + block.tokens <= shard.bytes
                    and 0 <= block.spans_offset <= block.spans_offset + block.spans_bytes
                    and block.spans_offset + block.spans_bytes <= shard.bytes
                    and block.tokens > 0
                    and 0 <= block.position <= block.document_tokens - block.tokens
                )
                if not inside:
                    raise InputError(
                        path,
                        f"lies outside {shard.name} ({shard.bytes} bytes) or its document; "
                        "make the shards again",
                        where=f"{where}.blocks[{index}]",
                    )
        for split in SPLITS:
            self._check_continuation(path, split)

    def _check_vocabulary(self, path: Path) -> None:
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

    def _check_continuation(self, path: Path, split: str) -> None:
        left = 0  # tokens of the current document still to come
        for shard in self.of(split):
            for block in shard.blocks:
                if left and block.position != block.document_tokens - left:
                    break
                if not left and block.position:
                    break
                left = block.document_tokens - block.position - block.tokens
            else:
                continue
            raise InputError(
                path,
                f"does not follow the block before it; {split} blocks are missing or out of order",
                where=f"shard {shard.name}, block {block.key}",
            )
        if left:
            raise InputError(path, f"the last {split} document lacks {left} tokens", where="shards")


def _parse(path: Path, where: str, value: Any, expected: Any) -> Any:
    """``value`` from JSON as ``expected``: a dataclass, list, dict or plain type."""
    if dataclasses.is_dataclass(expected) and isinstance(expected, type):
        if not isinstance(value, dict):
            raise InputError(path, f"{_kind(value)} where an object belongs", where=where or None)
        types = _types(expected)
        fields = dataclasses.fields(expected)
        for key in value:
            if key not in types:
                raise InputError(path, "unknown key", where=_join(where, key))
        arguments = {}
        for item in fields:
            if item.name in value:
                place = _join(where, item.name)
                arguments[item.name] = _parse(path, place, value[item.name], types[item.name])
            else:
                raise InputError(path, "missing key", where=_join(where, item.name))
        return expected(**arguments)
    origin = get_origin(expected)
    if origin is list and isinstance(value, list):
        (inner,) = get_args(expected)
        return [_parse(path, f"{where}[{i}]", item, inner) for i, item in enumerate(value)]
    if origin is dict and isinstance(value, dict):
        _, inner = get_args(expected)
        return {key: _parse(path, _join(where, key), item, inner) for key, item in value.items()}
    options = get_args(expected) if isinstance(expected, UnionType) else (expected,)
    # bool is an int to Python, and never meant as one here.
    if origin is None and any(type(value) is option for option in options):
        return value
    if isinstance(expected, UnionType) and any(type(value) is option for option in options):
        return value
    names = " or ".join(getattr(option, "__name__", str(option)) for option in options)
    raise InputError(path, f"{_kind(value)}, expected {names}", where=where)


@functools.cache
def _types(record: type) -> dict[str, Any]:
    return get_type_hints(record)


def _kind(value: Any) -> str:
    return f"is {type(value).__name__} {str(value)[:40]!r}"


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
