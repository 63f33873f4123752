"""Runs of Snakemake, each forked from one process that has imported it: a start takes seconds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from tests.workflows.project import EXAMPLES, tool

SNAKEMAKE = tool("snakemake")
SNAKEFILE = EXAMPLES / "workflows/snakemake/workflow/Snakefile"
#: Reads lines of a folder, variables and words; writes how the run of them ended, and what it said.
_SCRIPT = """
import json, os, sys, tempfile
from snakemake.cli import main

for line in sys.stdin:
    folder, variables, words = json.loads(line)
    with tempfile.TemporaryFile("w+") as said:
        child = os.fork()
        if not child:
            os.setsid()
            os.chdir(folder)
            os.environ.update(variables)
            for descriptor in (1, 2):
                os.dup2(said.fileno(), descriptor)
            sys.exit(main(words))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        print(json.dumps([code, said.read()]), flush=True)
"""


class SnakemakeRuns:
    """The process, until it is closed."""

    def __init__(self, home: Path) -> None:
        """Its caches of sources and its settings are in ``home``, not those of the user."""
        python = shutil.which("python3", path=Path(f"{SNAKEMAKE}").resolve().parent)
        assert python is not None, SNAKEMAKE
        self._process = subprocess.Popen(
            [python, "-c", _SCRIPT],
            env=os.environ | {"HOME": f"{home}", "XDG_CACHE_HOME": f"{home}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, folder: Path, *options: str, first: Path | None = None) -> tuple[int, str]:
        """Exit code and what was said, of a run in a group of processes of its own.

        Args:
            first: a folder before all others of the path.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        path = os.pathsep.join([*([f"{first}"] if first else []), os.environ["PATH"]])
        asked = [f"{folder}", {"PATH": path}, ["--snakefile", f"{SNAKEFILE}", *options]]
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        code, said = json.loads(self._process.stdout.readline())
        return code, said

    def close(self) -> None:
        """No run is left: each was waited for."""
        with self._process:
            self._process.kill()
