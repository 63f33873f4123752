"""Baselines find what is plain in sequences, and nothing where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest

from hnet_seq.baselines.logistic import fit_logistic
from hnet_seq.baselines.metrics import classification_metrics, format_table, score_row
from hnet_seq.baselines.sequence_features import score_baselines, word_frequencies
from modalities import dna

ROWS = ["majority class", "length", "base composition", "1- to 5-mer frequencies"]


def random_sequences(count: int, seed: int, length: int = 80) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [generator.integers(0, 4, length, dtype=np.uint8) for _ in range(count)]


def accuracies(sequences: list[np.ndarray], labels: np.ndarray) -> dict[str, float]:
    half = len(labels) // 2
    rows = score_baselines(
        sequences[:half], labels[:half], sequences[half:], labels[half:], num_classes=2
    )
    assert [row["name"] for row in rows] == ROWS
    assert {row["kind"] for row in rows} == {"baseline"}
    return {row["name"]: row["accuracy"] for row in rows}


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
            row["name"]: row["accuracy"]
            for row in score_baselines(
                sequences,
                labels,
                sequences,
                labels,
                num_classes=2,
                both_strands=both,
            )
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


def test_metrics_of_known_predictions() -> None:
    labels = np.array([0, 0, 1, 1])
    right = np.array([[0.9, 0.1], [0.6, 0.4], [0.4, 0.6], [0.1, 0.9]])
    constant = np.full((4, 2), 0.5)
    for probabilities, accuracy, mcc, auroc, f1 in (
        (right, 1, 1, 1, 1),
        (right[:, ::-1], 0, -1, 0, 0),
        # Class 0 is right twice of four times, class 1 never predicted: F1 of 2/3 and 0.
        (constant, 0.5, 0, 0.5, 1 / 3),
    ):
        found = classification_metrics(probabilities, labels)
        assert found == {"accuracy": accuracy, "mcc": mcc, "auroc": auroc, "f1": pytest.approx(f1)}
    assert classification_metrics(right[:2], labels[:2])["auroc"] is None
    three = np.eye(3)[[0, 1, 2, 2]]
    assert classification_metrics(three, np.array([0, 1, 2, 2]))["auroc"] == 1
    # A class that does not occur in the test split has no curve and does not count.
    assert classification_metrics(three[:2], np.array([0, 1]))["auroc"] == 1


def test_a_table_of_scores_is_aligned_and_marks_baselines() -> None:
    labels = np.array([0, 0])
    rows = [
        score_row("model", "model", np.array([[1.0, 0], [1, 0]]), labels),
        score_row("k-mers", "baseline", np.array([[1.0, 0], [0, 1]]), labels),
    ]
    assert format_table(rows).splitlines() == [
        "classifier  accuracy    MCC  AUROC     F1",
        "model          1.000  0.000    n/a  1.000",
        "k-mers         0.500  0.000    n/a  0.333  (baseline)",
    ]
