"""Order-k Markov models agree with counting by hand, and score what a language model scores."""

from __future__ import annotations

import gzip
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hnet_seq.evidence.baselines import markov
from hnet_seq.evidence.baselines.markov import score_markov_orders

DATA = Path(__file__).parents[2] / "../shared/data/genomes"


def tokens(letters: str) -> np.ndarray:
    return np.array(["ACGTN".index(letter) for letter in letters], np.uint8)


def reverse_complement(letters: str) -> str:
    return letters[::-1].translate(str.maketrans("ACGT", "TGCA"))


def by_hand(train: list[str], validation: list[str], order: int, both_strands: bool) -> float:
    """Bits per base from the definition, with a dictionary and no arrays."""
    if both_strands:
        train = [strand for letters in train for strand in (letters, reverse_complement(letters))]
    words: Counter[str] = Counter()
    for letters in train:
        for end in range(1, len(letters) + 1):
            for length in range(1, min(end, order + 1) + 1):
                words[letters[end - length : end]] += 1
    bits, scored = 0.0, 0
    for letters in validation:
        for t in range(1, len(letters)):
            if letters[t] == "N":
                continue
            context = letters[max(0, t - order) : t].rpartition("N")[2]
            seen = sum(words[context + base] for base in "ACGT")
            bits -= math.log2((words[context + letters[t]] + 0.5) / (seen + 2))
            scored += 1
    return bits / scored


documents = st.lists(st.text("ACGTN", max_size=30), min_size=1, max_size=4)


@given(train=documents, validation=documents, both_strands=st.booleans(), block=st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_every_order_agrees_with_counting_by_hand(
    train: list[str], validation: list[str], both_strands: bool, block: int
) -> None:
    validation = [*validation, "ACNGT"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(markov, "_BLOCK", block)
        scores = score_markov_orders(
            [tokens(d) for d in train],
            [tokens(d) for d in validation],
            max_order=4,
            both_strands=both_strands,
        )
    for row in scores["orders"]:
        expected = by_hand(train, validation, row["order"], both_strands)
        assert row["bits_per_base"] == pytest.approx(expected, abs=1e-9)


def test_every_base_but_the_first_of_a_document_is_scored() -> None:
    scores = score_markov_orders([tokens("ACGT")], [tokens("ACNGT"), tokens("T"), tokens("NA")])
    assert scores["scored_bases"] == 4  # C G T; nothing; A
    assert scores["train_bases"] == 4


def test_both_strands_make_a_sequence_and_its_reverse_complement_cost_the_same_at_order_0() -> None:
    train = [tokens("AAAAAAAACC")]
    scores = score_markov_orders(train, [tokens("AAAA")], max_order=0)
    reverse = score_markov_orders(train, [tokens("TTTT")], max_order=0)
    assert scores["orders"] == reverse["orders"]
    single = score_markov_orders(train, [tokens("AAAA")], max_order=0, both_strands=False)
    assert single["orders"][0]["bits_per_base"] < scores["orders"][0]["bits_per_base"]


def test_a_repeat_is_learned_by_the_order_that_sees_it() -> None:
    # AACAACAAC...: the last base does not tell what follows, the last two do.
    scores = score_markov_orders(
        [tokens("AAC" * 400)], [tokens("AAC" * 50)], max_order=3, both_strands=False
    )
    bits = [row["bits_per_base"] for row in scores["orders"]]
    assert bits[1] > 0.6
    assert bits[2] < 0.05
    assert scores["best_order"] >= 2


def test_no_base_to_score_is_an_error() -> None:
    with pytest.raises(ValueError, match="no base to score"):
        score_markov_orders([tokens("ACGT")], [tokens("A"), tokens("NNN")], max_order=2)
    with pytest.raises(ValueError, match=r"0\.\.12"):
        score_markov_orders([tokens("ACGT")], [tokens("ACGT")], max_order=13)


def test_e_coli_reaches_the_known_figure() -> None:
    path = DATA / "ecoli_k12_mg1655/genome.fna.gz"
    if not path.is_file():
        pytest.skip(f"{path.name} of E. coli K-12 is not on this machine")
    with gzip.open(path, "rb") as stream:
        letters = b"".join(line.strip() for line in stream if not line.startswith(b">"))
    of_letter = np.full(256, 4, np.uint8)
    for token, letter in enumerate(b"ACGT"):
        of_letter[letter] = of_letter[letter + 32] = token
    genome = of_letter[np.frombuffer(letters, np.uint8)]
    cut = int(len(genome) * 0.9)
    scores = score_markov_orders([genome[:cut]], [genome[cut:]])
    assert scores["orders"][6]["bits_per_base"] == pytest.approx(1.933, abs=5e-4)
    # Counting 7- and 8-mers with numpy.bincount gives 1.9328 at order 6 and 1.9309 at order 7.
    assert scores["best_order"] == 7
    assert scores["orders"][7]["bits_per_base"] == pytest.approx(1.9309, abs=5e-4)
    assert scores["scored_bases"] == np.count_nonzero(genome[cut:] < 4) - 1
