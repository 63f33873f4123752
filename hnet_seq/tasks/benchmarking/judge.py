"""What rows mean: differences on clean test rows, whether they were remembered, and a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.measures.class_intervals import paired_difference
from hnet_seq.evidence.measures.metrics import matthews_correlation
from hnet_seq.evidence.measures.spearman import rank_correlation, rank_difference
from hnet_seq.results.benchmark import Memory, Minus, Verdict, Word
from hnet_seq.results.classification import Interval
from hnet_seq.tasks.benchmarking.cells import (
    CONSTANT,
    FULL,
    MODEL,
    OF_MODEL,
    TUNED_TWIN,
    WORDS,
)
from hnet_seq.tasks.benchmarking.draws import is_drawn, widened
from hnet_seq.tasks.classification.targets import targets_of
from hnet_seq.tasks.classification.task import Task

MOST_LEAKED = 0.5
"""Share of the test rows with their like in training from which a task says nothing."""
REMEMBERED = 0.1
"""What the lower end of the gap must exceed: splits drawn otherwise than at random differ, too."""

Predictions = Sequence[NDArray[np.floating]]
Key = tuple[str, int]
"""A predictor, and shots."""


@dataclass(frozen=True)
class Difference:
    """Of main scores; ``no_interval`` says why there is none."""

    value: float
    interval: Interval
    no_interval: str | None


def difference(
    problem: str,
    one: Predictions,
    other: Predictions,
    truth: NDArray[Any],
    groups: NDArray[Any],
    *,
    drawn: bool = False,
) -> Difference:
    """The main score of ``one`` minus that of ``other`` on the same rows, paired.

    Args:
        one, other: (N, C) of each seed; those of one seed go together.
        truth: (N,) class numbers, or numbers.
        groups: (N,) of the rows, for numbers: rows of a group tell less than as many others.
        drawn: the seeds are draws, and what is said is of all draws, not of these.
    """
    if problem == "classes":
        called = paired_difference(_called(one), _called(other), truth.astype(np.int64))
        value, ends, why = called["mcc"], called["interval"], called.get("no_interval")
    else:
        first, second = ([each[:, 0] for each in side] for side in (one, other))
        ranked = rank_difference(first, second, truth, groups)
        low, high = ranked["low"], ranked["high"]
        value, why = ranked["rho"] or 0.0, ranked["no_interval"]
        ends = None if low is None or high is None else [low, high]
    if drawn and ends is not None:
        draws = max(len(one), len(other))  # a predictor without chance in it has one for all
        scores = (scores_of(problem, side, truth) for side in (one, other))
        own, than = (each * (draws // len(each)) for each in scores)
        apart = [a - b for a, b in zip(own, than, strict=True)]
        ends, why = widened(value, ends, apart, most=2.0)
    return Difference(value, ends, why)


def scores_of(problem: str, predictions: Predictions, truth: NDArray[Any]) -> list[float]:
    """The main score of each seed; 0 for one that says the same of all rows."""
    if problem == "classes":
        labels = truth.astype(np.int64)
        return [float(matthews_correlation(p.argmax(1), labels, p.shape[1])) for p in predictions]
    return [rank_correlation(p[:, 0], truth)[0] or 0.0 for p in predictions]


def truth_of(task: Task, split: str = "test") -> tuple[NDArray[Any], NDArray[Any]]:
    """(N,) class numbers, or numbers, of a split, and (N,) numbers of its groups of rows."""
    examples = task.splits[split]
    truth = examples.labels if task.problem == "classes" else targets_of(task, split)[:, 0]
    groups = examples.together or np.arange(len(truth))
    return truth, np.unique(np.asarray(groups), return_inverse=True)[1]


def _called(predictions: Predictions) -> Predictions:
    """What calls every row one class, with every seed, as the constant that it is: its MCC is 0."""
    if any(np.ptp(each.argmax(1)) for each in predictions):
        return predictions
    return [np.tile(each.mean(0), (len(each), 1)) for each in predictions]


def differences(
    task: Task, found: Mapping[Key, Predictions], clean: NDArray[np.bool_]
) -> list[Minus]:
    """Every predictor of the model minus every other one of as many shots, on clean test rows."""
    rows = np.flatnonzero(clean)
    truth, groups = (each[rows] for each in truth_of(task))
    minus = []
    for predictor, shots in found:
        if predictor not in OF_MODEL or not len(rows):
            continue
        one = [each[rows] for each in found[predictor, shots]]
        for other, count in found:
            tuned = other == TUNED_TWIN and predictor == MODEL  # has its own comparison
            if count != shots or other in OF_MODEL or tuned:
                continue
            than = [each[rows] for each in found[other, shots]]
            drawn = is_drawn(predictor, shots) or is_drawn(other, shots)
            own = difference(task.problem, one, than, truth, groups, drawn=drawn)
            minus.append(
                Minus(
                    predictor=predictor,
                    other=other,
                    shots=shots,
                    value=own.value,
                    interval=own.interval,
                    no_interval=own.no_interval,
                )
            )
    return minus


def remembered(
    task: Task,
    held: Mapping[str, tuple[NDArray[np.int64], NDArray[np.floating]]],
    found: Mapping[Key, Predictions],
    clean: NDArray[np.bool_],
) -> Memory | None:
    """Whether the model's vectors know the training rows, beside what the splits differ by.

    A probe that is fitted on four fifths of train says the classes of the last fifth. It never saw
    them, and the model should not have either: then the model beats words there by as much as on
    test. Where it has learned these very rows with their labels, it beats words by more. Words
    stand beside it since a split by time, place or likeness makes test harder for everybody.

    Args:
        held: of the model and of words: training rows, and what is said of them.
    """
    rows = np.flatnonzero(clean)
    members, said = held[MODEL]
    if not len(rows) or not len(members):
        return None
    truth, groups = (each[members] for each in truth_of(task, "train"))
    inside = difference(task.problem, [said], [held[WORDS][1]], truth, groups)
    own, of_words = ([each[rows] for each in found[key, FULL]] for key in (MODEL, WORDS))
    truth, groups = (each[rows] for each in truth_of(task))
    outside = difference(task.problem, own, of_words, truth, groups)
    gap = inside.value - outside.value
    interval, why = None, inside.no_interval or outside.no_interval
    if inside.interval is not None and outside.interval is not None:
        # Of two independent intervals (Zou and Donner, Stat. Med. 27, 2008).
        (a, b), (c, d) = inside.interval, outside.interval
        low = gap - math.hypot(inside.value - a, d - outside.value)
        high = gap + math.hypot(b - inside.value, outside.value - c)
        interval, why = [low, high], None
    return Memory(
        train=inside.value, test=outside.value, gap=gap, interval=interval, no_interval=why
    )


def verdicts(
    minus: Sequence[Minus],
    names: Mapping[str, str],
    memory: Memory | None,
    *,
    shots: Sequence[Key],
    leaked: int,
    n_test: int,
) -> list[Verdict]:
    """One for each predictor of the model and number of shots."""
    found = []
    for predictor, count in shots:
        own = [m for m in minus if (m["predictor"], m["shots"]) == (predictor, count)]
        word, text = _verdict(own, names, memory, leaked=leaked, n_test=n_test)
        found.append(Verdict(predictor=predictor, shots=count, word=word, text=text))
    return found


def _verdict(
    minus: Sequence[Minus],
    names: Mapping[str, str],
    memory: Memory | None,
    *,
    leaked: int,
    n_test: int,
) -> tuple[Word, str]:
    if leaked >= MOST_LEAKED * n_test:
        return "leak", (
            f"{leaked:,} of {n_test:,} test rows have their like in training: what is scored is "
            "memory of the data, whoever scores it"
        )
    if memory is not None and memory["interval"] and memory["interval"][0] > REMEMBERED:
        return "memory", (
            f"the model beats words by {memory['train']:+.3f} on training rows that its probe did "
            f"not see, by {memory['test']:+.3f} on test rows: it has learned the training rows "
            "themselves"
        )
    (chance,) = (m for m in minus if m["other"] == CONSTANT)
    if chance["interval"] is None or chance["interval"][0] <= 0:
        why = f" ({chance['no_interval']})" if chance["interval"] is None else ""
        return "chance", f"not told from guessing{why}"
    short = [m for m in minus if m["interval"] is None or m["interval"][0] <= 0]
    if not short:
        least = min(minus, key=lambda m: m["value"])
        return "beyond", f"beyond every baseline, least {_said(least, names)}"
    worst = sorted(short, key=lambda m: m["value"])
    return "not beyond", f"not beyond {'; '.join(_said(m, names) for m in worst)}"


def _said(minus: Minus, names: Mapping[str, str]) -> str:
    ends = minus["interval"]
    sure = minus["no_interval"] if ends is None else f"{ends[0]:+.3f} to {ends[1]:+.3f}"
    return f"{names[minus['other']]}: {minus['value']:+.3f} ({sure})"
