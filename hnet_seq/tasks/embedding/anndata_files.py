"""AnnData on disk, as HDF5 (``.h5ad``) or Zarr: written a block at a time, by its specification.

The layout is that of anndata's on-disk format (its documentation, "On-disk format"): ``X`` an array
0.2.0, ``obs`` and ``var`` data frames 0.2.0, every element with its encoding in its attributes.
anndata itself would hold all of ``X`` in memory to write it.
"""

from __future__ import annotations

import asyncio
import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from hnet_seq.jobs.spool import TEXT, Columns, Rows
from hnet_seq.tasks.embedding.patient_file import PatientFile
from hnet_seq.tasks.embedding.plan import VECTOR
from modalities.errors import UsageError

_PACKAGES = {".h5ad": ("h5py", "anndata"), ".zarr": ("zarr", "zarr")}
_EMPTY = ("layers", "obsm", "obsp", "varm", "varp")


def check_anndata(kind: str) -> None:
    """Raise UsageError where the package that writes ``.h5ad`` or ``.zarr`` is not installed."""
    package, extra = _PACKAGES[kind]
    try:
        importlib.import_module(package)
    except ImportError:
        raise UsageError(
            "out", f"{kind} needs {package}; pip install 'hnet-seq[{extra}]', or end it in .npy"
        ) from None


def write_anndata(
    rows: Rows, path: Path, described: Mapping[str, str], *, kind: str, level: str, size: int
) -> None:
    """Write rows to a new file (``.h5ad``) or folder (``.zarr``).

    ``X`` is (N, D); ``obs`` has the further columns, and as index the id, or the id with the place
    in its sequence where a row is a chunk (``id:start-end``, 1-based and inclusive) or a base
    (``id:position``, 1-based); ``uns`` says what the vectors are.

    Args:
        size: rows that are written at a time.
    """
    (width,) = np.dtype(rows.kinds[VECTOR]).shape
    with _created(path, kind) as store:
        store.mark("", "anndata", "0.1.0")
        # Blocks hold whole chunks, or a chunk would be written twice.
        names = min(rows.rows, size)
        chunk = max(1, min(rows.rows, size // 16))
        vectors = store.array("X", (rows.rows, width), "<f4", (chunk, width))
        filled = {
            name: store.strings(f"obs/{name}", rows.rows, names)
            if kind == TEXT
            else store.array(f"obs/{name}", (rows.rows,), kind, (names,))
            for name, kind in rows.kinds.items()
            if name != VECTOR
        }
        index = store.strings("obs/_index", rows.rows, names)
        first = 0
        for block in rows.blocks(size):
            if (refused := store.refused()) is not None:
                raise refused
            own = slice(first, first := first + len(block[VECTOR]))
            vectors[own] = block[VECTOR]
            for name, column in filled.items():
                is_text = rows.kinds[name] == TEXT
                column[own] = np.array(block[name], object) if is_text else block[name]
            index[own] = np.array(_index(block, level), object)
        store.frame("obs", list(filled))
        dimensions = store.strings("var/_index", width, width)
        dimensions[:] = np.array([f"{dimension}" for dimension in range(width)], object)
        store.frame("var", [])
        for name in (*_EMPTY, "uns"):
            store.group(name)
            store.mark(name, "dict", "0.1.0")
        for name, value in described.items():
            store.scalar(f"uns/{name}", value)


def _index(block: Columns, level: str) -> Sequence[str]:
    names = block["id"]
    if level == "sequence":
        return list(names)
    if level == "base":
        return [f"{name}:{at + 1}" for name, at in zip(names, block["position"], strict=True)]
    places = zip(names, block["start"], block["end"], strict=True)
    return [f"{name}:{start + 1}-{end}" for name, start, end in places]


class _Store(ABC):
    """What HDF5 and Zarr do alike: groups, arrays and attributes by path."""

    def __init__(self, root: Any) -> None:
        self._root = root

    def refused(self) -> OSError | None:
        """By the disk so far, if that is not raised where it happens."""
        return None

    def group(self, name: str) -> None:
        self._root.require_group(name)

    def mark(self, name: str, kind: str, version: str) -> None:
        """The encoding of an element, in its attributes."""
        attributes = (self._root[name] if name else self._root).attrs
        attributes["encoding-type"] = kind
        attributes["encoding-version"] = version

    def frame(self, name: str, columns: list[str]) -> None:
        self.mark(name, "dataframe", "0.2.0")
        self._root[name].attrs["_index"] = "_index"
        self._set_order(name, columns)

    @abstractmethod
    def array(self, name: str, shape: tuple[int, ...], kind: str, chunks: tuple[int, ...]) -> Any:
        """A numeric array, to be filled."""

    @abstractmethod
    def strings(self, name: str, count: int, chunk: int) -> Any:
        """An array of text, to be filled."""

    @abstractmethod
    def scalar(self, name: str, value: str) -> None:
        """A text."""

    @abstractmethod
    def _set_order(self, name: str, columns: list[str]) -> None:
        """The columns of a data frame."""


class _Hdf5(_Store):
    def __init__(self, root: Any, raw: PatientFile) -> None:
        super().__init__(root)
        self._raw = raw

    def refused(self) -> OSError | None:
        return self._raw.refused

    def array(self, name: str, shape: tuple[int, ...], kind: str, chunks: tuple[int, ...]) -> Any:
        made = self._root.create_dataset(name, shape, kind)
        self.mark(name, "array", "0.2.0")
        return made

    def strings(self, name: str, count: int, chunk: int) -> Any:
        import h5py

        made = self._root.create_dataset(name, (count,), h5py.string_dtype())
        self.mark(name, "string-array", "0.2.0")
        return made

    def scalar(self, name: str, value: str) -> None:
        import h5py

        self._root.create_dataset(name, data=value, dtype=h5py.string_dtype())
        self.mark(name, "string", "0.2.0")

    def _set_order(self, name: str, columns: list[str]) -> None:
        import h5py

        order = np.array(columns, object)
        self._root[name].attrs.create("column-order", order, dtype=h5py.string_dtype())


class _Zarr(_Store):
    def array(self, name: str, shape: tuple[int, ...], kind: str, chunks: tuple[int, ...]) -> Any:
        made = self._root.create_array(
            name, shape=shape, dtype=kind, chunks=chunks, compressors=None, filters=None
        )
        self.mark(name, "array", "0.2.0")
        return made

    def strings(self, name: str, count: int, chunk: int) -> Any:
        made = self._root.create_array(name, shape=(count,), dtype=str, chunks=(chunk,))
        self.mark(name, "string-array", "0.2.0")
        return made

    def scalar(self, name: str, value: str) -> None:
        made = self._root.create_array(name, shape=(), dtype=str)
        made[()] = np.array(value, object)
        self.mark(name, "string", "0.2.0")

    def _set_order(self, name: str, columns: list[str]) -> None:
        self._root[name].attrs["column-order"] = columns


@contextmanager
def _created(path: Path, kind: str) -> Iterator[_Store]:
    if kind == ".h5ad":
        import h5py

        raw = PatientFile(path)
        try:
            with raw, h5py.File(raw, "w") as file:
                yield _Hdf5(file, raw)
        except Exception:
            if raw.refused is None:
                raise
        if raw.refused is not None:
            raise raw.refused
    else:
        import zarr
        from zarr.core.sync import sync

        try:
            # Version 2 of the format: readers that know only it are still common.
            yield _Zarr(zarr.open_group(path, mode="w", zarr_format=2))
        except BaseException:
            sync(_all_done())  # it writes on in another thread, into a folder that is to go
            raise


async def _all_done() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*others, return_exceptions=True)
