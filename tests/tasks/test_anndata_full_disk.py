"""AnnData on a full disk: no file, no folder and no crash, and its name is told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hnet_seq.tasks.embedding.anndata_files import write_anndata
from hnet_seq.tasks.embedding.spooled_rows import Block, SpooledRows
from pipelines.files import DiskError, replaced_path
from tests.full_disk import entries, files_of_at_most


class Rows(SpooledRows):
    """Made up, two blocks of them."""

    def __init__(self) -> None:
        super().__init__(Path(), 8, {"id": "text", "start": "<i8", "end": "<i8"})
        self.rows = 1_000

    def blocks(self) -> Iterator[Block]:
        for first in (0, 500):
            places = np.arange(first, first + 500)
            columns: dict[str, Any] = {
                "id": [f"s{n}" for n in places],
                "start": places,
                "end": places + 5,
            }
            yield Block(first, columns, np.random.default_rng(0).random((500, 8), np.float32))


def write(path: Path, kind: str) -> None:
    with replaced_path(path) as made:
        write_anndata(Rows(), made, {"about": "random"}, kind=kind, level="chunk")


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


def test_on_a_full_disk_there_is_no_file_of_anndata(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    out = tmp_path / "out.h5ad"
    # In processes of their own: HDF5 may end one that it cannot close a file in.
    script = (
        "import sys; from pathlib import Path; from tests.full_disk import files_of_at_most; "
        "from tests.tasks.test_anndata_full_disk import write\n"
        "with files_of_at_most(int(sys.argv[2])): write(Path(sys.argv[1]), '.h5ad')"
    )
    for limit in (0, 20_000):
        done = subprocess.run(
            [sys.executable, "-c", script, str(out), str(limit)],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            check=False,
        )
        assert done.returncode != 0
        assert not out.exists()
    write(out, ".h5ad")
    assert [path.name for path in tmp_path.iterdir()] == ["out.h5ad"]
