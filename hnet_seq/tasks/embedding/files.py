"""Vectors on disk: Parquet, ``.npy``, ``.h5ad`` or Zarr, a block of rows at a time.

Parquet has the further columns of the rows and ``vector`` (list of D float32). ``.npy`` is one
(N, D) float32 array that can be mapped; its names lie beside it, one a line in ``<name>.ids.txt``,
or, where a sequence has several rows, with their places in ``<name>.rows.tsv``. The other two are
AnnData (``hnet_seq/tasks/embedding/anndata_files.py``).
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hnet_seq.jobs.spool import TEXT, Column, Rows
from hnet_seq.tasks.choices import VECTOR_FORMATS as FORMATS
from hnet_seq.tasks.embedding.anndata_files import check_anndata, write_anndata
from hnet_seq.tasks.embedding.plan import VECTOR, Plan
from modalities.errors import UsageError
from pipelines.storage.files import replaced_file, replaced_path, replaced_stream

KEYED_BY_ID = (".h5ad", ".zarr")  # rows are found by name there

_BLOCK_BYTES = 1 << 24
_COPIED = 1 << 20
_ARROW = {"<i8": pa.int64(), "<f4": pa.float32(), TEXT: pa.string()}


def vector_format(path: Path) -> str:
    """The suffix that decides the format.

    Raises:
        UsageError: it names none, or one whose package is not installed; or what lies there is no
            such file and so is not replaced.
    """
    if path.suffix not in FORMATS:
        raise UsageError(
            "out",
            f"{path.name} has no known format; end it in {', '.join(FORMATS[:-1])} or .zarr",
        )
    if path.suffix in KEYED_BY_ID:
        check_anndata(path.suffix)
    is_array = any((path / name).is_file() for name in (".zgroup", "zarr.json"))
    if path.suffix == ".zarr":
        if path.exists() and not (path.is_dir() and is_array):
            raise UsageError("out", f"{path} is there and no Zarr group; name another")
    elif path.exists() and not path.is_file():
        raise UsageError("out", f"{path} is no file; name a file")
    return path.suffix


def write_vectors(rows: Rows, path: Path, described: Mapping[str, str], plan: Plan) -> None:
    """Make the output of rows, columns and vectors; it appears when it is complete.

    Args:
        described: what the vectors are, kept in a file that has a place for it.
    """
    kind, level = path.suffix, plan.options.level
    if kind == ".npy":
        _write_names(rows, path, level, plan)
        with replaced_stream(path) as stream, rows.column(VECTOR) as vectors:
            header = {
                "descr": "<f4",
                "fortran_order": False,
                "shape": (rows.rows, plan.layer.width),
            }
            np.lib.format.write_array_header_1_0(stream, header)
            shutil.copyfileobj(vectors, stream, _COPIED)
    elif kind == ".parquet":
        with replaced_stream(path) as stream:
            _write_parquet(rows, stream, described, plan)
    else:
        with replaced_path(path) as made:
            write_anndata(rows, made, described, kind=kind, level=level, size=block_rows(plan))


def block_rows(plan: Plan) -> int:
    """Rows of some megabytes: a multiple of 16, so that stored chunks need not straddle two."""
    return max(16, _BLOCK_BYTES // (4 * plan.layer.width) // 16 * 16)


def _write_parquet(rows: Rows, stream: IO[bytes], described: Mapping[str, str], plan: Plan) -> None:
    width = plan.layer.width
    fields = [pa.field(name, _ARROW[kind]) for name, kind in plan.columns.items()]
    fields.append(pa.field(VECTOR, pa.list_(pa.float32(), width)))
    schema = pa.schema(fields, metadata=dict(described))
    # Float vectors hardly get smaller: packed, they would only take longer to write and to read.
    text = [name for name, kind in plan.columns.items() if kind == TEXT]
    with pq.ParquetWriter(stream, schema, compression="none", use_dictionary=text) as file:
        for block in rows.blocks(block_rows(plan)):
            columns = [pa.array(block[name], _ARROW[kind]) for name, kind in plan.columns.items()]
            vectors = pa.array(np.asarray(block[VECTOR]).ravel())
            columns.append(pa.FixedSizeListArray.from_arrays(vectors, width))
            file.write_table(pa.Table.from_arrays(columns, schema=schema))


def _write_names(rows: Rows, path: Path, level: str, plan: Plan) -> None:
    blocks = rows.blocks(block_rows(plan))
    if level == "sequence":
        with replaced_file(path.with_suffix(".ids.txt")) as stream:
            for block in blocks:
                stream.writelines(f"{name}\n" for name in block["id"])
        return
    with replaced_file(path.with_suffix(".rows.tsv")) as stream:
        stream.write("\t".join(plan.columns) + "\n")
        for block in blocks:
            columns = [_texts(block[name]) for name in plan.columns]
            stream.writelines("\t".join(row) + "\n" for row in zip(*columns, strict=True))


def _texts(values: Column) -> list[str]:
    if not isinstance(values, list):
        values = values.tolist()  # type: ignore[union-attr]
    return [f"{value:.6g}" if isinstance(value, float) else f"{value}" for value in values]
