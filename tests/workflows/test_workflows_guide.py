"""docs/workflows.md: its columns, keys, files and options are there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import yaml

from tests.workflows.project import EXAMPLES, SHEET

ROOT = EXAMPLES.parent
GUIDE = (ROOT / "docs/workflows.md").read_text()


def first_cells(head: str) -> list[str]:
    """Names in the first column of a table."""
    rows = GUIDE.partition(f"| {head} |")[2].partition("\n\n")[0].splitlines()[2:]
    return [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])]


def test_its_tables_are_those_of_the_files() -> None:
    assert first_cells("column") == SHEET.split()
    config = yaml.safe_load((EXAMPLES / "workflows/snakemake/config/config.yaml").read_text())
    assert first_cells("key") == list(config)


def test_what_its_commands_name_is_there() -> None:
    lines = [
        line
        for block in re.findall(r"```console\n(.+?)```", GUIDE, re.S)
        for line in block.splitlines()
    ]
    assert len(lines) == 9
    nextflow = (EXAMPLES / "workflows/nextflow/nextflow.config").read_text()
    for line in lines:
        prompt, program, *words = shlex.split(line)
        assert prompt == "$"
        for word in words:
            if word.startswith("examples/"):
                assert (ROOT / word).exists(), word
        if program == "nextflow":
            for name in re.findall(r"--(\w+)", line):
                assert re.search(rf"^    {name} +=", nextflow, re.M), name
    for name in re.findall(r"`(?:docker|apptainer|slurm|gpu)`", GUIDE.partition("## Nextflow")[2]):
        assert re.search(rf"^    {name[1:-1]} \{{", nextflow, re.M), name


def test_its_arguments_are_those_of_the_dockerfile() -> None:
    text = Path(EXAMPLES / "packaging/Dockerfile").read_text()
    assert set(re.findall(r"--build-arg (\w+)=", GUIDE + text)) <= set(
        re.findall(r"^ARG (\w+)=", text, re.M)
    )
