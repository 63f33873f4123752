"""The folder while it is made: whole or not there, one maker at a time, and gone on with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modalities.errors import InputError, UsageError
from pipelines.shards.manifest import MANIFEST
from pipelines.shards.shard_folder import Staging, UnitResult, staged_folder
from pipelines.shards.writer import ShardWriter

PLAN = {"inputs": ["a.fa"], "options": {"guard": 3}}


def finish_unit(staging: Staging, number: int) -> UnitResult:
    with ShardWriter(staging.folder, "train", number, block_size=10, shard_size=20) as writer:
        writer.add("x", np.zeros(35, np.uint8), label="l")
    result = UnitResult(writer.shards, {"bases": 35})
    staging.save(number, result)
    return result


def stop(out: Path, error: BaseException, *, overwrite: bool = False, units: int = 0) -> None:
    """A call that makes so many units and then fails."""

    def call() -> None:
        with staged_folder(out, PLAN, overwrite=overwrite) as staging:
            for number in range(units):
                finish_unit(staging, number)
            (staging.folder / "train-00009-0000.tar").write_text("half")
            raise error

    with pytest.raises(type(error)):
        call()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def make(out: Path, content: str, *, overwrite: bool = False) -> None:
    with staged_folder(out, PLAN, overwrite=overwrite) as staging:
        (staging.folder / MANIFEST).write_text(content)


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), RuntimeError(), OSError("full"), InputError("a.fa", "bad")]
)
def test_a_failure_before_any_unit_is_complete_leaves_nothing_and_keeps_what_was_there(
    tmp_path: Path, error: BaseException
) -> None:
    out = tmp_path / "shards"
    stop(out, error)
    assert names(tmp_path) == []
    make(out, "old")
    stop(out, error, overwrite=True)
    assert names(tmp_path) == ["shards"]
    assert (out / MANIFEST).read_text() == "old"
    make(out, "new", overwrite=True)
    assert names(tmp_path) == ["shards"]
    assert names(out) == [MANIFEST]
    assert (out / MANIFEST).read_text() == "new"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("full")])
def test_complete_units_are_there_for_the_next_call(tmp_path: Path, error: BaseException) -> None:
    out = tmp_path / "shards"
    stop(out, error, units=2)
    assert names(tmp_path) == [".shards.partial"]
    with staged_folder(out, PLAN) as staging:
        first = staging.load(0)
        assert first is not None
        assert first.statistics == {"bases": 35}
        assert [shard.name for shard in first.shards] == [
            "train-00000-0000.tar",
            "train-00000-0001.tar",
        ]
        assert first.shards[1].blocks.document_tokens.tolist() == [35, 35]
        assert staging.load(1) is not None
        assert staging.load(2) is None
        (staging.folder / MANIFEST).write_text("new")
    # What the next call had no use for is gone.
    assert not [name for name in names(out) if name.startswith((".", "unit", "plan", "lock"))]


def test_bad_input_leaves_nothing_even_after_complete_units(tmp_path: Path) -> None:
    stop(tmp_path / "shards", InputError("a.fa", "bad"), units=2)
    assert names(tmp_path) == []


def test_another_plan_starts_anew(tmp_path: Path) -> None:
    out = tmp_path / "shards"
    stop(out, KeyboardInterrupt(), units=2)
    with staged_folder(out, PLAN | {"inputs": ["b.fa"]}) as staging:
        assert staging.load(0) is None
        assert names(staging.folder) == ["lock", "plan.json"]


@pytest.mark.parametrize("damage", ["missing tar", "short tar", "half a note"])
def test_a_unit_that_is_not_all_there_is_made_again(tmp_path: Path, damage: str) -> None:
    out = tmp_path / "shards"
    stop(out, KeyboardInterrupt(), units=2)
    with staged_folder(out, PLAN) as staging:
        tar = staging.folder / "train-00001-0001.tar"
        if damage == "missing tar":
            tar.unlink()
        elif damage == "short tar":
            tar.write_bytes(tar.read_bytes()[:-1])
        else:
            (staging.folder / "unit-00001.json").write_text('{"shards": [')
        assert staging.load(0) is not None
        assert staging.load(1) is None


def test_the_second_to_make_a_folder_is_told_and_does_no_harm(tmp_path: Path) -> None:
    out = tmp_path / "shards"
    with staged_folder(out, PLAN) as staging:
        finish_unit(staging, 0)
        for plan in (PLAN, {"another": "plan"}):
            with (
                pytest.raises(UsageError, match="shards: is being made by another process"),
                staged_folder(out, plan),
            ):
                raise AssertionError("entered")
        assert staging.load(0) is not None
        (staging.folder / MANIFEST).write_text("whole")
    assert names(out) == [MANIFEST, "train-00000-0000.tar", "train-00000-0001.tar"]


def test_a_link_to_shards_stays_one(tmp_path: Path) -> None:
    out, link = tmp_path / "disk" / "shards", tmp_path / "shards"
    out.mkdir(parents=True)
    (out / MANIFEST).write_text("old")
    link.symlink_to(out)
    make(link, "new", overwrite=True)
    assert link.is_symlink()
    assert (out / MANIFEST).read_text() == "new"
    assert names(out.parent) == ["shards"]


def test_only_shards_are_overwritten_and_only_when_asked(tmp_path: Path) -> None:
    for name in ("shards", "thesis"):
        (tmp_path / name).mkdir()
        (tmp_path / name / MANIFEST).write_text("{}")
    (tmp_path / "thesis" / "chapter.tex").write_text("precious")
    for name, overwrite, message in (
        ("shards", False, "give `overwrite`"),
        ("thesis", True, "thesis: holds chapter.tex: not only shards"),
        ("thesis/chapter.tex", True, "is a file; name a folder"),
    ):
        with pytest.raises(UsageError, match=message):
            make(tmp_path / name, "new", overwrite=overwrite)
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "precious"
    assert names(tmp_path) == ["shards", "thesis"]
