"""The Nextflow module: run where Nextflow is; everywhere, that its scripts are what bash and the
verbs understand, and that its parts fit together."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.workflows.command_lines import hnet_seq_lines, verb_options
from tests.workflows.project import EXAMPLES, OVERRIDES, SHEET, WINDOWS, make_project, tool
from tests.workflows.served import Served

FOLDER = EXAMPLES / "workflows/nextflow"
MODULE = (FOLDER / "modules/hnetseq/main.nf").read_text()
MAIN = (FOLDER / "main.nf").read_text()
CONFIG = (FOLDER / "nextflow.config").read_text()
PROCESSES = dict(re.findall(r"^process (\w+) \{\n(.*?)^\}", MODULE, re.M | re.S))
#: What Nextflow would put into the scripts.
VALUES = {
    "genomes": "genomes/1/a.fa genomes/2/b.fa",
    "shards": "shards",
    "genome": "genome.fa",
    "annotation": "genes.gff3",
    "table": "sites.csv",
    "out": "sites",
    "region": "--region 'a:1-20'",
    "meta.run": "/runs/a",
    "task.cpus": "2",
    "params.experiment": "ecoli_counts",
    "params.overrides": "train.steps=4 seed=1",
    "params.validation": "last:0.1",
    "params.classify_windows": " ".join(WINDOWS),
    "params.classify_labelled": "--probe all",
    "params.device": "--device cpu",
}


def script_of(process: str) -> str:
    """Its shell, with Groovy's escapes taken away."""
    (script,) = re.findall(r'"""\n(.*?)"""', PROCESSES[process], re.S)
    return script.replace("\\$", "$")


@pytest.mark.parametrize("process", PROCESSES)
def test_a_script_is_bash_and_its_options_exist(process: str) -> None:
    script = script_of(process)
    checked = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    lines = hnet_seq_lines(script, VALUES)
    assert lines
    for words in lines:
        options = verb_options(words)
        if words[0] == "pretrain":
            assert options.go_on  # a task that is started again goes on
            assert options.out == "/runs/a"  # outside of the work folder
            assert options.overrides == ["train.steps=4", "seed=1"]


def test_every_process_is_included_called_and_has_its_resources() -> None:
    included = [
        name.strip()
        for names in re.findall(r"^include \{(.*?)\}", MAIN, re.M)
        for name in names.split(";")
    ]
    assert sorted(included) == sorted(PROCESSES)
    for name, body in PROCESSES.items():
        assert re.search(rf"^    {name}\(", MAIN, re.M), name
        (label,) = re.findall(r"^    label '(\w+)'", body, re.M)
        (resources,) = re.findall(
            rf"^    withLabel: {label} \{{\n(.*?)^    \}}", CONFIG, re.M | re.S
        )
        assert all(word in resources for word in ("cpus", "memory", "time")), label


def test_every_parameter_is_declared_and_every_column_is_one_of_the_sheet() -> None:
    (block,) = re.findall(r"^params \{\n(.*?)^\}", CONFIG, re.M | re.S)
    declared = set(re.findall(r"^    (\w+) +=", block, re.M))
    assert set(re.findall(r"params\.(\w+)", MODULE + MAIN + CONFIG)) <= declared
    asked = re.findall(r"maxRetries +=.*", CONFIG)
    assert asked == ["maxRetries    = params.retries"]
    assert set(re.findall(r"row\.(\w+)", MAIN)) == set(SHEET.split())


@pytest.mark.skipif(tool("nextflow") is None, reason="Nextflow is not installed")
def test_it_runs(tmp_path: Path) -> None:
    make_project(tmp_path)
    parameters = {
        "samples": "samples.tsv",
        "experiment": "ecoli_demo",
        "overrides": " ".join(f"'{own}'" for own in OVERRIDES),
        "classify_windows": " ".join(WINDOWS),
        "classify_labelled": "--no-twin",
        "device": "--device cpu",
    }
    words = [word for name, value in parameters.items() for word in (f"--{name}", value)]
    with Served(tmp_path) as served:
        path = os.pathsep.join([f"{served.bin}", os.environ["PATH"]])
        ended = subprocess.run(
            [f"{tool('nextflow')}", "run", FOLDER, *words],
            cwd=tmp_path,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
        )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for name in ("full", "bare"):
        assert (tmp_path / "results" / name / "report.html").is_file()
    assert (tmp_path / "results/full/labelled/sites/report.html").is_file()
