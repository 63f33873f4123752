"""Copies between training and validation of DNA are told, kept on one side, or dropped."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hnet_seq.cli import main
from hnet_seq.tasks.shard import shard
from modalities.errors import UsageError
from pipelines.batches import held_out_copies as copies
from pipelines.batches.held_out_copies import COMPARED, NEAR, SHARED, WORDS, distance
from pipelines.batches.shard_documents import read_documents
from pipelines.shards import record_sketches
from pipelines.shards.manifest import Manifest

_COMPLEMENT = str.maketrans("ACGT", "TGCA")
Capture = pytest.CaptureFixture[str]


def letters(length: int, seed: int) -> str:
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))


def turned(sequence: str) -> str:
    return sequence[::-1].translate(_COMPLEMENT)


def changed(sequence: str, share: float, seed: int) -> str:
    """With that share of substitutions."""
    generator = np.random.default_rng(seed)
    found = np.array(list(sequence))
    for place in np.flatnonzero(generator.random(len(found)) < share):
        found[place] = generator.choice([base for base in "ACGT" if base != found[place]])
    return "".join(found)


def made(folder: Path, records: dict[str, str], **options: Any) -> Manifest:
    path = folder / "genomes.fa"
    path.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in records.items()))
    return shard([path], folder / "s", overwrite=True, progress=False, **options)


def near(manifest: Manifest) -> float:
    return manifest.statistics[NEAR] / manifest.statistics[COMPARED]


def split_of(folder: Path) -> dict[str, str]:
    return {
        document.name: split
        for split in ("train", "validation")
        for document in read_documents(folder, split)
    }


@pytest.mark.parametrize("turn", [str, turned])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.03, 0.05, 0.1])
def test_copies_in_training_are_found_and_their_distance(
    tmp_path: Path, turn, share: float
) -> None:
    one = letters(40_000, 0)
    records = {"a": letters(20_000, 1) + one, "b": turn(changed(one, share, 2))}
    manifest = made(tmp_path, records, validation="records:b")
    assert manifest.statistics[COMPARED] == 40_000
    assert near(manifest) > 0.95
    apart, at_least = distance(manifest.statistics)
    assert not at_least
    assert apart == pytest.approx(share, abs=0.01)


def test_unrelated_records_are_no_copies(tmp_path: Path, capsys: Capture) -> None:
    records = {f"r{n}": letters(int(3000 + 50 * n), n) for n in range(40)}
    (tmp_path / "g.fa").write_text("".join(f">{n}\n{s}\n" for n, s in records.items()))
    command = ["shard", str(tmp_path / "g.fa"), "--out", str(tmp_path / "s")]
    assert main([*command, "--validation", "records:r3,r9"]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert "near copies in training        0  0.00% of validation" in said.out
    statistics = Manifest.load(tmp_path / "s").statistics
    assert statistics[COMPARED] == 3150 + 3450
    assert (statistics[NEAR], statistics[SHARED]) == (0, 0)
    assert "distance to training     > 0.3" in said.out


def test_two_equal_records_are_warned_of(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "dup.fa").write_text(">a\nACGTACGTAC\n>b\nGTACGTACGT\n>c\nACGTTCGTAC\n")
    command = ["shard", str(tmp_path / "dup.fa"), "--validation"]
    assert main([*command, "records:b", "--out", str(tmp_path / "s")]) == 0  # as a's other strand
    said = capsys.readouterr()
    assert said.err.startswith("warning: 100% of the validation bases have a near copy in training")
    assert said.err.count("\n") == 1
    assert "near copies in training     10  100.00% of validation" in said.out
    assert main([*command, "records:c", "--out", str(tmp_path / "c")]) == 0
    assert capsys.readouterr().err == ""


def test_a_shared_plasmid_is_found_inside_a_chromosome(tmp_path: Path) -> None:
    plasmid = letters(5000, 0)
    records = {
        "a": letters(30_000, 1) + turned(plasmid) + letters(30_000, 2),
        "b": letters(21_300, 3) + changed(plasmid, 0.02, 4) + letters(23_700, 5),
    }
    assert 4000 <= made(tmp_path, records, validation="records:b").statistics[NEAR] <= 7000


def test_a_short_gene_that_all_genomes_share_is_no_copy(tmp_path: Path) -> None:
    trna = letters(80, 2)
    records = {name: letters(4500, n) + trna + letters(4500, 9 + n) for n, name in enumerate("ab")}
    manifest = made(tmp_path, records, validation="records:b")
    assert manifest.statistics[SHARED] == 60
    assert manifest.statistics[NEAR] == 0


def test_how_bases_are_stored_changes_nothing(tmp_path: Path, monkeypatch) -> None:
    one = letters(9000, 0)
    records = {
        "a": one + "N" * 50 + letters(500, 1).lower(),
        "b": one[:4000].lower() + "N" * 1500 + letters(3000, 2) + one[4000:6000],
        "c": one[100:115],
    }
    expected = made(tmp_path, records, validation="records:b,c").statistics
    assert 5500 <= expected[NEAR] <= 6500
    counts = {key: expected[key] for key in (COMPARED, NEAR, WORDS, SHARED)}
    for options in ({"keep_soft_mask": True}, {"workers": 2}):
        found = made(tmp_path, records, validation="records:b,c", **options).statistics
        assert {key: found[key] for key in counts} == counts
    monkeypatch.setattr(copies, "_PART", 100)
    found = made(tmp_path, records, validation="records:b,c").statistics
    assert {key: found[key] for key in counts} == counts
    found = made(tmp_path, records, validation="records:b,c", modality="dna_bytes").statistics
    assert (found[WORDS], found[SHARED]) == (counts[WORDS], counts[SHARED])


def test_very_many_words_are_sampled(tmp_path: Path, monkeypatch) -> None:
    one = letters(60_000, 0)
    records = {"a": one, "b": changed(one[:40_000], 0.03, 1) + letters(40_000, 2)}
    whole = made(tmp_path, records, validation="records:b").statistics
    monkeypatch.setattr(copies, "_MOST_WORDS", 21_000)  # of 80,000: one in four
    sample = made(tmp_path, records, validation="records:b").statistics
    assert 0.2 < sample[WORDS] / whole[WORDS] < 0.3
    assert sample[NEAR] == pytest.approx(40_000, abs=4000)
    assert distance(sample)[0] == pytest.approx(distance(whole)[0], abs=0.005)


def families(sizes: Iterable[int], length: int = 3000) -> dict[str, str]:
    """Genomes that differ by 2% within a family, half of them on the other strand."""
    found = {}
    for family, size in enumerate(sizes):
        founder = letters(length, family)
        for member in range(size):
            copy = changed(founder, 0.02, 100 * family + member)
            found[f"f{family}.{member}"] = turned(copy) if member % 2 else copy
    return found


def test_similar_records_stay_on_one_side(tmp_path: Path) -> None:
    records = families([6, 1, 4, 1, 2, 1, 5, 3, 1, 1])
    sides = []
    for seed in range(6):
        manifest = made(tmp_path, records, validation=f"similarity:0.3:{seed}")
        split = split_of(tmp_path / "s")
        of_family: dict[str, set[str]] = {}
        for name, side in split.items():
            of_family.setdefault(name.partition(".")[0], set()).add(side)
        assert set(split) == set(records)
        assert all(len(side) == 1 for side in of_family.values())
        assert manifest.statistics[NEAR] == 0
        # Families of one record fill what lacks; one of six may reach beyond by less than it took.
        assert 0.28 <= manifest.tokens("validation") / 75_000 <= 0.4
        sides.append(tuple(name for name, side in split.items() if side == "validation"))
    assert len(set(sides)) > 3
    again = made(tmp_path, records, validation="similarity:0.3")
    assert again.tokens("validation") == sum(len(records[name]) for name in sides[0])


def test_one_family_cannot_be_split(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"the 34 records make 1 group.* smallest has 100%"):
        made(tmp_path, families([34]), validation="similarity:0.1")
    assert not (tmp_path / "s").exists()
    for spec in ("similarity:", "similarity:0", "similarity:2", "similarity:0.5:x"):
        with pytest.raises(UsageError, match="validation similarity"):
            made(tmp_path, families([1, 1]), validation=spec)


def test_sampled_records_are_grouped_alike(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(record_sketches, "_MOST_WORDS", 8000)  # of 75,000
    made(tmp_path, families([6, 1, 4, 1, 2, 1, 5, 3, 1, 1]), validation="similarity:0.3")
    split = split_of(tmp_path / "s")
    assert len({(name.partition(".")[0], side) for name, side in split.items()}) == 10


def test_equal_records_are_dropped_on_either_strand(tmp_path: Path) -> None:
    one, other = letters(2500, 0), letters(700, 1)
    records = {"a": one, "x": turned(one), "b": other, "y": other.lower(), "z": other[:-1]}
    kept = made(tmp_path, records, duplicates="exact")
    assert list(split_of(tmp_path / "s")) == ["a", "b", "z"]
    assert kept.statistics["dropped_duplicate"] == 2
    assert kept.statistics["dropped_duplicate_bases"] == 3200
    assert kept.statistics["records"] == 5
    # What is kept has the bytes that it has alone.
    names = {path.name: path.read_bytes() for path in (tmp_path / "s").glob("*.tar")}
    made(tmp_path, {name: records[name] for name in "abz"})
    assert {path.name: path.read_bytes() for path in (tmp_path / "s").glob("*.tar")} == names


def test_blocks_of_both_strands_are_cut_alike(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(record_sketches, "_BLOCK", 64)
    for length in (63, 64, 65, 127, 128, 129, 1000):
        one = letters(length, length)
        manifest = made(tmp_path, {"a": one, "b": turned(one)}, duplicates="exact")
        assert manifest.statistics["dropped_duplicate"] == 1


def test_near_records_are_dropped_and_named_ones_told(tmp_path: Path, capsys: Capture) -> None:
    one = letters(30_000, 0)
    records = {
        "a": one,
        "near": turned(changed(one, 0.002, 1)),
        "far": changed(one, 0.03, 2),
        "part": one[:10_000],
        "b": letters(5000, 3),
    }
    manifest = made(tmp_path, records, duplicates="near", validation="records:b")
    assert set(split_of(tmp_path / "s")) == {"a", "far", "part", "b"}
    assert manifest.statistics["dropped_near_duplicate"] == 1
    assert manifest.options["duplicates"] == "near"
    command = ["shard", str(tmp_path / "genomes.fa"), "--out", str(tmp_path / "n")]
    assert main([*command, "--duplicates", "near", "--validation", "records:near"]) == 2
    assert "near is a near duplicate of an earlier record" in capsys.readouterr().err
    assert main([*command, "--duplicates", "near", "--similarity", "0.98"]) == 0
    assert "dropped" not in capsys.readouterr().out


def test_what_differs_by_a_tenth_stays_on_one_side(tmp_path: Path) -> None:
    for seed in range(8):
        one = letters(8000, seed)
        records = {
            "a": one,
            "b": turned(changed(one, 0.1, 50 + seed)),
            "c": letters(8000, 90 + seed),
        }
        made(tmp_path, records, validation=f"similarity:0.3:{seed}")
        split = split_of(tmp_path / "s")
        assert split["a"] == split["b"] != split["c"]


def rich_in_at(length: int, share: float, seed: int) -> str:
    each = [share / 2, (1 - share) / 2, (1 - share) / 2, share / 2]
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length, p=each))


def with_repeats(length: int, seed: int) -> str:
    """Of random bases, with a run or a microsatellite of 40 bases in every 200."""
    generator = np.random.default_rng(seed)
    pieces = [letters(160, 10_000 * seed + n) for n in range(length // 200)]
    units = ("A", "T", "CA", "GT", "TTA")
    return "".join(own + (str(generator.choice(units)) * 40)[:40] for own in pieces)


@pytest.mark.parametrize("make", [lambda n, seed: rich_in_at(n, 0.92, seed), with_repeats])
def test_what_is_met_by_chance_is_no_copy(tmp_path: Path, make) -> None:
    records = {"a": make(300_000, 0), "b": make(30_000, 1)}
    assert near(made(tmp_path, records, validation="records:b")) < 0.05
    # A copy is one all the same.
    records["b"] = turned(changed(records["a"][:30_000], 0.05, 2))
    manifest = made(tmp_path, records, validation="records:b")
    if make is not with_repeats:  # few words of such a genome tell anything
        assert near(manifest) > 0.8
    else:
        assert near(manifest) > 0.95
        assert distance(manifest.statistics)[0] == pytest.approx(0.05, abs=0.01)


def test_what_has_no_other_words_is_told_by_plain_ones(tmp_path: Path) -> None:
    records = {"a": "CA" * 3000, "b": "CA" * 1000, "c": letters(1000, 0)}
    assert near(made(tmp_path, records, validation="records:b")) == 1
