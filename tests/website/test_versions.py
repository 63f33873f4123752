"""Versions of the site lie beside each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from website import versions


def test_the_newest_is_gone_to_and_all_are_listed(tmp_path: Path) -> None:
    for name in ("0.9.0", "0.10.0", "0.10.0rc1", "dev"):
        (tmp_path / name / "docs").mkdir(parents=True)
        (tmp_path / name / "docs/index.html").touch()
    (tmp_path / "half-built").mkdir()
    assert versions.versions(tmp_path) == ["0.10.0", "0.10.0rc1", "0.9.0", "dev"]
    versions.write(tmp_path)
    assert "url=0.10.0/docs/index.html" in (tmp_path / "index.html").read_text()
    listed = (tmp_path / "versions.html").read_text()
    assert "refresh" not in listed
    assert listed.count("<li>") == 4


def test_without_one_it_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no version"):
        versions.write(tmp_path)
