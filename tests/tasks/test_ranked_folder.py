"""Ranks that meet in a folder: who takes what, what a dead one leaves, who writes the output."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from hnet_seq.jobs.job import Job, Tell
from hnet_seq.jobs.ranks import Ranks
from hnet_seq.jobs.record import record_path
from hnet_seq.jobs.shared_run import SharedRun, open_shared, shared_folder
from hnet_seq.jobs.spool import Columns
from hnet_seq.jobs.units import Unit
from modalities.errors import InputError, UsageError
from pipelines.storage import leftovers
from pipelines.storage.leftovers import temporary_name

UNITS = [Unit(index, 1, 1, 10, cost) for index, cost in enumerate([1.0, 4.0, 2.0, 1.0])]
HOLD = """
import fcntl, sys
file = open(sys.argv[1], "ab")
fcntl.lockf(file, fcntl.LOCK_EX, 1, int(sys.argv[2]))
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def joined(out: Path, rank: int = 0, world: int = 2, what: str = "x") -> Iterator[SharedRun]:
    with open_shared(out, {"what": what}, UNITS, Ranks(rank, world)) as run:
        assert run is not None
        yield run


def work_on(run: SharedRun, unit: Unit) -> None:
    assert run.claim(unit)
    with run.working(unit) as folder:
        (folder / "text").write_text(f"{unit.index}\n")


def write(run: SharedRun, out: Path) -> bool:
    with run.merging([out]) as folders:
        if folders is not None:
            out.write_text("".join((folder / "text").read_text() for folder in folders))
    return folders is not None


def test_each_rank_computes_its_own_and_the_last_one_writes_all_in_order(tmp_path: Path) -> None:
    out = tmp_path / "out"
    seen: list[list[int]] = [[], []]

    def run_rank(rank: int) -> list[int] | None:
        def compute(part: Sequence[int], done: int, tell: Tell) -> Iterator[tuple[Columns, int]]:
            seen[rank] += part
            yield {"number": np.array(part)}, 1

        job = Job(
            "test",
            "numbers",
            [out],
            {"what": "x"},
            UNITS,
            lambda: iter([[0], [1], [2], [3]]),
            compute,
            {"number": "<i8"},
            lambda number: 10,
        )
        with job.run(Ranks(rank, 2)) as computed:
            if computed is None:
                return None
            out.write_text("")
            return [int(own) for _, columns in computed.parts() for own in columns["number"]]

    shared_folder(out).mkdir()
    holders = [hold(out, unit) for unit in UNITS if unit.index != 1]  # the others' are taken
    assert run_rank(0) is None
    for process in holders:
        process.kill()
        process.communicate()
    assert seen == [[1], []]
    assert run_rank(1) == [0, 1, 2, 3]
    assert seen == [[1], [0, 2, 3]]
    assert not shared_folder(out).exists()
    record = json.loads(record_path(out).read_text())
    assert [(own["rank"], own["units"], own["tokens"]) for own in record["ranks"]] == [
        (0, 1, 10),
        (1, 3, 30),
    ]


def hold(out: Path, unit: Unit) -> subprocess.Popen[str]:
    """Another process that works on the unit."""
    lock = shared_folder(out) / "lock"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock), str(unit.index + 1)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_unit_that_a_live_rank_works_on_is_left_and_a_dead_ones_is_taken(tmp_path: Path) -> None:
    with joined(tmp_path / "out") as run:
        process = hold(tmp_path / "out", UNITS[1])
        try:
            assert not run.claim(UNITS[1])
            assert run.claim(UNITS[0])
        finally:
            process.kill()
            process.communicate()
        assert run.claim(UNITS[1])


def test_missing_units_are_named_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with joined(out) as run:
        work_on(run, UNITS[1])
        work_on(run, UNITS[3])
        assert not write(run, out)
    error = capsys.readouterr().err
    assert "other ranks are at unit-00000, unit-00002 of 4" in error
    assert "the same command computes what is missing, should one be killed" in error
    assert not out.exists()
    with joined(out, world=1) as run:
        assert [unit.index for unit in run.missing()] == [0, 2]


@pytest.mark.parametrize("what", ["short", "gone"])
def test_a_damaged_unit_is_named_and_nothing_is_written(tmp_path: Path, what: str) -> None:
    out = tmp_path / "out"
    with joined(out) as run:
        for unit in UNITS:
            work_on(run, unit)
        text = run.folder / "unit-00002" / "text"
        text.write_text("") if what == "short" else text.unlink()
        says = "has 0 bytes, expected 2" if what == "short" else "is missing"
        with pytest.raises(InputError, match=f"unit-00002/text: {says}; delete the unit's folder"):
            write(run, out)
    assert not out.exists()


def test_what_a_killed_rank_left_half_done_is_no_unit(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "text").write_text("hal")
        raise KeyboardInterrupt

    with joined(tmp_path / "out") as run:
        assert run.claim(UNITS[0])
        with pytest.raises(KeyboardInterrupt), run.working(UNITS[0]) as folder:
            fail(folder)
        assert not run.is_finished(UNITS[0])
        assert run.claim(UNITS[0])


def test_a_rank_that_starts_when_all_is_done_finds_nothing_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with joined(out) as run:
        for unit in UNITS:
            work_on(run, unit)
        assert write(run, out)
    # The rank that wrote it was killed while it took the folder away.
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    monkeypatch.setattr(leftovers.os, "getpid", lambda: dead.pid)
    half = temporary_name(shared_folder(out))
    monkeypatch.undo()
    half.mkdir()
    monkeypatch.setattr(leftovers, "_swept", set())  # as in a new process
    with open_shared(out, {"what": "x"}, UNITS, Ranks(1, 2)) as late:
        assert late is None
    assert f"{out} is complete; delete it" in capsys.readouterr().err
    assert not shared_folder(out).exists()
    assert not half.exists()
    with joined(out, what="other") as run:  # another model, say
        assert len(run.missing()) == 4
        assert not record_path(out).exists()


def test_an_output_that_was_deleted_is_computed_again(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with joined(out) as run:
        for unit in UNITS:
            work_on(run, unit)
        assert write(run, out)
    out.unlink()
    with joined(out) as run:
        assert len(run.missing()) == 4


def test_a_rank_notices_that_another_has_finished_meanwhile(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with joined(out, 0) as first, joined(out, 1) as second:
        for unit in UNITS:
            work_on(first, unit)
        assert write(first, out)
        assert not any(second.claim(unit) for unit in UNITS)
        assert not second.has_free_units()
        assert second.missing() == []
        assert not write(second, out)
    assert out.read_text() == "0\n1\n2\n3\n"


def test_a_failure_while_the_output_is_written_keeps_the_units(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with joined(out) as run:
        for unit in UNITS:
            work_on(run, unit)
        with pytest.raises(OSError, match="full"), run.merging([out]):
            raise OSError("full")
        assert write(run, out)


def test_the_folder_goes_wholly_also_where_a_signal_comes_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, rename = tmp_path / "out", Path.rename
    aside = temporary_name(shared_folder(out))
    (aside / "of an earlier process of this number").mkdir(parents=True)

    def stopped(path: Path, target: Path) -> None:
        rename(path, target)
        if target == aside:
            raise SystemExit(143)

    with joined(out) as run:
        for unit in UNITS:
            work_on(run, unit)
        monkeypatch.setattr(Path, "rename", stopped)
        with pytest.raises(SystemExit):
            write(run, out)
    assert {path.name for path in tmp_path.iterdir()} == {"out", record_path(out).name}


def test_ranks_of_something_else_are_refused_by_what_differs(tmp_path: Path) -> None:
    with joined(tmp_path / "out") as run:
        work_on(run, UNITS[0])
    with (
        pytest.raises(UsageError, match="what was 'x', is 'y'"),
        open_shared(tmp_path / "out", {"what": "y"}, UNITS, Ranks(0, 2)),
    ):
        raise AssertionError("it was opened")


def test_a_folder_that_is_no_unfinished_run_is_left_alone(tmp_path: Path) -> None:
    thesis = shared_folder(tmp_path / "out") / "thesis.txt"
    thesis.parent.mkdir()
    thesis.write_text("dear")
    with (
        pytest.raises(UsageError, match="no unfinished run; move it"),
        open_shared(tmp_path / "out", {"what": "x"}, UNITS, Ranks()),
    ):
        raise AssertionError("it was opened")
    assert thesis.read_text() == "dear"


def test_a_finished_run_stands_for_the_files_and_options_that_it_was_asked_for(
    tmp_path: Path,
) -> None:
    out, more = tmp_path / "out", tmp_path / "more"

    def is_made(outputs: Sequence[Path], **made_with: object) -> bool:
        with open_shared(out, {"what": "x"}, UNITS, Ranks(0, 2), outputs, made_with) as run:
            if run is None:
                return True
            for unit in UNITS:
                work_on(run, unit)
            with run.merging(outputs) as folders:
                assert folders is not None
                for path in outputs:
                    path.write_text("made")
            return False

    assert not is_made([out])
    assert is_made([out])
    assert not is_made([out, more])
    assert is_made([out, more])
    assert is_made([out])  # it was made with more
    assert not is_made([out, more], option=1)
    assert is_made([out, more], option=1)
    assert not is_made([out, more], option=2)
    assert not is_made([out, tmp_path / "third"])
    more.unlink()  # of an earlier run
    assert is_made([out])
    (tmp_path / "third").unlink()
    assert not is_made([out])
