"""A bigWig of a value per base: kept by base in the genome's order, written in that of names.

Readers look names up in a tree, which holds them sorted; what pyBigWig writes in another order
loses names from 32,768 on in every reader but itself. libBigWig, below pyBigWig, does not say what
a full disk refused, or crashes. So another process writes, and reads back what it has written.
"""

from __future__ import annotations

import json
import mmap
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnet_seq.analysis.record_boundaries import RecordBoundaries
from hnet_seq.tasks.segmentation.bigwig_check import Part, check_bigwig
from modalities.errors import InputError, UsageError
from pipelines.storage.files import ask_for_room, named_errors, replaced_path

_SLICE = 1 << 18  # values given to a bigWig at once
_DENSE = {f"{value}": value for value in (True, False, None)}


def import_bigwig(option: str = "bigwig") -> Any:
    """pyBigWig; UsageError with the line that installs it where it is missing."""
    try:
        import pyBigWig
    except ImportError:
        raise UsageError(
            option, "needs pyBigWig: pip install pyBigWig (or 'hnet-seq[tracks]')"
        ) from None
    return pyBigWig


@contextmanager
def open_bigwig(
    path: Path, lengths: Mapping[str, int], stage: int
) -> Iterator[Callable[[RecordBoundaries], object]]:
    """Takes records, and writes the boundary probability of each base that the stage looks at.

    Stage 0 looks at every base; a deeper one at those where a chunk of the stage outside it
    begins. Other bases have no value. Arguments and errors as for :func:`open_track`.
    """
    with open_track(path, lengths, dense=not stage) as take_values:

        def take(record: RecordBoundaries) -> None:
            values = record.probs[stage]
            if stage:
                values = np.where(record.depth >= stage, values, np.nan)
            take_values(record.name, record.start, values)

        yield take


@contextmanager
def open_track(
    path: Path, lengths: Mapping[str, int], *, dense: bool | None = None
) -> Iterator[Callable[[str, int, NDArray[np.floating]], object]]:
    """Takes the name of a record, where values begin, and the values of bases in a row; NaN: none.

    Until the end, four bytes a base lie beside ``path``, in a file without a name.

    Args:
        lengths: bases of each record of the genome; the file lists all.
        dense: whether every base has a value; None: as the values are.

    Raises:
        OSError: the disk is full, or the like; names ``path``.
        InputError: no base has a value: readers refuse such a file.
    """
    import_bigwig()
    parts: list[tuple[str, int, int, int]] = []
    any_value = False
    with replaced_path(path) as temporary, tempfile.TemporaryFile(dir=path.parent) as spool:

        def take(name: str, start: int, values: NDArray[np.floating]) -> None:
            nonlocal any_value
            any_value = any_value or not np.isnan(values).all()
            with named_errors(path):
                parts.append((name, start, spool.tell(), len(values)))
                spool.write(np.ascontiguousarray(values, np.float32).data)

        yield take
        if not any_value:
            raise InputError(path, "no base has a value, and a bigWig of none cannot be read")
        end = spool.tell()
        spool.write(json.dumps({"lengths": dict(lengths), "parts": parts}).encode())
        spool.flush()
        spool.seek(0)
        done = subprocess.run(
            [sys.executable, "-m", __name__, f"{temporary}", f"{dense}", f"{end}"],
            stdin=spool,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        if done.returncode:
            ask_for_room(temporary)
            said = done.stderr.decode(errors="replace").split("\n")
            why = next((line for line in reversed(said) if line), f"it ended {done.returncode}")
            raise InputError(path, f"pyBigWig could not write it: {why}")


def write_bigwig(
    path: str, lengths: Mapping[str, int], parts: Sequence[Part], *, dense: bool | None
) -> None:
    """Write a bigWig, and read it back.

    Args:
        lengths: bases of each record.
        parts: name of a record, where values begin, and the values of bases in a row; NaN: none.
        dense: see :func:`open_track`.

    Raises:
        OSError: what came back is not what was written.
    """
    known = {name: lengths[name] for name in sorted(lengths, key=str.encode) if lengths[name]}
    order = {name: place for place, name in enumerate(known)}
    parts = sorted(parts, key=lambda part: (order[part[0]], part[1]))
    if dense is None:  # one kind a file: where it changes, libBigWig writes a block of nothing
        dense = not any(np.isnan(values).any() for _, _, values in parts)
    file = import_bigwig().open(path, "w")
    file.addHeader(list(known.items()))
    for name, start, values in parts:
        for first in range(0, len(values), _SLICE):
            some = values[first : first + _SLICE]
            if dense:
                file.addEntries(name, start + first, values=some, span=1, step=1)
            elif len(places := np.flatnonzero(~np.isnan(some))):
                file.addEntries(name, start + first + places, values=some[places], span=1)
    file.close()
    check_bigwig(path, known, parts)


def _main(path: str, dense: str, end: str) -> None:
    with mmap.mmap(sys.stdin.fileno(), 0, access=mmap.ACCESS_READ) as data:
        known = json.loads(data[int(end) :])
        parts = [
            (name, start, np.frombuffer(data, np.float32, count, offset))
            for name, start, offset, count in known["parts"]
        ]
        said = ""
        try:
            write_bigwig(path, known["lengths"], parts, dense=_DENSE[dense])
        except Exception as error:  # its traceback holds values too
            said = " ".join(f"{error}".split()) or type(error).__name__
        parts.clear()  # the values lie in the mapping, which cannot be closed under them
    if said:
        sys.exit(said)


if __name__ == "__main__":
    _main(*sys.argv[1:])
