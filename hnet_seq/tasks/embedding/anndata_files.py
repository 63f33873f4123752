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

from hnet_seq.tasks.embedding.patient_file import PatientFile
from hnet_seq.tasks.embedding.spooled_rows import TEXT, Block, SpooledRows
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
    spool: SpooledRows, path: Path, described: Mapping[str, str], *, kind: str, level: str
) -> None:
    """Write the rows of a finished spool to a new file (``.h5ad``) or folder (``.zarr``).

    ``X`` is (N, D); ``obs`` has the further columns, and as index the id, or the id with the place
    in its sequence where a row is a chunk (``id:start-end``, 1-based and inclusive) or a base
    (``id:position``, 1-based); ``uns`` says what the vectors are.
    """
    with _created(path, kind) as store:
        store.mark("", "anndata", "0.1.0")
        # Blocks hold whole chunks, or a chunk would be written twice.
        names = min(spool.rows, spool.block_rows)
        chunk = max(1, min(spool.rows, spool.block_rows // 16))
        vectors = store.array("X", (spool.rows, spool.width), "<f4", (chunk, spool.width))
        columns = {
            name: store.strings(f"obs/{name}", spool.rows, names)
            if kind == TEXT
            else store.array(f"obs/{name}", (spool.rows,), kind, (names,))
            for name, kind in spool.columns.items()
        }
        index = store.strings("obs/_index", spool.rows, names)
        for block in spool.blocks():
            if (refused := store.refused()) is not None:
                raise refused
            rows = slice(block.first, block.first + len(block.vectors))
            vectors[rows] = block.vectors
            for name, values in block.columns.items():
                is_text = spool.columns[name] == TEXT
                columns[name][rows] = np.array(values, object) if is_text else values
            index[rows] = np.array(_index(block, level), object)
        store.frame("obs", list(spool.columns))
        dimensions = store.strings("var/_index", spool.width, spool.width)
        dimensions[:] = np.array([f"{dimension}" for dimension in range(spool.width)], object)
        store.frame("var", [])
        for name in (*_EMPTY, "uns"):
            store.group(name)
            store.mark(name, "dict", "0.1.0")
        for name, value in described.items():
            store.scalar(f"uns/{name}", value)


def _index(block: Block, level: str) -> Sequence[str]:
    names = block.columns["id"]
    if level == "sequence":
        return list(names)
    if level == "base":
        return [
            f"{name}:{place + 1}"
            for name, place in zip(names, block.columns["position"], strict=True)
        ]
    return [
        f"{name}:{start + 1}-{end}"
        for name, start, end in zip(
            names, block.columns["start"], block.columns["end"], strict=True
        )
    ]


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
