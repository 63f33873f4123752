"""Zero-shot tasks of a suite: words of verdicts, what is counted, and data that allow little."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, Literal

import pytest

from hnet_seq.cli import main
from hnet_seq.evidence.zero_shot.codons import codon_usage
from hnet_seq.evidence.zero_shot.genes import triplet_expansion
from hnet_seq.report.untaught_section import untaught_count, untaught_parts
from hnet_seq.results.benchmark import BenchmarkUntaught, UntaughtVerdict, UntaughtWord
from hnet_seq.results.zero_shot import Figure, ZeroShotRow, ZeroShotTest
from hnet_seq.tasks.benchmarking.suite_data import check_data
from hnet_seq.tasks.benchmarking.suite_files import read_suite
from hnet_seq.tasks.benchmarking.suites import SuiteTask
from hnet_seq.tasks.benchmarking.untaught import Examined, verdict_of
from hnet_seq.tasks.benchmarking.untaught_data import UntaughtTask, read_untaught
from hnet_seq.tasks.choices import ZERO_SHOT_TESTS
from modalities import dna
from modalities.errors import InputError
from tests.tasks.untaught import HEAD, TASK, Knows, write_data

EXAMPLES = Path(__file__).parents[2] / "examples" / "data"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_data(folder)
    return folder


def figure(value: float | None, low: float | None = None, high: float | None = None) -> Figure:
    return Figure(value=value, low=low, high=high, n=20, no_interval=None if low else "too few")


@pytest.mark.parametrize(
    ("model", "other", "word"),
    [
        (figure(0.9, 0.8, 0.95), figure(0.6, 0.5, 0.7), "beyond"),
        (figure(0.9, 0.8, 0.95), figure(0.6, 0.5, 0.81), "not beyond"),
        (figure(0.9, 0.8, 0.95), figure(0.85), "not judged"),
        (figure(0.9, 0.8, 0.95), figure(0.1), "not judged"),
        (figure(0.9, 0.8, 0.95), figure(None), "not judged"),
        (figure(0.9, 0.8, 0.95), None, "not judged"),
        (figure(1.0, 0.93, 1.0), figure(1.0, 0.93, 1.0), "level"),
        (figure(0.98, 0.9, 0.999), figure(1.0, 0.93, 1.0), "level"),
        (figure(0.7, 0.6, 0.8), figure(1.0, 0.93, 1.0), "not beyond"),
        (figure(0.9, 0.8, 0.95), figure(0.9, 0.8, 0.99), "not beyond"),
        (figure(0.6, 0.5, 0.7), figure(0.1, 0.05, 0.2), "chance"),
        (figure(0.2, 0.1, 0.49), figure(0.1, 0.05, 0.09), "below chance"),
        (figure(0.9), figure(0.1, 0.05, 0.2), "not judged"),
    ],
)
def test_a_word_says_where_the_intervals_lie(
    model: Figure, other: Figure | None, word: UntaughtWord
) -> None:
    rows = [
        ZeroShotRow(name="m", kind="model", figures={"accuracy": model}),
        ZeroShotRow(name="t", kind="twin", figures={"accuracy": figure(0.3, 0.2, 0.4)}),
        ZeroShotRow(name="b", kind="baseline", figures={"accuracy": other})
        if other
        else ZeroShotRow(name="b", kind="baseline", figures={}, refused="cannot"),
    ]
    test = ZeroShotTest(test="x", metric="accuracy", chance=0.5, settings={}, rows=rows)
    found = verdict_of(test)
    assert found["word"] == word
    if word in ("level", "not beyond") or (word == "not judged" and model["low"] is not None):
        assert "b: " in found["text"]
        assert "t: " not in found["text"]
    said = dataclasses.replace(test, verdict="trace")
    assert verdict_of(said)["word"] == "trace"


@pytest.mark.parametrize("kind", ["twin", "baseline"])
def test_every_row_beside_the_model_is_asked(kind: Literal["twin", "baseline"]) -> None:
    rows = [
        ZeroShotRow(name="m", kind="model", figures={"accuracy": figure(0.9, 0.8, 0.95)}),
        ZeroShotRow(name="t", kind="twin", figures={"accuracy": figure(0.6, 0.5, 0.7)}),
        ZeroShotRow(name="b", kind="baseline", figures={"accuracy": figure(0.6, 0.5, 0.7)}),
    ]

    def verdict() -> UntaughtVerdict:
        return verdict_of(
            ZeroShotTest(test="x", metric="accuracy", chance=0.5, settings={}, rows=rows)
        )

    assert verdict()["word"] == "beyond"
    (other,) = (row for row in rows if row["kind"] == kind)
    other["figures"]["accuracy"] = figure(0.75, 0.7, 0.85)
    assert verdict()["word"] == "not beyond"
    assert f"not beyond {other['name']}: 0.750" in verdict()["text"]


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
    (folder / "unknown.fa").write_text(">g\n" + "N" * 9000 + "\n")
    (folder / "early.gff").write_text(gene(101, 400))
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
        ("{genome: genome.fa, held_out: some}", "tasks[0].zero_shot: held_out is 'some', and not"),
        ("{genome: genome.fa, held_out: 'similarity:0.1'}", "held_out is 'similarity:0.1', and"),
        ("{genome: genome.fa, held_out: 'last:2'}", "chain of the suite: held_out"),
        (
            "{genome: genome.fa, held_out: 'region:g:5000-5001'}",
            "genome.fa: chain of the suite: no",
        ),
        ("{genome: unknown.fa}", "unknown.fa: chain of the suite: no test can be made"),
        (
            "{genome: genome.fa, annotation: early.gff, tests: [synonymous]}",
            "early.gff: chain of the suite: no test can be made where last:0.1 of genome.fa",
        ),
        (
            "{genome: genome.fa, measured: {path: measured.csv, rows: 1}}",
            "measured: rows is below 3; mend it in the suite",
        ),
        ("{genome: genome.fa, measured: {path: ''}}", "zero_shot.measured: path is empty"),
        (
            "{genome: genome.fa, measured: {path: measured.csv, where: [zz]}}",
            "tasks[0].zero_shot.measured: ",
        ),
        ("{genome: genome.fa, genetic_code: 77}", "NCBI has no such genetic code"),
        ("{genome: no.fa}", "no.fa: not there, and chain of s is read from it"),
        ("{genome: genome.fa, annotation: no.gff}", "no.gff: not there"),
        ("{genome: genome.fa, measured: {path: no.csv}}", "no.csv: not there"),
        ("{genome: genome.fa, measured: {pathh: a}}", "did you mean path?"),
        ("{genome: genome.fa, measured: {path: measured.csv, label: x}}", "label in the suite"),
        ("{genome: measured.csv}", "measured.csv"),
        ("{genome: genome.fa}, metric: f1", "metric means nothing beside zero_shot"),
        ("{genome: genome.fa}, path: plain.csv", "give a path, or windows"),
    ):
        suite.write_text(f"{HEAD}- {{name: chain, zero_shot: {text}}}\n")
        assert main([*command, f"{tmp_path / 'o'}"]) == 1, text
        err = capsys.readouterr().err
        assert said in err, (text, err)
        assert "--label" not in err
        assert "--validation" not in err
        assert len([line for line in err.splitlines() if "note: " not in line]) == 1, err


def gene(start: int, end: int) -> str:
    """An annotation of one."""
    return f"##gff-version 3\ng\tx\tCDS\t{start}\t{end}\t.\t+\t0\tID=c\n"


def test_data_of_no_genes_leave_tests_of_codons_out_with_the_reason(folder: Path) -> None:
    (folder / "early.gff").write_text(gene(101, 400))
    own = dataclasses.replace(TASK, annotation="early.gff", tests=[], measured=None)
    read = read_untaught(SuiteTask("chain", zero_shot=own), folder, seed=0)
    assert {"synonymous", "triplet_expansion"} <= set(read.parts)
    for part in ("synonymous", "triplet_expansion"):
        assert Examined(Knows(), read.asked).run(part) == {"refused": "genes: has none"}


def test_usage_is_counted_on_codons_that_are_known(folder: Path) -> None:
    """One gene alone is held out, and its end is unknown."""
    codons = "ATG" + "GCTGCAAAGAAA" * 65 + "NNN" + "TAA"
    bases = (folder / "genome.fa").read_text().splitlines()[1]
    (folder / "late.fa").write_text(f">g\n{bases[:7000]}{codons}{bases[7000 + len(codons) :]}\n")
    (folder / "late.gff").write_text(gene(7001, 7000 + len(codons)))
    own = dataclasses.replace(
        TASK, genome="late.fa", annotation="late.gff", tests=["triplet_expansion"], measured=None
    )
    read = read_untaught(SuiteTask("chain", zero_shot=own), folder, seed=0)
    assert codon_usage(read.asked.genes or ()).sum() == 1 + 4 * 65 + 1
    assert "tests" in Examined(Knows(), read.asked).run("triplet_expansion")
    with pytest.raises(InputError, match="usage: no codon of an amino acid is counted"):
        triplet_expansion([], [dna.encode("TAA" * 40)])


def test_a_fingerprint_is_of_what_figures_depend_on(folder: Path) -> None:
    (folder / "sub").mkdir(exist_ok=True)
    (folder / "sub" / "g.fa").write_bytes((folder / "genome.fa").read_bytes())
    (folder / "early.gff").write_text(gene(101, 400))

    def read(**changed: Any) -> UntaughtTask:
        own = dataclasses.replace(TASK, **changed)
        return read_untaught(SuiteTask("chain", zero_shot=own), folder, seed=0)

    plain = read()
    for same in ({"genome": "sub/g.fa"}, {"annotation": "early.gff"}):
        assert read(**same).fingerprint() == plain.fingerprint(), same
    few = read(tests=["needle"])
    assert few.fingerprint() != plain.fingerprint()
    assert few.asked_of("needle_8") == plain.asked_of("needle_8")
    for other in ({"trials": 7}, {"distances": [8, 32]}, {"held_out": "last:0.3"}):
        assert read(**other).asked_of("needle_8") != plain.asked_of("needle_8"), other
    assert plain.cost("needle_8") != plain.cost("next_base")


def test_what_is_counted_is_what_was_judged() -> None:
    def task(*words: tuple[str, UntaughtWord]) -> BenchmarkUntaught:
        verdicts = [UntaughtVerdict(test=test, word=word, text="") for test, word in words]
        return BenchmarkUntaught(
            **dict.fromkeys(("name", "about", "fingerprint", "held_out"), "x"),
            unchecked=[],
            tests=[],
            left_out={},
            asked={},
            n_train=1,
            n_held_out=1,
            verdicts=verdicts,
        )

    told = untaught_count(
        [
            task(("next_base", "beyond"), ("needle_8", "level"), ("variants", "not judged")),
            task(("next_base", "chance"), ("memorisation", "none found")),
        ]
    )
    assert told == (
        "beyond every other row in 1 of 3 zero-shot tests; level with one that cannot be passed "
        "in 1 of these; 1 more are not judged; memorisation: none found"
    )
    assert untaught_count([]) == ""
    assert untaught_count([task(("memorisation", "not judged"))]) == "memorisation: not judged"


def test_a_model_may_be_called_as_a_baseline_is() -> None:
    rows = [
        ZeroShotRow(name="same", kind="model", figures={"accuracy": figure(0.625, 0.6, 0.7)}),
        ZeroShotRow(name="same", kind="baseline", figures={"accuracy": figure(0.25, 0.2, 0.3)}),
    ]
    test = ZeroShotTest(test="x", metric="accuracy", chance=0.5, settings={}, rows=rows)
    found = BenchmarkUntaught(
        **dict.fromkeys(("name", "about", "fingerprint", "held_out"), "x"),
        unchecked=[],
        left_out={},
        asked={},
        verdicts=[],
        n_train=1,
        n_held_out=1,
        tests=[test],
    )
    overview = next(f"{part}" for part in untaught_parts(found) if "By chance" in f"{part}")
    assert overview.count(">same<") == 2
    assert "0.625" in overview
    assert "0.250" in overview


def test_what_is_of_labelled_tasks_alone_is_told(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], checkpoint: Path
) -> None:
    suite = tmp_path / "s.yaml"
    suite.write_text(
        f"{HEAD}- {{name: chain, zero_shot: {{genome: genome.fa, tests: [needle], "
        "distances: [8], trials: 1}}\n"
    )
    command = ["benchmark", "run", f"{suite}", f"{checkpoint}", "--data", f"{folder}"]
    command += ["--no-twin", "--out", f"{tmp_path / 'o'}"]
    assert main([*command, "--finetune"]) == 2
    assert "--finetune: is for labelled tasks" in capsys.readouterr().err
    assert main([*command, "--strands", "average"]) == 0
    assert "zero-shot tests read the given one alone" in capsys.readouterr().err
    told = json.loads((tmp_path / "o" / "submission.json").read_text())
    assert told["zero_shot_strands"] == "the given one alone"
    assert main(["benchmark", "list"]) == 0
    assert "ecoli-tiny: Coding windows of E. coli 536, 2 labelled tasks, 1 zero-shot task" in (
        capsys.readouterr().out
    )
