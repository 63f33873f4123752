"""Baselines find what is plain in sequences, and nothing where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest

from hnet_seq.evidence.probes.logistic import fit_logistic
from hnet_seq.evidence.probes.sequence_features import (
    MOST_POSITIONS,
    Positions,
    baseline_probabilities,
    gc_share,
    one_hot,
    one_hot_positions,
    word_frequencies,
)
from modalities import dna

ROWS = ["majority class", "length", "base composition", "1- to 5-mer frequencies"]
ONE_HOT = "one-hot letters by position"


def random_sequences(count: int, seed: int, length: int = 80) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [generator.integers(0, 4, length, dtype=np.uint8) for _ in range(count)]


def accuracies(sequences: list[np.ndarray], labels: np.ndarray) -> dict[str, float]:
    half = len(labels) // 2
    found = baseline_probabilities(sequences[:half], labels[:half], sequences[half:], num_classes=2)
    *names, one_hot = found
    assert names == ROWS
    assert one_hot.startswith("one-hot letters")
    return {name: (each.argmax(1) == labels[half:]).mean() for name, each in found.items()}


def test_word_frequencies_equal_a_count_by_hand() -> None:
    letters = ["ACGTNACG", "", "AC", "NNN", "GGGGG"]
    found = word_frequencies([dna.encode(s) for s in letters], 3)
    names = [
        word
        for size in (1, 2, 3)
        for word in (
            "".join("ACGT"[n // 4**place % 4] for place in reversed(range(size)))
            for n in range(4**size)
        )
    ]
    for row, sequence in zip(found, letters, strict=True):
        for value, word in zip(row, names, strict=True):
            words = [sequence[i : i + len(word)] for i in range(len(sequence) - len(word) + 1)]
            words = [w for w in words if "N" not in w]
            assert value == pytest.approx(words.count(word) / max(1, len(words)))


def test_the_share_of_g_and_c_is_of_known_bases() -> None:
    sequences = [dna.encode(letters) for letters in ("GCAT", "NNGA", "NN", "C")]
    assert gc_share(sequences).tolist() == [0.5, 0.5, 0.0, 1.0]


def test_length_composition_and_words_are_each_found_by_their_baseline() -> None:
    labels = np.arange(240) % 2
    plain = random_sequences(240, 0)
    lengths = [s[: 80 - 20 * y] for s, y in zip(plain, labels, strict=True)]
    assert accuracies(lengths, labels)["length"] == 1
    assert accuracies(lengths, labels)["base composition"] < 0.65

    generator = np.random.default_rng(1)
    rich = [
        np.where(generator.random(80) < 0.3 * y, 2, s) for s, y in zip(plain, labels, strict=True)
    ]
    found = accuracies([s.astype(np.uint8) for s in rich], labels)
    assert found["base composition"] > 0.9
    assert found["length"] == found["majority class"] == 0.5

    # The same letters in another order: AC AC AC against AACC AACC.
    pairs = [np.tile(dna.encode("ACACACAC" if y else "AACCAACC"), 10) for y in labels]
    shuffled = [np.roll(s, generator.integers(80)) for s in pairs]
    found = accuracies(shuffled, labels)
    assert found["base composition"] < 0.65
    assert found["1- to 5-mer frequencies"] == 1


def test_nothing_is_found_in_random_labels() -> None:
    found = accuracies(random_sequences(400, 2), np.arange(400) % 2)
    assert all(0.38 < value < 0.62 for value in found.values())


def test_on_both_strands_a_sequence_and_its_reverse_complement_count_alike() -> None:
    forward = [*random_sequences(5, 0), dna.encode("ACGTNACG"), dna.encode("AATT"), dna.encode("")]
    reverse = [dna.reverse_complement(sequence) for sequence in forward]
    found = word_frequencies(forward, 4, both_strands=True)
    np.testing.assert_array_equal(found, word_frequencies(reverse, 4, both_strands=True))
    assert found.shape == (8, 2 + 10 + 32 + 136)
    # AATT: AA (once as TT) and AT, of 3 words of two bases.
    np.testing.assert_allclose(found[6, 2:6], [2 / 3, 0, 0, 1 / 3])
    one, other = word_frequencies(forward, 4), word_frequencies(reverse, 4)
    assert not np.array_equal(one, other)
    # The sum over both strands, word by word, with each word's column beside its partner's.
    np.testing.assert_allclose(found[:, 0], one[:, 0] + one[:, 3])
    np.testing.assert_allclose(found[:, 1], one[:, 1] + one[:, 2])


def test_a_label_that_is_the_strand_is_found_on_one_strand_only() -> None:
    labels = np.arange(200) % 2
    word = [dna.encode("GATTACA"), dna.reverse_complement(dna.encode("GATTACA"))]
    sequences = [np.tile(word[y], 8) for y in labels]
    scores = [
        {
            name: (found.argmax(1) == labels).mean()
            for name, found in baseline_probabilities(
                sequences, labels, sequences, num_classes=2, both_strands=both
            ).items()
        }
        for both in (False, True)
    ]
    assert scores[0]["1- to 5-mer frequencies"] == 1
    assert scores[1]["1- to 5-mer frequencies, both strands"] == 0.5
    assert scores[1]["base composition, both strands"] == 0.5


def test_the_penalty_is_chosen_inside_train_and_by_the_seed() -> None:
    generator = np.random.default_rng(0)
    noise = generator.standard_normal((80, 200))
    labels = np.arange(80) % 2
    fitted = fit_logistic(noise, labels, num_classes=2, seed=0)
    again = fit_logistic(noise, labels, num_classes=2, seed=0)
    assert np.array_equal(fitted.coefficients, again.coefficients)
    clear = noise.copy()
    clear[:, 0] = labels * 6
    # Noise alone is best shrunk; a feature that tells the classes apart is not.
    assert (
        fitted.inverse_penalty <= 1e-2 < fit_logistic(clear, labels, num_classes=2).inverse_penalty
    )


def test_predictions_are_probabilities_for_two_classes_and_for_more() -> None:
    generator = np.random.default_rng(0)
    for num_classes in (2, 4):
        labels = np.arange(200) % num_classes
        features = generator.standard_normal((200, 3)) + np.eye(num_classes, 3)[labels] * 9
        features = np.c_[features, np.ones(200)]  # a constant says nothing and does no harm
        model = fit_logistic(features, labels, num_classes=num_classes)
        probabilities = model.predict_proba(features)
        assert probabilities.shape == (200, num_classes)
        np.testing.assert_allclose(probabilities.sum(1), 1)
        assert (probabilities.argmax(1) == labels).mean() > 0.95


@pytest.mark.parametrize(
    ("labels", "features", "message"),
    [
        ([0, 0, 0], np.eye(3), "must occur"),
        ([0, 1, 1], np.full((3, 2), np.nan), "NaN or infinity"),
    ],
)
def test_what_cannot_be_fitted_is_refused(
    labels: list[int], features: np.ndarray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        fit_logistic(features, np.array(labels), num_classes=2)


def test_a_letter_at_its_place_is_found_by_position_alone() -> None:
    labels = np.arange(300) % 2
    sequences = random_sequences(300, 0)
    for sequence, label in zip(sequences, labels, strict=True):
        sequence[30], sequence[31] = (0, 3) if label else (3, 0)
    found = accuracies(sequences, labels)
    assert found[ONE_HOT] == 1
    assert found["1- to 5-mer frequencies"] < 0.75


@pytest.mark.parametrize("end", ["start", "end"])
def test_of_sequences_of_different_lengths_both_ends_are_read(end: str) -> None:
    generator = np.random.default_rng(0)
    labels = np.arange(300) % 2
    sequences = [s[: generator.integers(40, 80)] for s in random_sequences(300, 1)]
    for sequence, label in zip(sequences, labels, strict=True):
        sequence[2 if end == "start" else -3] = 3 * label
    found = accuracies(sequences, labels)
    name = list(found)[-1]
    median = int(np.median([len(s) for s in sequences[:150]]))
    assert name == f"one-hot letters of the first {median // 2} and last {median // 2} positions"
    assert found[name] > 0.95


def test_one_hot_leaves_unknown_letters_and_what_is_too_short_at_zero() -> None:
    train = [dna.encode("ACGT"), dna.encode("NCGTACGTAC"), dna.encode("TT")]
    found = one_hot(train, Positions(3, 2, False)).reshape(3, 5, 4)
    letters = [["".join("ACGT"[i] for i in np.flatnonzero(p)) or "-" for p in s] for s in found]
    assert ["".join(each) for each in letters] == ["ACGGT", "-CGAC", "TT-TT"]


def test_one_hot_columns_are_those_of_train_whatever_the_test_holds() -> None:
    train = random_sequences(40, 0, 30)
    labels = np.arange(40) % 2
    long = random_sequences(4, 1, 50)
    found = baseline_probabilities(
        train, labels, [*long, *random_sequences(3, 2, 9)], num_classes=2
    )
    assert "one-hot letters of the first 30 positions" in found
    assert one_hot_positions(random_sequences(2, 0, MOST_POSITIONS + 1)).said == (
        f"first {MOST_POSITIONS:,} positions"
    )
    cut = baseline_probabilities(train, labels, [s[:30] for s in long], num_classes=2)
    name = "one-hot letters of the first 30 positions"
    np.testing.assert_array_equal(found[name][:4], cut[ONE_HOT])


def test_probabilities_are_rows_that_add_up_to_one_for_three_classes() -> None:
    labels = np.arange(90) % 3
    found = baseline_probabilities(
        random_sequences(90, 0), labels, random_sequences(10, 1), num_classes=3
    )
    for probabilities in found.values():
        assert probabilities.shape == (10, 3)
        np.testing.assert_allclose(probabilities.sum(1), 1)
    np.testing.assert_allclose(found["majority class"], 1 / 3)
