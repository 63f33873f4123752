"""What a head predicts, by which names, and from what; plain values that go into a checkpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from hnet_seq.heads.names import HEAD_POOLINGS

Problem = Literal["single_label", "multi_label", "regression", "per_position"]
PROBLEMS: tuple[Problem, ...] = get_args(Problem)


@dataclass(frozen=True)
class HeadConfig:
    """A head.

    Attributes:
        problem: ``single_label``, one of two or more classes; ``multi_label``, any number of them;
            ``regression``, one or more numbers; ``per_position``, a class at every position.
        names: of the classes, sorted, so that a class has one number on every machine; or of the
            numbers, in any order.
        pooling: how positions become one vector, one of ``HEAD_POOLINGS``; no matter per position.
        stage: whose chunks are pooled, from the outside in; -1 is the innermost.
        mean, sd: of each number of a regression over the training targets; the head learns
            standardised targets and predicts in the units of the targets.
        markers: each sequence is read between the modality's begin and end tokens, so that the
            model can tell where it begins; not per position.
    """

    problem: Problem
    names: list[str]
    pooling: str = "chunks"
    stage: int = -1
    mean: list[float] = field(default_factory=list)
    sd: list[float] = field(default_factory=list)
    markers: bool = False

    def __post_init__(self) -> None:
        """Raise ValueError unless the values describe a head."""
        if self.problem not in PROBLEMS:
            raise ValueError(f"problem {self.problem!r} is not one of {', '.join(PROBLEMS)}")
        if self.pooling not in HEAD_POOLINGS:
            raise ValueError(f"pooling {self.pooling!r} is not one of {', '.join(HEAD_POOLINGS)}")
        if self.markers and self.problem == "per_position":
            raise ValueError("per_position: a marker is no position of the sequence; leave it out")
        if self.problem == "regression":
            if not len(self.names) == len(self.mean) == len(self.sd) > 0:
                raise ValueError("regression: expected a name, a mean and an sd for each number")
            return
        least = 1 if self.problem == "multi_label" else 2
        if len(self.names) < least:
            raise ValueError(f"{self.problem}: expected {least} or more classes; got {self.names}")
        if self.names != sorted(set(self.names)):
            raise ValueError(
                f"class names must be sorted and distinct, class number i is names[i]; "
                f"got {self.names[:8]}"
            )

    @classmethod
    def from_labels(
        cls,
        problem: Problem,
        labels: Iterable[Any],
        *,
        pooling: str = "chunks",
        stage: int = -1,
        names: Sequence[str] | None = None,
        markers: bool = False,
    ) -> HeadConfig:
        """The head for the labels of a training set.

        Args:
            labels: of each sequence: a class name; the collection of its class names; or its
                numbers, (N,) or (N, K). Names are compared as text: 1 and "1" are one class.
            names: of the numbers of a regression; by default ``value`` or ``value_0`` ...; or of
                classes that may occur elsewhere, besides those in ``labels``.

        Raises:
            ValueError: a label that is none of these, or too few classes.
        """
        if problem == "per_position":
            raise ValueError(
                "per_position: labels are class numbers; give their names, HeadConfig(problem, "
                "sorted names)"
            )
        if problem == "regression":
            values = as_numbers(labels)
            columns = values.shape[1]
            found = ["value"] if columns == 1 else [f"value_{k}" for k in range(columns)]
            sd = values.std(0)
            # A target that never varies has nothing to learn: its mean is the prediction.
            sd[sd <= 1e-12 * np.maximum(1, np.abs(values.mean(0)))] = 1
            return cls(
                problem,
                list(names or found),
                pooling,
                stage,
                mean=values.mean(0).tolist(),
                sd=sd.tolist(),
                markers=markers,
            )
        if problem == "multi_label":
            classes = {name for label in labels for name in as_names(label)}
        else:
            classes = {str(label) for label in labels}
        classes |= set(names or ())
        return cls(problem, sorted(classes), pooling, stage, markers=markers)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> HeadConfig:
        """Build from JSON.

        Raises:
            ValueError: the values do not describe a head.
        """
        known = {f.name for f in dataclasses.fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ValueError(f"unknown key {unknown[0]}; known: {', '.join(sorted(known))}")
        if not {"problem", "names"} <= set(values):
            raise ValueError("a head needs problem and names")
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return dataclasses.asdict(self)


def as_numbers(targets: Iterable[Any]) -> np.ndarray:
    """(N,) or (N, K) numbers as (N, K) fp64.

    Raises:
        ValueError: no numbers, or one that is not finite, with its row.
    """
    try:
        values = np.asarray(targets if isinstance(targets, np.ndarray) else list(targets), float)
    except (TypeError, ValueError):
        raise ValueError("regression: every label must be a number, or K numbers") from None
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or not values.size:
        raise ValueError(f"regression: expected (N,) or (N, K) numbers; got {values.shape}")
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values).all(1))[0])
        raise ValueError(f"label {row}: {values[row].tolist()} is not a finite number")
    return values


def as_names(label: Any) -> list[str]:
    """The class names of one multi-label example.

    Raises:
        ValueError: text or a number where a collection of names is expected.
    """
    if isinstance(label, str) or not isinstance(label, Iterable):
        raise ValueError(f"multi_label: expected a collection of class names; got {label!r}")
    return [str(name) for name in label]
