"""Verbs that are killed end with the bytes of a run that is not."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from hnet_seq.cli import main
from hnet_seq.jobs.spool import Rows, Spool
from tests.forked import Forked
from tests.tasks import ranked_script
from tests.tasks.test_ranked_runs import OUTPUTS, commands, contents, inputs, small_units

__all__ = ["inputs", "small_units"]  # fixtures
WRITTEN = (0, 4)  # verbs that are killed again, while they write


def killed(arguments: list[str], commit: int | None) -> int:
    """Run a verb, and end without warning in a commit, or while the output is written."""
    ranked_script.small_units()
    append, begun = Spool.append, 0

    def appending(self: Spool, *columns: Any) -> None:
        nonlocal begun
        begun += 1
        append(self, *columns)
        if begun == commit:
            for file in self._files.values():  # the system has some of it
                file.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    def reading(_: Rows, names: object = None) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    patch.object(Spool, "append", appending).start()
    if commit is None:
        patch.object(Rows, "reading", reading).start()
    return main(arguments)


@pytest.mark.slow
@pytest.mark.parametrize("which", range(len(OUTPUTS)))
def test_a_verb_that_is_killed_ends_with_the_same_bytes(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], which: int
) -> None:
    command = commands(inputs, tmp_path / "out")[which]
    moments: list[int | None] = [int(np.random.default_rng(which).integers(2, 5))]
    if which in WRITTEN:
        moments.append(None)
    for moment in moments:
        ended = Forked(killed, command, moment, folder=tmp_path).end()
        assert ended.code == -signal.SIGKILL, ended.err
        assert not (tmp_path / "out" / OUTPUTS[which][0]).exists()
    capsys.readouterr()
    assert main(command) == 0
    assert " are kept from the run that was stopped" in capsys.readouterr().err
    assert main(commands(inputs, tmp_path / "alone")[which]) == 0
    assert contents(tmp_path / "out", which) == contents(tmp_path / "alone", which)
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert left == {path.name for path in (tmp_path / "alone").iterdir()}
