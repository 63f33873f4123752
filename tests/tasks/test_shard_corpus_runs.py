"""Corpora that are stopped, read by processes, empty, or weighed in training."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from hnet_seq.evidence.similarity import genome_relatives
from hnet_seq.evidence.similarity.genome_relatives import Relatives
from hnet_seq.tasks.shard import shard
from hnet_seq.train.masking import MaskedBatches
from hnet_seq.train.objective import token_loss
from hnet_seq.train.tokenised import TokenisedBatches
from modalities import dna
from modalities.errors import InputError, UsageError
from modalities.tokenizer import Kmers
from pipelines.batches.packed_batch import PackedBatch
from pipelines.batches.token_batches import TokenBatches
from pipelines.corpus import corpus_shards
from tests.tasks.genome_families import family, made_of, splits, write


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
    first = corpus_shards._write_genome
    written: list[str] = []
    again: list[str] = []

    def stops(genome: Any, *rest: Any) -> Any:
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(genome.assembly.accession)
        return first(genome, *rest)

    def goes_on(genome: Any, *rest: Any) -> Any:
        again.append(genome.assembly.accession)
        return first(genome, *rest)

    monkeypatch.setattr(corpus_shards, "_write_genome", stops)
    with pytest.raises(KeyboardInterrupt):
        made("three", 1)
    monkeypatch.setattr(corpus_shards, "_write_genome", goes_on)
    assert made("three", 1) == expected
    assert again
    assert not set(again) & set(written[:-1])


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


def test_shards_without_a_corpus_say_nothing_of_one(tmp_path: Path) -> None:
    (tmp_path / "one.fna").write_text(">x\n" + "ACGTTGCA" * 300 + "\n")
    manifest = made_of(tmp_path, [tmp_path / "one.fna"])
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
    assert masked.weights is not None
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
    relatives = Relatives([np.zeros(0, np.uint64)] * 8, 1000, 21)
    whole = relatives.groups(lambda number: np.array(links[number], np.int64))
    assert whole.tolist() == [0, 0, 0, 1, 1, 0, 0, 1]
    monkeypatch.setattr(genome_relatives, "_MOST_LINKS", -7)
    assert np.array_equal(relatives.groups(lambda n: np.array(links[n], np.int64)), whole)
    few = relatives.groups(lambda n: np.array(links[n], np.int64), [0, 1, 3, 6])
    assert few.tolist() == [0, 0, 1, 2, 3, 4, 5, 6]
