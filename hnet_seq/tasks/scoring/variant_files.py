"""Scores of variants on disk: TSV, Parquet, or the VCF file that they came from with INFO added."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol, TextIO

import pyarrow as pa
import pyarrow.parquet as pq
from Bio.bgzf import BgzfWriter

from hnet_seq.tasks.scoring.outputs import variant_format
from hnet_seq.tasks.scoring.variant_scores import VariantScore
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

_COUNTS = frozenset({"edits", "length_change", "gc_change", "transition", "unknown"})
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
_PART = 4096  # rows of a Parquet row group


class ScoreWriter(Protocol):
    """Takes scores in the order of the variants."""

    def write(self, scores: Sequence[VariantScore]) -> None:
        """Append some."""


@contextmanager
def open_scores(
    path: Path, source: VariantSource, described: dict[str, str]
) -> Iterator[ScoreWriter]:
    """A writer; the file appears when the block ends well.

    Args:
        source: of a VCF file, whose lines go into a ``.vcf`` as they are but for INFO.
        described: options and inputs, kept in the schema of Parquet and the header of VCF.
    """
    form = variant_format(path)
    if form == ".tsv":
        with replaced_file(path) as file:
            yield TsvWriter(file)
    elif form == ".parquet":
        with replaced_stream(path) as raw, _parquet(raw, described) as writer:
            yield writer
    else:
        with replaced_stream(path) as raw:
            # bgzip, which tabix can index.
            stream = BgzfWriter(fileobj=raw) if form == ".vcf.gz" else raw
            vcf = _Vcf(stream, source.lines(), described)
            yield vcf
            vcf.finish()
            if form == ".vcf.gz":
                stream.close()


def cells(score: VariantScore) -> dict[str, Any]:
    """A row by column; None where there is no number."""
    variant = score.variant
    numbers = {
        name: None
        if math.isnan(value := getattr(score, name))
        else (int(value) if name in _COUNTS else value)
        for name in NUMBERS
    }
    return {
        "chrom": variant.chrom,
        "pos": None if variant.pos == NO_POSITION else variant.pos,
        "id": variant.name,
        "ref": variant.ref,
        "alt": variant.alt,
        "kind": score.kind,
        **numbers,
        "skipped": score.skipped,
    }


class TsvWriter:
    """One line an allele, with a header; an empty cell where there is no number."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        file.write("\t".join(HEADER) + "\n")

    def write(self, scores: Sequence[VariantScore]) -> None:
        for score in scores:
            self._file.write("\t".join(_shown(value) for value in cells(score).values()) + "\n")


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6f}" if isinstance(value, float) else f"{value}"


@contextmanager
def _parquet(raw: IO[bytes], described: dict[str, str]) -> Iterator[ScoreWriter]:
    kinds = {name: pa.int64() if name in _COUNTS else pa.float64() for name in NUMBERS}
    kinds["pos"] = pa.int64()
    fields = [pa.field(name, kinds.get(name, pa.string())) for name in HEADER]
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

    def write(self, scores: Sequence[VariantScore]) -> None:
        for score in scores:
            self._rows.append(cells(score))
            if len(self._rows) == _PART:
                self.flush()

    def flush(self) -> None:
        self._file.write_table(pa.Table.from_pylist(self._rows, self._schema))
        self._rows = []


class _Vcf:
    """Copies lines up to and with the one that the scores so far complete."""

    def __init__(self, stream: Any, lines: Iterable[VcfLine], described: dict[str, str]) -> None:
        self._stream = stream
        self._lines = iter(lines)
        self._described = described
        self._waiting: list[VariantScore] = []
        self._line: VcfLine | None = None

    def write(self, scores: Sequence[VariantScore]) -> None:
        for score in scores:
            while self._line is None:
                line = next(self._lines)
                if line.variants:
                    self._line = line
                else:
                    self._copy(line)
            self._waiting.append(score)
            if len(self._waiting) == len(self._line.variants):
                self._stream.write(_with_info(self._line.content, self._waiting))
                self._line, self._waiting = None, []

    def finish(self) -> None:
        """Blank lines after the last variant."""
        assert self._line is None
        for line in self._lines:
            self._copy(line)

    def _copy(self, line: VcfLine) -> None:
        if line.names_columns:
            end = b"\r\n" if line.content.endswith(b"\r\n") else b"\n"
            for header in _headers(self._described):
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


def _headers(described: dict[str, str]) -> list[str]:
    about = "; ".join(f"{key}={value}" for key, value in described.items()).replace('"', "'")
    lines = [
        f'##INFO=<ID={name},Number=A,Type={kind},Description="{text}">'
        for name, (_, kind, text) in _INFO.items()
    ]
    return [*lines, f'##HNET_SEQ="{about}"']


def _with_info(content: bytes, scores: list[VariantScore]) -> bytes:
    """The line with INFO fields, one value an allele; ``.`` where there is none."""
    rows = [cells(score) for score in scores]
    added = ";".join(
        f"{name}={','.join(_shown(row[column]) or '.' for row in rows)}"
        for name, (column, _, _) in _INFO.items()
        if any(row[column] is not None for row in rows)
    ).encode()
    if not added:
        return content
    fields = content.split(b"\t", 8)
    own = fields[7]
    bare = own.rstrip(b"\r\n")
    end = own[len(bare) :]
    fields[7] = (added if bare.strip() in (b".", b"") else bare + b";" + added) + end
    return b"\t".join(fields)
