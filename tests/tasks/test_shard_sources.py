"""Genomes in other formats and parts of them, and DNA as bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hnet_seq.cli import main
from hnet_seq.tasks.shard import shard
from modalities import dna, dna_bytes
from modalities.errors import UsageError
from pipelines.batches.shard_documents import read_documents
from pipelines.batches.token_batches import IGNORED, MixedSource, TokenBatches

PHAGE = Path(__file__).parents[2] / "../shared/data/genomes/phix174"
LETTERS = "".join(np.random.default_rng(0).choice(list("ACGT"), 3000))


@pytest.fixture
def genome(tmp_path: Path) -> Path:
    path = tmp_path / "genome.fa"
    path.write_text(f">chr1\n{LETTERS[:2000]}\n>chr2\n{LETTERS[2000:]}\n")
    return path


@pytest.fixture
def genes(tmp_path: Path) -> Path:
    path = tmp_path / "genes.gff"
    rows = [("gene", 101, 400), ("CDS", 101, 300), ("gene", 350, 500), ("repeat", 900, 950)]
    lines = [f"chr1\tx\t{kind}\t{a}\t{b}\t.\t+\t0\tID={kind}{a}" for kind, a, b in rows]
    path.write_text("##gff-version 3\n" + "\n".join(lines) + "\n")
    return path


def texts(folder: Path, split: str = "train") -> list[tuple[str, str]]:
    return [(d.label, dna.decode(d.tokens)) for d in read_documents(folder, split)]


def test_only_what_lies_in_the_intervals_is_kept(tmp_path: Path, genome: Path, genes: Path) -> None:
    out = tmp_path / "s"
    manifest = shard([genome], out, regions=genes, features=("gene",), flank=10, progress=False)
    assert texts(out) == [("", LETTERS[90:510])]
    assert manifest.statistics["dropped_guard"] == 3000 - 420
    assert manifest.options["regions"] == "genes.gff"


def test_labels_tell_genes_from_what_lies_between_and_a_mixture_weighs_them(
    tmp_path: Path, genome: Path, genes: Path
) -> None:
    out = tmp_path / "s"
    command = ["shard", str(genome), "--out", str(out), "--regions", str(genes)]
    assert main([*command, "--features", "gene,repeat", "--label-regions"]) == 0
    documents = texts(out)
    assert {text for label, text in documents if label == "inside"} == {
        LETTERS[100:500],
        LETTERS[899:950],
    }
    assert sum(len(text) for _, text in documents) == 3000
    batches = TokenBatches(
        [
            MixedSource(out, "genes", 3.0, ["inside"]),
            MixedSource(out, "between", 1.0, ["outside"]),
        ],
        context=64,
        batch_tokens=400,
    )
    assert batches.epochs(10) == {"genes": 3000 / 451, "between": 1000 / 2549}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--features", "gene"], "--features: goes with --regions"),
        (["--label-regions"], "--label-regions: goes with --regions"),
        (["--regions", "genes.gff", "--modality", "text"], "--regions: goes with --modality dna"),
    ],
)
def test_options_of_regions_that_cannot_be_meant(
    genome: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    assert main(["shard", str(genome), "--out", str(tmp_path / "s"), *options]) == 2
    assert message in capsys.readouterr().err


def test_two_records_of_one_name_are_told_with_both_lines(tmp_path: Path) -> None:
    path = tmp_path / "g.fa"
    path.write_text(">a\nACGT\n>b\nACGT\n>a\nACGT\n")
    with pytest.raises(ValueError, match=r"record a, line 5: the name stands on line 1 already"):
        shard([path], tmp_path / "s", progress=False)


@pytest.mark.skipif(not PHAGE.is_dir(), reason="the shared genomes are not here")
def test_a_genbank_file_gives_the_documents_of_its_fasta(tmp_path: Path) -> None:
    (fasta,), (genbank,) = PHAGE.glob("*.f*a.gz"), PHAGE.glob("*.gb*")
    for name, path in (("fasta", fasta), ("genbank", genbank)):
        shard([path], tmp_path / name, progress=False)
    assert texts(tmp_path / "fasta") == texts(tmp_path / "genbank")


def test_dna_as_bytes_stands_between_markers_on_either_strand(tmp_path: Path, genome: Path) -> None:
    out = tmp_path / "s"
    manifest = shard([genome], out, modality="dna_bytes", block_size=700, progress=False)
    assert manifest.vocab_size == 256
    stored = [d.tokens.tobytes() for d in read_documents(out, "train")]
    assert stored == [
        b"\xfe" + LETTERS[:2000].encode() + b"\xff",
        b"\xfe" + LETTERS[2000:].encode() + b"\xff",
    ]
    batches = TokenBatches(out, context=4000, batch_tokens=3004, reverse_complement=True)
    both = {
        text
        for part in (LETTERS[:2000], LETTERS[2000:])
        for text in (part, dna.decode(dna.reverse_complement(dna.encode(part))))
    }
    found = set()
    for k in range(8):
        batch = batches[k]
        for a, b in zip(batch.cu_seqlens, batch.cu_seqlens[1:], strict=False):
            ids = batch.input_ids[a:b]
            assert (ids[0], ids[-1]) == (0xFE, 0xFF)
            found.add(dna_bytes.decode(ids))
            # Letters are predicted, markers are not.
            assert set(batch.targets[a:b][[-2, -1]]) == {IGNORED}
            assert set(batch.targets[a : b - 2]) <= set(b"ACGT")
    assert found <= both
    assert len(found) > 2


def test_dna_does_not_mix_with_text_but_as_bytes(tmp_path: Path, genome: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("To be, or not to be, that is the question.\n" * 20)
    shard([text], tmp_path / "text", modality="text", progress=False)
    for modality in ("dna", "dna_bytes"):
        shard([genome], tmp_path / modality, modality=modality, progress=False)
    with pytest.raises(UsageError, match="`modality` dna_bytes"):
        TokenBatches([MixedSource(tmp_path / "text"), MixedSource(tmp_path / "dna")])
    mixed = TokenBatches(
        [MixedSource(tmp_path / "text"), MixedSource(tmp_path / "dna_bytes", weight=3.0)],
        context=100,
        batch_tokens=400,
        reverse_complement=True,
    )
    assert np.isin(mixed[0].input_ids[100:], list(b"ACGTN\xfe\xff")).all()
