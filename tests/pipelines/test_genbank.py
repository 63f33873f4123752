"""GenBank reads as the FASTA of the same entry, and what has no sequence says so."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from modalities import dna
from modalities.errors import InputError, UsageError
from pipelines.formats.fasta import read_fasta
from pipelines.formats.genbank import read_genbank

SHARED = Path(__file__).parents[2] / "../shared/data/genomes"


def entry(name: str, letters: str, *, version: str = ".1", stated: int | None = None) -> str:
    """An entry as NCBI lays it out."""
    length = len(letters) if stated is None else stated
    lines = [
        f"LOCUS       {name:<16} {length:>11} bp    DNA     linear   BCT 01-JAN-2020",
        f"DEFINITION  About {name}.",
        f"ACCESSION   {name}",
        f"VERSION     {name}{version}",
        "FEATURES             Location/Qualifiers",
        f"     gene            1..{length}",
        '                     /gene="x"',
        "ORIGIN",
    ]
    for start in range(0, len(letters), 60):
        row = letters[start : start + 60]
        tens = " ".join(row[i : i + 10] for i in range(0, len(row), 10))
        lines.append(f"{start + 1:>9} {tens}")
    return "\n".join([*lines, "//", ""])


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def read(path: Path) -> dict[str, str]:
    return {record.name: dna.decode(record.tokens) for record in read_genbank(path)}


@pytest.mark.parametrize("genome", ["phix174", "phage_lambda"])
def test_a_phage_is_what_its_fasta_is(genome: str) -> None:
    folder = SHARED / genome
    if not folder.is_dir():
        pytest.skip("the shared genomes are not there")
    (ours,) = read_genbank(folder / "annotation.gbk.gz")
    (theirs,) = read_fasta(folder / "genome.fna.gz")
    assert ours.name in ("NC_001422.1", "NC_001416.1")
    assert ours.description == theirs.description.rstrip(".")
    # Lambda's GenBank file has two n where its FASTA file has a base.
    known = ours.tokens != dna.UNKNOWN
    assert np.count_nonzero(~known) == ours.counts.unknown == (2 if "lambda" in genome else 0)
    assert np.array_equal(ours.tokens[known], theirs.tokens[known])
    assert not ours.soft_mask.any()


def test_several_records_and_every_layout(tmp_path: Path) -> None:
    letters = "acgtn" * 40
    text = entry("AB01", letters) + "\n" + entry("AB02", "acgtacgta")
    expected = {"AB01.1": letters.upper(), "AB02.1": "ACGTACGTA"}
    assert read(write(tmp_path / "a.gb", text)) == expected
    assert read(write(tmp_path / "crlf.gb", text.replace("\n", "\r\n"))) == expected
    assert read(write(tmp_path / "end.gb", text.removesuffix("\n"))) == expected
    (tmp_path / "a.gb.gz").write_bytes(gzip.compress(text.encode()))
    assert read(tmp_path / "a.gb.gz") == expected
    release = "GBBCT1.SEQ   Genetic Sequence Data Bank\n\n    2 loci\n\n"
    assert read(write(tmp_path / "release.seq", release + text)) == expected


def test_lines_may_end_anywhere_in_a_chunk(tmp_path: Path) -> None:
    letters = "acgtac" * 500_000
    path = write(tmp_path / "a.gb", entry("AB01", letters))
    assert path.stat().st_size > 3 << 20
    assert read(path) == {"AB01.1": letters.upper()}


def test_a_record_without_version_or_accession_keeps_its_name(tmp_path: Path) -> None:
    text = entry("contig_1", "acgt", version="")
    bare = text.replace("ACCESSION   contig_1", "ACCESSION   ").replace("VERSION     contig_1", "")
    assert read(write(tmp_path / "a.gb", text)) == {"contig_1": "ACGT"}
    assert read(write(tmp_path / "b.gb", bare)) == {"contig_1": "ACGT"}


def test_codes_are_unknown_or_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gb", entry("AB01", "acgr"))
    (record,) = read_genbank(path)
    assert (record.counts.iupac, dna.decode(record.tokens)) == (1, "ACGN")
    with pytest.raises(InputError, match=r"a\.gb: record AB01, line 10: base 4: 'R' is an ambig"):
        list(read_genbank(path, iupac="error"))
    with pytest.raises(UsageError, match="iupac"):
        read_genbank(path, iupac="maybe")  # type: ignore[arg-type]


CON = entry("AB02", "").replace("bp", "bp", 1).replace("          0 bp", "       9000 bp")
CON = CON.replace("ORIGIN\n", "CONTIG      join(AB03.1:1..9000)\n")

BROKEN = {
    "CON record": (CON, r"record AB02, .* has no sequence, .*gbwithparts"),
    "no sequence": (entry("AB02", ""), r"record AB02, .* has no sequence"),
    "not DNA": (entry("AB02", "acgtxacgt"), r"record AB02, .*base 5: 'X' is not a nucleotide"),
    "cut in the sequence": (entry("AB02", "acgt" * 40)[:-60], r"record AB02, .*fetch it again"),
    "cut in the features": (
        entry("AB02", "acgt").split("ORIGIN")[0],
        r"record AB02, .*not GenBank \(Prem",
    ),
    "another length": (entry("AB02", "acgt", stated=5), r"Expected sequence length 5, found 4"),
    "a name twice": (entry("AB01", "acgt"), r"the name 'AB01\.1' is there twice; rename"),
    "no lines": ("LOCUS" + "x" * (3 << 20), r"a line exceeds 1048576 bytes"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_is_named_with_its_record(tmp_path: Path, what: str) -> None:
    text, message = BROKEN[what]
    path = write(tmp_path / "a.gb", entry("AB01", "acgtacgt") + text)
    records = read_genbank(path)
    assert next(records).name == "AB01.1"
    with pytest.raises(InputError, match=message) as caught:
        next(records)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n\n", ">a\nACGT\n"])
def test_what_is_not_genbank_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="no records; expected GenBank"):
        list(read_genbank(write(tmp_path / "a.gb", text)))
