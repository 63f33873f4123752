"""Where a verdict turns: from differences to words, and from predictions to differences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hnet_seq.results.benchmark import Memory, Minus, Word
from hnet_seq.tasks.benchmarking.cells import FULL, Cell
from hnet_seq.tasks.benchmarking.compute import Work, packed, unpacked
from hnet_seq.tasks.benchmarking.judge import (
    difference,
    differences,
    remembered,
    truth_of,
    verdicts,
)
from hnet_seq.tasks.benchmarking.learners import Learner, learner_of
from hnet_seq.tasks.benchmarking.rows import counted, gathered, task_record
from hnet_seq.tasks.benchmarking.shots import drawn_rows
from hnet_seq.tasks.benchmarking.suite_data import read_task
from hnet_seq.tasks.benchmarking.suites import SuiteTask
from hnet_seq.tasks.classification.task import Task
from tests.tasks.benchmarks import KNOWS, rows, write

Says = NDArray[np.float64]
BASELINES = ("words", "letters", "composition", "length", "constant")


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    folder = tmp_path_factory.mktemp("data")
    write(folder / "t.csv", rows(60, 0), rows(60, 1))
    return read_task(SuiteTask("t", "t.csv"), folder, seed=0)


def says(truth: NDArray[Any], right: float, seed: int = 0) -> Says:
    """Calls of which such a share is right: (N, 2)."""
    wrong = np.random.default_rng(seed).permutation(len(truth)) >= round(right * len(truth))
    return np.eye(2)[np.where(wrong, 1 - truth, truth)]


def minus(other: str, low: float | None, shots: int = FULL, high: float = 0.9) -> Minus:
    ends = None if low is None else [low, high]
    return Minus(
        predictor="model", other=other, shots=shots, value=0.5, interval=ends, no_interval="few"
    )


def word(
    ends: dict[str, float | None],
    *,
    leaked: int = 0,
    memory: Memory | None = None,
) -> Word:
    """The verdict where these others' differences have other lower ends than 0.2."""
    found = [minus(other, ends.get(other, 0.2)) for other in ("twin", *BASELINES)]
    names = {each["other"]: each["other"] for each in found}
    (own,) = verdicts(found, names, memory, shots=[("model", FULL)], leaked=leaked, n_test=100)
    return own["word"]


def gap(low: float | None) -> Memory:
    ends = None if low is None else [low, 1.0]
    return Memory(train=0.9, test=0.1, gap=0.8, interval=ends, no_interval="few")


def test_beyond_is_above_every_other_row_and_surely() -> None:
    assert word({}) == "beyond"
    for other in ("twin", "words", "letters", "composition", "length"):
        for low in (-0.1, 0.0, None):
            assert word({other: low}) == "not beyond", (other, low)


def test_chance_is_what_is_not_surely_above_one_class_for_all() -> None:
    for low in (-0.1, 0.0, None):
        assert word({"constant": low}) == "chance"
    assert word({"constant": 0.001}) == "beyond"
    assert word({"length": -0.1}) == "not beyond"


def test_a_leak_is_half_of_the_test_or_more() -> None:
    assert [word({}, leaked=count) for count in (0, 10, 49, 50, 100)] == [
        *("beyond", "beyond", "beyond", "leak", "leak")
    ]
    assert word({"constant": -0.1}, leaked=50, memory=gap(0.5)) == "leak"


def test_memory_is_a_gap_of_which_the_lower_end_is_above_a_tenth() -> None:
    assert [word({}, memory=gap(low)) for low in (-0.1, 0.09, 0.11, None)] == [
        *("beyond", "beyond", "memory", "beyond")
    ]
    assert word({"constant": -0.1}, memory=gap(0.11)) == "memory"


def test_a_verdict_is_of_the_differences_of_its_own_shots() -> None:
    found = [minus(other, 0.2 if shots else -0.1, shots) for other in BASELINES for shots in (0, 2)]
    names = {other: other for other in BASELINES}
    shots = [("model", 0), ("model", 2)]
    own = verdicts(found, names, None, shots=shots, leaked=0, n_test=100)
    assert [(each["shots"], each["word"]) for each in own] == [(0, "chance"), (2, "beyond")]


def test_what_is_counted_as_beyond_is_called_so(task: Task) -> None:
    found: Any = [
        {"verdicts": [{"predictor": "model", "shots": 0, "word": each}]}
        for each in ("beyond", "not beyond", "leak", "chance")
    ]
    assert [(own["judged"], own["beyond"]) for own in counted(found)] == [(4, 1)]


def test_differences_are_of_clean_rows_of_equal_shots_and_of_the_model_minus_others(
    task: Task,
) -> None:
    """On the other rows, which leaked, the model has nothing right."""
    truth, _ = truth_of(task)
    clean = np.arange(60) < 40
    model = says(truth, 0.95)
    model[~clean] = np.eye(2)[1 - truth[~clean]]
    found = {("model", 0): [model], ("model", 2): [says(truth, 0.5, 1)] * 2}
    for other in ("twin", *BASELINES):
        for shots in (0, 2):
            found[other, shots] = [says(truth, 0.6, 2)] * (2 if shots else 1)
    found["fine-tuned", 0] = found["fine-tuned twin", 0] = [says(truth, 0.7, 3)] * 2
    own = differences(task, found, clean)
    assert len(own) == len({(m["predictor"], m["other"], m["shots"]) for m in own}) == 6 * 3 + 1
    of_all = {m["other"]: m for m in own if (m["predictor"], m["shots"]) == ("model", 0)}
    assert set(of_all) == {"twin", *BASELINES}  # the fine-tuned twin is none of its rows
    assert all(m["value"] > 0.5 and m["interval"] and m["interval"][0] > 0 for m in of_all.values())
    tuned = {m["other"] for m in own if m["predictor"] == "fine-tuned"}
    assert tuned == {"twin", "fine-tuned twin", *BASELINES}


def test_memory_is_asked_of_words_too_and_of_training_rows(task: Task) -> None:
    """Everybody does better inside training where a split is hard: that is no memory."""
    inside, outside = truth_of(task, "train")[0], truth_of(task)[0]
    members, clean = np.arange(60), np.ones(60, bool)

    def asked(model: tuple[float, float], words: tuple[float, float]) -> Memory:
        held = {
            name: (members, says(inside, own[0], seed))
            for seed, (name, own) in enumerate((("model", model), ("words", words)))
        }
        found = {
            ("model", 0): [says(outside, model[1], 2)],
            ("words", 0): [says(outside, words[1], 3)],
        }
        own = remembered(task, held, found, clean)
        assert own is not None
        return own

    learned = asked((0.95, 0.5), (0.5, 0.5))
    assert learned["train"] > 0.6
    assert abs(learned["test"]) < 0.4
    assert learned["interval"] is not None
    assert learned["interval"][0] > 0.1
    even = asked((0.75, 0.75), (0.5, 0.75))
    assert abs(even["test"]) < 0.2
    assert even["gap"] == pytest.approx(0.5, abs=0.2)
    for model, words in (
        ((0.95, 0.5), (0.95, 0.5)),  # a hard split
        ((0.95, 0.95), (0.5, 0.5)),  # honest and good
        ((0.5, 0.95), (0.5, 0.5)),  # worse inside
        ((0.95, 0.95), (0.95, 0.5)),
    ):
        found = asked(model, words)
        assert found["interval"] is None or found["interval"][0] < 0.1, (model, words)


def test_a_leaked_row_has_no_part_in_memory(task: Task) -> None:
    inside, outside = truth_of(task, "train")[0], truth_of(task)[0]
    clean = np.arange(60) < 30
    model = says(outside, 1.0)
    model[~clean] = np.eye(2)[1 - outside[~clean]]
    held = {name: (np.arange(60), says(inside, 0.9)) for name in ("model", "words")}
    found = {("model", 0): [model], ("words", 0): [says(outside, 0.5, 3)]}
    own = remembered(task, held, found, clean)
    assert own is not None
    assert own["test"] > 0.7
    assert own["gap"] == pytest.approx(own["train"] - own["test"])


class Echo(Learner):
    """Says of each row the numbers that its probe was fitted on and asked for."""

    def predict(self, members: Any, seed: int, asked: Any = None) -> Any:
        self.__dict__.setdefault("calls", []).append((members, asked))
        return np.zeros((len(asked), 2))


def test_a_probe_never_saw_the_rows_of_which_memory_is_asked(task: Task) -> None:
    own = Echo(task, np.zeros((60, 1)), np.zeros((60, 1)))
    held, _ = own.held_out(0)
    ((fitted, asked),) = own.__dict__["calls"]
    assert asked.tolist() == held.tolist()
    assert not set(fitted.tolist()) & set(held.tolist())
    assert sorted([*fitted, *held]) == list(range(60))
    train = np.eye(2)[task.train.labels]
    known = Learner(task, train, 1 - train)
    said = known.predict(np.arange(0, 60, 2), 0, np.arange(1, 60, 2))
    assert (said.argmax(1) == task.train.labels[1::2]).all()
    assert (known.predict(np.arange(60), 0).argmax(1) == 1 - task.train.labels).all()


def test_vectors_of_test_rows_and_of_the_twin_are_their_own(task: Task, tmp_path: Path) -> None:
    model, twin = (
        learner_of(name, task, KNOWS, tmp_path, both_strands=False) for name in ("model", "twin")
    )
    for own, source in ((model, KNOWS), (twin, KNOWS.twin)):
        assert source is not None
        for side, split in ((own.train, task.train), (own.test, task.test)):
            letters = ["".join("ACGT"[base] for base in each) for each in split.sequences]
            assert np.array_equal(np.asarray(side), source.embed(letters))


def test_few_shots_are_of_every_class_alike(task: Task) -> None:
    for seed in range(5):
        members = drawn_rows(task, 3, seed)
        assert np.bincount(task.train.labels[members]).tolist() == [3, 3]
    assert len({tuple(drawn_rows(task, 3, seed)) for seed in range(5)}) == 5
    assert drawn_rows(task, FULL, 0).tolist() == list(range(60))


def test_what_leaked_is_what_the_audit_says(task: Task, tmp_path: Path) -> None:
    """From the cells of a run to its verdict."""
    truth, _ = truth_of(task)

    def verdict(leaked: int) -> Word:
        clean = np.arange(60) >= leaked
        cells = [(Cell(0, "audit"), {"findings": [], "clean": packed(clean)})]
        cells += [(Cell(0, "model"), {"test": packed(says(truth, 0.95))})]
        cells += [(Cell(0, name), {"test": packed(says(truth, 0.5, 4))}) for name in BASELINES]
        (said,) = gathered([(cell, json.dumps(content)) for cell, content in cells], 1)
        work = Work([("t", task)], KNOWS, [], tmp_path, 0)
        own = task_record(SuiteTask("t", "t.csv"), task, said, work)
        assert own["n_clean"] == 60 - leaked
        return own["verdicts"][0]["word"]

    assert [verdict(leaked) for leaked in (0, 15, 30, 45)] == ["beyond", "beyond", "leak", "leak"]


def test_of_numbers_too_it_is_the_one_minus_the_other() -> None:
    truth = np.arange(60.0)
    noise = np.random.default_rng(0).permutation(60.0 * np.arange(60))
    good, poor = [truth[:, None]], [(truth + noise / 20)[:, None]]
    found = difference("regression", good, poor, truth, np.arange(60))
    assert found.value > 0.2
    assert found.interval is not None
    assert found.interval[0] > 0


def test_the_audit_of_a_run_says_which_rows_leaked(tmp_path: Path) -> None:
    train = rows(40, 0)
    write(tmp_path / "t.csv", train, [*train[:20], *rows(20, 1)])
    leaky = read_task(SuiteTask("t", "t.csv"), tmp_path, seed=0)
    part = [Cell(0, "audit")]
    work = Work([("t", leaky)], KNOWS, [part], tmp_path, 0)
    ((columns, _),) = work._compute(part, 0, lambda _: None)
    clean = unpacked(json.loads(columns["found"][0])["clean"])
    assert clean.tolist() == [False] * 20 + [True] * 20
