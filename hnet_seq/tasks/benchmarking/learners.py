"""What is fitted on rows of a task: frozen vectors and trivial features, all by the same probes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.probes.logistic import fit_logistic
from hnet_seq.evidence.probes.ridge import fit_ridge
from hnet_seq.evidence.probes.sequence_features import (
    MOST_POSITIONS,
    length_features,
    one_hot,
    one_hot_positions,
    word_frequencies,
)
from hnet_seq.evidence.probes.word_fits import fit_words, folds_of
from hnet_seq.evidence.probes.words import LONGEST, Words, count_words
from hnet_seq.jobs.job import Tell
from hnet_seq.tasks.benchmarking.cells import (
    COMPOSITION,
    CONSTANT,
    LENGTH,
    LETTERS,
    MODEL,
    TWIN,
    WORDS,
)
from hnet_seq.tasks.benchmarking.model import BenchmarkModel
from hnet_seq.tasks.benchmarking.vectors import vectors_of
from hnet_seq.tasks.classification.targets import targets_of
from hnet_seq.tasks.classification.task import Task
from modalities.base import Tokens

Floats = NDArray[np.floating]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Learner:
    """Features of a task's sequences, and the probe that reads them.

    Attributes:
        train, test: (N, F) of the splits, or words; None for what says one thing of all.
    """

    task: Task
    train: Floats | Words | None
    test: Floats | Words | None

    def predict(self, members: Rows, seed: int, asked: Rows | None = None) -> Floats:
        """What a probe says that was fitted on these training rows: probabilities, or numbers.

        Args:
            seed: of the folds that choose its penalty among ``members``.
            asked: training rows; None for the test split.
        """
        rows = self.test if asked is None else _rows(self.train, asked)
        values = self._values()[members]
        if self.train is None or rows is None:
            count = len(self.task.test.labels) if asked is None else len(asked)
            return np.tile(self._constant(values), (count, 1))
        groups = self.task.train.together
        together = [groups[index] for index in members] if groups else None
        classes = len(self.task.classes) if self.task.problem == "classes" else None
        if isinstance(rows, Words):
            assert isinstance(self.train, Words)
            own = self.train.rows(members)
            model = fit_words(own, values, num_classes=classes, groups=together, seed=seed)
            return model.predict(rows)
        assert not isinstance(self.train, Words)
        features = self.train[members]
        if classes is None:
            numbers = np.unique(together or members.astype(str), return_inverse=True)[1]
            return fit_ridge(features, values, numbers, seed=seed).predict(rows)[:, None]
        fitted = fit_logistic(features, values, num_classes=classes, groups=together, seed=seed)
        return fitted.predict_proba(rows)

    def held_out(self, seed: int) -> tuple[Rows, Floats]:
        """A fifth of the training rows, whole groups, and what a probe on the others says of it."""
        classes = len(self.task.classes) if self.task.problem == "classes" else None
        groups = self.task.train.together
        folds = folds_of(self._values(), classes, groups, seed)
        if not folds:
            return np.zeros(0, np.int64), np.zeros((0, len(self.task.classes)))
        fit, held = folds[0]
        return held, self.predict(fit, seed, held)

    def _values(self) -> NDArray[Any]:
        if self.task.problem == "classes":
            return self.task.train.labels
        return targets_of(self.task, "train")[:, 0]

    def _constant(self, values: NDArray[Any]) -> Floats:
        if self.task.problem == "classes":
            shares = np.bincount(values.astype(np.int64), minlength=len(self.task.classes))
            return shares / len(values)
        return np.array([values.astype(np.float64).mean()])


def learner_of(
    predictor: str,
    task: Task,
    model: BenchmarkModel,
    kept: Path,
    *,
    both_strands: bool,
    tell: Tell | None = None,
) -> Learner:
    """Features of a predictor.

    Args:
        kept: where finished vectors lie.
        both_strands: words are counted on both, as a model that averages sees them.
    """
    train, test = task.train.sequences, task.test.sequences
    if predictor in (MODEL, TWIN):
        source = model if predictor == MODEL else model.twin
        assert source is not None, predictor
        vectors = vectors_of(source, [*train, *test], kept, tell, middle=task.middle)
        return Learner(task, *np.split(vectors, [len(train)]))
    if predictor == WORDS:
        both = (count_words(own, both_strands=both_strands) for own in (train, test))
        return Learner(task, *both)
    if predictor == LETTERS:
        train, test = (_lettered(task, own) for own in (train, test))
        positions = one_hot_positions(train)
        return Learner(task, one_hot(train, positions), one_hot(test, positions))
    if predictor == COMPOSITION:
        shares = (word_frequencies(own, 1, both_strands=both_strands) for own in (train, test))
        return Learner(task, *shares)
    if predictor == LENGTH:
        return Learner(task, length_features(train), length_features(test))
    return Learner(task, None, None)


def name_of(predictor: str, task: Task, model: BenchmarkModel, *, both_strands: bool) -> str:
    """What a row is called."""
    strands = ", both strands" if both_strands else ""
    if predictor == LETTERS:
        whole = task.train.sequences
        read = _lettered(task, whole)
        if len(read[0]) < len(whole[0]):
            return f"letters of the middle {len(read[0])} positions"
        positions = one_hot_positions(read)
        return "letters by position" if positions.whole else f"letters of the {positions.said}"
    numbers = task.problem == "regression"
    return {
        MODEL: f"{model.name}, frozen",
        TWIN: f"{model.name}, untrained twin, frozen",
        WORDS: f"1- to {LONGEST}-mers{strands}",
        COMPOSITION: f"composition{strands}",
        LENGTH: "length",
        CONSTANT: "mean of training" if numbers else "majority class",
    }.get(predictor, f"{model.name}, {predictor}")


def _lettered(task: Task, sequences: list[Tokens]) -> list[Tokens]:
    """Of a task of bases what lies around each, where not all positions are read."""
    if not task.middle:
        return sequences
    most = (MOST_POSITIONS - 1) // 2
    return [own[max(0, len(own) // 2 - most) : len(own) // 2 + most + 1] for own in sequences]


def _rows(features: Floats | Words | None, members: Sequence[int] | Rows) -> Floats | Words | None:
    if features is None:
        return None
    if isinstance(features, Words):
        return features.rows(np.asarray(members))
    return features[members]
