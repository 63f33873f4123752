"""Suites that say what cannot be meant: one line that names the place in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hnet_seq.tasks.benchmarking.suite_data import check_data, read_task
from hnet_seq.tasks.benchmarking.suite_files import read_suite
from hnet_seq.tasks.benchmarking.suites import SuiteTask
from hnet_seq.tasks.benchmarking.untaught_data import read_untaught
from hnet_seq.tasks.benchmarking.untaught_task import Untaught
from modalities import dna
from modalities.errors import InputError
from tests.evidence.zero_shot.chains import random_bases

HEAD = "name: s\ntitle: t\nabout: a\nsource: b\nmet: true\n"
HASH = "0" * 64
PER_BASE = "per_base: {genome: g, labels: b, test_region: x, "


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "s.yaml: is empty; expected name, title"),
        ("5", "s.yaml: is 5; expected keys with values, such as name: ..."),
        ("[a, b]", "s.yaml: is ['a', 'b']; expected keys with values"),
        ("a: &a [*a]", "s.yaml: no key 'a' is known"),
        ("name: [", "s.yaml: is no YAML: "),
        ("name: !!python/object/apply:os.getcwd []", "s.yaml: is no YAML: "),
        (f"{HEAD}tasks:\n- &a [*a]\n", "s.yaml: tasks[0]: is [[...]]; expected keys with values"),
        (f"{HEAD}tasks: [a]", "s.yaml: tasks[0]: is a; expected keys with values"),
        (f"{HEAD}tasks: [null]", "s.yaml: tasks[0]: "),
        (f"{HEAD}tasks: []\ntasks: []", "the key 'tasks' is there twice"),
        (f"{HEAD}name: other\ntasks: []", "the key 'name' is there twice"),
        (
            f"{HEAD}tasks: [{{name: t, path: a.csv, path: b.csv}}]",
            "the key 'path' is there twice",
        ),
        (f"{HEAD}tasks: [{{name: 5, path: a.csv}}]", "tasks[0]: 'name' is 5; expected text"),
        (f"{HEAD}tasks: [{{name: 2020-01-02, path: a.csv}}]", "tasks[0]: 'name' is "),
        (
            f"{HEAD}tasks: [{{name: t, path: a.csv, windows: 5}}]",
            "tasks[0].windows: is 5; expected",
        ),
        (f"{HEAD}tasks: [{{name: t, path: a.csv, limit_train: true}}]", "'limit_train' is true"),
        (f"{HEAD}tasks: [{{name: t, path: a.csv, test_fraction: .nan}}]", "test_fraction"),
        (
            f"{HEAD}tasks: [{{name: t, path: a.csv, metric: spearman}}]",
            "metric spearman is none of",
        ),
        (
            f"{HEAD}tasks: [{{name: t, path: /etc/passwd}}]",
            "give `data` a folder that holds it or a link",
        ),
        (f"{HEAD}tasks: [{{name: t, path: ../a.csv}}]", "'../a.csv' does not lie below"),
        (f"{HEAD}tasks: [{{name: t, path: a/../../b.csv}}]", "does not lie below the data folder"),
        (
            f"{HEAD}tasks: [{{name: t, zero_shot: {{genome: ../g.fa}}}}]",
            "tasks[0]: task t: the file '../g.fa' does not lie below",
        ),
        (f"{HEAD}tasks: [{{name: t, zero_shot: {{genome: ''}}}}]", "zero_shot: genome is empty"),
        (
            f"{HEAD}tasks: [{{name: t, windows: {{genome: '', annotation: a, test_region: x}}}}]",
            "the file '' is empty",
        ),
        (
            f"{HEAD}tasks: [{{name: t, path: a.csv, sha256: {{/etc/passwd: '{HASH}'}}}}]",
            "'/etc/passwd' does not lie below",
        ),
        (
            f"{HEAD}tasks: [{{name: t, path: a.csv, sha256: {{a.csv: abc}}}}]",
            "sha256 of a.csv is 'abc', and not 64 digits",
        ),
        (f"{HEAD}tasks: [{{name: t, path: a.csv, sha256: a}}]", "'sha256' is \"a\""),
        (
            HEAD + "tasks: [{name: t, " + PER_BASE + "contxt: 3}}]",
            "tasks[0].per_base: no key 'contxt' is known; did you mean context?",
        ),
        (
            HEAD + "tasks: [{name: t, " + PER_BASE + "context: 4}}]",
            "context is 4; expected an odd number",
        ),
        (
            HEAD + "tasks: [{name: t, " + PER_BASE + "classes: [a]}}]",
            "there is one class; give two, or a name for other",
        ),
    ],
)
def test_a_suite_that_cannot_be_meant_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as told:
        read_suite(f"{path}")
    assert said in f"{told.value}"
    assert "\n" not in f"{told.value}"
    assert f"{told.value}".startswith(f"{path}: ")


def test_keys_may_be_taken_over(tmp_path: Path) -> None:
    """A merge brings in keys that a task may replace: none of them is there twice."""
    path = tmp_path / "s.yaml"
    tasks = "tasks:\n- &a {name: t, path: a.csv}\n- &b {<<: *a, name: u}\n- {<<: *b, name: v}\n"
    path.write_text(HEAD + tasks)
    read = read_suite(f"{path}")
    assert [(each.name, each.path) for each in read.tasks] == [(n, "a.csv") for n in "tuv"]


def test_a_hash_may_be_in_upper_case(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x")
    known = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    suite = tmp_path / "s.yaml"
    for found in (known, known.upper()):
        suite.write_text(f"{HEAD}tasks: [{{name: t, path: a.csv, sha256: {{a.csv: '{found}'}}}}]\n")
        read = read_suite(f"{suite}")
        check_data(read, read.tasks, tmp_path)


def test_remedies_are_keys_of_a_suite(tmp_path: Path) -> None:
    rows = [f"{'ACGT' * 5},{'ab'[i % 2]},train" for i in range(8)]
    (tmp_path / "a.csv").write_text("\n".join(["x,label,split", *rows]) + "\n")
    for task, said in (
        (SuiteTask("t", "a.csv"), "say which with sequence in the suite"),
        (SuiteTask("t", "a.csv", sequence="x"), "draw a split with split: random in the suite"),
    ):
        with pytest.raises(InputError, match="no ") as told:
            read_task(task, tmp_path, seed=0)
        assert said in f"{told.value}"
        assert "--" not in f"{told.value}"
    (tmp_path / "g.fa").write_text(f">g\n{dna.decode(random_bases(3000, 0))}\n")
    own = SuiteTask("t", zero_shot=Untaught("g.fa", held_out="last:0.999"))
    with pytest.raises(InputError, match="leaves no bases for train beside the 1000 bases beside"):
        read_untaught(own, tmp_path, seed=0)


def test_a_table_as_the_pipeline_of_geneb_reads_it(tmp_path: Path) -> None:
    suite = read_suite("geneb")
    task = next(own for own in suite.tasks if own.name == "deep4mc_C.elegans_4mC")
    rows = [
        f"{'ACGT'[k % 4] * 9}{'CA'[k % 2]}GT,{k % 2},{'train' if k < 30 else 'test'}"
        for k in range(40)
    ]
    (tmp_path / f"{task.name}.csv").write_text("text,label,split\n" + "\n".join(rows) + "\n")
    found = read_task(task, tmp_path, seed=0)
    assert found.classes == ["0", "1"]
    assert (len(found.train.labels), len(found.test.labels)) == (30, 10)
    assert len(suite.tasks) == len({own.path for own in suite.tasks}) == 100
