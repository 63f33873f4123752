"""The results on docs/index.md, made by the commands above them.

    python -m website.first_page

The page has them between ``<!-- result -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import tempfile
from pathlib import Path

from hnet_seq.cli import main

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/index.md"
# A command may go on in the next line, behind a backslash.
RESULT = re.compile(
    r"(<!-- result -->\n```console\n\$ (hnet-seq (?:[^\n]*\\\n)*[^\n]+)\n)(.*?)(```\n<!-- end -->)",
    re.S,
)


def results(text: str) -> list[tuple[str, str]]:
    """Commands, and what stands below each."""
    return [(found[2], found[3]) for found in RESULT.finditer(text)]


def result(command: str) -> str:
    """What a command prints; without what a clock and a machine decide.

    Raises:
        RuntimeError: it failed.
    """
    out = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(out):
        words = [
            f"{ROOT / word}" if word.startswith("examples/") else word
            for word in shlex.split(command.replace("\\\n", " "))[1:]
        ]
        with contextlib.chdir(folder):
            code = main(words)
    if code:
        raise RuntimeError(f"{command}: exit code {code}")
    return "".join(
        line for line in out.getvalue().splitlines(keepends=True) if "peak memory" not in line
    )


def written(text: str) -> str:
    """The page with its results made anew."""
    return RESULT.sub(lambda found: f"{found[1]}{result(found[2])}{found[4]}", text)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
