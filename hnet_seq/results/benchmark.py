"""``benchmark.json``: a model's rows on a suite, its baselines', and what may be said of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypedDict

from hnet_seq.results.audit import Finding
from hnet_seq.results.classification import Interval, Kind
from hnet_seq.results.record import Result
from hnet_seq.results.zero_shot import ZeroShotTest
from pipelines.storage.json_records import Finite

MAIN = {"classes": "mcc", "regression": "spearman"}
"""What is judged by, of each problem; a project's own metric stands beside it."""

ONE_STRAND = "the given one alone"
"""What zero-shot tests read, whatever ``--strands`` says of vectors."""

Word = Literal["beyond", "not beyond", "chance", "leak", "memory"]
UntaughtWord = Literal[
    "beyond",
    "level",
    "not beyond",
    "chance",
    "below chance",
    "not judged",
    "memorised",
    "trace",
    "none found",
    "too few windows",
]


class Scored(TypedDict):
    """The main score on some of the test rows; ``no_interval`` says why there is none."""

    n: int
    score: float | None
    interval: Interval
    no_interval: str | None


class BenchmarkRow(Scored):
    """One predictor, fitted on ``shots`` rows of each class (0: on all) with each of the seeds.

    ``predictor`` is its key, ``name`` what it is called. Scores are means over seeds; ``clean`` is
    without the test rows that have their like in training, None where none has.
    """

    predictor: str
    name: str
    kind: Kind
    shots: int
    seeds: list[int]
    metrics: dict[str, float | None]
    per_seed: list[float | None]
    clean: Scored | None


class Minus(TypedDict):
    """The main score of ``predictor`` minus that of ``other``, paired over clean test rows."""

    predictor: str
    other: str
    shots: int
    value: Finite
    interval: Interval
    no_interval: str | None


class Verdict(TypedDict):
    """What may be said of a predictor of the model, in a word and in a sentence."""

    predictor: str
    shots: int
    word: Word
    text: str


class Memory(TypedDict):
    """How much better the model beats words on training rows that its probe did not see than on
    test rows: the two differences, and theirs with its 95% interval."""

    train: Finite
    test: Finite
    gap: Finite
    interval: Interval
    no_interval: str | None


class BenchmarkTask(TypedDict):
    """One task: its data, the audit's serious findings, and how many others it has, its rows."""

    name: str
    about: str
    problem: str
    metric: str
    split: str
    classes: list[str]
    fingerprint: str
    unchecked: list[str]
    n_train: int
    n_test: int
    n_clean: int
    findings: list[Finding]
    other_findings: int
    rows: list[BenchmarkRow]
    minus: list[Minus]
    verdicts: list[Verdict]
    memory: Memory | None


class Count(TypedDict):
    """Of a predictor and a number of shots: tasks that were judged, and those where it is beyond
    every baseline and the twin."""

    predictor: str
    shots: int
    judged: int
    beyond: int


class UntaughtVerdict(TypedDict):
    """What may be said of the model in a zero-shot test, in a word and in a sentence."""

    test: str
    word: UntaughtWord
    text: str


@dataclass(frozen=True, kw_only=True)
class BenchmarkUntaught:
    """Zero-shot tests on one genome.

    Attributes:
        held_out: which part of the genome, in words.
        unchecked: files of which the suite knows no sha256.
        n_train, n_held_out: known bases that are counted, and that are asked from.
        asked: by part, the sha256 of the sequences that it is asked on, and the numbers that say
            how.
        tests: the model beside its twin and what counts.
        left_out: why data or model do not allow a part, by name.
    """

    name: str
    about: str
    fingerprint: str
    unchecked: list[str]
    held_out: str
    n_train: int
    n_held_out: int
    asked: dict[str, dict[str, Any]]
    tests: list[ZeroShotTest]
    verdicts: list[UntaughtVerdict]
    left_out: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Benchmark(Result):
    """A run of ``hnet-seq benchmark``.

    Attributes:
        suite: its name; ``title`` for people, ``source`` of the data and whether its layout was
            ``met`` or only read about.
        model: its name; ``fingerprint`` of all that its vectors depend on; ``about`` in words.
        twin: the name of its untrained twin's rows; None where it has none.
        seed: of splits, folds and draws.
        shots, seeds: rows of each class that few-shot probes see, and how many draws of them.
        versions: of what computed.
        zero_shot: tests without labels; None where the suite has none.
    """

    KIND: ClassVar[str] = "benchmark"
    suite: str
    title: str
    source: str
    met: bool
    model: str
    fingerprint: str
    about: dict[str, Any]
    twin: str | None = None
    seed: int
    shots: list[int]
    seeds: int
    versions: dict[str, str] = field(default_factory=dict)
    counts: list[Count]
    tasks: list[BenchmarkTask]
    zero_shot: list[BenchmarkUntaught] | None = None

    def __post_init__(self) -> None:
        for index, task in enumerate(self.tasks):
            main = MAIN.get(task["problem"])
            if main is None:
                raise ValueError(f"tasks[{index}].problem: {task['problem']!r} is not known")
            for row in task["rows"]:
                if main not in row["metrics"]:
                    raise ValueError(f"tasks[{index}].rows: no {main!r}")
