"""Text and code to shards: documents between markers, without duplicates if asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from modalities.errors import UsageError
from modalities.text import with_markers
from pipelines.documents import Document, DocumentOptions, Dropped, Unit, read_unit
from pipelines.shards.document_split import DocumentSplit, cut_before_character
from pipelines.shards.shard_folder import UnitResult
from pipelines.shards.sharding import Job
from pipelines.shards.writer import BLOCK_SIZE, SHARD_SIZE, split_writers


@dataclass(frozen=True)
class ByteOptions:
    """How documents are read and stored; see :func:`hnet_seq.tasks.shard.shard`."""

    documents: DocumentOptions = field(default_factory=DocumentOptions)
    split: DocumentSplit = field(default_factory=DocumentSplit)
    block_size: int = BLOCK_SIZE
    shard_size: int = SHARD_SIZE


@dataclass(frozen=True)
class Tail:
    """The end of one document, held out: from byte ``start`` of document ``index`` of a unit."""

    unit: int
    index: int
    start: int


def document_jobs(
    units: Sequence[Unit],
    options: ByteOptions,
    duplicates: dict[int, dict[int, str]],
    tail: Tail | None,
) -> list[Job]:
    """One job a unit.

    Args:
        duplicates: unit to document to the reason why it is left out.
    """
    return [
        Job(
            unit.bytes,
            partial(
                _write,
                unit,
                options,
                duplicates.get(number, {}),
                tail if tail and tail.unit == number else None,
            ),
        )
        for number, unit in enumerate(units)
    ]


def find_tail(
    units: Sequence[Unit], options: ByteOptions, duplicates: dict[int, dict[int, str]]
) -> Tail:
    """Where the end of the longest document begins that ``last:F`` holds out.

    Raises:
        UsageError: no document is that long.
    """
    total, longest, place = 0, b"", (0, 0)
    for number, unit in enumerate(units):
        for index, document in enumerate(
            read_unit(unit, options.documents, duplicates.get(number, {}))
        ):
            if isinstance(document, Document):
                total += len(document.data)
                if len(document.data) > len(longest):
                    longest, place = document.data, (number, index)
    count = round(options.split.fraction * total)
    if count >= len(longest):
        raise UsageError(
            f"--validation last:{options.split.fraction:g}",
            f"{count} bytes are not fewer than the longest document has ({len(longest)}); hold "
            "out whole documents with fraction:F or records:NAME,...",
        )
    start = cut_before_character(longest, len(longest) - max(1, count))
    return Tail(*place, start)


def _write(
    unit: Unit,
    options: ByteOptions,
    duplicates: dict[int, str],
    tail: Tail | None,
    folder: Path,
    number: int,
    tell: Callable[[int], object],
) -> UnitResult:
    statistics: Counter[str] = Counter()
    with split_writers(
        folder, number, block_size=options.block_size, shard_size=options.shard_size
    ) as writers:
        for index, document in enumerate(read_unit(unit, options.documents, duplicates)):
            statistics["records"] += 1
            if isinstance(document, Dropped):
                statistics[f"dropped_{document.reason}"] += 1
                continue
            data = document.data
            tell(len(data))
            statistics["bytes"] += len(data)
            if tail and tail.index == index:
                parts = [("train", 0, tail.start), ("validation", tail.start, len(data))]
            else:
                held_out = options.split.holds_out(document.name, data)
                parts = [("validation" if held_out else "train", 0, len(data))]
            for split, start, stop in parts:
                writers[split].add(
                    document.name,
                    with_markers(data[start:stop]),
                    start=start,
                    label=document.label,
                )
    return UnitResult.of(writers, statistics)
