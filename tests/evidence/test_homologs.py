"""Relatives by alignment: found at every divergence, on both strands, and not elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from hnet_seq.evidence.similarity import spaced_seeds
from hnet_seq.evidence.similarity.homologs import homologs
from hnet_seq.evidence.similarity.near_duplicates import near_duplicates
from modalities.base import Tokens
from modalities.dna import COMPLEMENT, UNKNOWN

PAIRS = 60


def drawn(count: int, length: int, seed: int) -> list[Tokens]:
    return list(np.random.default_rng(seed).integers(0, 4, (count, length)).astype(np.uint8))


def mutated(window: Tokens, share: float, generator: np.random.Generator) -> Tokens:
    """Substitutions, and a tenth as many inserted and deleted bases."""
    chosen = generator.random(len(window))
    changed = np.where(chosen < share, (window + generator.integers(1, 4, len(window))) % 4, window)
    kept = np.delete(changed, np.flatnonzero(chosen > 1 - share / 20))
    at = np.flatnonzero(generator.random(len(kept)) < share / 20)
    return np.insert(kept, at, generator.integers(0, 4, len(at))).astype(np.uint8)


@pytest.mark.parametrize(
    ("share", "least"),
    [(0.01, 1.0), (0.03, 1.0), (0.05, 1.0), (0.1, 1.0), (0.15, 0.98), (0.2, 0.95)],
)
def test_near_duplicates_are_found_on_both_strands(share: float, least: float) -> None:
    generator = np.random.default_rng(3)
    train = drawn(PAIRS, 200, 1)
    test = [mutated(each, share, generator) for each in train]
    test = [COMPLEMENT[each[::-1]] if i % 2 else each for i, each in enumerate(test)]
    found = list(homologs(train, test))
    right = [pair for pair in found if pair.query == pair.reference]
    assert len(right) == len(found)
    for strand in (False, True):
        of_strand = [pair for pair in right if pair.reverse is strand]
        assert len(of_strand) >= least * PAIRS / 2
    assert np.mean([pair.identity for pair in right]) == pytest.approx(1 - share, abs=0.03)
    if share >= 0.15:
        # Words of 16 bases, which the audit of classify goes by, see next to none of these.
        assert sum(1 for _ in near_duplicates(train, test)) < 0.1 * PAIRS


def test_few_seeds_are_looked_up_as_many_are(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(3)
    train = drawn(PAIRS, 200, 1)
    test = [mutated(each, 0.15, generator) for each in train]
    few = list(spaced_seeds.SeedIndex(train).candidates(test))
    assert len(few) > PAIRS / 2
    monkeypatch.setattr(spaced_seeds, "_MANY", 0)
    assert list(spaced_seeds.SeedIndex(train).candidates(test)) == few


def test_unrelated_pairs_are_none() -> None:
    assert list(homologs(drawn(1000, 200, 5), drawn(1000, 200, 6))) == []


def test_runs_and_microsatellites_make_no_relatives() -> None:
    flank = drawn(80, 70, 7)
    repeat = np.tile(np.array([1, 0], np.uint8), 30)
    sequences = [np.concatenate([flank[2 * i], repeat, flank[2 * i + 1]]) for i in range(40)]
    assert list(homologs(sequences[:20], sequences[20:])) == []


def test_a_part_in_common_is_told_with_its_length() -> None:
    train, test = drawn(20, 300, 8), drawn(20, 300, 9)
    test[4] = np.concatenate([test[4][:200], train[11][:100]])
    (found,) = homologs(train, test)
    assert (found.query, found.reference, found.reverse) == (4, 11, False)
    assert found.bases == pytest.approx(100, abs=10)
    assert found.cover == pytest.approx(1 / 3, abs=0.05)


def test_odd_sequences_are_no_trouble() -> None:
    some = drawn(3, 50, 10)
    odd = [np.zeros(0, np.uint8), np.full(40, UNKNOWN, np.uint8), np.zeros(5, np.uint8), *some]
    assert [(pair.query, pair.reference) for pair in homologs(odd, odd[3:])] == [
        (0, 3),
        (1, 4),
        (2, 5),
    ]
    assert list(homologs([], odd)) == list(homologs(odd, [])) == []
    assert list(homologs(odd, odd, same=True)) == []


def test_long_sequences_are_aligned_around_what_they_share() -> None:
    (one,), (other,) = drawn(1, 20_000, 11), drawn(1, 30_000, 12)
    other[25_000:25_400] = COMPLEMENT[one[1000:1400][::-1]]
    (found,) = homologs([one], [other])
    assert found.reverse
    assert found.bases == pytest.approx(400, abs=20)
