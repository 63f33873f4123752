"""Vectors on disk: Parquet, ``.npy``, ``.h5ad`` or Zarr, from a spool, a block of rows at a time.

Parquet has the further columns of the rows and ``vector`` (list of D float32). ``.npy`` is one
(N, D) float32 array that can be mapped; its names lie beside it, one a line in ``<name>.ids.txt``,
or, where a sequence has several rows, with their places in ``<name>.rows.tsv``. The other two are
AnnData (``hnet_seq/tasks/embedding/anndata_files.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from hnet_seq.tasks.choices import VECTOR_FORMATS as FORMATS
from hnet_seq.tasks.embedding.anndata_files import check_anndata, write_anndata
from hnet_seq.tasks.embedding.spooled_rows import TEXT, Column, SpooledRows
from modalities.errors import UsageError
from pipelines.files import replaced_file, replaced_path, replaced_stream

KEYED_BY_ID = (".h5ad", ".zarr")  # rows are found by name there

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


def bytes_needed(kind: str, rows: int, width: int) -> int:
    """Free bytes that the output takes while it is written, besides its names.

    The rows wait in the spool; only ``.npy`` becomes the output itself.
    """
    return rows * width * 4 * (1 if kind == ".npy" else 2)


def write_vectors(
    spool: SpooledRows, path: Path, described: Mapping[str, str], *, level: str
) -> None:
    """Make the output of finished rows; it appears when it is complete.

    Args:
        described: what the vectors are, kept in a file that has a place for it.
        level: ``sequence``, ``chunk`` or ``base``: what a row is.
    """
    kind = path.suffix
    if kind == ".npy":
        _write_names(spool, path, level)
        spool.move_array(path)
    elif kind == ".parquet":
        with replaced_stream(path) as stream:
            _write_parquet(spool, stream, described)
    else:
        with replaced_path(path) as made:
            write_anndata(spool, made, described, kind=kind, level=level)


def _write_parquet(spool: SpooledRows, stream: IO[bytes], described: Mapping[str, str]) -> None:
    fields = [pa.field(name, _ARROW[kind]) for name, kind in spool.columns.items()]
    fields.append(pa.field("vector", pa.list_(pa.float32(), spool.width)))
    schema = pa.schema(fields, metadata=dict(described))
    # Float vectors hardly get smaller: packed, they would only take longer to write and to read.
    text = [name for name, kind in spool.columns.items() if kind == TEXT]
    with pq.ParquetWriter(stream, schema, compression="none", use_dictionary=text) as file:
        for block in spool.blocks():
            vectors = pa.array(block.vectors.ravel())
            columns = [
                *(
                    pa.array(values, _ARROW[spool.columns[n]])
                    for n, values in block.columns.items()
                ),
                pa.FixedSizeListArray.from_arrays(vectors, spool.width),
            ]
            file.write_table(pa.Table.from_arrays(columns, schema=schema))


def _write_names(spool: SpooledRows, path: Path, level: str) -> None:
    if level == "sequence":
        with replaced_file(path.with_suffix(".ids.txt")) as stream:
            for block in spool.blocks():
                stream.writelines(f"{name}\n" for name in block.columns["id"])
        return
    with replaced_file(path.with_suffix(".rows.tsv")) as stream:
        stream.write("\t".join(spool.columns) + "\n")
        for block in spool.blocks():
            columns = [_texts(values) for values in block.columns.values()]
            stream.writelines("\t".join(row) + "\n" for row in zip(*columns, strict=True))


def _texts(values: Column) -> list[str]:
    if not isinstance(values, list):
        values = values.tolist()  # type: ignore[union-attr]
    return [f"{value:.6g}" if isinstance(value, float) else f"{value}" for value in values]
