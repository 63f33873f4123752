"""Rows that wait in a folder until the output is written: where, and which survive a kill."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from hnet_seq.jobs.job import Job, Tell
from hnet_seq.jobs.ranks import Ranks
from hnet_seq.jobs.shared_run import shared_folder
from hnet_seq.jobs.spool import TEXT, Columns, Rows, Spool
from hnet_seq.jobs.units import Unit

UNITS = [Unit(index, 1, 1, 10, cost) for index, cost in enumerate([1.0, 4.0, 2.0, 1.0])]


def test_rows_wait_beside_the_file_that_a_link_leads_to(tmp_path: Path) -> None:
    def compute(part: Sequence[int], done: int, tell: Tell) -> Iterator[tuple[Columns, int]]:
        yield {"number": np.array(part)}, 1

    here, disk = tmp_path / "here", tmp_path / "disk"
    here.mkdir()
    disk.mkdir()
    (disk / "out").touch()
    out = here / "out"  # as /dev/stdout, in whose folder nothing can wait
    out.symlink_to(disk / "out")
    kinds = {"number": "<i8"}
    job = Job(
        "test", "numbers", [out], {}, UNITS, lambda: iter([[i] for i in range(4)]), compute, kinds,
        lambda number: 10,
    )  # fmt: skip
    with pytest.raises(KeyboardInterrupt), job.run(Ranks()):
        raise KeyboardInterrupt
    assert [path.name for path in here.iterdir()] == ["out"]
    assert shared_folder(disk / "out").is_dir()
    with job.run(Ranks()) as computed:
        assert computed is not None
        found = [int(own) for _, columns in computed.parts() for own in columns["number"]]
    assert found == [0, 1, 2, 3]
    assert [path.name for path in disk.iterdir()] == ["out"]


def test_a_folder_that_is_made_for_what_fails_goes(tmp_path: Path) -> None:
    def compute(part: Sequence[int], done: int, tell: Tell) -> Iterator[tuple[Columns, int]]:
        if part:
            raise OSError("the disk is full")
        yield {}, 1

    job = Job(
        "test", "numbers", [tmp_path / "new" / "folder" / "out"], {}, UNITS,
        lambda: iter([[i] for i in range(4)]), compute, {"number": "<i8"}, lambda number: 10,
    )  # fmt: skip
    with pytest.raises(OSError, match="full"), job.run(Ranks()):
        raise AssertionError("it was computed")
    assert list(tmp_path.iterdir()) == []


def test_what_was_written_after_the_last_commit_is_cut_off(tmp_path: Path) -> None:
    vectors = np.arange(12, dtype=np.float32).reshape(6, 2)
    kinds = {"id": TEXT, "place": "<i8", "vector": "(2,)<f4"}

    def append(spool: Spool, low: int, high: int) -> None:
        names = [f"n{i}" for i in range(low, high)]
        spool.append({"id": names, "place": np.arange(low, high), "vector": vectors[low:high]})

    parts = [tmp_path / "a", tmp_path / "b"]
    for part, (low, middle, high) in zip(parts, [(0, 2, 5), (5, 5, 6)], strict=True):
        part.mkdir()
        with closing(Spool(part, kinds)) as spool:
            append(spool, low, middle)
            spool.commit(1)
            append(spool, middle, high)
        for file in part.iterdir():
            with file.open("ab") as stream:
                stream.write(b"half")
        with closing(Spool(part, kinds)) as spool:
            assert (spool.items, spool.rows) == (1, middle - low)
            append(spool, middle, high)
            spool.commit(1)
    rows = Rows(parts, kinds)
    for size in (1, 4, 100):
        blocks = list(rows.blocks(size))
        assert [name for block in blocks for name in block["id"]] == [f"n{i}" for i in range(6)]
        found = np.concatenate([np.asarray(block["vector"]) for block in blocks])
        np.testing.assert_array_equal(found, vectors)
    np.testing.assert_array_equal(rows.at("vector", [5, 0, 3]), vectors[[5, 0, 3]])
    np.testing.assert_array_equal(rows.at("place", [5, 0, 3]), [5, 0, 3])


def test_rows_that_a_machine_lost_are_not_gone_on_from(tmp_path: Path) -> None:
    kinds = {"place": "<i8"}
    with closing(Spool(tmp_path, kinds)) as spool:
        for place in range(3):
            spool.append({"place": np.array([place])})
            spool.commit(1)
    os.truncate(tmp_path / "place", 17)
    with closing(Spool(tmp_path, kinds)) as spool:
        assert (spool.items, spool.rows) == (2, 2)
    assert (tmp_path / "place").stat().st_size == 16
