"""Zero-shot tests as tasks of a suite: what is said of models, what is kept, what is refused."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from numpy.typing import NDArray

from hnet_seq.cli import main
from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.evidence.probes import logistic, word_fits
from hnet_seq.evidence.zero_shot.counting import MarkovReader
from hnet_seq.jobs.spool import Spool
from hnet_seq.results.benchmark import Benchmark, BenchmarkUntaught, UntaughtWord
from hnet_seq.results.read import read_result
from hnet_seq.results.zero_shot import Figure, ZeroShotRow, ZeroShotTest
from hnet_seq.tasks import benchmark as verb
from hnet_seq.tasks.benchmarking.suite_data import check_data
from hnet_seq.tasks.benchmarking.suites import SuiteTask, read_suite
from hnet_seq.tasks.benchmarking.untaught import verdict_of
from hnet_seq.tasks.benchmarking.untaught_data import read_untaught
from hnet_seq.tasks.benchmarking.untaught_task import Measured, Untaught
from hnet_seq.tasks.choices import ZERO_SHOT_TESTS
from modalities import dna
from modalities.errors import InputError, UsageError
from tests.evidence.zero_shot.chains import Chain, KnowsNothing, random_bases
from tests.forked import Forked
from tests.tasks.benchmarks import GUESSES, rows, suite_of, write

EXAMPLES = Path(__file__).parents[2] / "examples" / "data"
HEAD = "name: s\ntitle: t\nabout: a\nsource: b\nmet: true\ntasks:\n"
TASK = Untaught(
    "genome.fa",
    held_out="last:0.4",
    tests=["next_base", "needle", "variants", "memorisation"],
    windows=12,
    window_bases=100,
    distances=[8, 16],
    trials=6,
    measured=Measured("measured.csv", label="value"),
)
OWN = SuiteTask("chain", zero_shot=TASK)


class Nothing(KnowsNothing):
    """A twin, as a benchmark takes it."""

    name, fingerprint, about, twin = "nothing", "nothing", {"kind": "a test's"}, None

    def embed(self, sequences: Sequence[str]) -> NDArray[np.float32]:
        return GUESSES.embed(sequences)


class Knows(Chain):
    """Knows the chain that wrote the genome."""

    name, fingerprint, about, twin = "knows", "knows", {"kind": "a test's"}, Nothing()

    def embed(self, sequences: Sequence[str]) -> NDArray[np.float32]:
        return GUESSES.embed(sequences)


class ByHeart(MarkovReader):
    """Counted the training half of a genome at an order that leaves nothing to guess."""

    fingerprint, about, twin = "by heart", {"kind": "a test's"}, Nothing()

    def __init__(self, train: NDArray[np.uint8]) -> None:
        super().__init__(MarkovModel([train], 12))
        self.name = "by heart"

    def embed(self, sequences: Sequence[str]) -> NDArray[np.float32]:
        return GUESSES.embed(sequences)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A genome that a chain wrote, one that nobody did, measured sequences, labelled ones."""
    folder = tmp_path_factory.mktemp("data")
    chain = Chain()
    (folder / "genome.fa").write_text(f">g\n{dna.decode(chain.writes(9000, 1))}\n")
    (folder / "random.fa").write_text(f">g\n{dna.decode(random_bases(9000, 1))}\n")
    measured = [chain.writes(30, seed) for seed in range(60)]
    values = [own.nats for own in chain.log_likelihoods(measured)]
    lines = [
        f"{dna.decode(own)},{value:.3f},{'test' if at % 2 else 'train'}"
        for at, (own, value) in enumerate(zip(measured, values, strict=True))
    ]
    (folder / "measured.csv").write_text("\n".join(["sequence,value,split", *lines]) + "\n")
    write(folder / "plain.csv", rows(20, 0), rows(12, 1))
    return folder


def run(model: Any, folder: Path, out: Path, *tasks: SuiteTask) -> Benchmark:
    out.mkdir(parents=True, exist_ok=True)
    with (
        patch.object(logistic, "PENALTIES", (1e-2,)),
        patch.object(word_fits, "PENALTIES", (1e-4,)),
    ):
        found = verb.benchmark(model, suite_of(*tasks), tasks, folder, out, shots=(), seeds=1)
    assert found is not None
    return found


def only(found: Benchmark) -> BenchmarkUntaught:
    assert found.zero_shot is not None
    (own,) = found.zero_shot
    return own


def killed(folder: Path, out: Path) -> int:
    """Ended without warning as its third cell is kept."""
    append, begun = Spool.append, 0

    def appending(self: Spool, *columns: Any) -> None:
        nonlocal begun
        begun += 1
        append(self, *columns)
        if begun == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    with patch.object(Spool, "append", appending):
        run(Knows(), folder, out, SuiteTask("plain", "plain.csv"), OWN)
    return 0


@pytest.fixture(scope="module")
def finished(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Benchmark]:
    """Labelled and zero-shot tasks in one run."""
    out = tmp_path_factory.mktemp("runs") / "knows"
    return out, run(Knows(), folder, out, SuiteTask("plain", "plain.csv"), OWN)


def test_zero_shot_tasks_stand_beside_labelled_ones(finished: tuple[Path, Benchmark]) -> None:
    out, found = finished
    assert [task["name"] for task in found.tasks] == ["plain"]
    own = only(found)
    assert not own.left_out
    words = {each["test"]: each["word"] for each in own.verdicts}
    assert set(words) == {"next_base", "needle_8", "needle_16", "variants", "memorisation"}
    assert words["memorisation"] == "none found"
    assert words["needle_8"] == "chance"
    names = [row["name"] for row in own.tests[0].rows]
    assert names[:3] == ["knows", "nothing", "Markov order 2"]
    values = {row["name"]: row["figures"]["accuracy"]["value"] or 0.0 for row in own.tests[0].rows}
    assert values["knows"] > 0.5 > 0.4 > values["nothing"]
    (variants,) = (test for test in own.tests if test.test == "variants")
    assert variants.row("knows")["figures"]["spearman"]["value"] == pytest.approx(1.0)
    assert variants.settings["rows"] == 30
    assert read_result(out / "benchmark.json", Benchmark) == found
    lines = [line.split("\t") for line in (out / "submission.tsv").read_text().splitlines()]
    zero = [line for line in lines if line[1].startswith("chain: ")]
    assert len(zero) == sum(len(test.rows) for test in own.tests)
    assert {line[6] for line in zero} == {"zero"}
    assert next(line[-1] for line in zero if line[1] == "chain: memorisation") == "none found"
    told = json.loads((out / "submission.json").read_text())["data"]
    assert told["chain"] == own.fingerprint
    page = (out / "benchmark.html").read_text()
    assert "chain, untaught" in page
    assert f"beyond every other row in {found.untaught_words.count('beyond')} of 5" in page


def test_who_learned_the_training_sequence_by_heart_is_called_so(
    folder: Path, tmp_path: Path
) -> None:
    """And neither a model that knows as much of what is held out, nor its twin, is."""
    genome = dna.encode((folder / "random.fa").read_text().splitlines()[1])
    own = dataclasses.replace(TASK, genome="random.fa", tests=["memorisation"], measured=None)
    task = SuiteTask("chain", zero_shot=own)
    for name, seen, word in (
        ("train", genome[:5400], "memorised"),
        ("other", random_bases(5400, 9), "none found"),
        ("held out, too", genome, "none found"),
    ):
        found = run(ByHeart(seen), folder, tmp_path / name, task)
        assert [each["word"] for each in only(found).verdicts] == [word], name
    alone = ByHeart(genome[:5400])
    alone.twin = None  # type: ignore[assignment]
    found = run(alone, folder, tmp_path / "alone", task)
    assert [each["word"] for each in only(found).verdicts] == ["not judged"]


def test_what_is_killed_between_tests_ends_with_the_same_bytes(
    folder: Path, finished: tuple[Path, Benchmark], tmp_path: Path
) -> None:
    whole, _ = finished
    out = tmp_path / whole.name
    kills = 0
    for _ in range(12):
        ended = Forked(killed, folder, out, folder=tmp_path).end()
        if ended.code == 0:
            break
        assert ended.code == -signal.SIGKILL, ended.err
        assert not (out / "benchmark.json").exists()
        kills += 1
    assert kills > 3
    for path in whole.iterdir():
        assert (out / path.name).read_bytes() == path.read_bytes(), path.name
    assert len(list(out.iterdir())) == len(list(whole.iterdir()))


def test_another_genome_is_another_run(folder: Path, tmp_path: Path) -> None:
    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    with patch.object(verb, "write_run", stopped), pytest.raises(KeyboardInterrupt):
        run(Knows(), folder, tmp_path, OWN)
    for changed in (
        dataclasses.replace(TASK, genome="random.fa"),
        dataclasses.replace(TASK, held_out="last:0.5"),
        dataclasses.replace(TASK, trials=7),
    ):
        with pytest.raises(UsageError, match="unfinished run of something else: zero_shot was"):
            run(Knows(), folder, tmp_path, SuiteTask("chain", zero_shot=changed))


def test_runs_stand_side_by_side(
    folder: Path, finished: tuple[Path, Benchmark], tmp_path: Path, capsys: Any
) -> None:
    run(Nothing(), folder, tmp_path / "nothing", OWN)
    command = ["benchmark", "table", f"{finished[0]}", f"{tmp_path / 'nothing'}"]
    assert main([*command, "--out", f"{tmp_path / 't.tsv'}"]) == 0
    lines = [line.split("\t") for line in (tmp_path / "t.tsv").read_text().splitlines()]
    first, second = (line for line in lines if line[0] == "chain: next_base")
    assert first[1:4] == ["zero", "knows", "knows"]
    assert float(second[7]) == pytest.approx(float(second[4]) - float(first[4]), abs=0.002)
    assert second[8:] == ["", ""]
    other = dataclasses.replace(TASK, genome="random.fa")
    run(Nothing(), folder, tmp_path / "random", SuiteTask("chain", zero_shot=other))
    assert main([*command[:3], f"{tmp_path / 'random'}"]) == 1
    assert "is of other sequences" in capsys.readouterr().err


def test_what_a_model_or_data_do_not_allow_is_left_out_with_its_reason(
    folder: Path, tmp_path: Path
) -> None:
    class Silent(Knows):
        def continued(self, prompts: Any, bases: int) -> Any:
            raise InputError(None, "does not go on", where=self.name)

    far = dataclasses.replace(TASK, distances=[8, 9000], tests=["next_base", "needle"])
    own = only(run(Silent(), folder, tmp_path / "o", SuiteTask("chain", zero_shot=far)))
    assert [test.test for test in own.tests] == ["next_base"]
    assert "does not go on" in own.left_out["needle_8"]
    assert "has no 9064 bases in a row" in own.left_out["needle_9000"]
    assert "does not go on" in (tmp_path / "o" / "benchmark.html").read_text()
    with pytest.raises(InputError, match="gives vectors alone, and zero-shot tasks ask"):
        run(GUESSES, folder, tmp_path / "v", OWN)


def figure(value: float | None, low: float | None = None, high: float | None = None) -> Figure:
    return Figure(value=value, low=low, high=high, n=20, no_interval=None if low else "too few")


@pytest.mark.parametrize(
    ("model", "other", "word"),
    [
        (figure(0.9, 0.8, 0.95), figure(0.6, 0.5, 0.7), "beyond"),
        (figure(0.9, 0.8, 0.95), figure(0.6, 0.5, 0.81), "not beyond"),
        (figure(0.9, 0.8, 0.95), figure(0.85), "not beyond"),
        (figure(0.9, 0.8, 0.95), figure(None), "beyond"),
        (figure(0.6, 0.5, 0.7), figure(0.1, 0.05, 0.2), "chance"),
        (figure(0.2, 0.1, 0.49), figure(0.1, 0.05, 0.09), "below chance"),
        (figure(0.9), figure(0.1, 0.05, 0.2), "not judged"),
    ],
)
def test_a_word_says_where_the_intervals_lie(
    model: Figure, other: Figure, word: UntaughtWord
) -> None:
    rows = [
        ZeroShotRow(name="m", kind="model", figures={"accuracy": model}),
        ZeroShotRow(name="t", kind="twin", figures={}, refused="cannot"),
        ZeroShotRow(name="b", kind="baseline", figures={"accuracy": other}),
    ]
    test = ZeroShotTest(test="x", metric="accuracy", chance=0.5, settings={}, rows=rows)
    assert verdict_of(test)["word"] == word
    said = dataclasses.replace(test, verdict="trace")
    assert verdict_of(said)["word"] == "trace"


def test_suites_of_the_clone_ask_all_tests() -> None:
    asked: set[str] = set()
    for name in ("ecoli-tiny", "ecoli-zero-shot"):
        suite = read_suite(name)
        own = [task for task in suite.tasks if task.zero_shot is not None]
        check_data(suite, own, EXAMPLES)
        (read,) = (read_untaught(task, EXAMPLES, seed=0) for task in own)
        asked |= set(read.tests)
        assert not read.own.unchecked
        assert len(read.asked.genes or ()) > 300
    assert asked == set(ZERO_SHOT_TESTS)
    assert read.asked.measured is not None
    assert int(read.asked.measured.is_test.sum()) == 400


def test_a_wrong_zero_shot_task_is_told_by_its_own_words(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], checkpoint: Path
) -> None:
    suite = tmp_path / "s.yaml"
    command = ["benchmark", "run", f"{suite}", f"{checkpoint}", "--data", f"{folder}", "--out"]
    for text, said in (
        ("{genom: genome.fa}", "tasks[0].zero_shot: no key 'genom' is known; did you mean genome?"),
        ("{}", "tasks[0]"),
        ("5", "tasks[0]"),
        ("{genome: genome.fa, tests: [needles]}", "'needles' is none of next_base"),
        ("{genome: genome.fa, tests: [needle, needle]}", "one is there twice"),
        ("{genome: genome.fa, tests: [variants]}", "variants needs measured"),
        ("{genome: genome.fa, tests: [synonymous]}", "synonymous needs annotation"),
        (
            "{genome: genome.fa, windows: 0}",
            "of the suite: windows: is 0; expected 1 or more",
        ),
        ("{genome: genome.fa, distances: [4, 4]}", "expected different numbers of bases"),
        ("{genome: genome.fa, held_out: some}", "chain of the suite: "),
        ("{genome: genome.fa, genetic_code: 77}", "NCBI has no such genetic code"),
        ("{genome: no.fa}", "no.fa: not there, and chain of s is read from it"),
        ("{genome: genome.fa, annotation: no.gff}", "no.gff: not there"),
        ("{genome: genome.fa, measured: {path: no.csv}}", "no.csv: not there"),
        ("{genome: genome.fa, measured: {paht: a}}", "did you mean path?"),
        ("{genome: genome.fa, measured: {path: measured.csv, label: x}}", "measured.csv"),
        ("{genome: measured.csv}", "measured.csv"),
        ("{genome: genome.fa}, metric: f1", "metric means nothing beside zero_shot"),
        ("{genome: genome.fa}, path: plain.csv", "give a path, or windows"),
    ):
        suite.write_text(f"{HEAD}- {{name: chain, zero_shot: {text}}}\n")
        assert main([*command, f"{tmp_path / 'o'}"]) == 1, text
        err = capsys.readouterr().err
        assert said in err, (text, err)
        assert len([line for line in err.splitlines() if "note: " not in line]) == 1, err
