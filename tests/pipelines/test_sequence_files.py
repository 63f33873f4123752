"""The content of a file tells its format, not its name."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from modalities import dna
from modalities.errors import InputError, UsageError
from pipelines.formats.sequence_files import read_records, sequence_format
from tests.pipelines.test_genbank import entry
from tests.pipelines.test_twobit import pack

FILES = {
    "fasta": b"\n>r.1 about r\nACGTN\n",
    "genbank": entry("r", "acgtn").encode(),
    "2bit": pack({"r.1": "ACGTN"}),
}


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", FILES)
def test_every_format_gives_the_same_record(tmp_path: Path, kind: str, compressed: bool) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(gzip.compress(FILES[kind]) if compressed else FILES[kind])
    assert sequence_format(path) == kind
    (record,) = read_records(path)
    assert (record.name, dna.decode(record.tokens)) == ("r.1", "ACGTN")


def test_a_release_of_genbank_has_lines_of_its_own_first(tmp_path: Path) -> None:
    path = tmp_path / "gbbct1.seq"
    path.write_bytes(b"GBBCT1.SEQ   Genetic Sequence Data Bank\n\n" + FILES["genbank"])
    assert [record.name for record in read_records(path)] == ["r.1"]


def test_a_fasta_that_speaks_of_locus_is_fasta(tmp_path: Path) -> None:
    path = tmp_path / "a.fa"
    path.write_bytes(b">a\nACGT\nLOCUS  x\n")
    assert sequence_format(path) == "fasta"


@pytest.mark.parametrize("data", [b"", b"hello\n"])
def test_what_is_nothing_of_it_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(data)
    with pytest.raises(InputError, match="expected"):
        list(read_records(path))


def test_a_wrong_policy_is_refused_for_every_format(tmp_path: Path) -> None:
    path = tmp_path / "a.2bit"
    path.write_bytes(FILES["2bit"])
    with pytest.raises(UsageError, match="iupac"):
        read_records(path, iupac="maybe")  # type: ignore[arg-type]
