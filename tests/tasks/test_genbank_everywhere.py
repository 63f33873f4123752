"""A GenBank file is a genome, and its own annotation, in every verb that takes one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hnet_seq.cli import main
from hnet_seq.tasks.classification.windows import CODING, coding_and_intergenic
from pipelines.batches.shard_documents import read_documents
from pipelines.formats.genome import Genome
from tests.tasks.test_segment import make_model, saved

GENES = ((101, 400), (701, 1000), (1903, 2100))  # the last goes on at base 1


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    letters = "".join(np.random.default_rng(0).choice(list("acgt"), 2000))
    rows = [
        f"{at + 1:>9} " + " ".join(letters[i : i + 10] for i in range(at, min(at + 60, 2000), 10))
        for at in range(0, 2000, 60)
    ]
    features = []
    for start, end in GENES:
        place = f"{start}..{end}" if end <= 2000 else f"join({start}..2000,1..{end - 2000})"
        features += [f"     gene            {place}", f"     CDS             {place}"]
    head = [
        "LOCUS       P1                      2000 bp    DNA     circular BCT 01-JAN-2020",
        "FEATURES             Location/Qualifiers",
    ]
    Path("p.gb").write_text("\n".join([*head, *features, "ORIGIN", *rows, "//", ""]))
    Path("p.fa").write_text(f">P1\n{letters.upper()}\n")
    Path("places.bed").write_text("P1\t10\t60\tx\t0\t-\n")
    saved(make_model(["m1", ["m1"], "m1"]), tmp_path).rename("run")
    return tmp_path


def ran(*command: str) -> None:
    assert main(list(command)) == 0


def test_as_a_genome_it_gives_what_its_fasta_gives(folder: Path) -> None:
    ours, theirs = Genome("p.gb"), Genome("p.fa")
    assert ours.lengths == theirs.lengths
    assert np.array_equal(ours.fetch("P1", 0, 2000), theirs.fetch("P1", 0, 2000))
    for name in ("p.gb", "p.fa"):
        ran("segment", "run", name, "--bed", f"{name}.bed", "--device", "cpu")
        out = f"{name}.npy"
        ran("embed", "run", "places.bed", "--genome", name, "--out", out, "--device", "cpu")
    assert Path("p.gb.bed").read_bytes() == Path("p.fa.bed").read_bytes()
    assert np.array_equal(np.load("p.gb.npy"), np.load("p.fa.npy"))


def test_its_own_features_are_the_annotation(folder: Path) -> None:
    quick = ("--shuffles", "0", "--shifts", "10", "--device", "cpu")
    ran("boundaries", "enrich", "run", "p.gb", "--out", "own", *quick)
    ran("boundaries", "enrich", "run", "p.fa", "--features", "p.gb", "--out", "given", *quick)
    own, given = (
        json.loads(Path(name, "enrichment.json").read_text())["kinds"] for name in ("own", "given")
    )
    assert own == given
    assert {kind["kind"]: kind["sites"] for kind in own} == {"start codon": 3, "stop codon": 3}
    ran("segment", "run", "p.gb", "--annotation", "p.gb", "--out", "genes", "--device", "cpu")
    regions = json.loads(Path("genes/boundaries.json").read_text())["regions"]
    coding = next(row for row in regions if row["name"] == "coding")
    assert coding["bases"] == 797  # the first base of the record is not counted


def test_its_features_choose_what_is_kept(folder: Path) -> None:
    ran("shard", "p.gb", "--regions", "p.gb", "--features", "gene", "--out", "shards")
    kept = sorted((d.start, d.start + len(d.tokens)) for d in read_documents("shards", "train"))
    assert kept == [(0, 400), (700, 1000), (1902, 2000)]
    found = coding_and_intergenic("p.gb", "p.gb", test_region="P1:601-1400", length=50, guard=0)
    for window in (*found.train, *found.test):
        inside = any(start <= window.start and window.end <= end for start, end in kept)
        assert inside == (window.label == CODING)


def test_without_features_of_its_own_they_must_be_given(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["boundaries", "enrich", "run", "p.fa", "--out", "own"]) == 2
    assert "--features: is missing: GFF3, GTF, GenBank or BED" in capsys.readouterr().err
