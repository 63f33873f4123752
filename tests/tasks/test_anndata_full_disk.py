"""AnnData on a full disk: no file, no folder and no crash, and its name is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

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
            columns = {"id": [f"s{n}" for n in places], "start": places, "end": places + 5}
            yield Block(first, columns, np.random.default_rng(0).random((500, 8), np.float32))


@pytest.mark.parametrize(("kind", "package"), [(".h5ad", "h5py"), (".zarr", "zarr")])
def test_on_a_full_disk_there_is_nothing(tmp_path: Path, kind: str, package: str) -> None:
    pytest.importorskip(package)

    def write(path: Path) -> None:
        with replaced_path(path) as made:
            write_anndata(Rows(), made, {"about": "random"}, kind=kind, level="chunk")

    whole, out = tmp_path / f"whole{kind}", tmp_path / f"out{kind}"
    write(whole)
    before = entries(tmp_path)
    size = max(path.stat().st_size for path in (whole, *whole.rglob("*")) if path.is_file())
    for limit in np.linspace(0, size - 1, 8).astype(int).tolist():
        with files_of_at_most(limit), pytest.raises(DiskError, match="File too large") as caught:
            write(out)
        assert caught.value.filename == str(out)
        assert entries(tmp_path) == before, limit
    write(out)
    found = {p.relative_to(out): p.read_bytes() for p in (out, *out.rglob("*")) if p.is_file()}
    for name, content in found.items():
        assert (whole / name if whole.is_dir() else whole).read_bytes() == content
