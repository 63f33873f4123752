"""A case and how its check runs a command."""

from __future__ import annotations

import contextlib
import io
import runpy
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from hnet_seq.cli import main


@dataclass(frozen=True)
class Answer:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Case:
    """One folder of inputs.

    Attributes:
        folder: the input files, not to be written to.
        out: an empty folder.
        model: a small causal checkpoint on DNA, a run folder.
    """

    folder: Path
    out: Path
    model: Path

    def __getitem__(self, name: str) -> Path:
        """An input file."""
        path = self.folder / name
        assert path.is_file(), path
        return path

    def run(self, *command: str | Path) -> Answer:
        """Run ``hnet-seq`` in this process."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = main([str(word) for word in command])
            except SystemExit as stopped:
                code = int(stopped.code or 0)
        return Answer(code, out.getvalue(), err.getvalue())

    def right(self, *command: str | Path) -> Answer:
        """Run a command that must end well."""
        answer = self.run(*command)
        assert answer.code == 0, answer.err
        return answer

    def refused(self, *command: str | Path, naming: str) -> Answer:
        """Run a command that must be refused with one line that names something."""
        answer = self.run(*command)
        assert answer.code in (1, 2), answer.out
        said = [line for line in answer.err.splitlines() if line.startswith("hnet-seq")]
        assert len(said) == 1, answer.err
        assert naming in said[0], said[0]
        return answer

    def printed(self, script: str, *words: str | Path) -> str:
        """What a script of the folder prints, in this process."""
        out, given = io.StringIO(), [script, *map(str, words)]
        with contextlib.redirect_stdout(out), mock.patch.object(sys, "argv", given):
            runpy.run_path(str(self[script]), run_name="__main__")
        return out.getvalue()
