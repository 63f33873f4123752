"""What ``segment`` writes record by record: BED, bigWig and tables of chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hnet_seq.analysis.record_boundaries import RecordBoundaries
from hnet_seq.tasks.segmentation.bigwig import open_bigwig
from hnet_seq.tasks.table_files import Columns, open_table
from pipelines.storage.files import replaced_file

_SCHEMA = pa.schema(
    [
        ("record", pa.string()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("length", pa.int64()),
        ("stage", pa.int8()),
        ("probability", pa.float32()),
        ("gc", pa.float32()),
    ]
)

Writer = Callable[[RecordBoundaries], object]


@contextmanager
def open_files(
    lengths: Mapping[str, int],
    *,
    beds: list[tuple[int, Path]],
    bigwigs: list[tuple[int, Path]],
    chunks: Path | None,
) -> Iterator[list[Writer]]:
    """Writers to call with each record in its order; files appear when the block ends well.

    Args:
        lengths: bases of each record of the genome, which a bigWig lists first.
        beds, bigwigs: stages and where to write them.
        chunks: the table of all stages.
    """
    with ExitStack() as stack:
        writers: list[Writer] = []
        for stage, path in beds:
            bed = stack.enter_context(replaced_file(path))
            writers.append(lambda record, bed=bed, stage=stage: write_bed(bed, record, stage))  # type: ignore[misc]
        for stage, path in bigwigs:
            writers.append(stack.enter_context(open_bigwig(path, lengths, stage)))
        if chunks:
            write = stack.enter_context(open_table(chunks, _SCHEMA, _lines, _parquet))
            writers.append(lambda record: [write(part) for part in chunk_columns(record)])
        yield writers


def write_bed(file: IO[str], record: RecordBoundaries, stage: int) -> int:
    """Lines of the chunks that tile the record; score = 1000 * boundary probability.

    Returns:
        the number of chunks.
    """
    count = 0
    for starts, ends, probs in record.chunks(stage):
        count += len(starts)
        scores = np.rint(probs * 1000).astype(int)
        file.writelines(
            f"{record.name}\t{start}\t{end}\tstage{stage}\t{score}\t.\n"
            for start, end, score in zip(
                starts.tolist(), ends.tolist(), scores.tolist(), strict=True
            )
        )
    return count


def chunk_columns(record: RecordBoundaries) -> Iterator[Columns]:
    """Columns of the chunks of every stage, some at a time; ``gc`` is NaN where all bases are N."""
    for stage in range(record.num_stages):
        for starts, ends, probs in record.chunks(stage):
            if not len(starts):
                continue
            gc, known = _letters(record, starts, ends)
            yield {
                "record": [record.name] * len(starts),
                "start": starts,
                "end": ends,
                "length": ends - starts,
                "stage": np.full(len(starts), stage, np.int8),
                "probability": probs,
                "gc": np.divide(gc, known, out=np.full(len(gc), np.nan), where=known > 0),
            }


def _letters(
    record: RecordBoundaries, starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """G or C, and known bases of neighbouring chunks."""
    tokens = record.tokens[starts[0] - record.start : ends[-1] - record.start]
    begins = starts - starts[0]
    both = (((tokens == 1) | (tokens == 2)), tokens < 4)
    gc, known = (np.add.reduceat(found, begins, dtype=np.int64) for found in both)
    return gc, known


def _parquet(columns: Columns) -> pa.Table:
    gc = pa.array(columns["gc"], pa.float32(), from_pandas=True)
    return pa.table(columns | {"gc": gc}, schema=_SCHEMA)


def _lines(columns: Columns) -> Iterator[str]:
    rows = zip(
        columns["record"],
        *(columns[name].tolist() for name in _SCHEMA.names[1:]),
        strict=True,
    )
    for *place, probability, gc in rows:
        share = "" if np.isnan(gc) else f"{gc:.4f}"
        yield "\t".join([*map(str, place), f"{probability:.4f}", share]) + "\n"
