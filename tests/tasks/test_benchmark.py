"""What a benchmark says: of models that know something, of leaks, noise and memory."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import numpy as np
import pytest

from hnet_seq.cli import main
from hnet_seq.results.benchmark import Benchmark, BenchmarkTask
from hnet_seq.results.read import read_result
from hnet_seq.tasks.benchmarking.suites import SuiteTask, read_suite, shipped_suites
from modalities.errors import InputError, UsageError
from tests.forked import Forked
from tests.peers.tiny import gpt
from tests.tasks.benchmarks import KNOWS, Oracle, killed_run, rows, run, write

PLAIN = [SuiteTask("plain", "plain.csv")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of the tasks below."""
    folder = tmp_path_factory.mktemp("data")
    train, test = rows(200, 0), rows(80, 1)
    write(folder / "plain.csv", train, test)
    write(folder / "leak.csv", train, train[:80])
    labels = np.random.default_rng(3).permutation([label for _, label in [*train, *test]])
    mixed = [(s, label) for (s, _), label in zip([*train, *test], labels, strict=True)]
    write(folder / "shuffled.csv", mixed[:200], mixed[200:])
    lines = [
        f"{s},{s.count('A')},{40 - s.count('A')},{split}"
        for split, own in (("train", train), ("test", test))
        for s, _ in own
    ]
    (folder / "counts.csv").write_text("\n".join(["x,c0,c1,set", *lines]) + "\n")
    return folder


@pytest.fixture(scope="module")
def plain(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Benchmark]:
    """A run that nothing disturbed."""
    out = tmp_path_factory.mktemp("runs") / "plain"
    found = run(KNOWS, folder, PLAIN, out)
    assert found is not None
    return out, found


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table for what says nothing of scores."""
    folder = tmp_path_factory.mktemp("small")
    write(folder / "plain.csv", rows(60, 0), rows(40, 1))
    return folder


@pytest.fixture(scope="module")
def whole(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of it that nothing disturbed."""
    out = tmp_path_factory.mktemp("whole") / "plain"
    assert run(KNOWS, small, PLAIN, out) is not None
    return out


def only(found: Benchmark | None) -> BenchmarkTask:
    assert found is not None
    (task,) = found.tasks
    return task


def words(task: BenchmarkTask) -> dict[int, str]:
    return {own["shots"]: own["word"] for own in task["verdicts"]}


def test_a_model_that_knows_the_classes_is_beyond_all_others(plain: tuple[Path, Benchmark]) -> None:
    out, found = plain
    task = only(found)
    assert words(task)[0] == "beyond"
    scores = {row["predictor"]: row["score"] for row in task["rows"] if not row["shots"]}
    assert scores["model"] == 1.0
    assert abs(scores["twin"] or 0) < 0.3
    assert set(scores) == {
        *("model", "twin", "words", "letters", "composition", "length", "constant")
    }
    few = [row for row in task["rows"] if row["shots"] == 2]
    assert all(len(row["per_seed"]) == 2 and row["seeds"] == [0, 1] for row in few)
    assert [(own["shots"], own["judged"]) for own in found.counts] == [(0, 1), (2, 1)]
    assert read_result(out / "benchmark.json", Benchmark) == found
    assert sorted(path.name for path in out.iterdir()) == [
        *("benchmark.html", "benchmark.json", "predictions.npz"),
        *("submission.json", "submission.tsv"),
    ]
    lines = (out / "submission.tsv").read_text().splitlines()
    assert len(lines) == 1 + len(task["rows"])
    told = json.loads((out / "submission.json").read_text())
    assert told["fingerprint"] == KNOWS.fingerprint
    assert "numpy" in told["versions"]
    page = (out / "benchmark.html").read_text()
    assert "beyond every baseline and the untrained twin on 1 of 1 tasks" in page


def test_without_a_twin_rows_and_page_say_so(folder: Path, tmp_path: Path) -> None:
    found = run(Oracle(), folder, PLAIN, tmp_path / "o", shots=())
    assert found is not None
    assert found.twin is None
    assert "twin" not in {row["predictor"] for row in only(found)["rows"]}
    assert "No untrained twin" in (tmp_path / "o" / "benchmark.html").read_text()


def test_a_perfect_leak_is_called_a_leak(folder: Path, tmp_path: Path) -> None:
    task = only(run(KNOWS, folder, [SuiteTask("leak", "leak.csv")], tmp_path / "o"))
    assert set(words(task).values()) == {"leak"}
    assert task["n_clean"] == 0
    assert task["findings"][0]["kind"] == "leak"


def test_shuffled_labels_are_called_no_better_than_chance(folder: Path, tmp_path: Path) -> None:
    task = only(run(KNOWS, folder, [SuiteTask("shuffled", "shuffled.csv")], tmp_path / "o"))
    assert set(words(task).values()) == {"chance"}


def test_a_model_that_learned_the_training_rows_is_called_so(folder: Path, tmp_path: Path) -> None:
    """An honest model that scores as well on training rows is not."""
    known = {letters: "ab".index(label) for letters, label in rows(200, 0)}
    task = only(run(Oracle("knows", 0, known), folder, PLAIN, tmp_path / "o", shots=()))
    assert words(task) == {0: "memory"}
    assert task["memory"] is not None
    assert task["memory"]["gap"] > 0.5


def test_an_honest_model_is_not_said_to_remember(plain: tuple[Path, Benchmark]) -> None:
    memory = only(plain[1])["memory"]
    assert memory is not None
    assert memory["interval"] is not None
    assert memory["interval"][0] < 0.1


def test_numbers_are_ranked_and_the_mean_bin_is_learned(folder: Path, tmp_path: Path) -> None:
    own = SuiteTask(
        *("counts", "counts.csv", "regression", "spearman"),
        sequence="x",
        split_column="set",
        counts=["c0", "c1"],
    )
    task = only(run(KNOWS, folder, [own], tmp_path / "o"))
    scores = {row["predictor"]: row["score"] for row in task["rows"] if not row["shots"]}
    assert (scores["composition"] or 0) > 0.9
    assert scores["constant"] is None
    (minus,) = (m for m in task["minus"] if m["other"] == "composition" and not m["shots"])
    assert minus["interval"] is not None
    assert minus["interval"][1] < 0
    assert words(task)[0] in ("chance", "not beyond")


def test_a_run_that_is_killed_ten_times_ends_with_the_same_bytes(
    small: Path, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "plain"
    for moment in [*[3] * 9, "writing"]:
        ended = Forked(killed_run, moment, small, PLAIN, out, folder=tmp_path).end()
        if ended.code == 0:  # all was computed, and nothing is left to be killed at
            (out / "benchmark.json").unlink()
            continue
        assert ended.code == -signal.SIGKILL, ended.err
        assert not (out / "benchmark.json").exists()
    assert Forked(killed_run, 0, small, PLAIN, out, folder=tmp_path).end().code == 0
    for path in whole.iterdir():
        assert (out / path.name).read_bytes() == path.read_bytes(), path.name
    assert len(list(out.iterdir())) == len(list(whole.iterdir()))


def test_several_processes_leave_the_same_bytes(small: Path, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "plain"
    started = [
        Forked(
            *(killed_run, 0, small, PLAIN, out),
            folder=tmp_path,
            name=f"rank{rank}",
            environment={"RANK": f"{rank}", "WORLD_SIZE": "2", "LOCAL_RANK": f"{rank}"},
        )
        for rank in range(2)
    ]
    assert [each.end().code for each in started] == [0, 0]
    for path in whole.iterdir():
        assert (out / path.name).read_bytes() == path.read_bytes(), path.name


def test_runs_stand_side_by_side(
    folder: Path,
    plain: tuple[Path, Benchmark],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(Oracle("half", 50), folder, PLAIN, tmp_path / "half")
    out = tmp_path / "t.tsv"
    assert (
        main(["benchmark", "table", f"{plain[0]}", f"{tmp_path / 'half'}", "--out", f"{out}"]) == 0
    )
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 5  # of two runs, all rows and two-shot
    cells = out.read_text().splitlines()[2].split("\t")
    assert cells[:4] == ["plain", "all", "half", "half"]
    assert float(cells[9]) < 0 < 1 == float(out.read_text().splitlines()[1].split("\t")[4])
    other = tmp_path / "other"
    write(tmp_path / "plain.csv", rows(40, 5), rows(40, 6))
    run(KNOWS, tmp_path, PLAIN, other, shots=())
    assert main(["benchmark", "table", f"{plain[0]}", f"{other}"]) == 1
    assert "is of other sequences, labels or splits" in capsys.readouterr().err


def test_a_run_of_something_else_is_refused(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "o"
    assert Forked(killed_run, 3, folder, PLAIN, out, folder=tmp_path).end().code
    with pytest.raises(UsageError, match="unfinished run of something else: model was"):
        run(Oracle("other"), folder, PLAIN, out)


def test_vectors_that_are_no_numbers_are_told(folder: Path, tmp_path: Path) -> None:
    class Broken(Oracle):
        def embed(self, sequences):
            return np.full((len(sequences), 2), np.nan)

    with pytest.raises(InputError, match="not finite"):
        run(Broken("broken"), folder, PLAIN, tmp_path / "o")


def test_suites_that_come_along_can_be_read_and_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert {"local-dna", "ecoli-tiny", "gue"} <= set(shipped_suites())
    assert main(["benchmark", "list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(shipped_suites())
    for name in shipped_suites():
        suite = read_suite(name)
        assert suite.name == name
        assert suite.met or not any(t.sha256 for t in suite.tasks)
        assert main(["benchmark", "list", name]) == 0
        told = capsys.readouterr().out
        assert all(f"  {task.name}  " in told for task in suite.tasks)


def test_a_wrong_suite_or_other_data_are_told(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], checkpoint: Path
) -> None:
    suite = tmp_path / "s.yaml"
    head = "name: s\ntitle: t\nabout: a\nsource: b\nmet: true\ntasks:\n"
    command = ["benchmark", "run", f"{suite}", f"{checkpoint}", "--data", f"{folder}", "--out"]
    for text, said in (
        ("- {name: a, paths: x}", "tasks[0]: no key 'paths' is known; did you mean path?"),
        ("- {name: a}", "task a: give a path, or windows"),
        ("- {name: a, path: x.csv}", "x.csv: not there, and a of s is read from it"),
        ("- {name: a, path: plain.csv, metric: spearman}", "metric spearman is none of classes"),
        ("- {name: a, path: plain.csv, sha256: {plain.csv: '00'}}", "is not the file of s: sha256"),
        ("[", "is no YAML"),
    ):
        suite.write_text(head + text + "\n")
        assert main([*command, f"{tmp_path / 'o'}"]) == 1
        assert said in capsys.readouterr().err, said


def test_the_command_runs_a_checkpoint_and_its_twin(
    small: Path, tmp_path: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = tmp_path / "s.yaml"
    suite.write_text(
        "name: s\ntitle: t\nabout: a\nsource: b\nmet: false\n"
        "tasks: [{name: plain, path: plain.csv}]\n"
    )
    out = tmp_path / "o"
    command = ["benchmark", "run", f"{suite}", f"{checkpoint}", "--data", f"{small}"]
    tuned = ["--finetune", "--finetune-seeds", "1", "--epochs", "1", "--shots", "none"]
    assert main([*command, "--out", f"{out}", *tuned, "--device", "cpu"]) == 0
    said = capsys.readouterr()
    assert "the suite knows no sha256 of plain.csv" in said.err
    found = read_result(out / "benchmark.json", Benchmark)
    names = {row["predictor"] for row in only(found)["rows"]}
    assert {"model", "twin", "fine-tuned", "fine-tuned twin"} <= names
    assert {own["predictor"] for own in found.counts} == {"model", "fine-tuned"}
    assert sorted(path.name for path in out.iterdir()) == [
        *("benchmark.html", "benchmark.json", "predictions.npz"),
        *("submission.json", "submission.tsv"),
    ]


def test_the_command_runs_a_checkpoint_of_transformers_and_its_twin(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gpt(tmp_path / "peer")
    suite = tmp_path / "s.yaml"
    suite.write_text(
        "name: s\ntitle: t\nabout: a\nsource: b\nmet: false\n"
        "tasks: [{name: plain, path: plain.csv}]\n"
    )
    out = tmp_path / "o"
    command = ["benchmark", "run", f"{suite}", f"transformers:{tmp_path / 'peer'}"]
    command += ["--data", f"{small}", "--out", f"{out}", "--shots", "none", "--device", "cpu"]
    for option in (["--pooling", "bases"], ["--stage", "0"], ["--finetune"]):
        assert main([*command, *option]) == 2
        said = f"{option[0]}: is for checkpoints of hnet-seq; leave it out for transformers"
        assert said in capsys.readouterr().err
    assert main(command) == 0
    found = read_result(out / "benchmark.json", Benchmark)
    assert {"model", "twin"} <= {row["predictor"] for row in only(found)["rows"]}
    assert (found.model, found.twin) == ("peer", "peer, untrained twin")
    assert found.about["kind"] == "transformers"
    command[3] = f"{tmp_path / 'peer'}"  # a folder that the library wrote says so itself
    assert main([*command[:-2], "--strands", "average", "--no-twin", "--device", "cpu"]) == 0
    again = read_result(out / "benchmark.json", Benchmark)
    assert again.twin is None
    assert again.about["strands"] == "average"
