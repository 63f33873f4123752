"""Scores of variants on disk: TSV, Parquet, or the VCF file that they came from with INFO added."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Any, Protocol, TextIO, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq
from Bio.bgzf import BgzfWriter

from hnet_seq.tasks.scoring.on_haplotypes import HaplotypeScore
from hnet_seq.tasks.scoring.outputs import variant_format
from hnet_seq.tasks.scoring.variant_score import VariantScore
from modalities.errors import InputError
from pipelines.formats.alleles import NO_POSITION
from pipelines.formats.variant_source import VariantSource
from pipelines.formats.vcf import VcfLine
from pipelines.storage.files import replaced_file, replaced_stream

NUMBERS = (
    "llr",
    "llr_forward",
    "llr_reverse",
    "edits",
    "length_change",
    "gc_change",
    "transition",
    "markov_llr",
    "unknown",
)
HEADER = ("chrom", "pos", "id", "ref", "alt", "kind", *NUMBERS, "skipped")
ON_HAPLOTYPES = (
    "sample",
    "haplotype",
    "carried",
    "neighbours",
    "unphased",
    "missing",
    "genome_llr",
)

_COUNTS = frozenset(
    {"edits", "length_change", "gc_change", "transition", "unknown", *ON_HAPLOTYPES[1:-1]}
)
_INFO = {
    "HNET_LLR": (
        "llr",
        "Float",
        "log-likelihood of the window with the allele less that without, each base against 1/4",
    ),
    "HNET_LLR_FORWARD": ("llr_forward", "Float", "HNET_LLR of the forward strand"),
    "HNET_LLR_REVERSE": ("llr_reverse", "Float", "HNET_LLR of the reverse strand"),
    "HNET_MARKOV_LLR": ("markov_llr", "Float", "the same difference under a Markov model"),
    "HNET_GC_CHANGE": ("gc_change", "Integer", "G and C that the allele gains"),
    "HNET_EDITS": ("edits", "Integer", "bases that the allele changes"),
}
_ON_EACH = "HNET_HAP_LLR"
_PART = 4096  # rows of a Parquet row group


class ScoreWriter(Protocol):
    """Takes scores in the order of the variants."""

    def write(
        self, scores: Sequence[VariantScore], on: Sequence[Sequence[HaplotypeScore]] = ()
    ) -> None:
        """Append some: their scores, or in a table those of each on haplotypes instead."""


Names: TypeAlias = Sequence[tuple[str, int]]


@contextmanager
def open_scores(
    path: Path, source: VariantSource, described: dict[str, str], names: Names = ()
) -> Iterator[ScoreWriter]:
    """A writer; the file appears when the block ends well.

    Args:
        source: of a VCF file, whose lines go into a ``.vcf`` as they are but for INFO.
        described: options and inputs, kept in the schema of Parquet and the header of VCF.
        names: sample and number of all haplotypes that alleles are scored on.
    """
    form = variant_format(path)
    if form == ".tsv":
        with replaced_file(path) as file:
            yield TsvWriter(file, names)
    elif form == ".parquet":
        with replaced_stream(path) as raw, _parquet(raw, described, names) as writer:
            yield writer
    else:
        with replaced_stream(path) as raw:
            # bgzip, which tabix can index.
            stream = BgzfWriter(fileobj=raw) if form == ".vcf.gz" else raw
            vcf = _Vcf(stream, source.lines(), described, names)
            yield vcf
            vcf.finish()
            if form == ".vcf.gz":
                stream.close()


def columns(names: Names = ()) -> tuple[str, ...]:
    """Of a table, with haplotypes or without."""
    return (*HEADER[:-1], *ON_HAPLOTYPES, HEADER[-1]) if names else HEADER


def cells(score: VariantScore, wanted: Sequence[str] = HEADER) -> dict[str, Any]:
    """A row by column; None where there is no number."""
    return {name: _cell(score, name) for name in wanted}


def _cell(score: VariantScore, name: str) -> Any:
    variant = score.variant
    if name in ("chrom", "ref", "alt"):
        return getattr(variant, name)
    if name == "id":
        return variant.name
    value = variant.pos if name == "pos" else getattr(score, name)
    if value is None or (name == "pos" and value == NO_POSITION):
        return None
    if isinstance(value, float) and math.isnan(value):
        return None
    return int(value) if name in _COUNTS else value


class TsvWriter:
    """One line an allele, or a haplotype of it, with a header; empty where there is no number."""

    def __init__(self, file: TextIO, names: Names = ()) -> None:
        self._file = file
        self._columns = columns(names)
        file.write("\t".join(self._columns) + "\n")

    def write(
        self, scores: Sequence[VariantScore], on: Sequence[Sequence[HaplotypeScore]] = ()
    ) -> None:
        for row in _rows(scores, on):
            values = cells(row, self._columns).values()
            self._file.write("\t".join(map(cell, values)) + "\n")


def _rows(
    scores: Sequence[VariantScore], on: Sequence[Sequence[HaplotypeScore]]
) -> Iterable[VariantScore]:
    return chain.from_iterable(on) if on else scores


def cell(value: object) -> str:
    """As it stands in text; nothing where there is none."""
    if value is None:
        return ""
    return f"{value:.6f}" if isinstance(value, float) else f"{value}"


@contextmanager
def _parquet(raw: IO[bytes], described: dict[str, str], names: Names) -> Iterator[ScoreWriter]:
    kinds = {name: pa.int64() if name in _COUNTS else pa.float64() for name in NUMBERS}
    kinds |= {name: pa.int64() for name in ("pos", *ON_HAPLOTYPES[1:-1])}
    kinds["genome_llr"] = pa.float64()
    fields = [pa.field(name, kinds.get(name, pa.string())) for name in columns(names)]
    schema = pa.schema(fields, metadata=described)
    with pq.ParquetWriter(raw, schema) as file:
        writer = _Parquet(file, schema)
        yield writer
        writer.flush()


class _Parquet:
    def __init__(self, file: pq.ParquetWriter, schema: pa.Schema) -> None:
        self._file = file
        self._schema = schema
        self._rows: list[dict[str, Any]] = []

    def write(
        self, scores: Sequence[VariantScore], on: Sequence[Sequence[HaplotypeScore]] = ()
    ) -> None:
        for row in _rows(scores, on):
            self._rows.append(cells(row, self._schema.names))
            if len(self._rows) == _PART:
                self.flush()

    def flush(self) -> None:
        self._file.write_table(pa.Table.from_pylist(self._rows, self._schema))
        self._rows = []


class _Vcf:
    """Copies lines up to and with the one that the scores so far complete."""

    def __init__(
        self, stream: Any, lines: Iterable[VcfLine], described: dict[str, str], names: Names
    ) -> None:
        self._stream = stream
        self._lines = iter(lines)
        self._described = described
        self._names = names
        self._waiting: list[tuple[VariantScore, Sequence[HaplotypeScore]]] = []
        self._line: VcfLine | None = None

    def write(
        self, scores: Sequence[VariantScore], on: Sequence[Sequence[HaplotypeScore]] = ()
    ) -> None:
        for score, own in zip(scores, on or [()] * len(scores), strict=True):
            while self._line is None:
                line = next(self._lines)
                if line.variants:
                    self._line = line
                else:
                    self._copy(line)
            self._waiting.append((score, own))
            if len(self._waiting) == len(self._line.variants):
                added = _info([one for one, _ in self._waiting])
                if self._names:
                    added += _info_on([each for _, each in self._waiting], self._names)
                self._stream.write(_with_info(self._line.content, added))
                self._line, self._waiting = None, []

    def finish(self) -> None:
        """Blank lines after the last variant."""
        assert self._line is None
        for line in self._lines:
            self._copy(line)

    def _copy(self, line: VcfLine) -> None:
        if line.names_columns:
            end = b"\r\n" if line.content.endswith(b"\r\n") else b"\n"
            for header in _headers(self._described, self._names):
                self._stream.write(header.encode() + end)
        self._stream.write(line.content)


def check_fields(line: VcfLine, source: Path) -> None:
    """Raise InputError for a file that carries scores already."""
    if line.variants:
        info = b"".join(line.content.split(b"\t", 8)[7:8])
        if any(field.startswith(b"HNET_") for field in info.split(b";")):
            raise InputError(
                source,
                "has HNET_ fields already; give the file without scores, or write a .tsv",
                where=f"line {line.line}",
            )


def _headers(described: dict[str, str], names: Names) -> list[str]:
    about = "; ".join(f"{key}={value}" for key, value in described.items()).replace('"', "'")
    lines = [
        f'##INFO=<ID={name},Number=A,Type={kind},Description="{text}">'
        for name, (_, kind, text) in _INFO.items()
    ]
    if names:
        lines += [
            f'##INFO=<ID={_ON_EACH},Number=.,Type=Float,Description="HNET_LLR of each allele on '
            'each of the haplotypes of HNET_HAPLOTYPES, all of the first allele first">',
            f"##HNET_HAPLOTYPES={','.join(f'{sample}|{number}' for sample, number in names)}",
        ]
    return [*lines, f'##HNET_SEQ="{about}"']


def _info(scores: Sequence[VariantScore]) -> list[str]:
    """INFO fields, one value an allele; ``.`` where there is none."""
    rows = [cells(score) for score in scores]
    return [
        f"{name}={','.join(cell(row[column]) or '.' for row in rows)}"
        for name, (column, _, _) in _INFO.items()
        if any(row[column] is not None for row in rows)
    ]


def _info_on(scores: Sequence[Sequence[HaplotypeScore]], names: Names) -> list[str]:
    """The field of the haplotypes, a value for each that there is somewhere in the file."""
    values = []
    for own in scores:
        found = {(row.sample, row.haplotype): cell(_cell(row, "llr")) for row in own}
        values += [found.get(name) or "." for name in names]
    return [f"{_ON_EACH}={','.join(values)}"] if set(values) != {"."} else []


def _with_info(content: bytes, added: Sequence[str]) -> bytes:
    """The line with INFO fields beside its own."""
    if not added:
        return content
    fields = content.split(b"\t", 8)
    own = fields[7]
    bare = own.rstrip(b"\r\n")
    end, new = own[len(bare) :], ";".join(added).encode()
    fields[7] = (new if bare.strip() in (b".", b"") else bare + b";" + new) + end
    return b"\t".join(fields)
