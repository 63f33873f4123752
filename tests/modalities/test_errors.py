"""One message, worded for Python and for the command line."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from modalities.errors import InputError, UsageError

OPTIONS = {"batch_tokens": "--batch-tokens", "level": "--level"}


@pytest.mark.parametrize("parameter", ["batch_tokens", "--batch-tokens"])
@pytest.mark.parametrize("text", ["is 0, see `level` base", "is 0, see --level base"])
def test_a_parameter_is_an_option_on_the_command_line_alone(parameter: str, text: str) -> None:
    error = UsageError(parameter, text)
    assert str(error) == "batch_tokens: is 0, see `level` base"
    assert error.for_command_line(OPTIONS) == "--batch-tokens: is 0, see --level base"


def test_an_error_in_an_error_keeps_its_options() -> None:
    inner = InputError(None, "no field; name it with --text-field")
    outer = InputError("a.jsonl", str(inner), where="line 1")
    said = outer.for_command_line({"text_field": "--text-field"})
    assert said == "a.jsonl: line 1: no field; name it with --text-field"
    assert str(outer) == "a.jsonl: line 1: no field; name it with `text_field`"


def test_names_of_files_stay_as_they_are() -> None:
    for error in (InputError(Path("level"), "is empty"), InputError("level", "is empty")):
        assert str(error) == error.for_command_line(OPTIONS) == "level: is empty"
    odd = InputError(Path("a--b/x--level.fa"), "is empty")
    assert str(odd) == odd.for_command_line(OPTIONS) == "a--b/x--level.fa: is empty"


def test_an_error_comes_back_from_another_process() -> None:
    error = UsageError("--batch-tokens", "is 0", where="line 3")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.where) == (str(error), "line 3")
    assert again.for_command_line(OPTIONS) == "--batch-tokens: line 3: is 0"
