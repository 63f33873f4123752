"""Corpora: a genome is a unit of the split and of weights; relatives stay on one side."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from hnet_seq.cli import main
from hnet_seq.tasks.sharding.corpus import plan_corpus
from hnet_seq.tasks.sharding.options import ShardOptions
from modalities.errors import UsageError
from pipelines.batches.shard_documents import read_documents
from pipelines.batches.token_batches import TokenBatches
from pipelines.corpus import corpus_shards
from pipelines.corpus.inputs import find_assemblies
from pipelines.shards.manifest import Manifest
from tests.tasks.genome_families import family, made_of, splits, write

FAMILIES = 4
GENOMES = Path(__file__).parents[2] / "../shared/data/genomes"
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def made() -> dict[str, np.ndarray]:
    """Genomes by name."""
    return {f"f{f}_{n}": g for f in range(FAMILIES) for n, g in enumerate(family(f))}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, made: dict[str, np.ndarray]) -> Path:
    """A file each; every other one in two contigs, on the other strand."""
    place = tmp_path_factory.mktemp("genomes")
    for number, (name, genome) in enumerate(made.items()):
        parts = [3 - genome[9000:][::-1], 3 - genome[:9000][::-1]] if number % 2 else [genome]
        write(place / f"{name}.fna", parts)
    return place


@pytest.mark.parametrize("asked", [0.03, 0.05, 0.1])
def test_no_held_out_genome_is_nearer_than_asked(
    tmp_path: Path, folder: Path, made: dict[str, np.ndarray], asked: float
) -> None:
    manifest = made_of(tmp_path, folder, validation="similarity:0.3:1", min_distance=asked)
    found = splits(manifest)
    held = [name for name, split in found.items() if split == "validation"]
    assert 0.1 < len(held) / len(found) < 0.5
    true = [
        (float(np.mean(made[one] != made[other])), one, other)
        for one in held
        for other, split in found.items()
        if split == "train" and one[:2] == other[:2]
    ]
    assert manifest.corpus is not None
    nearest = manifest.corpus.nearest
    if nearest is None:
        assert not true  # families are whole
        return
    assert min(true)[0] >= asked
    assert nearest.distance == pytest.approx(min(true)[0], abs=0.02)


def test_near_identical_genomes_are_counted_dropped_or_weighed(
    tmp_path: Path, folder: Path, capsys: Capture
) -> None:
    command = ["shard", str(folder), "--workers", "1", "--out", str(tmp_path / "s"), "--overwrite"]
    assert main(command) == 0
    said = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["genomes", "28"] in said
    assert ["near-identical", "8", "in", "4", "groups,"] in [line[:5] for line in said]
    assert Manifest.load(tmp_path / "s").corpus is not None
    assert main([*command, "--duplicates", "near"]) == 0
    dropped = {name for name, split in splits(Manifest.load(tmp_path / "s")).items() if not split}
    assert dropped == {f"f{n}_1" for n in range(FAMILIES)}
    weighed = made_of(tmp_path, folder, duplicates="weigh").corpus
    assert weighed is not None
    weights = {genome.accession: genome.weight for genome in weighed.genomes}
    assert weights["f0_0"] == weights["f0_1"] == 0.5
    assert weights["f0_2"] == 1


def test_of_copies_the_better_assembly_stays(tmp_path: Path) -> None:
    genome = family(9)[0]
    write(tmp_path / "a.fa", [genome[:5000], genome[5000:]])
    write(tmp_path / "b.fa", [3 - genome[5000:][::-1], genome[:5000]])  # the same, turned
    write(tmp_path / "c.fa", [genome[:-1]])
    (tmp_path / "l.tsv").write_text(
        "path\tlevel\na.fa\tContig\nb.fa\tComplete Genome\nc.fa\tScaffold\n"
    )
    found = splits(made_of(tmp_path, tmp_path / "l.tsv", duplicates="exact"))
    assert found == {"a": None, "b": "train", "c": "train"}
    manifest = made_of(tmp_path, tmp_path / "l.tsv", duplicates="near")
    assert splits(manifest) == {"a": None, "b": "train", "c": None}
    assert manifest.statistics["dropped_near_duplicate_genomes"] == 1


def test_a_part_of_a_genome_is_a_relative_and_no_copy(tmp_path: Path) -> None:
    host = family(5)[0]
    write(tmp_path / "a_phage.fa", [3 - host[4000:9000][::-1]])
    write(tmp_path / "host.fa", [host])
    write(tmp_path / "other.fa", [family(6)[0]])
    (tmp_path / "l.txt").write_text("a_phage.fa\nhost.fa\nother.fa\n")
    manifest = made_of(tmp_path, tmp_path / "l.txt", duplicates="near", validation="similarity:0.4")
    found = splits(manifest)
    assert found["a_phage"] == found["host"] != found["other"]
    assert None not in found.values()


def test_weights_are_factors_of_the_loss_of_their_genomes(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / f"g{number}.fa", [family(number, 3000)[0]])
    (tmp_path / "l.txt").write_text("g0.fa\tA\t\t0.25\ng1.fa\tB\ng2.fa\tC\t\t3\n")
    made_of(tmp_path, tmp_path / "l.txt")
    batch = TokenBatches(tmp_path / "s", context=500, batch_tokens=9000)[0]
    assert batch.weights is not None
    found: dict[bytes, set[float]] = {}
    for document in read_documents(tmp_path / "s", "train"):
        found[document.name.encode()] = set()
        text = document.tokens.tobytes()
        for start, end in zip(batch.cu_seqlens[:-1], batch.cu_seqlens[1:], strict=True):
            if batch.input_ids[start:end].tobytes() in text and end - start > 30:
                found[document.name.encode()] |= set(batch.weights[start:end].tolist())
    assert found == {b"A/contig0": {0.25}, b"B/contig0": {1.0}, b"C/contig0": {3.0}}
    first = TokenBatches(tmp_path / "s", context=500, batch_tokens=9000).fingerprint
    (tmp_path / "l.txt").write_text("g0.fa\tA\t\t0.5\ng1.fa\tB\ng2.fa\tC\t\t3\n")
    made_of(tmp_path, tmp_path / "l.txt")
    assert TokenBatches(tmp_path / "s", context=500, batch_tokens=9000).fingerprint != first


@pytest.mark.parametrize("workers", [1, 2])
def test_broken_genomes_are_named_and_the_rest_goes_on_by_option(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setattr(corpus_shards, "UNIT_BYTES", 5000)
    (tmp_path / "g").mkdir()
    for number in range(3):
        write(tmp_path / f"g/g{number}.fa", [family(number, 3000)[0]])
    whole = gzip.compress((tmp_path / "g/g1.fa").read_bytes())
    (tmp_path / "g/g1.fa").unlink()
    (tmp_path / "g/g1.fa.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "g/g3.fa").write_text("<html>Not found</html>\n")
    command = ["shard", f"{tmp_path / 'g'}", "--out", f"{tmp_path / 's'}"]
    command += ["--workers", f"{workers}"]
    assert main(command) == 1
    said = capsys.readouterr().err
    assert "g1.fa.gz: after byte" in said
    assert "truncated" in said
    assert "--broken-genomes drop goes on without such genomes (2 of 4 genomes" in said
    assert not (tmp_path / "s").exists()
    assert main([*command, "--broken-genomes", "drop"]) == 0
    assert "dropped: cannot be read" in capsys.readouterr().out
    corpus = Manifest.load(tmp_path / "s").corpus
    assert corpus is not None
    left = {genome.accession: genome.left_out for genome in corpus.genomes}
    assert "truncated" in f"{left['g1']}"
    assert "g3.fa" in f"{left['g3']}"
    assert left["g0"] is left["g2"] is None
    assert [d.name for d in read_documents(tmp_path / "s", "train")] == ["g0/contig0", "g2/contig0"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--validation", "last:0.1"], "is no way to split genomes of a folder"),
        (["--validation", "species:0.1"], "genome f0_0 has no taxon"),
        (["--validation", "genomes:x"], "no genome 'x'"),
        (["--regions", "l.bed"], "--regions"),
        (["--min-distance", "0.1"], "--min-distance: goes with --validation similarity:"),
        (["--validation", "similarity:0.1", "--min-distance", "0.2"], "up to 0.15"),
        (["--near-distance", "0.2"], "--near-distance"),
    ],
)
def test_what_cannot_be_meant(
    tmp_path: Path, folder: Path, capsys: Capture, words: list[str], message: str
) -> None:
    (tmp_path / "l.bed").write_text("")
    given = [f"{tmp_path / 'l.bed'}" if word == "l.bed" else word for word in words]
    assert main(["shard", str(folder), "--workers", "1", "--out", f"{tmp_path / 's'}", *given]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_weigh_is_for_a_corpus(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="weigh is for genomes"):
        made_of(tmp_path, [folder / "f0_0.fna"], duplicates="weigh")


def test_the_two_strains_of_e_coli_are_never_split(tmp_path: Path) -> None:
    names = ("ecoli_536", "ecoli_k12_mg1655", "saureus_n315")
    if not all((GENOMES / name).is_dir() for name in names):
        pytest.skip("the genomes are not here")
    lines = [f"{(GENOMES / name).resolve()}/genome.fna.gz\t{name}\n" for name in names]
    (tmp_path / "l.txt").write_text("".join(lines))
    options = ShardOptions(validation="similarity:0.3")
    genomes = find_assemblies([tmp_path / "l.txt"])
    found = {
        genome.accession: split
        for genome, split, _ in plan_corpus(genomes, options, 1, progress=False).chosen
    }
    assert found["ecoli_536"] == found["ecoli_k12_mg1655"] != found["saureus_n315"]
