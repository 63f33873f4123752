"""FASTA: every layout reads the same, and what is not DNA is refused with file and line."""

from __future__ import annotations

import gzip
import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from Bio import bgzf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modalities import dna
from modalities.errors import InputError, UsageError
from pipelines.formats import fasta
from pipelines.formats.fasta import read_fasta
from pipelines.storage import compression

ROOT = Path(__file__).parents[2]
ECOLI = ROOT / "examples/data/ecoli_536/genome.fna.gz"
SHARED = ROOT / "../shared/data/genomes"


def write_plain(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def write_gzip(path: Path, data: bytes) -> None:
    path.write_bytes(gzip.compress(data))


def write_bgzip(path: Path, data: bytes) -> None:
    with bgzf.BgzfWriter(str(path), "wb") as file:
        file.write(data)


WRITERS = [write_plain, write_gzip, write_bgzip]
Writer = Callable[[Path, bytes], None]


def read_letters(path: Path) -> dict[str, str]:
    return {record.name: dna.decode(record.tokens) for record in read_fasta(path)}


@pytest.mark.parametrize("write", WRITERS)
def test_compression_is_known_by_content_not_by_name(tmp_path: Path, write: Writer) -> None:
    path = tmp_path / "genome.txt"
    write(path, b">a first\nACGT\nAC\n>b\nGG\n")
    assert read_letters(path) == {"a": "ACGTAC", "b": "GG"}


@pytest.mark.parametrize(
    "text",
    [
        b">a\nACGT\nACGT\n>b\nGG\n",
        b">a\r\nACGT\r\nACGT\r\n>b\r\nGG\r\n",
        b">a\nACGTACGT\n>b\nGG",
        b"\n\n>a\n\nACGT\n\n\nACGT\n\n>b\nGG\n\n\n",
        b"\r\n>a\r\n\r\nACGT\nACGT\r\n>b\r\n\r\nG\r\nG",
        b">a\nA\nCGTACG\nT\n>b\nG\nG\n",
        b"> a\nACGUACGT\n> b\ngg\n",
    ],
    ids=["LF", "CRLF", "no last line end", "blank lines", "mixed", "uneven lines", "U, case"],
)
def test_layouts_of_lines_read_the_same(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "a.fa"
    path.write_bytes(text)
    assert read_letters(path) == {"a": "ACGTACGT", "b": "GG"}


@pytest.mark.parametrize(
    ("header", "name", "description"),
    [
        ("NC_008253.1 Escherichia coli", "NC_008253.1", "Escherichia coli"),
        ("gi|110640213|ref|NC_008253.1| E. coli", "gi|110640213|ref|NC_008253.1|", "E. coli"),
        ("chr1:100-200", "chr1:100-200", ""),
        ("a\tb  c ", "a", "b  c"),
        ("a>b >c", "a>b", ">c"),
        ("Käfer ü", "Käfer", "ü"),
    ],
)
def test_names_end_at_the_first_blank(
    tmp_path: Path, header: str, name: str, description: str
) -> None:
    path = tmp_path / "a.fa"
    path.write_text(f">{header}\nACGT\n", encoding="utf-8")
    (record,) = read_fasta(path)
    assert (record.name, record.description) == (name, description)


def test_case_is_kept_as_a_mask_and_never_reaches_the_tokens(tmp_path: Path) -> None:
    path = tmp_path / "a.fa"
    path.write_bytes(b">a\nACgtNnRy\n")
    (record,) = read_fasta(path)
    assert record.tokens.tolist() == [0, 1, 2, 3, 4, 4, 4, 4]
    assert record.soft_mask.tolist() == [False, False, True, True, False, True, False, True]
    assert record.tokens.dtype == np.uint8
    assert record.counts == dna.SequenceCounts(bases=8, unknown=2, iupac=2, soft_masked=4, gc=2)


def test_ambiguity_codes_are_refused_on_request(tmp_path: Path) -> None:
    path = tmp_path / "a.fa"
    path.write_bytes(b">a\nACGT\nACRT\n")
    with pytest.raises(InputError, match="record a, line 3: 'R' is an ambiguity code"):
        list(read_fasta(path, iupac="error"))
    with pytest.raises(UsageError, match="iupac"):
        read_fasta(path, iupac="drop")  # type: ignore[arg-type]


records = st.dictionaries(
    st.text("abc|.:-_>", min_size=1, max_size=6).filter(lambda name: name.strip() == name),
    st.text("ACGTN", min_size=1, max_size=40),
    min_size=1,
    max_size=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    records,
    st.integers(1, 9),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.integers(1, 7),
)
def test_records_do_not_depend_on_where_chunks_of_the_file_end(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sequences: dict[str, str],
    width: int,
    line_end: str,
    blank: bool,
    chunk: int,
) -> None:
    text = ""
    for name, letters in sequences.items():
        lines = [letters[i : i + width] for i in range(0, len(letters), width)]
        text += line_end.join([f">{name}", *lines, *[""] * blank, ""])
    path = tmp_path / "a.fa"
    path.write_bytes(text.encode())
    monkeypatch.setattr(
        fasta,
        "read_chunks",
        lambda path, **place: compression.read_chunks(path, chunk=chunk, **place),
    )
    assert list(read_letters(path).items()) == list(sequences.items())


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 8, 1000])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_the_line_of_an_error_does_not_depend_on_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, line_end: bytes
) -> None:
    path = tmp_path / "a.fa"
    path.write_bytes(line_end.join([b"", b">a", b"ACGT", b"", b"AC", b">b", b"GG", b"GXG", b""]))
    monkeypatch.setattr(
        fasta,
        "read_chunks",
        lambda path, **place: compression.read_chunks(path, chunk=chunk, **place),
    )
    with pytest.raises(InputError, match="record b, line 8: 'X'"):
        list(read_fasta(path))


def cut(data: bytes, keep: float) -> bytes:
    return data[: math.floor(len(data) * keep)]


_LETTERS = np.frombuffer(b"ACGT", np.uint8)
LONG = b">a\n" + np.random.default_rng(0).choice(_LETTERS, 180_000).tobytes() + b"\n"

MALFORMED = {
    "empty file": (b"", "line 1: no records"),
    "only blank lines": (b"\n\n\r\n", "line 4: no records"),
    "empty gzip": (gzip.compress(b""), "line 1: no records"),
    "lone >": (b">a\nACGT\n>\nACGT\n", "line 3: a '>' without a name"),
    "lone > with blanks": (b">a\nACGT\n> \t\r\n", "line 3: a '>' without a name"),
    "lone > at the end": (b">a\nACGT\n>", "line 3: a '>' without a name"),
    "empty record": (b">a\nACGT\n>b\n>c\nAC\n", "record b, line 3: the record has no bases"),
    "empty last record": (b">a\nACGT\n>b x\n\n", "record b, line 3: the record has no bases"),
    "header only": (b">a", "record a, line 1: the record has no bases"),
    "repeated name": (
        b">a one\nAC\nGT\n>b\nA\n>a two\nAC\n",
        "line 6: the name 'a' stands on line 1 already",
    ),
    "junk first": (b"hello\n>a\nACGT\n", "line 1: expected '>' at the start, found 'hello'"),
    "no header": (b"\nACGT\n", "line 2: expected '>' at the start, found 'ACGT'"),
    "FASTQ": (b"@r1\nACGT\n+\nIIII\n", "line 1: .* this looks like FASTQ"),
    "GFF": (b"##gff-version 3\n", "line 1: .* this is GFF"),
    "comment line": (b"; old\n>a\nACGT\n", "line 1: .* comment lines are not supported"),
    "byte order mark": (b"\xef\xbb\xbf>a\nACGT\n", "line 1: .* byte order mark"),
    "protein": (b">p\nMKVLAAGIVG\nLCAKAYLEQ\n", "record p, line 2: 'L' .* looks like protein"),
    "protein later": (b">a\nACGT\n>p\nMKV\nFLEQ*\n", "record p, line 5: 'F' .* like protein"),
    "stop": (b">a\nACGTACGT*\n", r"record a, line 2: '\*' is not a nucleotide"),
    "gap": (b">a\nACGT\nAC--GT\n", "record a, line 3: '-' is a gap of an alignment"),
    "digits": (b">a\n1 acgt\n", "record a, line 2: '1' is not a nucleotide"),
    "blank in a line": (b">a\nACGT ACGT\n", "record a, line 2: a blank inside the sequence"),
    "> inside a line": (b">a\nAC>b\nGT\n", "record a, line 2: '>' is not a nucleotide"),
    "binary": (b"\x7fELF\x02\x01\x01\x00\x00", r"line 1: expected '>'"),
    "binary sequence": (b">a\nACGT\n\x00\x01\xff", "record a, line 3: .* binary file"),
    "binary header": (b">a\x00\x01\nACGT\n", "line 1: .* binary file"),
    "header not UTF-8": (b">a\nA\n>K\xe4fer\nACGT\n", "line 3: byte 0xe4 .* not UTF-8"),
    "old Mac": (b">a\rACGT\rACGT\r", "line 1: line ends are CR alone"),
    "no line ends": (b">" + b"A" * (2 << 20), "line 1: the header exceeds"),
    "truncated gzip": (
        cut(gzip.compress(LONG), 0.7),
        "after byte .*: the gzip data ends too early",
    ),
    "damaged gzip": (
        gzip.compress(LONG)[:-8] + b"\0" * 8,
        "after byte .*: damaged gzip data .* fetch it again",
    ),
    "bzip2": (b"BZh91AY&SY", "is a bzip2 file"),
    "zip": (b"PK\x03\x04rest", "is a zip file"),
}


@pytest.mark.parametrize(("data", "message"), MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_files_are_refused_in_one_line_with_file_and_place(
    tmp_path: Path, data: bytes, message: str
) -> None:
    path = tmp_path / "bad.fa"
    path.write_bytes(data)
    with pytest.raises(InputError, match=message) as refusal:
        list(read_fasta(path))
    assert str(refusal.value).startswith(f"{path}: ")
    assert "\n" not in str(refusal.value)
    assert not isinstance(refusal.value, UsageError)


@pytest.mark.parametrize("kept", ["half", "whole blocks"])
def test_truncated_bgzip_is_refused_even_between_two_blocks(tmp_path: Path, kept: str) -> None:
    path = tmp_path / "a.fa.gz"
    write_bgzip(path, LONG)
    data = path.read_bytes()
    assert data.endswith(compression.BGZIP_END)
    size = len(data) // 2 if kept == "half" else len(data) - len(compression.BGZIP_END)
    path.write_bytes(data[:size])
    with pytest.raises(InputError, match="no end marker: the file is truncated"):
        list(read_fasta(path))


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.fa: no such file"):
        list(read_fasta(tmp_path / "nothing.fa"))
    with pytest.raises(InputError, match="is a folder"):
        list(read_fasta(tmp_path))


def test_a_pipe_is_refused_before_anything_of_it_is_lost(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"pipe: is a pipe or device; write it to a file first"):
        list(read_fasta(tmp_path / "pipe"))


def test_records_before_the_bad_one_have_been_read(tmp_path: Path) -> None:
    path = tmp_path / "a.fa"
    path.write_bytes(b">a\nACGT\n>b\nAC!T\n")
    stream = read_fasta(path)
    assert next(stream).name == "a"
    with pytest.raises(InputError, match="record b, line 4"):
        next(stream)


def test_the_shipped_genome_reads_whole() -> None:
    (record,) = read_fasta(ECOLI)
    assert record.name == "gi|110640213|ref|NC_008253.1|"
    assert record.description == "Escherichia coli 536, complete genome"
    assert record.counts.bases == len(record.tokens) == 4_938_920
    assert record.counts.unknown == record.counts.iupac == record.counts.soft_masked == 0
    # gc_cont=50.52 in the header of the gene calls, which Prodigal counted itself.
    assert round(100 * record.counts.gc_share, 2) == 50.52


def test_seventeen_yeast_chromosomes_read_in_order() -> None:
    path = SHARED / "yeast_saccer3/genome.fna.gz"
    if not path.exists():
        pytest.skip("shared data is not here")
    lengths = {record.name: record.counts.bases for record in read_fasta(path)}
    assert len(lengths) == 17
    assert sum(lengths.values()) == 12_157_105
