"""Logistic and ridge regression on words, with the penalty chosen inside the training rows.

What :mod:`hnet_seq.evidence.probes.logistic` and :mod:`hnet_seq.evidence.probes.ridge` are for
dense features, with the same penalties in the same units: the matrix is never written out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from hnet_seq.evidence.probes.folds import Fold, stratified_folds
from hnet_seq.evidence.probes.small_fits import one_thread_if_little
from hnet_seq.evidence.probes.standardise import log_loss, softmax
from hnet_seq.evidence.probes.words import Standardised, Words

PENALTIES = tuple(10.0**exponent for exponent in range(-6, 1))
"""Inverse penalties C that are tried, from the strongest on; of both problems."""

POWERS = (1.0, 0.5)
"""Of the deviations that columns are divided by: which is better differs between data sets."""

_PATH, _FINAL = 1e-4, 1e-5  # largest part of the gradient of the mean loss, in its own unit
_FEW = 600  # rows, up to which the fit is to their products among each other: exact, and small
_RISE = 1.02  # of the held-out loss over its least, where the path ends
_FOLDS = 5

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class WordModel:
    """A fitted regression on words.

    Attributes:
        fitted: how the words are standardised.
        weights: (F, K), intercepts: (K,). Two classes and numbers have K = 1.
        spread: what numbers were divided by; None of classes.
        power, inverse_penalty: the chosen ones.
    """

    fitted: Standardised
    weights: Floats
    intercepts: Floats
    spread: float | None
    power: float
    inverse_penalty: float

    def predict(self, words: Words) -> Floats:
        """Probabilities (N, C), or numbers (N, 1)."""
        scores = Standardised(words, self.fitted).times(self.weights) + self.intercepts
        return softmax(scores) if self.spread is None else scores * self.spread


def fit_words(
    words: Words,
    labels: NDArray[np.integer] | Floats,
    *,
    num_classes: int | None,
    groups: Sequence[str] | None = None,
    seed: int = 0,
    settings: tuple[float, float] | None = None,
) -> WordModel:
    """Fit on training rows; test rows have no say in anything.

    Args:
        labels: (N,) class numbers, each of which occurs; or numbers.
        num_classes: None for numbers.
        groups: what the folds keep together.
        seed: of the folds. The power and the penalty with the least held-out loss win; without
            folds both are 1.
        settings: a power and a penalty, which are not chosen then.
    """
    problem = _Problem.of(labels, num_classes)
    if settings is None:
        settings = _choose(words, problem, folds_of(labels, num_classes, groups, seed))
    power, penalty = settings
    standardised = Standardised(words, power=power)
    x, basis = _narrowed(standardised, len(words))
    weights, intercepts = _solve(x, problem, penalty, _FINAL)
    weights = weights if basis is None else basis @ weights
    return WordModel(standardised, weights, intercepts, problem.spread, power, penalty)


@dataclass(frozen=True)
class _Problem:
    """What is predicted, as columns: (N, K) of 0 and 1, or standardised numbers."""

    targets: Floats
    spread: float | None
    classes: NDArray[np.int64] | None

    @classmethod
    def of(cls, labels: NDArray[np.integer] | Floats, num_classes: int | None) -> _Problem:
        if num_classes is None:
            values = np.asarray(labels, np.float64)
            spread = float(values.std()) or 1.0
            return cls(values[:, None] / spread, spread, None)
        numbers = np.asarray(labels, np.int64)
        hot = np.eye(num_classes)[numbers]
        return cls(hot[:, 1:] if num_classes == 2 else hot, None, numbers)

    def rows(self, members: NDArray[np.integer]) -> _Problem:
        classes = None if self.classes is None else self.classes[members]
        return _Problem(self.targets[members], self.spread, classes)

    def loss(self, scores: Floats) -> tuple[float, Floats]:
        """The mean over rows, and its slope (N, K) by the scores."""
        count = len(scores)
        if self.classes is None:
            error = scores - self.targets
            return float((error**2).sum() / 2 / count), error / count
        found = softmax(scores)
        kept = found[:, 1:] if self.targets.shape[1] == 1 else found
        return log_loss(found, self.classes), (kept - self.targets) / count

    def start(self) -> Floats:
        """Intercepts (K,) that say the mean."""
        mean = self.targets.mean(0)
        if self.classes is None:
            return mean
        share = np.clip(mean, 1e-9, 1 - 1e-9)
        return np.log(share / (1 - share)) if len(mean) == 1 else np.log(share)


@dataclass(frozen=True)
class _Matrix:
    """A matrix (N, R) as the products that a fit takes."""

    values: Floats

    @property
    def columns(self) -> int:
        return self.values.shape[1]

    @property
    def dense_size(self) -> int:
        return self.values.size

    def times(self, weights: Floats) -> Floats:
        return np.asarray(self.values @ weights)

    def back(self, residuals: Floats) -> Floats:
        return np.asarray(self.values.T @ residuals)


def _narrowed(x: Standardised, count: int) -> tuple[Standardised | _Matrix, Floats | None]:
    """Few rows in the space that they span, and its basis (F, R); more as they are.

    What is fitted with a penalty on the length of the weights lies there, and lengths are kept.
    """
    if count > _FEW:
        return x, None
    rows = x.back(np.eye(count))
    values, vectors = np.linalg.eigh(x.times(rows))
    kept = values > 1e-10 * max(float(values[-1]), 1e-300)
    root = np.sqrt(values[kept])
    return _Matrix(vectors[:, kept] * root), rows @ (vectors[:, kept] / root)


def _solve(
    x: Standardised | _Matrix,
    problem: _Problem,
    penalty: float,
    tolerance: float,
    begin: tuple[Floats, Floats] | None = None,
) -> tuple[Floats, Floats]:
    """Weights (F, K) and intercepts (K,) of the least mean loss + |w|^2 / (2 C N)."""
    outputs = problem.targets.shape[1]
    strength = 1 / (penalty * len(problem.targets))
    size = x.columns * outputs
    weights, intercepts = begin or (np.zeros((x.columns, outputs)), problem.start())

    def objective(flat: Floats) -> tuple[float, Floats]:
        own, offset = flat[:size].reshape(-1, outputs), flat[size:]
        loss, slope = problem.loss(x.times(own) + offset)
        gradient = np.concatenate([(x.back(slope) + strength * own).ravel(), slope.sum(0)])
        return loss + strength / 2 * float((own**2).sum()), gradient

    with one_thread_if_little(x.dense_size):
        found = minimize(
            objective,
            np.concatenate([weights.ravel(), intercepts]),
            jac=True,
            method="L-BFGS-B",
            options={"gtol": tolerance, "ftol": 1e-12, "maxiter": 5000, "maxcor": 10},
        )
    return found.x[:size].reshape(-1, outputs), found.x[size:]


def folds_of(
    labels: NDArray[np.integer] | Floats,
    num_classes: int | None,
    groups: Sequence[str] | None,
    seed: int,
) -> list[Fold]:
    """Folds of training rows, whole groups in each: see :func:`fit_words`."""
    if num_classes is not None:
        return stratified_folds(np.asarray(labels, np.int64), groups, seed=seed)
    names = np.arange(len(labels)) if groups is None else np.asarray(groups)
    unique, place = np.unique(names, return_inverse=True)
    folds = min(_FOLDS, len(unique))
    if folds < 2:
        return []
    fold = (np.random.default_rng(seed).permutation(len(unique)) % folds)[place]
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(folds)]


def _choose(words: Words, problem: _Problem, folds: list[Fold]) -> tuple[float, float]:
    if not folds:
        return 1.0, 1.0
    losses = np.zeros((len(POWERS), len(PENALTIES)))
    for fit, held_out in folds:
        train, test = words.rows(fit), words.rows(held_out)
        learned, asked = problem.rows(fit), problem.rows(held_out)
        for row, power in zip(losses, POWERS, strict=True):
            fitted = Standardised(train, power=power)
            own, basis = _narrowed(fitted, len(fit))
            others: Standardised | _Matrix = Standardised(test, fitted)
            if basis is not None:
                others = _Matrix(others.times(basis))
            begin, best = None, np.inf
            # From strong to weak: each fit starts at the last one's solution, and past the least
            # loss fits are slow and useless.
            for index, penalty in enumerate(PENALTIES):
                begin = _solve(own, learned, penalty, _PATH, begin)
                loss, _ = asked.loss(others.times(begin[0]) + begin[1])
                row[index] += loss * len(held_out)
                best = min(best, loss)
                if loss > _RISE * best:
                    row[index + 1 :] = np.inf
                    break
    power_at, penalty_at = np.unravel_index(int(losses.argmin()), losses.shape)
    return POWERS[power_at], PENALTIES[penalty_at]
