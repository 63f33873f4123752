"""docs/results.md: its commands are ones that the verbs take."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
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
