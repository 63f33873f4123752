"""Genomes to shards: which records make a unit, and what of them goes to which split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from modalities.base import Tokens
from modalities.dna import TOKEN_BITS, Iupac
from modalities.errors import InputError
from pipelines.formats.fasta_survey import RecordPlace, survey_fasta
from pipelines.formats.sequence_files import read_pieces, read_records, sequence_format
from pipelines.shards.bases_as_bytes import LetterWriter
from pipelines.shards.shard_folder import UnitResult
from pipelines.shards.sharding import Job
from pipelines.shards.split import Region
from pipelines.shards.unknown_runs import UNKNOWN_RUN, KnownStretches
from pipelines.shards.writer import (
    BLOCK_SIZE,
    SHARD_SIZE,
    SOFT_MASK_BIT,
    DocumentWriter,
    ShardWriter,
    split_writers,
)
from pipelines.storage.compression import sniff

UNIT_BYTES = 64 * 1024 * 1024  # of input; a longer record is a unit all the same

Plan = Mapping[str, Sequence[Region]]
"""Regions of every record; what lies in none of them is dropped."""


@dataclass(frozen=True)
class DnaOptions:
    """How bases are stored; see :func:`hnet_seq.tasks.shard.shard`.

    Attributes:
        letters: as bytes between the markers of a byte model, not as the tokens of ``dna``.
    """

    iupac: Iupac = "unknown"
    unknown_run: int = UNKNOWN_RUN
    keep_soft_mask: bool = False
    letters: bool = False
    block_size: int = BLOCK_SIZE
    shard_size: int = SHARD_SIZE


@dataclass(frozen=True)
class _Stretch:
    """Records of one file that follow each other; ``stop`` None: all that are left."""

    path: Path
    start: int
    stop: int | None
    line: int
    names: list[str]
    bytes: int


def survey(
    paths: Sequence[Path], progress: Callable[[int], object]
) -> dict[str, tuple[Path, RecordPlace]]:
    """Where every record is, by name.

    Raises:
        InputError: a file cannot be read, or two have a record of one name.
    """
    found: dict[str, tuple[Path, RecordPlace]] = {}
    for path in paths:
        for place in _places(path, progress):
            other = found.setdefault(place.name, (path, place))
            if other[1] is place or not place.name:  # a '>' without a name is for the reader
                continue
            if other[0] == path:
                raise InputError(
                    path,
                    f"the name stands on line {other[1].line} already; rename one of the records",
                    where=f"record {place.name}, line {place.line}",
                )
            raise InputError(
                path,
                f"also stands in {other[0]}; give each record its own name",
                where=f"record {place.name}",
            )
    return found


def _places(path: Path, progress: Callable[[int], object]) -> list[RecordPlace]:
    if sequence_format(path) == "fasta":
        return survey_fasta(path, progress)
    lengths = [(record.name, len(record.tokens)) for record in read_records(path)]
    progress(path.stat().st_size)
    return [RecordPlace(name, 0, 0, 1, bases) for name, bases in lengths]


def record_pieces(paths: Sequence[Path], iupac: Iupac) -> Iterator[tuple[str, Tokens, bool]]:
    """All records: the name, tokens that follow, and whether they are the record's last.

    Raises:
        InputError: as the reader of a file's format.
    """
    for path in paths:
        for piece in read_pieces(path, iupac=iupac):
            yield piece.name, piece.annotated & np.uint8(TOKEN_BITS), piece.ends


def dna_jobs(
    places: Mapping[str, tuple[Path, RecordPlace]],
    paths: Sequence[Path],
    plan: Plan,
    options: DnaOptions,
    dropped: Mapping[str, str] | None = None,
) -> list[Job]:
    """Units of about 64 MB: whole records of plain files, whole compressed files.

    Args:
        dropped: records that are left out, whatever the plan says, and why.
    """
    records: dict[Path, list[RecordPlace]] = {path: [] for path in paths}
    for path, place in places.values():
        records[path].append(place)
    stretches = [part for path, found in records.items() for part in _cut(path, found)]
    jobs: list[Job] = []
    unit: list[_Stretch] = []
    for number, stretch in enumerate(stretches):
        unit.append(stretch)
        size = sum(part.bytes for part in unit)
        if size >= UNIT_BYTES or number == len(stretches) - 1:
            names = [name for part in unit for name in part.names]
            left_out = {name: dropped[name] for name in names if dropped and name in dropped}
            regions = {name: list(plan[name]) for name in names if name not in left_out}
            jobs.append(Job(size, partial(_write, unit, regions, left_out, options)))
            unit = []
    return jobs


def _cut(path: Path, records: Sequence[RecordPlace]) -> Iterator[_Stretch]:
    whole = [place.name for place in records]
    if not records or sniff(path) != "plain" or sequence_format(path) != "fasta":
        yield _Stretch(path, 0, None, 1, whole, sum(place.bases for place in records))
        return
    first = 0
    for index, place in enumerate(records):
        # What stands before the first record belongs to it: the reader shall see it.
        start = records[first].start if first else 0
        if place.stop - start >= UNIT_BYTES or index == len(records) - 1:
            line = records[first].line if first else 1
            names = whole[first : index + 1]
            yield _Stretch(path, start, place.stop, line, names, place.stop - start)
            first = index + 1


def _write(
    unit: Sequence[_Stretch],
    plan: Plan,
    dropped: Mapping[str, str],
    options: DnaOptions,
    folder: Path,
    number: int,
    tell: Callable[[int], object],
) -> UnitResult:
    statistics: Counter[str] = Counter()
    with split_writers(
        folder, number, block_size=options.block_size, shard_size=options.shard_size
    ) as writers:
        for stretch in unit:
            statistics.update(_write_stretch(stretch, plan, dropped, options, writers, tell))
    statistics["dropped_short"] = sum(writer.dropped_short for writer in writers.values())
    return UnitResult.of(writers, statistics)


def _write_stretch(
    stretch: _Stretch,
    plan: Plan,
    dropped: Mapping[str, str],
    options: DnaOptions,
    writers: Mapping[str, ShardWriter],
    tell: Callable[[int], object],
) -> Counter[str]:
    statistics: Counter[str] = Counter()
    kept_bits = np.uint8(TOKEN_BITS | (SOFT_MASK_BIT if options.keep_soft_mask else 0))
    record: _RecordWriter | None = None
    for piece in read_pieces(
        stretch.path,
        iupac=options.iupac,
        start=stretch.start,
        stop=stretch.stop,
        line=stretch.line,
    ):
        if piece.name in dropped:
            reason = dropped[piece.name]
            tell(len(piece.annotated))
            statistics[f"dropped_{reason}_bases"] += len(piece.annotated)
            if piece.ends:
                statistics.update({"records": 1, f"dropped_{reason}": 1, **asdict(piece.counts)})
            continue
        if record is None:
            record = _RecordWriter(piece.name, plan[piece.name], writers, options)
        record.take(piece.annotated & kept_bits)
        tell(len(piece.annotated))
        if piece.ends:
            statistics.update(record.close())
            statistics.update({"records": 1, **asdict(piece.counts)})
            record = None
    return statistics


class _RecordWriter:
    """One record: its regions, in order, to the writers of their splits."""

    def __init__(
        self,
        name: str,
        regions: Sequence[Region],
        writers: Mapping[str, ShardWriter],
        options: DnaOptions,
    ) -> None:
        self._name = name
        self._left = sorted(regions, key=lambda region: region.start, reverse=True)
        self._writers = writers
        self._options = options
        self._position = 0
        self._open: KnownStretches | None = None
        self._dropped: Counter[str] = Counter()

    def take(self, tokens: Tokens) -> None:
        """The next stored tokens of the record."""
        done = 0
        while done < len(tokens):
            region = self._left[-1] if self._left else None
            at = self._position + done
            if region is None or at < region.start:
                stop = len(tokens) if region is None else region.start - self._position
                count = min(stop, len(tokens)) - done
                self._dropped["dropped_guard"] += count
            else:
                count = min(region.end - at, len(tokens) - done)
                if self._open is None:
                    writer: DocumentWriter = self._writers[region.split]
                    if self._options.letters:
                        writer = LetterWriter(writer)
                    self._open = KnownStretches(
                        writer, self._name, region.start, region.label, self._options.unknown_run
                    )
                self._open.feed(tokens[done : done + count])
                if at + count == region.end:
                    self._close_region()
            done += count
        self._position += len(tokens)

    def close(self) -> Counter[str]:
        """The record is complete; what was dropped of it, in bases."""
        if self._open is not None:
            self._close_region()
        return self._dropped

    def _close_region(self) -> None:
        assert self._open is not None
        self._open.close()
        self._dropped["dropped_unknown"] += self._open.dropped
        self._open = None
        self._left.pop()
