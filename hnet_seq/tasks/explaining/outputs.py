"""Files of an explanation: tables, pictures, tracks, and the record last."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hnet_seq.commands.explain import TRACKS
from hnet_seq.report.dependency_chart import map_png, standalone_map
from hnet_seq.results.explanation import SHUFFLED, Above, ChunkEffect, Explanation, OfPairs
from hnet_seq.tasks.segmentation.bigwig import open_track
from pipelines.formats.table_text import cell
from pipelines.storage.files import replaced_file, replaced_stream


def write_all(found: Explanation, files: Sequence[Path], lengths: Mapping[str, int]) -> None:
    """Write what is named among ``files``.

    Args:
        lengths: bases of each record of the genome, for tracks.
    """
    write = {
        "dependencies.tsv": _dependencies,
        "bases.tsv": _bases,
        "chunks.tsv": _chunks,
        "map.png": _png,
        "map.svg": _svg,
    }
    for path in files:
        if path.name in write:
            write[path.name](found, path)
        elif path.suffix == ".bw":
            _track(found, path, lengths)
    found.write(files[0])


def _dependencies(found: Explanation, path: Path) -> None:
    """Beside each pair what the controls have for it."""
    maps = {
        name: np.mean(several, 0)
        for name in dict.fromkeys(control.of for control in found.controls)
        if (several := found.control(name))
    }

    def rows() -> Iterator[dict[str, Any]]:
        for row in found.dependencies.rows():
            i, j = row["substituted"] - found.start, row["read"] - found.start
            yield row | {name: float(values[i, j]) for name, values in maps.items()}

    _table(path, rows(), ("name", "substituted", "read", "strand", "dependency", *maps), digits=3)


def _bases(found: Explanation, path: Path) -> None:
    rows = found.base_rows()
    _table(path, rows, list(rows[0]))


def _chunks(found: Explanation, path: Path) -> None:
    rows = [{"name": found.name, **vars(own)} for own in found.chunks]
    fields = [field.name for field in dataclasses.fields(ChunkEffect)]
    _table(path, rows, ("name", *fields))


def _table(
    path: Path, rows: Iterable[Mapping[str, Any]], names: Sequence[str], digits: int = 6
) -> None:
    with replaced_file(path) as file:
        file.write("\t".join(names) + "\n")
        for row in rows:
            file.write("\t".join(cell(row[name], digits) for name in names) + "\n")


def _png(found: Explanation, path: Path) -> None:
    with replaced_stream(path) as stream:
        stream.write(map_png(found.dependencies.matrix(), side=max(900, len(found.reference))))


def _svg(found: Explanation, path: Path) -> None:
    with replaced_file(path) as file:
        file.write(standalone_map(found))


def _track(found: Explanation, path: Path, lengths: Mapping[str, int]) -> None:
    assert path.stem in TRACKS
    values = [row[path.stem] for row in found.base_rows()]
    with open_track(path, lengths) as take:
        take(found.name, found.start - 1, np.array(values, np.float32))


def told(found: Explanation) -> str:
    """What is printed."""
    agreement = [row for row in found.agreement if row.rho is not None]
    return "\n".join(
        [
            *(map(_above, found.above) if found.above else [_NOTHING]),
            *map(_of_pairs, found.of_pairs),
            *(
                f"{row.items}: {row.one} and {row.other} rank alike at {row.rho:+.2f} (n {row.n:,})"
                for row in agreement
            ),
        ]
    )


_NOTHING = "the map stands beside no shuffled sequence and no twin: nothing says what of it is more"


def _above(row: Above) -> str:
    name = "shuffled sequence" if row.control == SHUFFLED else f"the {row.control}"
    said = f"pairs {row.least_distance} or more apart beyond 99.9% of {name}: "
    said += "none known" if row.share is None else f"{row.share:.2%}"
    if row.by_chance is not None:
        said += f", one shuffle beyond the others {row.by_chance:.2%}"
    if row.ratio is not None:
        said += f"; mean {row.ratio:.2f} times as large"
    if row.ratio_low is not None:
        said += f" [{row.ratio_low:.2f}, {row.ratio_high:.2f}]"
    return said


def _of_pairs(own: OfPairs) -> str:
    said = f"{own.name}, {own.of}: "
    if own.mean is None:
        return said + "no pair of known bases"
    said += f"{own.mean:.3f} over {own.pairs} pairs; "
    if own.in_region is None:
        return said + "they have no other place in the region to compare with"
    said += f"as far apart in the region {own.in_region:.3f} "
    said += _chance(own.p_region, own.least_p_region)
    if own.in_element is not None:
        said += f", in the element {own.in_element:.3f} "
        said += _chance(own.p_element, own.least_p_element)
    return said


def _chance(p: float | None, least: float | None) -> str:
    return f"(p {p:.4f}, at least {least:.4f})"
