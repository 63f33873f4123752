"""What rows mean: differences on clean test rows, whether they were remembered, and a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.measures.class_intervals import paired_difference
from hnet_seq.evidence.measures.spearman import rank_difference
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
class _Difference:
    value: float
    interval: Interval
    no_interval: str | None


def difference(
    task: Task, one: Predictions, other: Predictions, rows: NDArray[np.int64], split: str = "test"
) -> _Difference:
    """The main score of ``one`` minus that of ``other`` on these rows of a split, paired.

    Args:
        one, other: (N, C) of each seed, of these rows alone.
    """
    examples = task.splits[split]
    if task.problem == "classes":
        found = paired_difference(_called(one), _called(other), examples.labels[rows])
        return _Difference(found["mcc"], found["interval"], found.get("no_interval"))
    values = targets_of(task, split)[rows, 0]
    groups = np.asarray(examples.together)[rows] if examples.together else rows
    ranked = rank_difference([p[:, 0] for p in one], [p[:, 0] for p in other], values, groups)
    low, high = ranked["low"], ranked["high"]
    ends = None if low is None or high is None else [low, high]
    return _Difference(ranked["rho"] or 0.0, ends, ranked["no_interval"])


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
            own = difference(task, one, than, rows)
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
    inside = difference(task, [said], [held[WORDS][1]], members, "train")
    own, of_words = ([each[rows] for each in found[key, FULL]] for key in (MODEL, WORDS))
    outside = difference(task, own, of_words, rows)
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
