"""AnnData on a full disk: no file, no folder and no crash, and its name is told."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hnet_seq.jobs.spool import Columns
from hnet_seq.jobs.spool import Rows as SpooledRows
from hnet_seq.tasks.embedding.anndata_files import write_anndata
from hnet_seq.tasks.embedding.patient_file import PatientFile
from pipelines.storage.files import DiskError, replaced_path
from tests.full_disk import entries, files_of_at_most


class Rows(SpooledRows):
    """Made up, two blocks of them."""

    def __init__(self) -> None:
        kinds = {"id": "text", "start": "<i8", "end": "<i8", "vector": "(8,)<f4"}
        super().__init__([], kinds)
        self.rows = 1_000

    def blocks(self, size: int = 500) -> Iterator[Columns]:
        for first in (0, 500):
            places = np.arange(first, first + 500)
            columns: dict[str, Any] = {
                "id": [f"s{n}" for n in places],
                "start": places,
                "end": places + 5,
                "vector": np.random.default_rng(0).random((500, 8), np.float32),
            }
            yield columns


def write(path: Path, kind: str, rows: Rows | None = None) -> None:
    with replaced_path(path) as made:
        write_anndata(rows or Rows(), made, {"about": "random"}, kind=kind, level="chunk", size=500)


def test_on_a_full_disk_there_is_no_folder_of_zarr(tmp_path: Path) -> None:
    pytest.importorskip("zarr")
    whole, out = tmp_path / "whole.zarr", tmp_path / "out.zarr"
    write(whole, ".zarr")
    before = entries(tmp_path)
    size = max(path.stat().st_size for path in whole.rglob("*") if path.is_file())
    for limit in np.linspace(0, size - 1, 8).astype(int).tolist():
        with files_of_at_most(limit), pytest.raises(DiskError, match="File too large") as caught:
            write(out, ".zarr")
        assert caught.value.filename == str(out)
        assert entries(tmp_path) == before, limit
    write(out, ".zarr")
    found = {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()}
    assert all((whole / name).read_bytes() == content for name, content in found.items())


def test_an_interrupt_leaves_no_folder_of_zarr(tmp_path: Path) -> None:
    """What it still writes in another thread at that moment is waited for."""
    pytest.importorskip("zarr")

    class Interrupted(Rows):
        def blocks(self, size: int = 500) -> Iterator[Columns]:
            from zarr.core.sync import _get_loop

            yield from itertools.islice(super().blocks(), 1)
            asyncio.run_coroutine_threadsafe(late(), _get_loop())
            raise KeyboardInterrupt

    async def late() -> None:
        await asyncio.sleep(0.2)
        (folder,) = tmp_path.iterdir()  # raises, where nobody has waited
        (folder / "late").write_text("")
        written.append(folder)

    written: list[Path] = []
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "out.zarr", ".zarr", Interrupted())
    assert written
    assert entries(tmp_path) == []


# In a process of its own: HDF5 would end one that it cannot close a file in.
_SCRIPT = """
import sys
from pathlib import Path
from pipelines.storage.files import DiskError
from tests.full_disk import entries, files_of_at_most
from tests.tasks.test_anndata_full_disk import write

folder = Path(sys.argv[1])
whole, out = folder / "whole.h5ad", folder / "out.h5ad"
write(whole, ".h5ad")
size = whole.stat().st_size
for limit in (*range(0, size, size // 20), size - 1):
    try:
        with files_of_at_most(limit):
            write(out, ".h5ad")
    except DiskError as error:
        assert error.filename == str(out), error
    else:
        raise AssertionError(limit)
    assert entries(folder) == ["whole.h5ad"], limit
write(out, ".h5ad")
assert out.read_bytes() == whole.read_bytes()
"""


def test_on_a_full_disk_there_is_no_file_of_anndata(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_what_a_disk_refused_is_read_back_by_who_wrote_it(tmp_path: Path) -> None:
    with files_of_at_most(10), PatientFile(tmp_path / "a") as file:
        for at, content in ((0, b"0123456789ab"), (20, b"cd"), (1, b"xyz"), (9, b"k")):
            file.seek(at)
            assert file.write(content) == len(content)
        assert file.seek(0, os.SEEK_END) == 22
        file.seek(0)
        found = bytearray(24)
        assert file.readinto(found) == 24
    assert found == b"0xyz45678kab" + bytes(8) + b"cd" + bytes(2)
    assert file.refused is not None
