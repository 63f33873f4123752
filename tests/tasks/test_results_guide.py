"""docs/results.md: its commands are ones that the verbs take."""

from __future__ import annotations

import argparse
import gzip
import importlib
import re
import shlex
import subprocess
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "results.md").read_text()


def commands() -> list[str]:
    blocks = "".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)).replace("\\\n", "")
    return [line.strip() for line in blocks.splitlines() if line.strip().startswith("hnet-seq ")]


@pytest.mark.parametrize("command", commands())
def test_its_commands_can_be_parsed(command: str) -> None:
    _, verb, *arguments = shlex.split(command)
    parser = argparse.ArgumentParser(exit_on_error=False)
    task = importlib.import_module(f"hnet_seq.commands.{verb}")
    task.add_arguments(parser)
    assert parser.parse_args(arguments)


def test_every_section_with_figures_has_its_commands() -> None:
    sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    for section in sections:
        if "\n|---" in section:
            assert "hnet-seq " in section, section.splitlines()[0]


def test_the_table_of_sgd_becomes_exons_with_phases(tmp_path: Path) -> None:
    """Of a gene on each strand, in two exons of which the first ends inside a codon."""
    rows = [
        ("ORF", "Verified", "YAL1", "", 1, 11, 30, "W"),
        ("CDS", "", "", "YAL1", 1, 11, 17, "W"),
        ("CDS", "", "", "YAL1", 1, 22, 30, "W"),
        ("ORF", "Uncharacterized", "YDL2", "", 4, 90, 61, "C"),
        ("CDS", "", "", "YDL2", 4, 70, 61, "C"),
        ("CDS", "", "", "YDL2", 4, 90, 83, "C"),
        ("ORF", "Dubious", "YDL3", "", 4, 90, 61, "C"),
        ("CDS", "", "", "YDL3", 4, 90, 61, "C"),
    ]
    lines = [
        "\t".join(["S1", kind, qualifier, name, "", "", parent, "", f"{chromosome}", *places])
        for kind, qualifier, name, parent, chromosome, start, stop, strand in rows
        for places in [[f"{start}", f"{stop}", strand]]
    ]
    with gzip.open(tmp_path / "SGD_features.tab.gz", "wt") as file:
        file.write("\n".join(lines) + "\n")
    (script,) = re.findall(r"```sh\n(zcat SGD.*?)```", PAGE, re.DOTALL)
    subprocess.run(["sh", "-c", script], cwd=tmp_path, check=True)
    found = [line.split("\t") for line in (tmp_path / "yeast.gff").read_text().splitlines()]
    assert [(row[0], *row[3:5], *row[6:]) for row in found] == [
        ("chrI", "11", "17", "+", "0", "ID=YAL1"),
        ("chrI", "22", "30", "+", "2", "ID=YAL1"),
        ("chrIV", "83", "90", "-", "0", "ID=YDL2"),
        ("chrIV", "61", "70", "-", "1", "ID=YDL2"),
    ]
