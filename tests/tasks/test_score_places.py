"""Scores never take the place of what they were made from, nor of their summary."""

from __future__ import annotations

from pathlib import Path

import pytest

from hnet_seq.tasks.scoring.summary import check_places
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
