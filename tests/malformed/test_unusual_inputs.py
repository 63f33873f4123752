"""Sixty and more inputs as people have them: right, or one line that names place and remedy."""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from hnet_seq.cli import main
from tests.conftest import make_model
from tests.malformed.conftest import Refused

DATA = 1
GENOME = ">c\n" + "ACGT" * 50 + "\n>d\nACGTRYNACGTACGTACGTACGTA\n"
FORMAT = "##fileformat=VCFv4.2\n"
HEADER = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def row(chrom: str, pos: object, ref: str, alt: str) -> str:
    return f"{chrom}\t{pos}\t.\t{ref}\t{alt}\t.\t.\t.\n"


GOOD = row("c", 5, "A", "C")
# Rows of one file, and for each alternative allele why it has no score.
ROWS: list[tuple[str, list[str]]] = [
    (GOOD, [""]),
    (row("c", 5, "a", "c"), [""]),
    (row("c", 4, "U", "C"), [""]),
    (row("c", 5, "A", "C,G,<DEL>"), ["", "", "symbolic"]),
    (row("c", 5, "A", "X"), ["symbolic"]),
    (row("c", 5, "A", "."), ["no_alternative"]),
    (row("c", 5, "*", "A"), ["no_reference"]),
    (row("c", 5, "A", "A[d:5["), ["breakend"]),
    (row("c", 5, "A", "*"), ["overlapping_deletion"]),
    (row("c", 5, "A", "A"), ["same_as_reference"]),
    (row("d", 5, "A", "C"), ["unknown_base"]),
    (row("d", 5, "R", "C"), ["unknown_base"]),
    (row("d", 7, "N", "C"), ["unknown_base"]),
    (row("c", 0, "N", "A"), ["telomere"]),
    (row("c", 201, "n", "GAC,<DEL>"), ["telomere", "symbolic"]),
    (row("c", 1, "ACGT" * 50, "A"), ["too_long"]),
    (f"{row('c', 5, 'A', 'C').strip()}\tGT\t0/1\n", [""]),
]
FILES: dict[str, bytes] = {
    "CRLF": (FORMAT + HEADER + GOOD).replace("\n", "\r\n").encode(),
    "a byte order mark": f"\ufeff{FORMAT}{HEADER}{GOOD}".encode(),
    "a padded header": (FORMAT + HEADER.replace("INFO", "INFO ") + GOOD).encode(),
    "no line of the format": (HEADER + GOOD).encode(),
    "blank lines at the end": f"{FORMAT}{HEADER}{GOOD}\n\n".encode(),
    "gzip": gzip.compress((FORMAT + HEADER + GOOD).encode()),
    "columns in capitals": b"CHROM,POS,REF,ALT\nc,5,A,C\n",
    "semicolons": b"chrom;pos;ref;alt\nc;5;A;C\n",
}
# Rows that --on-mismatch skip leaves out, and what is said of them else.
FAULTS: dict[str, tuple[str, str]] = {
    "another allele": (row("c", 5, "G", "C"), "c:5: the reference allele is G, and the genome"),
    "another name": (row("chrc", 5, "A", "C"), "the genome has 'c': rename one of them"),
    "no name": (row("", 5, "A", "C"), "has no chromosome; name one, or remove the row"),
    "before the record": (row("c", 0, "A", "G"), "position 0 is before the first base; are pos"),
    "behind the record": (row("c", 201, "A", "G"), "c has 200 bases; is it another assembly?"),
    "across the end": (row("c", 198, "CGTACGT", "C"), "ends at 204, and c has 200 bases; is it"),
    "far away": (row("c", 10**19, "A", "C"), "c has 200 bases; is it another assembly?"),
    "a position in letters": (row("c", "x", "A", "C"), "position 'x' is no whole number of 0"),
    "a position as R writes it": (row("c", "1e1", "A", "C"), "position '1e1' is no whole number"),
    "a negative position": (row("c", -4, "A", "C"), "position '-4' is no whole number of 0"),
    "no reference": (row("c", 5, "", "C"), "reference allele '' is empty; write insertions"),
    "no alternative": (row("c", 5, "A", ""), "alternative allele '' is empty; write insertions"),
    "too few fields": ("c\t5\t.\tA\n", "has 4 tab-separated fields; a VCF line has 8 or more"),
}
BROKEN: dict[str, tuple[bytes, str]] = {
    "BCF": (b"BCF\x02\x02abc", "write VCF of it: bcftools view"),
    "BCF in gzip": (gzip.compress(b"BCF\x02\x02abc"), "write VCF of it: bcftools view"),
    "cut short": (gzip.compress((FORMAT + HEADER + GOOD * 50).encode())[:-9], "fetch it again"),
    "blanks": ((FORMAT + HEADER + GOOD).replace("\t", " ").encode(), "tab-separated header"),
    "the header twice": (
        f"{FORMAT}{HEADER}{FORMAT}{GOOD}".encode(),
        "line 3: begins with #",
    ),
    "a table with a dash": (b"chrom,pos,ref,alt\nc,5,A,-\n", "line 2: alternative allele '-'"),
    "a table with a point": (b"chrom,pos,ref,alt\nc,5.0,A,C\n", "line 2: position '5.0' is no"),
    "thousands": (b'chrom,pos,ref,alt\nc,"1,000",A,C\n', "line 2: position '1,000' is no whole"),
}
# Names, and rows that come out or what is said.
SEQUENCES: dict[str, tuple[str, str, int | str]] = {
    "BED": ("p.bed", "c\t0\t10\n", 1),
    "BED with a header": ("p.bed", "chrom\tstart\tend\nc\t0\t10\n", 1),
    "BED of a browser": ("p.bed", "browser position c\ntrack name=x\nc\t0\t8\n", 1),
    "BED with blanks": ("p.bed", "c 0 8\n", 1),
    "no strand": ("p.bed", "c\t0\t8\tx\t0\t.\n", 1),
    "the end first": ("p.bed", "c\t10\t5\n", "line 1: the end, 5, lies before the start, 10; swap"),
    "a negative start": ("p.bed", "c\t-1\t5\n", "line 1: the start is '-1', expected a whole"),
    "beyond the end": ("p.bed", "c\t190\t300\n", "line 1: the end, 300, lies beyond c, which has"),
    "no bases": ("p.bed", "c\t5\t5\n", "line 1: the start and the end are both 5"),
    "two columns": ("p.bed", "c\t0\n", "line 1: 2 columns, expected record, start and end"),
    "an unknown record": ("p.bed", "chrZ\t0\t5\n", "line 1: no record 'chrZ' in the genome"),
    "a strand of letters": ("p.bed", "c\t0\t8\tx\t0\tx\n", "line 1: the strand is 'x', expected"),
    "decimals": ("p.bed", "c\t0.0\t8\n", "line 1: the start is '0.0', expected a whole number"),
    "repeated names": ("x.fa", ">a\nACGT\n>a\nGGTT\n", 2),
    "a record of nothing": ("x.fa", ">a\n>b\nACGT\n", "record a, line 1: the record has no bases"),
    "protein": ("x.fa", ">a\nMKVLQEFW\n", "record a, line 2: 'L' is not a nucleotide: this looks"),
    "a gap": ("x.fa", ">a\nAC-GT\n", "record a, line 2: '-' is a gap of an alignment; remove"),
    "an empty file": ("x.fa", "", "line 1: no records; expected FASTA"),
    "FASTQ": ("x.fq", "@a\nACGT\n+\nIIII\n", "line 1: expected '>' at the start, found '@a'; "),
    "HTML": ("x.fa", "<html>\n", "line 1: expected '>' at the start, found '<html>'; is it FASTA?"),
    "JSON lines": ("x.jsonl", '{"sequence":"ACGT"}\n', "line 1: is JSON, which holds documents"),
    "GenBank cut short": (
        "x.gb",
        "LOCUS       X 10 bp DNA\nORIGIN\n        1 acgt\n",
        "record X, line 3: Premature end of file in sequence data",
    ),
    "a blank line": ("x.csv", "id,sequence\n\na,ACGT\n", 1),
    "one column": ("x.csv", "sequence\nACGT\n", 1),
    "a column in capitals": ("x.csv", "ID,SEQUENCE\na,ACGT\n", 1),
    "another column": ("x.csv", "id,seq\na,ACGT\n", "line 1: no column 'sequence', but id, seq;"),
    "a line end in a name": ("x.csv", 'id,sequence\n"a\nb",ACGT\n', "line 3: the id holds a tab"),
}
DOCUMENTS: dict[str, tuple[str, bytes, int | str]] = {
    "an array": ("a.json", b'[{"text":"one two"},{"text":"three"}]', 2),
    "another extension": ("a.ndjson", b'{"text":"one two"}\n{"text":"three"}\n', 2),
    "lines called text": ("a.txt", b'{"text":"one"}\n{"text":"two"}\n', 2),
    "no extension": ("a", b'{"text":"a b c"}', 1),
    "null": ("a.jsonl", b'{"text":null}\n', "line 1: 'text' is null, expected a string; correct"),
    "an object": ("a.jsonl", b'{"text":{"x":1}}\n', "line 1: 'text' is an object, expected a str"),
    "numbers": ("a.jsonl", b"1\n2\n", "line 1: found a number, expected an object with 'text'"),
    "a broken line": ("a.jsonl", b'{"text":"a"}\n{"text":"b"\n', "line 2: no JSON object"),
    "Latin-1": ("a.txt", b"caf\xe9 au lait\n", "byte 0xe9 is not UTF-8; convert the text, or give"),
}


@dataclass(frozen=True)
class Here:
    """A model and a genome with ambiguity codes."""

    model: Path
    genome: Path

    def score(self, path: Path, out: Path, *options: str) -> list[str]:
        """The command for variants."""
        command = ["score", f"{self.model}", f"{path}", "--genome", f"{self.genome}", *options]
        return [*command, "--window", "32", "--out", f"{out}", "--device", "cpu"]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Here:
    folder = tmp_path_factory.mktemp("here")
    model = make_model("one stage")
    model.metadata["modality"] = "dna"
    model.save_pretrained(folder / "model")
    (folder / "g.fa").write_text(GENOME)
    return Here(folder / "model", folder / "g.fa")


def reasons(table: Path) -> list[str]:
    """Why each allele of scores has none."""
    with table.open() as file:
        return [found["skipped"] for found in csv.DictReader(file, delimiter="\t")]


def test_there_are_sixty() -> None:
    assert len([*ROWS, *FILES, *FAULTS, *BROKEN, *SEQUENCES, *DOCUMENTS]) >= 60


def test_rows_that_the_format_allows_have_a_score_or_a_reason(here: Here, tmp_path: Path) -> None:
    path, out = tmp_path / "v.vcf", tmp_path / "s.tsv"
    path.write_text(FORMAT + HEADER + "".join(line for line, _ in ROWS))
    assert main(here.score(path, out)) == 0
    assert reasons(out) == [reason for _, expected in ROWS for reason in expected]
    path.write_text(FORMAT + HEADER)
    assert main(here.score(path, out)) == 0
    assert reasons(out) == []


@pytest.mark.parametrize("case", FILES)
def test_a_variant_in_every_dress(case: str, here: Here, tmp_path: Path) -> None:
    path, out = tmp_path / "v", tmp_path / "s.tsv"
    path.write_bytes(FILES[case])
    assert main(here.score(path, out)) == 0
    assert reasons(out) == [""]


@pytest.mark.parametrize("case", FAULTS)
def test_a_row_that_is_wrong(case: str, here: Here, tmp_path: Path, refused: Refused) -> None:
    line, says = FAULTS[case]
    path = tmp_path / "v.vcf"
    path.write_text(FORMAT + HEADER + GOOD + line)
    said = refused(here.score(path, tmp_path / "s.tsv"), DATA, f"{path}: line 4")
    assert says in said


def test_rows_that_are_wrong_can_be_left_out(here: Here, tmp_path: Path) -> None:
    path, out = tmp_path / "v.vcf", tmp_path / "s.tsv"
    path.write_text(FORMAT + HEADER + "".join(line for line, _ in FAULTS.values()) + GOOD)
    assert main(here.score(path, out, "--on-mismatch", "skip")) == 0
    *left_out, last = reasons(out)
    assert (len(left_out), all(left_out), last) == (len(FAULTS), True, "")


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_is_wrong(case: str, here: Here, tmp_path: Path, refused: Refused) -> None:
    data, says = BROKEN[case]
    path = tmp_path / "v"
    path.write_bytes(data)
    assert says in refused(here.score(path, tmp_path / "s.tsv"), DATA, f"{path}: ")


@pytest.mark.parametrize("case", SEQUENCES)
def test_sequences(case: str, here: Here, tmp_path: Path, refused: Refused) -> None:
    name, content, expected = SEQUENCES[case]
    path = tmp_path / name
    path.write_text(content)
    command = ["embed", f"{here.model}", f"{path}", "--out", f"{tmp_path / 'v.parquet'}"]
    command += ["--genome", f"{here.genome}"] if path.suffix == ".bed" else []
    if isinstance(expected, str):
        assert expected in refused(command, DATA, f"{path}: ")
        return
    assert main([*command, "--device", "cpu"]) == 0
    assert json.loads((tmp_path / "v.json").read_text())["input"]["sequences"] == expected


@pytest.mark.parametrize("case", DOCUMENTS)
def test_documents(case: str, tmp_path: Path, refused: Refused) -> None:
    name, data, expected = DOCUMENTS[case]
    path = tmp_path / name
    path.write_bytes(data)
    command = ["shard", f"{path}", "--modality", "text", "--workers", "1"]
    command += ["--out", f"{tmp_path / 'out'}"]
    if isinstance(expected, str):
        assert expected in refused(command, DATA, f"{path}: ")
        return
    assert main(command) == 0
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["statistics"]["records"] == expected
