"""What says, when a run of several ranks is done, what each did and what it left."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pipelines.files import replaced_file


def record_path(output: Path) -> Path:
    """Where it lies, for an output."""
    return output.with_name(f"{output.name}.ranks.json")


def write_record(
    output: Path, identity: dict[str, Any], outputs: Sequence[Path], units: list[dict[str, Any]]
) -> None:
    tokens: Counter[int] = Counter()
    seconds: Counter[int] = Counter()
    count: Counter[int] = Counter()
    for unit in units:
        tokens[unit["rank"]] += unit["tokens"]
        seconds[unit["rank"]] += unit["seconds"]
        count[unit["rank"]] += 1
    by_rank = [
        {
            "rank": rank,
            "units": count[rank],
            "tokens": tokens[rank],
            "seconds": round(seconds[rank], 3),
        }
        for rank in sorted(count)
    ]
    record = {"identity": identity, "outputs": _sizes(outputs), "ranks": by_rank}
    with replaced_file(record_path(output)) as stream:
        json.dump(record, stream, indent=1)
        stream.write("\n")


def is_complete(output: Path, identity: dict[str, Any]) -> bool:
    try:
        record = json.loads(record_path(output).read_bytes())
        there = _sizes(record["outputs"])
        return bool(record["identity"] == identity and record["outputs"] == there)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _sizes(outputs: Iterable[str | Path]) -> dict[str, int]:
    """Bytes of each that is there; 0 of a folder."""
    there = [Path(path) for path in outputs if Path(path).exists()]
    return {f"{path}": path.stat().st_size if path.is_file() else 0 for path in there}
