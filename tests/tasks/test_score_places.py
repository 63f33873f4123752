"""Scores never take the place of what they were made from, nor of their summary."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hnet_seq.tasks.scoring.outputs import check_places, files_of, summary_path
from modalities.errors import UsageError


@pytest.mark.parametrize(
    ("out", "source", "says"),
    [
        ("s.fa", "s.fa", "is the input"),
        ("s.tsv", "s.json", "s.json is the input"),
        ("s.json", "a.fa", "where the summary goes"),
        ("s.json", None, "where the summary goes"),
    ],
)
def test_a_place_that_is_taken_is_refused(
    out: str, source: str | None, says: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=says):
        check_places(tmp_path / out, None if source is None else f"{tmp_path / source}")


def test_other_places_are_free(tmp_path: Path) -> None:
    check_places(tmp_path / "s.tsv", "-")
    check_places(tmp_path / "s.vcf.gz", f"{tmp_path / 's.fa'}")


def test_nothing_is_written_beside_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "pipe.tsv")
    places = [pipe, *map(Path, ("/dev/stdout", "/dev/null", "/dev/fd/1", "/proc/self/fd/1"))]
    assert [summary_path(place) for place in places] == [None] * len(places)
    assert [list(files_of(place, drawn=True)) for place in places] == [[place] for place in places]
    assert summary_path(Path("/dev/shm/s.tsv")) == Path("/dev/shm/s.json")
    check_places(Path("/dev/stdout"), f"{tmp_path / 's.fa'}")
