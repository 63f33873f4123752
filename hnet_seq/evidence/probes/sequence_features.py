"""Classifiers that know no model: majority class, length, composition, words, letters by position.

A score on a benchmark means something only beside these: some benchmarks give their labels away in
the sequences' lengths, and 1- to 5-mer counts beat many a trained network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from hnet_seq.evidence.probes.logistic import fit_logistic
from modalities import dna
from modalities.given import Given, named_sequences

LONGEST_WORD = 5
MOST_POSITIONS = 1000
"""That the one-hot baseline reads of sequences of one length; 4,000 columns."""
MOST_OF_AN_END = 100
"""Positions that it reads at either end of sequences of different lengths."""


def baseline_probabilities(
    train: Given,
    train_labels: np.ndarray,
    test: Given,
    *,
    num_classes: int,
    both_strands: bool = False,
    groups: Sequence[str] | None = None,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Probabilities (N, C) that baselines fitted on ``train`` give ``test``, by name.

    Args:
        train, test: DNA, or tokens of which those above 3 are no base, see
            :func:`modalities.given.named_sequences`.
        train_labels: class numbers 0 .. ``num_classes`` - 1.
        both_strands: count words and letters on both strands, as a model sees the sequences that
            averages over them; the names say so. Letters by position are of the strand given.
        groups: of the training sequences; the folds keep them together.
        seed: of the folds that choose each penalty.

    Raises:
        InputError: what is no sequence, or none.
    """
    train = [tokens for _, tokens in named_sequences(train, dna.DNA, parameter="train")]
    test = [tokens for _, tokens in named_sequences(test, dna.DNA, parameter="test")]
    share = np.bincount(train_labels, minlength=num_classes) / len(train_labels)
    found = {"majority class": np.tile(share, (len(test), 1))}
    for name, own, others in baseline_features(train, test, both_strands=both_strands):
        model = fit_logistic(own, train_labels, num_classes=num_classes, groups=groups, seed=seed)
        found[name] = model.predict_proba(others)
    return found


def baseline_features(
    train: Sequence[np.ndarray], test: Sequence[np.ndarray], *, both_strands: bool = False
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name and features, (N, F) of train and of test, of each baseline that learns."""
    strands = ", both strands" if both_strands else ""
    frequencies = partial(word_frequencies, both_strands=both_strands)
    for name, features in (
        ("length", length_features),
        (f"base composition{strands}", partial(frequencies, longest_word=1)),
        (f"1- to {LONGEST_WORD}-mer frequencies{strands}", frequencies),
    ):
        yield name, features(train), features(test)
    positions = one_hot_positions(train)
    even = len({len(sequence) for sequence in [*train, *test]}) == 1 and positions.whole
    name = "one-hot letters by position" if even else f"one-hot letters of the {positions.said}"
    yield name, one_hot(train, positions), one_hot(test, positions)


@dataclass(frozen=True)
class Positions:
    """Which letters of a sequence are read: ``first`` from its start, and ``last`` from its end.

    ``whole``: that is all of every training sequence.
    """

    first: int
    last: int
    whole: bool

    @property
    def said(self) -> str:
        """In words."""
        both = f" and last {self.last:,}" if self.last else ""
        return f"first {self.first:,}{both} positions"


def one_hot_positions(train: Sequence[np.ndarray]) -> Positions:
    """All positions where training sequences have one length, up to ``MOST_POSITIONS``.

    Else both ends, half a median length of each up to ``MOST_OF_AN_END``: aligned at the start, and
    at the end, since what is annotated by its borders, such as an intron, shows there.
    """
    lengths = np.array([len(sequence) for sequence in train])
    if np.ptp(lengths) == 0:
        first = min(int(lengths[0]), MOST_POSITIONS)
        return Positions(first, 0, first == lengths[0])
    end = max(1, min(int(np.median(lengths)) // 2, MOST_OF_AN_END))
    return Positions(end, end, False)


def one_hot(sequences: Sequence[np.ndarray], positions: Positions) -> np.ndarray:
    """Which of A, C, G, T stands at each position, (N, 4 (first + last)) fp64.

    Zeros where another letter stands, or the sequence is too short.
    """
    found = np.zeros((len(sequences), positions.first + positions.last, 4))
    for row, sequence in zip(found, sequences, strict=True):
        letters = sequence[: positions.first]
        known = np.flatnonzero(letters < 4)
        row[known, letters[known]] = 1
        if positions.last:
            letters = sequence[-positions.last :]
            known = np.flatnonzero(letters < 4)
            row[known - len(letters), letters[known]] = 1
    return found.reshape(len(sequences), -1)


def length_features(sequences: Sequence[np.ndarray]) -> np.ndarray:
    """(N, 2): length and its logarithm, in tokens."""
    lengths = np.array([len(sequence) for sequence in sequences], np.float64)
    return np.stack([lengths, np.log(np.maximum(lengths, 1))], 1)


def gc_share(sequences: Sequence[np.ndarray]) -> np.ndarray:
    """(N,) share of G and C among the known bases of each sequence; 0 where there are none."""
    return word_frequencies(sequences, 1)[:, 1:3].sum(1)


def word_frequencies(
    sequences: Sequence[np.ndarray],
    longest_word: int = LONGEST_WORD,
    *,
    both_strands: bool = False,
) -> np.ndarray:
    """Share of each word of A, C, G, T among a sequence's words of that length.

    Words come in the order A, C, G, T, AA, AC, ... A word that holds another letter is left out; a
    sequence without words of a length has zeros there. With ``both_strands`` a word and its reverse
    complement are one, under the name that comes first: A, C, AA, AC, AG, AT, CA, ...

    Returns:
        (N, 4 + 16 + ... + 4**``longest_word``) fp64; 1364 columns for 5, 692 on both strands.
    """
    count = len(sequences)
    lengths = np.array([len(sequence) for sequence in sequences], np.int64)
    tokens = np.concatenate(sequences)
    row = np.repeat(np.arange(count), lengths)
    valid = tokens < 4
    digit = np.where(valid, tokens, 0).astype(np.int64)
    word, complete = digit, valid
    columns = []
    for size in range(1, longest_word + 1):
        if size > 1:
            # The word that ends at t is the shorter one that ends at t - 1, and the base at t.
            word = np.concatenate([[0], word[:-1]]) * 4 + digit
            complete = np.concatenate([[False], complete[:-1] & (row[1:] == row[:-1])]) & valid
        found = np.bincount(
            row[complete] * 4**size + word[complete], minlength=count * 4**size
        ).reshape(count, -1)
        if both_strands:
            found = _joined_strands(found, size)
        columns.append(found / np.maximum(found.sum(1, keepdims=True), 1))
    return np.concatenate(columns, 1)


def _joined_strands(counts: np.ndarray, size: int) -> np.ndarray:
    """(N, 4**``size``) counts of words to those of a word and its reverse complement together."""
    word = np.arange(4**size)
    other = np.zeros_like(word)
    for place in range(size):
        other |= (3 - (word >> 2 * place & 3)) << 2 * (size - 1 - place)
    kept = np.flatnonzero(word <= other)
    palindrome = other[kept] == kept
    return counts[:, kept] + counts[:, other[kept]] * ~palindrome
