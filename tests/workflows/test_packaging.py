"""The Galaxy tool, the conda recipe, the Dockerfile: what can be told without their programs."""

from __future__ import annotations

import re
import subprocess
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
import yaml

from hnet_seq import __version__
from hnet_seq.experiments import load_experiment
from tests.workflows.command_lines import hnet_seq_lines, verb_options
from tests.workflows.project import DATA, EXAMPLES, tool

ROOT = EXAMPLES.parent
TOOL = ElementTree.parse(EXAMPLES / "workflows/galaxy/hnet_seq_genome.xml").getroot()
RECIPE = yaml.safe_load((EXAMPLES / "packaging/conda/recipe.yaml").read_text())
DOCKERFILE = EXAMPLES / "packaging/Dockerfile"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: Packages that conda-forge and bioconda have under other names.
CONDA = {"torch": "pytorch", "isal": "python-isal"}
#: What Galaxy's command is filled in with.
VALUES = {
    "fasta": "genome.fa",
    "held_out": "0.1",
    "{GALAXY_SLOTS:-1}": "2",
    "experiment": "ecoli_demo",
    "steps": "2",
    "context": "256",
    "windows.test_fraction": "0.3",
}


def parameters(node: ElementTree.Element) -> set[str]:
    return {f"{own.get('name')}" for own in node.iter("param")}


def test_the_galaxy_tool_asks_the_verbs_for_what_there_is() -> None:
    command = (TOOL.findtext("command") or "").replace("\\$", "$")
    # Words of one command stand in two lines.
    joined = re.sub(r"(?<!&)\n +(?=--)", " ", command)
    lines = hnet_seq_lines(joined, VALUES)
    verbs = [words[0] for words in lines]
    assert verbs == ["shard", "pretrain", "markov", "segment", "classify", "segment", "report"]
    for words in lines:
        options = verb_options(words)
        if words[0] == "pretrain":
            load_experiment(options.config, options.overrides)
    written = {f"{own.get('from_work_dir')}" for own in TOOL.iter("data")}
    made = {word for words in lines for word in words} | {"run/report.html", "run/boundaries.json"}
    assert written - {"model.tar.gz"} <= made


def test_the_galaxy_tool_is_of_this_version_and_its_tests_of_its_inputs() -> None:
    (token,) = TOOL.iter("token")
    assert token.text == __version__
    (inputs,) = TOOL.findall("inputs")
    outputs = {f"{own.get('name')}" for own in TOOL.iter("data")}
    for own in TOOL.iter("test"):
        assert parameters(own) <= parameters(inputs)
        assert {f"{found.get('name')}" for found in own.iter("output")} <= outputs
        files = [each.get("value") for each in own.iter("param") if each.get("ftype")]
        assert files
        assert all((DATA / f"{name}").is_file() for name in files)
    for option in inputs.iter("option"):
        if option.get("value") not in ("yes", "no"):
            load_experiment(f"{option.get('value')}", [])


def test_the_conda_recipe_asks_for_what_the_package_does() -> None:
    assert RECIPE["context"]["version"] == __version__ == PROJECT["version"]
    wanted = {"python": PROJECT["requires-python"]}
    for line in PROJECT["dependencies"]:
        name, extra, bound = re.fullmatch(r"([\w-]+)(\[\w+\])?(>=[\d.]+).*", line).groups()  # type: ignore[union-attr]
        wanted[CONDA.get(name, name)] = bound
        if extra:
            assert (name, extra) == ("fsspec", "[http]")  # which is aiohttp
            wanted["aiohttp"] = ""
    found = dict(line.partition(" ")[::2] for line in RECIPE["requirements"]["run"])
    assert found == wanted
    (entry,) = RECIPE["build"]["python"]["entry_points"]
    name, _, function = entry.partition(" = ")
    assert PROJECT["scripts"] == {name: function}


def test_the_image_has_all_that_the_package_is_built_of() -> None:
    kept = Path(f"{DOCKERFILE}.dockerignore").read_text().splitlines()
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    needed = {
        *built["targets"]["wheel"]["packages"],
        *built["targets"]["wheel"]["force-include"],
        *("pyproject.toml", "constraints.txt", PROJECT["readme"], *PROJECT["license-files"]),
    }
    assert kept[0] == "*"
    assert needed <= {line.removeprefix("!") for line in kept if line.startswith("!")}
    text = DOCKERFILE.read_text()
    (extras,) = re.findall(r"'\.\[([\w,]+)\]'", text)
    assert set(extras.split(",")) <= PROJECT["optional-dependencies"].keys()
    assert re.findall(r"^USER (\d+)$", text, re.M) == ["1000"]


@pytest.mark.skipif(tool("hadolint") is None, reason="hadolint is not installed")
def test_hadolint_finds_nothing() -> None:
    found = subprocess.run([f"{tool('hadolint')}", DOCKERFILE], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout
