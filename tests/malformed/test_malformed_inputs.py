"""Whatever is wrong with a file: one line with its name and place, exit code 1, no output."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from Bio import bgzf

from hnet_seq.cli import main
from pipelines.storage.compression import BGZIP_END
from tests.malformed.conftest import Good, Refused

DATA = 1


def bgzip(data: bytes) -> bytes:
    raw = io.BytesIO()
    writer = bgzf.BgzfWriter(fileobj=raw)
    writer.write(data)
    writer.flush()
    return raw.getvalue() + BGZIP_END


LETTERS = b"ACGT" * 40
FASTA: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "no records"),
    "blank lines only": (b"\n\r\n\n", "no records"),
    "binary": (bytes(range(256)) * 9, "line 1: expected '>' at the start"),
    "binary after a header": (b">a\n\x00\x01\x02\n", "line 2: byte 0x00 is not text"),
    "protein": (b">p\nMKVLFFEEPPQLLIE\n", "record p, line 2: "),
    "protein from its first letter": (b">p\nLEFPQ\n", "record p, line 2: 'L' is not a nucleotide"),
    "a '>' alone": (b">a\nACGT\n>\nACGT\n", "line 3: a '>' without a name"),
    "a record without bases": (b">a\n>b\nACGT\n", "record a, line 1: the record has no bases"),
    "a repeated name": (b">a\nAC\n>b\nAC\n>a\nAC\n", "line 5: the name 'a' stands on line 1"),
    "a name with colons and pipes twice": (
        b">gi|1|x:9\nAC\n>gi|1|x:9\nAC\n",
        "line 3: the name 'gi|1|x:9' stands on line 1",
    ),
    "text before the first record": (b"ACGT\n>a\nAC\n", "line 1: expected '>'"),
    "FASTQ": (b"@r\nACGT\n+\nIIII\n", "this looks like FASTQ"),
    "GenBank": (b"LOCUS       X\n", "record X, line 1: not GenBank"),
    "nearly GenBank": (b"LOCUS X\n", "this looks like GenBank"),
    "a byte order mark": (b"\xef\xbb\xbf>a\nAC\n", "byte order mark"),
    "UTF-16": (">a\nAC\n".encode("utf-16"), "line 1: expected '>'"),
    "line ends of CR alone": (b">a\rACGT\r", "line 1: line ends are CR alone"),
    "a gap after CRLF": (b">a\r\nAC\r\nA-C\r\n", "record a, line 3: '-' is a gap"),
    "a star, as bcftools consensus writes": (b">a\nAC*T\n", "record a, line 2: '*' is not a nucl"),
    "a digit": (b">a\n1 ACGT\n", "record a, line 2: '1' is not a nucleotide"),
    "a blank": (b">a\nAC GT\n", "record a, line 2: a blank inside"),
    "latin-1 in a header": (b">caf\xe9\nAC\n", "line 1: byte 0xe9 in a header is not UTF-8"),
    "latin-1 in a sequence": (b">a\nAC\xe9\n", "record a, line 2: byte 0xe9"),
    "gzip cut short": (gzip.compress(b">a\n" + LETTERS)[:-12], "the file is truncated"),
    "gzip damaged": (gzip.compress(b">a\n" + LETTERS)[:-8] + bytes(8), "damaged gzip data"),
    "gzip of gzip": (gzip.compress(gzip.compress(b">a\nAC\n")), "line 1: expected '>'"),
    "bgzip without its end": (bgzip(b">a\n" + LETTERS)[: -len(BGZIP_END)], "no end marker"),
    "bgzip cut in a block": (bgzip(b">a\n" + LETTERS)[:-40] + BGZIP_END, "bgzip data"),
    "bzip2": (b"BZh91AY&SY", "is a bzip2 file"),
    "zip": (b"PK\x03\x04", "is a zip file"),
}

# Where `shard` says it otherwise: it reads all names before it reads any bases.
OF_SHARD = {
    "a repeated name": "record a, line 5: the name stands on line 1 already",
    "a name with colons and pipes twice": "record gi|1|x:9, line 3: the name stands on line 1",
}


BY_NAME = ("a repeated name", "a name with colons and pipes twice")  # where rows are found by it


@pytest.mark.parametrize(
    ("case", "verb"),
    [
        *((case, verb) for case in FASTA for verb in ("shard", "segment")),
        *((c, verb) for c in FASTA if c not in BY_NAME for verb in ("embed", "generate")),
    ],
)
def test_fasta(case: str, verb: str, good: Good, tmp_path: Path, refused: Refused) -> None:
    data, says = FASTA[case]
    if verb == "shard":
        says = OF_SHARD.get(case, says)
    path = tmp_path / "bad.fa"
    path.write_bytes(data)
    command = {
        "shard": ["shard", f"{path}", "--out", f"{tmp_path / 'out'}"],
        "segment": ["segment", f"{good.model}", f"{path}", "--bed", f"{tmp_path / 'out.bed'}"],
        "embed": ["embed", f"{good.model}", f"{path}", "--out", f"{tmp_path / 'out.npy'}"],
        "generate": ["generate", f"{good.model}", "--prompts", f"{path}"],
    }[verb]
    assert says in refused(command, DATA, f"{path}: ")


def row(*changes: tuple[int, str]) -> bytes:
    """A good line of GFF3 with these columns (1-based) replaced."""
    columns = ["chr|1.1", "x", "CDS", "101", "400", ".", "+", "0", "ID=a"]
    for column, text in changes:
        columns[column - 1] = text
    return ("\t".join(columns) + "\n").encode()


GFF: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "no features"),
    "comments only": (b"##gff-version 3\n#\n", "no features"),
    "eight columns": (row()[:-6] + b"\n", "line 1: 8 tab-separated columns, expected 9"),
    "spaces for tabs": (row().replace(b"\t", b" "), "separate them by tabs"),
    "an end before the start": (row((4, "401")), "line 1: the end, 400, lies before the start"),
    "an end beyond the record": (row((5, "3001")), "line 1: the end, 3001, lies beyond chr|1.1"),
    "a start of 0": (row((4, "0")), "the start is 0; GFF3 counts from 1"),
    "a start that is no number": (row((4, "1e2")), "the start is '1e2'"),
    "a negative end": (row((5, "-4")), "the end is '-4'"),
    "a strand that is none": (row((7, "1")), "the strand is '1'"),
    "no strand known for any CDS": (row((7, "?")), "no CDS with a strand"),
    "a phase of 3": (row((8, "3")), "the phase is '3'"),
    "a CDS without a phase": (row((8, ".")), "a CDS without a phase"),
    "GTF with an open quote": (row((9, 'gene_id "a')), "is not key"),
    "neither GFF3 nor GTF": (row((9, "a")), "is this GTF?"),
    "another assembly": (row((1, "chr1")), "no record 'chr1' in the genome"),
    "bad in line 3": (b"##gff-version 3\n" + row() + row((7, "x")), "line 3: the strand"),
    "latin-1": (row((9, "ID=a")).replace(b"ID=a", b"ID=\xe9"), "line 1: byte 0xe9 is not UTF-8"),
    "FASTA": (b">a\nACGT\n", "no features"),
    "binary": (bytes(range(256)) * 9, "line 1"),
    "no CDS": (row((3, "gene")), "no CDS"),
    "no line ends": (row() + b"x" * 3_000_000, "line 2: the line exceeds 1048576 bytes"),
    "gzip cut short": (gzip.compress(row() * 99)[:-12], "the file is truncated"),
}


# classify: on whichever strand and in whichever frame, it is coding.
OF_FRAMES = ("no strand known for any CDS", "a CDS without a phase")


@pytest.mark.parametrize(
    ("case", "verb"),
    [*((case, "segment") for case in GFF), *((c, "classify") for c in GFF if c not in OF_FRAMES)],
)
def test_gff(case: str, verb: str, good: Good, tmp_path: Path, refused: Refused) -> None:
    data, says = GFF[case]
    path = tmp_path / "bad.gff"
    path.write_bytes(data)
    out = ["--annotation", f"{path}", "--out", f"{tmp_path / 'out'}"]
    command = {
        "segment": ["segment", f"{good.model}", f"{good.genome}", "--bed", f"{tmp_path / 'b'}"],
        "classify": [*TRAIN.split(), f"{good.model}", "--genome", f"{good.genome}"],
    }[verb]
    if verb == "classify" and case == "no CDS":
        says = "no features of type CDS; it has gene"
    assert says in refused([*command, *out], DATA, f"{path}: ")


TRAIN = "classify train --test-region records:chr2:a"


def edited(*keys: Any, to: Any, checksum: str = "right") -> Callable[[Path], None]:
    """Replace a value of the manifest, whose checksum is then right, old or missing."""

    def spoil(shards: Path) -> None:
        content = json.loads((shards / MANIFEST).read_text())
        old = content.pop("checksum")
        place = content
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = to
        right = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        if checksum != "missing":
            content["checksum"] = right if checksum == "right" else old
        (shards / MANIFEST).write_text(json.dumps(content))

    return spoil


def written(name: str, data: bytes) -> Callable[[Path], object]:
    return lambda shards: (shards / name).write_bytes(data)


def turned_bit(shards: Path) -> None:
    path = shards / TAR
    data = bytearray(path.read_bytes())
    data[600] ^= 1
    path.write_bytes(data)


def folder_for_manifest(shards: Path) -> None:
    (shards / "manifest.json").unlink()
    (shards / "manifest.json").mkdir()


MANIFEST, TAR = "manifest.json", "train-00000-0000.tar"
SHARDS: dict[str, tuple[Callable[[Path], Any], str, str]] = {
    "no folder": (shutil.rmtree, MANIFEST, "not found"),
    "no manifest": (lambda shards: (shards / MANIFEST).unlink(), MANIFEST, "not found"),
    "a folder for the manifest": (folder_for_manifest, MANIFEST, "cannot be read"),
    "broken JSON": (written(MANIFEST, b'{"modality": '), MANIFEST, "not JSON"),
    "a list": (written(MANIFEST, b"[]"), MANIFEST, "expected a JSON object, found []"),
    "deep nesting": (written(MANIFEST, b"[" * 100_000), MANIFEST, "not JSON"),
    "binary": (written(MANIFEST, b"\xff\x00"), MANIFEST, "not JSON"),
    "a later format": (edited("format", to=9), MANIFEST, "format: is 9"),
    "a wrong type": (
        edited("vocab_size", to="8"),
        MANIFEST,
        "'vocab_size' is \"8\"; expected a whole number",
    ),
    "an unknown key": (edited("tokenizer", to=1), MANIFEST, "tokenizer: unknown key"),
    "another vocabulary": (
        edited("vocabulary_fingerprint", to="0" * 64),
        MANIFEST,
        "of another dna vocabulary",
    ),
    "an unknown modality": (edited("modality", to="rna"), MANIFEST, "modality: is 'rna'"),
    "a path that leaves the folder": (
        edited("shards", 0, "name", to="../../etc/passwd"),
        MANIFEST,
        "shards[0].name: is '../../etc/passwd', expected a file name",
    ),
    "an absolute path": (
        edited("shards", 0, "name", to="/etc/passwd"),
        MANIFEST,
        "expected a file name",
    ),
    "a block outside its shard": (
        edited("shards", 0, "blocks", "offset", to=[1 << 40]),
        MANIFEST,
        "shards[0].blocks[0]: lies outside",
    ),
    "a column of another length": (
        edited("shards", 0, "blocks", "crc32", to=[1, 2]),
        MANIFEST,
        "shards[0].blocks.crc32: has 2 entries, the shard 1 blocks",
    ),
    "a number beyond 64 bits": (
        edited("shards", 0, "blocks", "crc32", to=[1 << 64]),
        MANIFEST,
        "shards[0].blocks: 'crc32' is [18446744073709551616]",
    ),
    "a changed value": (
        edited("statistics", "bases", to=1, checksum="old"),
        MANIFEST,
        "was changed since it was written",
    ),
    "no checksum": (
        edited("statistics", "bases", to=1, checksum="missing"),
        MANIFEST,
        "checksum: missing key",
    ),
    "a wrong sha256": (edited("shards", 0, "sha256", to="0" * 64), TAR, "has sha256"),
    "a turned bit": (turned_bit, TAR, "has sha256"),
    "a missing shard": (lambda shards: (shards / TAR).unlink(), TAR, "but not in the folder"),
    "a shard cut short": (written(TAR, b"short"), TAR, "has 5 bytes"),
}


@pytest.mark.parametrize("verb", ["pretrain", "markov"])
@pytest.mark.parametrize("case", SHARDS)
def test_shards(case: str, verb: str, good: Good, tmp_path: Path, refused: Refused) -> None:
    spoil, name, says = SHARDS[case]
    shards = tmp_path / "shards"
    shutil.copytree(good.shards, shards)
    spoil(shards)
    command = {
        "pretrain": ["pretrain", "ecoli_demo", "--data", f"{shards}", "--out", f"{tmp_path / 'r'}"],
        "markov": ["markov", f"{shards}", "--out", f"{tmp_path / 'markov.json'}"],
    }[verb]
    assert says in refused(command, DATA, f"{shards / name}: ")


CHECKPOINTS: dict[str, tuple[str, bytes, str]] = {
    "weights that are no safetensors": ("model.safetensors", b"no weights", "not a readable"),
    "weights cut short": ("model.safetensors", b"", "not a readable"),
    "a configuration that is no JSON": ("config.json", b"{", "config.json"),
    "a configuration that is a list": ("config.json", b"[]", "config.json"),
    "a binary configuration": ("config.json", b"\xff\x00", "config.json"),
    "a configuration with an unknown key": ("config.json", b'{"tokenizer": 1}', "tokenizer"),
}


@pytest.mark.parametrize("case", CHECKPOINTS)
def test_checkpoints(case: str, good: Good, tmp_path: Path, refused: Refused) -> None:
    name, data, says = CHECKPOINTS[case]
    shutil.copytree(good.model, tmp_path / "model")
    (tmp_path / "model" / name).write_bytes(data)
    command = ["segment", f"{tmp_path / 'model'}", f"{good.genome}", "--bed", f"{tmp_path / 'b'}"]
    assert says in refused(command, DATA, f"{tmp_path / 'model' / name}: ")


def test_what_looks_odd_and_is_right_is_read(good: Good, tmp_path: Path) -> None:
    genome, genes = tmp_path / "odd.fa", tmp_path / "odd.gff"
    genome.write_bytes(b"\r\n>gi|9|x.1:2-3 caf\xc3\xa9\r\nACGTN\r\n\r\nacgur\r\n>b\nA\n")
    genes.write_bytes(
        b"gi|9|x.1:2-3\tx\tCDS\t1\t6\t.\t+\t0\tID=a\r\ngi|9|x.1:2-3\tx\tgene\t1\t6\t.\t?\t.\t.\n"
    )
    bed, out = tmp_path / "out.bed", tmp_path / "out"
    command = ["segment", f"{good.model}", f"{genome}", "--annotation", f"{genes}"]
    command += ["--cache-limit", "inf"]
    assert main([*command, "--out", f"{out}", "--bed", f"{bed}"]) == 0
    assert {line.split("\t")[0] for line in bed.read_text().splitlines()} == {"gi|9|x.1:2-3", "b"}
    assert json.loads((out / "boundaries.json").read_text())["bases"] == 11
