"""Zero-shot tests as tasks of a suite: what is said of models, what is kept, what is refused."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from hnet_seq.cli import main
from hnet_seq.jobs.spool import Spool
from hnet_seq.results.benchmark import Benchmark
from hnet_seq.results.read import read_result
from hnet_seq.tasks import benchmark as verb
from hnet_seq.tasks.benchmarking.suites import SuiteTask
from modalities import dna
from modalities.errors import InputError, UsageError
from tests.evidence.zero_shot.chains import random_bases
from tests.forked import Forked
from tests.tasks.benchmarks import GUESSES
from tests.tasks.untaught import OWN, TASK, ByHeart, Knows, Nothing, only, run, write_data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_data(folder)
    return folder


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
    beyond = sum(word == "beyond" for word in words.values())
    judged = sum(word not in ("not judged", "none found") for word in words.values())
    assert f"beyond every other row in {beyond} of {judged} zero-shot tests; " in page
    assert "1 more are not judged; memorisation: none found." in page
    assert "strands of zero-shot tests" in page


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
    for name, said, changed in (
        ("random", "is of other sequences", {"genome": "random.fa", "tests": ["needle"]}),
        ("trials", "is asked otherwise than in", {"trials": 7, "tests": ["needle"]}),
    ):
        other = dataclasses.replace(TASK, **changed, measured=None)
        run(Nothing(), folder, tmp_path / name, SuiteTask("chain", zero_shot=other))
        assert main([*command[:3], f"{tmp_path / name}"]) == 1
        assert said in (err := capsys.readouterr().err)
        assert "trials 7 in place of 6" in err or name == "random"


def test_every_test_of_any_run_has_its_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whichever run comes first, and one beside itself is 0 apart; an annotation or a way that
    nothing depends on is none of the data."""
    (folder / "sub").mkdir()
    (folder / "sub" / "g.fa").write_bytes((folder / "genome.fa").read_bytes())
    few = dataclasses.replace(TASK, genome="sub/g.fa", tests=["next_base"], measured=None)
    more = dataclasses.replace(TASK, tests=["next_base", "needle"], distances=[8], measured=None)
    run(Nothing(), folder, tmp_path / "few", SuiteTask("chain", zero_shot=few))
    run(Nothing(), folder, tmp_path / "more", SuiteTask("chain", zero_shot=more))
    for names in (("few", "more"), ("more", "few"), ("few", "few")):
        runs = [f"{tmp_path / name}" for name in names]
        assert main(["benchmark", "table", *runs, "--out", f"{tmp_path / 't.tsv'}"]) == 0
        lines = [line.split("\t") for line in (tmp_path / "t.tsv").read_text().splitlines()[1:]]
        asked = ["next_base", "needle_8"] if "more" in names else ["next_base"]
        assert [line[0] for line in lines] == [f"chain: {each}" for each in asked for _ in names]
        assert lines[1][7] == "+0.000"
        if "more" in names:
            of_needle = {line[2]: line[4] for line in lines[2:]}
            assert of_needle["few"] == "n/a"
            assert float(of_needle["more"]) == 0


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
