"""Properties that have nothing to do with biology, or little, and give the label away alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.audit.examples import Examples, Splits
from hnet_seq.evidence.measures.metrics import matthews_correlation
from hnet_seq.results.audit import Shortcut

_FOLDS = 5
_DEPTH = 4
_MOST = 50_000  # training sequences that are looked at


def find_shortcuts(splits: Splits, classes: Sequence[str], *, seed: int = 0) -> list[Shortcut]:
    """Fit a small decision tree (depth 4, classes weighted alike) to each property by itself.

    A tree, because a property may betray a class by one value or a range as well as by more or
    less. A property that does not vary in train has an MCC of 0.
    """
    train, test = splits["train"], splits["test"]
    generator = np.random.default_rng(seed)
    chosen = np.arange(len(train.labels))
    if len(chosen) > _MOST:
        chosen = np.sort(generator.choice(chosen, _MOST, replace=False))
    found = []
    for name, measure in _PROPERTIES.items():
        features = {split: measure(examples) for split, examples in splits.items()}
        train_mcc, test_mcc = tree_scores(
            features["train"][chosen],
            train.labels[chosen],
            features["test"],
            test.labels,
            num_classes=len(classes),
            seed=seed,
        )
        means = None
        if features["train"].shape[1] == 1:
            means = {
                split: _means(features[split][:, 0], examples.labels, classes)
                for split, examples in splits.items()
            }
        found.append(Shortcut(property=name, train_mcc=train_mcc, test_mcc=test_mcc, means=means))
    return found


def tree_scores(
    features: NDArray[np.float64],
    labels: NDArray[np.int64],
    test_features: NDArray[np.float64],
    test_labels: NDArray[np.int64],
    *,
    num_classes: int,
    seed: int,
) -> tuple[float | None, float]:
    """MCC of a small tree inside train, cross-validated (None: a class has one member); on test."""
    if not np.ptp(features, axis=0).any():
        return 0.0, 0.0
    # Here: a task is read, and found wrong, in a fraction of the time that they take to import.
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(
        max_depth=_DEPTH,
        min_samples_leaf=max(5, len(labels) // 200),
        class_weight="balanced",
        random_state=seed,
    )
    rarest = int(np.bincount(labels, minlength=num_classes).min())
    train_mcc = None
    if rarest > 1:
        folds = StratifiedKFold(min(_FOLDS, rarest), shuffle=True, random_state=seed)
        held_out = cross_val_predict(tree, features, labels, cv=folds)
        train_mcc = matthews_correlation(held_out, labels, num_classes)
    predicted = tree.fit(features, labels).predict(test_features)
    return train_mcc, matthews_correlation(predicted, test_labels, num_classes)


def _means(
    values: NDArray[np.float64], labels: NDArray[np.int64], classes: Sequence[str]
) -> dict[str, float]:
    return {
        name: float(values[labels == number].mean())
        for number, name in enumerate(classes)
        if (labels == number).any()
    }


def _lengths(examples: Examples) -> NDArray[np.float64]:
    return np.array([[len(sequence)] for sequence in examples.sequences], np.float64)


def _composition(examples: Examples) -> NDArray[np.float64]:
    """(N, 5): shares of A, C, G, T, and of C and G together, among the known bases."""
    counts = np.array(
        [np.bincount(sequence, minlength=5)[:4] for sequence in examples.sequences], np.float64
    )
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    return np.concatenate([shares, shares[:, 1:2] + shares[:, 2:3]], 1)


_PROPERTIES: dict[str, Callable[[Examples], NDArray[np.float64]]] = {
    "length": _lengths,
    "base composition": _composition,
    "letter case": lambda examples: examples.lower_case[:, None].astype(np.float64),
    "share of N": lambda examples: examples.unknown[:, None].astype(np.float64),
    "share of other IUPAC codes": lambda examples: examples.ambiguous[:, None].astype(np.float64),
}
