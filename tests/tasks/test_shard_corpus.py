"""Corpora: a genome is a unit of the split and of weights; relatives stay on one side."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from hnet_seq.cli import main
from hnet_seq.evidence.similarity import genome_relatives
from hnet_seq.evidence.similarity.genome_relatives import Relatives
from hnet_seq.tasks.shard import shard
from hnet_seq.tasks.sharding.corpus import plan_corpus
from hnet_seq.tasks.sharding.options import ShardOptions
from hnet_seq.train.masking import MaskedBatches
from hnet_seq.train.objective import token_loss
from hnet_seq.train.tokenised import TokenisedBatches
from modalities import dna
from modalities.errors import InputError, UsageError
from modalities.tokenizer import Kmers
from pipelines.batches.packed_batch import PackedBatch
from pipelines.batches.shard_documents import read_documents
from pipelines.batches.token_batches import TokenBatches
from pipelines.corpus import corpus_shards
from pipelines.corpus.inputs import find_assemblies
from pipelines.shards.manifest import Manifest

_LETTERS = np.frombuffer(b"ACGT", np.uint8)
DIVERGED = (0.0, 0.005, 0.02, 0.04, 0.06, 0.08, 0.1)  # of each family from its ancestor
FAMILIES = 4
GENOMES = Path(__file__).parents[2] / "../shared/data/genomes"
Capture = pytest.CaptureFixture[str]


def family(seed: int, bases: int = 20_000) -> list[np.ndarray]:
    """An ancestor and what it became."""
    generator = np.random.default_rng(seed)
    ancestor = generator.integers(0, 4, bases, np.uint8)
    made = []
    for share in DIVERGED:
        genome = ancestor.copy()
        changed = generator.random(bases) < share
        genome[changed] = (genome[changed] + generator.integers(1, 4, changed.sum())) % 4
        made.append(genome)
    return made


def write(path: Path, contigs: Sequence[np.ndarray]) -> None:
    text = "".join(
        f">contig{n}\n{_LETTERS[contig].tobytes().decode()}\n" for n, contig in enumerate(contigs)
    )
    path.write_text(text)


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


def made_of(place: Path, folder: Path | Sequence[Path], **options: Any) -> Manifest:
    inputs = [folder] if isinstance(folder, Path) else folder
    return shard(inputs, place / "s", overwrite=True, progress=False, **options)


def splits(manifest: Manifest) -> dict[str, str | None]:
    assert manifest.corpus is not None
    return {genome.accession: genome.split for genome in manifest.corpus.genomes}


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


@pytest.mark.parametrize("duplicates", ["weigh", "near"])
def test_the_same_bytes_from_any_number_of_processes_and_after_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, duplicates: str
) -> None:
    monkeypatch.setattr(corpus_shards, "UNIT_BYTES", 5000)
    for number, genome in enumerate(family(3, 3000)):
        write(tmp_path / f"g{number}.fa", [genome])
    write(tmp_path / "other.fa", [family(4, 3000)[0]])
    (tmp_path / "l.txt").write_text("".join(f"g{n}.fa\n" for n in range(7)) + "other.fa\n")
    options: dict[str, Any] = {"duplicates": duplicates, "validation": "similarity:0.2:1"}

    def made(name: str, workers: int) -> dict[str, bytes]:
        out = tmp_path / name
        shard([tmp_path / "l.txt"], out, workers=workers, progress=False, **options)
        return {path.name: path.read_bytes() for path in out.iterdir()}

    expected = made("one", 1)
    assert len(expected) > 4
    if duplicates == "weigh":
        assert made("two", 2) == expected
    first, written = corpus_shards._write_genome, []

    def stops(genome: Any, *rest: Any) -> Any:
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(genome.assembly.accession)
        return first(genome, *rest)

    monkeypatch.setattr(corpus_shards, "_write_genome", stops)
    with pytest.raises(KeyboardInterrupt):
        made("three", 1)
    again = []
    monkeypatch.setattr(
        corpus_shards, "_write_genome", lambda g, *rest: (again.append(g), first(g, *rest))[1]
    )
    assert made("three", 1) == expected
    assert written
    assert not {genome.assembly.accession for genome in again} & set(written[:-1])


def test_alone_relatives_are_one_group_and_cannot_be_split(tmp_path: Path) -> None:
    for name, genome in zip("ab", family(3, 3000)[2:], strict=False):
        write(tmp_path / f"{name}.fa", [genome])
    with pytest.raises(UsageError, match=r"make 1 group\(s\) of relatives"):
        made_of(tmp_path, tmp_path, validation="similarity:0.3")


def test_held_out_copies_do_not_lessen_weights_of_training(tmp_path: Path) -> None:
    for name, genome in zip("abc", family(3, 3000), strict=False):
        write(tmp_path / f"{name}.fa", [genome])
    made = made_of(
        tmp_path, tmp_path, validation="genomes:a", duplicates="weigh", near_distance=0.05
    )
    assert made.corpus is not None
    assert [genome.weight for genome in made.corpus.genomes] == [1.0, 0.5, 0.5]


def test_short_records_are_no_copies(tmp_path: Path) -> None:
    (tmp_path / "a.fa").write_text(">x\nACGTACGTAC\n")
    (tmp_path / "b.fa").write_text(">x\nTTTTTTCCCC\n")
    assert splits(made_of(tmp_path, tmp_path, duplicates="near")) == {"a": "train", "b": "train"}


def test_where_no_genome_can_be_read_or_nothing_is_left(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.fa").write_text("<html>\n")
    with pytest.raises(InputError, match="no genome of 2 can be read"):
        made_of(tmp_path, tmp_path, broken_genomes="drop")
    for name in "ab":
        (tmp_path / f"{name}.fa").write_text(">x\n" + "N" * 2000 + "\n")
    with pytest.raises(InputError, match="nothing is left for train"):
        made_of(tmp_path, tmp_path)


def test_shards_without_a_corpus_say_nothing_of_one(tmp_path: Path, folder: Path) -> None:
    manifest = made_of(tmp_path, [folder / "f0_0.fna"])
    assert not {"near_distance", "min_distance", "broken_genomes"} & set(manifest.options)
    text = (tmp_path / "s" / "manifest.json").read_text()
    assert '"corpus"' not in text
    assert '"weight"' not in text


def test_the_weighted_loss_is_that_of_a_hand_computation(tmp_path: Path) -> None:
    for number in range(2):
        write(tmp_path / f"g{number}.fa", [family(number, 3000)[0]])
    (tmp_path / "l.txt").write_text("g0.fa\tA\t\t0.25\ng1.fa\tB\t\t3\n")
    made_of(tmp_path, tmp_path / "l.txt")
    batch = TokenBatches(tmp_path / "s", context=500, batch_tokens=6000)[0]
    logits = torch.randn(len(batch.targets), 8, generator=torch.manual_seed(0))
    found, divisor = token_loss(SimpleNamespace(logits=logits), batch)
    values = logits.double().numpy()
    scored = np.flatnonzero(batch.targets >= 0)
    nats = np.log(np.exp(values).sum(1))[scored] - values[scored, batch.targets[scored]]
    assert batch.weights is not None
    assert set(batch.weights.tolist()) == {0.25, 3.0}
    assert divisor == 1
    assert float(found) == pytest.approx(float((nats * batch.weights[scored]).sum()), rel=1e-5)
    masked = MaskedBatches(tmp_path / "s", mask_rate=0.2, context=500, batch_tokens=6000)[0]
    assert np.array_equal(masked.weights, batch.weights)
    tokens = TokenisedBatches(
        tmp_path / "s", tokenizer=Kmers(3, 8, dna.BASES), context=500, batch_tokens=6000
    )[0]
    assert tokens.weights is not None
    lengths = np.diff(tokens.cu_seqlens)
    assert np.array_equal(tokens.weights, np.repeat(batch.weights[batch.cu_seqlens[:-1]], lengths))


def test_weighted_and_plain_batches_are_joined() -> None:
    def part(size: int, weights: np.ndarray | None) -> PackedBatch:
        ids, bounds = np.zeros(size, np.uint8), np.array([0, size], np.int32)
        return PackedBatch(ids, np.zeros(size, np.int16), bounds, weights)

    joined = PackedBatch.joined([part(2, None), part(1, np.full(1, 0.5, np.float32))])
    assert joined.weights is not None
    assert joined.weights.tolist() == [1, 1, 0.5]
    assert PackedBatch.joined([part(2, None), part(3, None)]).weights is None


def test_groups_of_many_links_are_those_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    links = {0: [1, 2, 5], 1: [2], 2: [6], 3: [4], 4: [7], 5: [6], 6: [], 7: []}
    relatives = Relatives([np.zeros(0, np.uint64)] * 8, 1000)
    whole = relatives.groups(lambda number: np.array(links[number], np.int64))
    assert whole.tolist() == [0, 0, 0, 1, 1, 0, 0, 1]
    monkeypatch.setattr(genome_relatives, "_MOST_LINKS", -7)
    assert np.array_equal(relatives.groups(lambda n: np.array(links[n], np.int64)), whole)
    few = relatives.groups(lambda n: np.array(links[n], np.int64), [0, 1, 3, 6])
    assert few.tolist() == [0, 0, 1, 2, 3, 4, 5, 6]
