"""What a run of a benchmark is of, what it leaves when killed, and suites that are none."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from hnet_seq.cli import main
from hnet_seq.evidence.measures.spearman import rank_difference
from hnet_seq.jobs import shared_run
from hnet_seq.jobs.ranks import Ranks
from hnet_seq.ops.registry import backend
from hnet_seq.results.benchmark import Benchmark
from hnet_seq.results.read import read_result
from hnet_seq.tasks import benchmark as verb
from hnet_seq.tasks.benchmarking import written
from hnet_seq.tasks.benchmarking.compared import compared
from hnet_seq.tasks.benchmarking.model import open_hnet
from hnet_seq.tasks.benchmarking.suites import SuiteTask
from modalities.errors import InputError, UsageError
from tests.tasks.benchmarks import Oracle, rows, run, suite_of, write

OWN = [SuiteTask("plain", "plain.csv")]
HEAD = "name: s\ntitle: t\nabout: a\nsource: b\nmet: true\n"
HASH = "0" * 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write(folder / "plain.csv", rows(60, 0), rows(40, 1))
    return folder


@pytest.fixture(scope="module")
def finished(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with one-shot rows."""
    out = tmp_path_factory.mktemp("runs") / "one"
    run(Oracle(), folder, OWN, out, shots=(1,))
    return out


def stopped(*_: Any) -> None:
    raise KeyboardInterrupt


def test_vectors_of_another_backend_are_others(checkpoint: Path) -> None:
    found = set()
    for name in ("naive", "naive", "torch"):
        with backend(name, "ssd"):
            found.add(open_hnet(f"{checkpoint}", name="m", device="cpu", twin=False).fingerprint)
    assert len(found) == 2
    assert all(" cpu " in each for each in found)


def test_words_on_both_strands_are_another_run(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "o"
    with patch.object(verb, "write_run", stopped), pytest.raises(KeyboardInterrupt):
        run(Oracle(), folder, OWN, out, shots=())
    with pytest.raises(UsageError, match="both_strands was False, is True"):
        run(Oracle(), folder, OWN, out, shots=(), both_strands=True)


def test_processes_make_again_what_is_missing_or_said_otherwise(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "o"
    with patch.object(verb, "find_ranks", lambda: Ranks(0, 2)):
        run(Oracle(), folder, OWN, out, shots=())
        capsys.readouterr()
        for name in ("submission.tsv", "benchmark.html", "predictions.npz"):
            (out / name).unlink()
            assert run(Oracle(), folder, OWN, out, shots=()) is not None
            assert (out / name).exists()
        assert run(Oracle(), folder, OWN, out, shots=()) is None
        assert "is complete" in capsys.readouterr().err
        for changed in (
            dataclasses.replace(OWN[0], metric="f1"),
            dataclasses.replace(OWN[0], about="other"),
        ):
            own = [changed]
            assert run(Oracle(), folder, own, out, shots=()) is not None
        suite = dataclasses.replace(suite_of(*own), title="another")
        assert verb.benchmark(Oracle(), suite, own, folder, out, shots=(), seeds=2) is not None
        assert read_result(out / "benchmark.json", Benchmark).title == "another"


def test_killed_as_it_ends_a_run_leaves_no_vectors(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "o"
    with patch.object(shared_run, "_remove", stopped), pytest.raises(KeyboardInterrupt):
        run(Oracle(), folder, OWN, out, shots=())
    assert (out / "benchmark.json").exists()
    assert not (out / "vectors").exists()


def test_an_old_record_never_stands_beside_new_predictions(
    finished: Path, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "o"
    shutil.copytree(finished, out)
    with patch.object(written, "submission", stopped), pytest.raises(KeyboardInterrupt):
        run(Oracle("other", 50), folder, OWN, out, shots=(1,))
    assert not (out / "benchmark.json").exists()


def test_table_refuses_predictions_of_another_run(
    finished: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mixed, draws = tmp_path / "mixed", tmp_path / "draws"
    shutil.copytree(finished, mixed)
    run(Oracle("other", 50), folder, OWN, draws, shots=(1,), seed=5)
    assert main(["benchmark", "table", f"{finished}", f"{draws}"]) == 1
    assert "is of other draws (seeds [5, 6])" in capsys.readouterr().err
    shutil.copy(draws / "predictions.npz", mixed)
    for damaged in (b"", (finished / "predictions.npz").read_bytes()[:900]):
        assert main(["benchmark", "table", f"{mixed}", f"{finished}"]) == 1
        assert f"{mixed / 'predictions.npz'}: " in capsys.readouterr().err
        (mixed / "predictions.npz").write_bytes(damaged)


def test_table_says_the_difference_that_a_run_would(folder: Path, tmp_path: Path) -> None:
    """Groups of rows count as in a run, and a constant is one, to the last bit."""
    letters = [s for s, _ in [*rows(120, 4), *rows(120, 5)]]
    lines = [
        f"{s},{s.count('A') + at % 7 / 10},g{at // 4},{'train' if at < 120 else 'test'}"
        for at, s in enumerate(letters)
    ]
    (tmp_path / "n.csv").write_text("\n".join(["sequence,label,g,split", *lines]) + "\n")
    own = [SuiteTask("n", "n.csv", "regression", "spearman", group_by="g")]
    runs = []
    for name, deaf in (("a", 0), ("b", 90)):
        found = run(Oracle(name, deaf), tmp_path, own, tmp_path / name, shots=())
        assert found is not None
        runs.append((tmp_path / name, found))
    with np.load(tmp_path / "a" / "predictions.npz") as arrays:
        truth, ones = arrays["n|truth"], list(arrays["n|model|0"])
        assert arrays["n|model|0"].dtype == np.float64
    with np.load(tmp_path / "b" / "predictions.npz") as arrays:
        others = list(arrays["n|model|0"])
    assert len(np.unique(truth[2])) == 30
    rows_of = np.flatnonzero(truth[1])
    other, one = ([each[rows_of, 0] for each in side] for side in (others, ones))
    grouped = rank_difference(other, one, truth[0][rows_of], truth[2][rows_of])
    alone = rank_difference(other, one, truth[0][rows_of], rows_of)
    assert grouped["low"] != alone["low"]
    expected = [f"{grouped[end]:+.3f}" for end in ("rho", "low", "high")]
    assert compared(runs)[1][7:] == expected


@pytest.mark.parametrize("name", ["../../x", "a/b", "a\\b", "a|b", "a\tb", "a\nb", ".a", ""])
def test_names_that_are_no_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="begins with a dot"):
        SuiteTask(name, "x.csv")
    with pytest.raises(ValueError, match="begins with a dot"):
        dataclasses.replace(suite_of(*OWN), name=name)


def test_a_wrong_suite_is_told_by_its_own_words(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], checkpoint: Path
) -> None:
    suite = tmp_path / "s.yaml"
    command = ["benchmark", "run", f"{suite}", f"{checkpoint}", "--data", f"{folder}", "--out"]
    for text, said in (
        ("tasks: 5", "s.yaml: 'tasks' is 5; expected a list"),
        ("tasks: {a: 1}", "s.yaml: 'tasks' is "),
        ("tasks: [{name: a/b, path: plain.csv}]", "s.yaml: tasks[0]"),
        ("tasks: [{name: a, path: plain.csv, where: [zz]}]", "s.yaml: tasks[0]: where"),
        ("tasks: [{name: a, path: plain.csv, group_by: 'a:'}]", "s.yaml: tasks[0]: group_by"),
        ("tasks: [{name: a, path: plain.csv, test_fraction: 2}]", "test_fraction"),
        (
            f"tasks: [{{name: a, path: ., sha256: {{.: '{HASH}'}}}}]",
            "a of s has a sha256 of it; fetch it",
        ),
        (
            f"tasks: [{{name: a, path: ., sha256: {{no.csv: '{HASH}'}}}}]",
            "a of s has a sha256 of it",
        ),
    ):
        suite.write_text(HEAD + text + "\n")
        assert main([*command, f"{tmp_path / 'o'}"]) == 1, text
        err = capsys.readouterr().err
        assert said in err, text
        assert "--where" not in err
        assert "--group-by" not in err
        assert len(err.strip().splitlines()) == 1


def test_what_a_run_was_is_in_its_predictions(finished: Path) -> None:
    found = read_result(finished / "benchmark.json", Benchmark)
    with np.load(finished / "predictions.npz") as arrays:
        assert f"{arrays[written.RUN]}" == written.run_hash(found)
    with pytest.raises(InputError, match=r"is not of the run in benchmark\.json"):
        compared([(finished, dataclasses.replace(found, fingerprint="other"))])
    few = [row for row in found.tasks[0]["rows"] if row["shots"] == 1]
    assert json.dumps([row["seeds"] for row in few]) == json.dumps([[0, 1]] * len(few))
