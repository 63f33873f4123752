"""A run that was killed goes on where it stopped, and ends with the bytes of one that was not."""

from __future__ import annotations

import hashlib
import os
import signal
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from hnet_seq.cli import main
from hnet_seq.jobs.spool import Spool
from hnet_seq.tasks.embedding import plan as embed_plan
from hnet_seq.tasks.embedding.space import _written
from tests.conftest import make_model
from tests.forked import Forked


def killed_at_the_third(arguments: list[str]) -> int:
    """The command with small parts, ended without warning while the third is half written."""
    embed_plan.PART_TOKENS, embed_plan.PART_BYTES = 200, 200 * 64 * 4
    commit, commits = Spool.commit, 0

    def killing(self: Spool, items: int) -> None:
        nonlocal commits
        commits += 1
        if commits == 3:
            for file in self._files.values():
                file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        commit(self, items)

    setattr(Spool, "commit", killing)  # noqa: B010
    return main(arguments)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    model = make_model("one stage")
    model.metadata["modality"] = "dna"
    model.save_pretrained(tmp_path / "model")
    letters = np.random.default_rng(0).choice(list("ACGT"), (12, 90))
    (tmp_path / "in.fa").write_text(
        "".join(f">r{i}\n{''.join(own)}\n" for i, own in enumerate(letters))
    )
    monkeypatch.setattr(embed_plan, "PART_TOKENS", 200)
    monkeypatch.setattr(embed_plan, "PART_BYTES", 200 * 64 * 4)
    return tmp_path


def command(folder: Path, out: str, *options: str) -> list[str]:
    names = [str(folder / name) for name in ("model", "in.fa")]
    fixed = ["--out", str(folder / out), "--device", "cpu", "--batch-tokens", "100"]
    return ["embed", *names, *fixed, *options]


def killed(folder: Path, out: str, *options: str) -> Path:
    """Run until the kill; the folder that it left."""
    arguments = command(folder, out, *options)
    ended = Forked(killed_at_the_third, arguments, folder=folder).end()
    assert ended.code == -signal.SIGKILL, ended.err
    assert not (folder / out).exists()
    return folder / f"{out}.ranks"


def digest(path: Path) -> str:
    """Of a file, or of all files of a folder with their names."""
    found = hashlib.sha256()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            found.update(f"{file.relative_to(path.parent)}\n".encode() + file.read_bytes())
    return found.hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "beside"),
    [
        ("v.parquet", ("--strands", "average"), None),
        ("v.npy", ("--level", "chunk"), "v.rows.tsv"),
    ],
)
def test_a_killed_run_ends_with_the_bytes_of_one_that_was_not(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    options: tuple[str, ...],
    beside: str | None,
) -> None:
    partial = killed(folder, name, *options)
    assert main(command(folder, name, *options)) == 0
    assert "4 of 12 sequences are kept from the run that was stopped" in capsys.readouterr().err
    names = [name, *([beside] if beside else [])]
    resumed = [digest(folder / own) for own in names]
    assert not partial.exists()
    assert main(command(folder, name, *options)) == 0
    assert "are kept" not in capsys.readouterr().err
    assert [digest(folder / own) for own in names] == resumed


def half_done(folder: Path, monkeypatch: pytest.MonkeyPatch, out: str, *options: str) -> None:
    """Leave a folder with two committed parts."""
    commit, commits = Spool.commit, 0

    def failing(self: Spool, items: int) -> None:
        nonlocal commits
        commits += 1
        if commits == 3:
            raise KeyboardInterrupt
        commit(self, items)

    with monkeypatch.context() as patch:
        patch.setattr(Spool, "commit", failing)
        assert main(command(folder, out, *options)) == 130


def test_an_unfinished_run_of_something_else_is_refused_by_what_differs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    half_done(folder, monkeypatch, "v.npy")
    capsys.readouterr()
    assert main(command(folder, "v.npy", "--strands", "average")) == 2
    error = capsys.readouterr().err
    assert "strands was 'none', is 'average'" in error
    assert "model was" not in error
    (folder / "in.fa").write_text((folder / "in.fa").read_text() + ">more\nACGT\n")
    assert main(command(folder, "v.npy")) == 2
    assert "sequences was" in capsys.readouterr().err
    other = make_model("one stage", seed=5)
    other.metadata["modality"] = "dna"
    other.save_pretrained(folder / "model")
    assert main(command(folder, "v.npy")) == 2
    assert "model was" in capsys.readouterr().err
    assert not (folder / "v.npy").exists()


def test_an_interrupted_run_goes_on_in_every_format(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("h5py")
    pytest.importorskip("zarr")
    for name in ("v.npy", "v.h5ad", "v.zarr"):
        assert main(command(folder, f"whole{name[1:]}")) == 0
        half_done(folder, monkeypatch, name)
        assert main(command(folder, name)) == 0
        (folder / name).rename(folder / "moved")
        (folder / f"whole{name[1:]}").rename(folder / name)
        (folder / name).rename(folder / "other")
        one, other = (
            {
                str(p.relative_to(folder / kind)): p.read_bytes()
                for p in [folder / kind, *(folder / kind).rglob("*")]
                if p.is_file()
            }
            for kind in ("moved", "other")
        )
        assert one == other
        for kind in ("moved", "other"):
            (folder / kind).rename(folder / f"{kind}.{name}")


def test_a_disk_without_room_is_told_before_anything_is_computed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Usage:
        free = 1000

    monkeypatch.setattr("hnet_seq.tasks.embedding.space.shutil.disk_usage", lambda path: Usage)
    monkeypatch.setattr("hnet_seq.tasks.embedding.compute.pool_sequences", None)
    assert main(command(folder, "v.npy")) == 2
    assert "its disk has 0.001 MB free" in capsys.readouterr().err
    assert {path.name for path in folder.iterdir()} == {"model", "in.fa"}


def test_what_is_written_is_counted_while_another_rank_finishes_a_unit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half, whole, scan = tmp_path / ".unit-0", tmp_path / "unit-0", os.scandir
    half.mkdir()
    for path in (half / "vector", tmp_path / "identity.json"):
        path.write_bytes(bytes(100))

    class Scanned(ExitStack):
        """What was in a folder when it was listed."""

        def __init__(self, path: str = ".") -> None:
            super().__init__()
            self.found = list(scan(path))
            if half.exists():
                half.rename(whole)  # before it is looked into

        def __iter__(self) -> Scanned:
            return self

        def __next__(self) -> os.DirEntry[str]:
            if not self.found:
                raise StopIteration
            return self.found.pop()

    monkeypatch.setattr(os, "scandir", Scanned)
    assert _written(tmp_path) == 100
    assert _written(tmp_path) == 200
    assert _written(tmp_path / "none") == 0
