"""What ``classify evaluate`` says of several labels a row, and of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.measures.target_scores import TargetRow, format_targets, target_row
from hnet_seq.tasks.classification.classifiers import Classifier
from hnet_seq.tasks.classification.labelled_rows import Row
from hnet_seq.tasks.classification.labels import members_of, value_of
from hnet_seq.train.grouped_draw import kept_together
from modalities import dna
from modalities.errors import InputError


def read_targets(
    path: str, rows: Sequence[Row], classifier: Classifier, column: str, separator: str
) -> NDArray[np.float64]:
    """(N, C) of 0 and 1, or (N, 1) numbers.

    Raises:
        InputError: a label that the classifier does not know, or that is no number.
    """
    if classifier.problem == "regression":
        return np.array([[value_of(path, row, column)] for row in rows])
    known = {name: at for at, name in enumerate(classifier.classes)}
    targets = np.zeros((len(rows), len(known)))
    for at, row in enumerate(rows):
        for name in members_of(row, separator):
            if name not in known:
                raise InputError(
                    path,
                    f"the {classifier.kind} does not know the label {name!r}; it knows "
                    f"{', '.join(classifier.classes)}",
                    where=row.place,
                )
            targets[at, known[name]] = 1
    return targets


def target_table(
    classifier: Classifier,
    rows: Sequence[Row],
    targets: NDArray[np.float64],
    clean: NDArray[np.bool_] | None,
) -> str:
    """Scores of the classifier and of the best constant, as aligned text."""
    sequences = [row.tokens for row in rows]
    predicted = classifier.predict_proba(sequences)
    constant = np.tile(targets.mean(0), (len(rows), 1))
    groups = kept_together(sequences, dna.COMPLEMENT).groups.astype(str).tolist()
    name = "mean of these rows" if classifier.problem == "regression" else "share of each label"

    def scored(who: str, kind: Literal["model", "baseline"], said: Any) -> TargetRow:
        names = classifier.classes
        return target_row(
            classifier.problem, who, kind, [said], targets, names, clean=clean, groups=groups
        )

    found = [scored(classifier.name, "model", predicted), scored(name, "baseline", constant)]
    return format_targets(classifier.problem, found)
