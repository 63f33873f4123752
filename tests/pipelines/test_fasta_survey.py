"""Pieces of records, and where records lie: the same for any chunks of any odd file."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from Bio import bgzf
from hypothesis import given, settings
from hypothesis import strategies as st

from modalities import dna
from modalities.errors import InputError
from pipelines.formats import fasta, fasta_survey
from pipelines.formats.fasta import FastaRecord, read_fasta, read_fasta_pieces
from pipelines.formats.fasta_survey import RecordPlace, survey_fasta
from pipelines.storage import compression

ECOLI = Path(__file__).parents[2] / "examples/data/ecoli_536/genome.fna.gz"


@st.composite
def odd_files(draw: st.DrawFn) -> bytes:
    """FASTA with lines of any length, either line end, blank lines, and `>` inside headers."""
    line_end = st.sampled_from(["\n", "\r\n"])
    blank = st.sampled_from(["", "", "\n", "\r\n", "\n\n"])
    parts = [draw(blank)]
    for number in range(draw(st.integers(1, 5))):
        space = draw(st.sampled_from(["", " ", "\t"]))
        description = draw(st.sampled_from(["", " >b", "\tx  y ", " chr1:1-2 >", " é", "\u2003z"]))
        parts.append(f">{space}r{number}>|{description}{draw(line_end)}{draw(blank)}")
        lines = draw(st.lists(st.text("ACGTacgtNnRU", min_size=1, max_size=9), min_size=1))
        parts += [f"{line}{draw(line_end)}{draw(blank)}" for line in lines]
    text = "".join(parts)
    return (text.rstrip("\r\n") if draw(st.booleans()) else text).encode()


def with_chunks(patch: pytest.MonkeyPatch, chunk: int) -> None:
    def read_chunks(path: Path, **place: Any) -> object:
        return compression.read_chunks(path, chunk=chunk, **place)

    for module in (fasta, fasta_survey):
        patch.setattr(module, "read_chunks", read_chunks)


def whole_records(path: Path, **place: Any) -> list[tuple[str, str, bytes, object]]:
    """Records put together from their pieces."""
    found: list[tuple[str, str, bytes, object]] = []
    parts = b""
    for piece in read_fasta_pieces(path, **place):
        parts += (piece.annotated & (dna.TOKEN_BITS | dna.SOFT_MASK_BIT)).tobytes()
        if piece.ends:
            found.append((piece.name, piece.description, parts, piece.counts))
            parts = b""
    assert not parts
    return found


def as_pieces(record: FastaRecord) -> tuple[str, str, bytes, object]:
    annotated = record.tokens | (record.soft_mask * np.uint8(dna.SOFT_MASK_BIT))
    return record.name, record.description, annotated.tobytes(), record.counts


@settings(deadline=None)
@given(data=odd_files(), chunk=st.integers(1, 40))
def test_pieces_are_the_records_for_any_chunks(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, chunk: int
) -> None:
    path = tmp_path_factory.mktemp("pieces") / "a.fa"
    path.write_bytes(data)
    records = [as_pieces(record) for record in read_fasta(path)]
    with pytest.MonkeyPatch.context() as patch:
        with_chunks(patch, chunk)
        assert whole_records(path) == records
        # No piece is more than a chunk: memory does not grow with a record.
        assert max(len(piece.annotated) for piece in read_fasta_pieces(path)) <= chunk


@settings(deadline=None)
@given(data=odd_files(), chunk=st.integers(1, 40))
def test_the_survey_finds_what_the_reader_finds(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, chunk: int
) -> None:
    path = tmp_path_factory.mktemp("survey") / "a.fa"
    path.write_bytes(data)
    records = [as_pieces(record) for record in read_fasta(path)]
    told: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        with_chunks(patch, chunk)
        places = survey_fasta(path, told.append)
    assert sum(told) == len(data)
    assert [(p.name, p.bases) for p in places] == [(name, len(b)) for name, _, b, _ in records]
    for before, place, after in zip([None, *places], places, [*places[1:], None], strict=False):
        assert data[place.start : place.start + 1] == b">"
        assert data[: place.start].count(b"\n") == place.line - 1
        assert place.stop == (after.start if after else len(data))
        assert before is None or before.stop == place.start


@settings(deadline=None)
@given(data=odd_files(), chunk=st.integers(1, 40), places=st.data())
def test_what_the_survey_found_can_be_read_alone(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, chunk: int, places: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("alone") / "a.fa"
    path.write_bytes(data)
    records, found = whole_records(path), survey_fasta(path)
    first = places.draw(st.integers(0, len(found) - 1))
    last = places.draw(st.integers(first, len(found) - 1))
    with pytest.MonkeyPatch.context() as patch:
        with_chunks(patch, chunk)
        stretch = {"start": found[first].start, "stop": found[last].stop}
        assert whole_records(path, **stretch, line=found[first].line) == records[first : last + 1]


def test_lines_of_errors_are_those_of_the_file_where_a_part_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.fa"
    path.write_bytes(b"\r\n>a\r\nAC\r\n\r\n>b\nAC\nA-C\n")
    place = survey_fasta(path)[1]
    with pytest.raises(InputError, match="record b, line 7: '-' is a gap"):
        whole_records(path, start=place.start, stop=place.stop, line=place.line)


@pytest.mark.parametrize("compressed", ["gzip", "bgzip"])
def test_compressed_files_have_the_places_of_their_text(tmp_path: Path, compressed: str) -> None:
    data = b">a x\nACGT\n>b\nACG\nT\n"
    plain, path = tmp_path / "a.fa", tmp_path / "a.fa.gz"
    plain.write_bytes(data)
    if compressed == "gzip":
        path.write_bytes(gzip.compress(data))
    else:
        with bgzf.BgzfWriter(str(path), "wb") as file:
            file.write(data)
    places = [RecordPlace("a", 0, 10, 1, 4), RecordPlace("b", 10, 19, 3, 4)]
    assert survey_fasta(plain) == survey_fasta(path) == places


@pytest.mark.parametrize("data", [b"", b"\n\r\n", b"ACGT\n"])
def test_no_record_is_no_place(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.fa").write_bytes(data)
    assert survey_fasta(tmp_path / "a.fa") == []


def test_the_shipped_genome_is_one_record() -> None:
    (place,) = survey_fasta(ECOLI)
    assert (place.name, place.bases) == ("gi|110640213|ref|NC_008253.1|", 4_938_920)
