"""What an unfinished run is of; and when one of several ranks is done, what each did and left."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from modalities.errors import InputError, UsageError
from pipelines.storage.files import replaced_file


def keep_identity(path: Path, identity: Mapping[str, Any]) -> None:
    """Write an identity, as JSON, where there is none yet; else hold it against the one that is.

    Args:
        path: in the folder of the unfinished run.
        identity: values that come out of JSON as they go in.

    Raises:
        InputError: the file is damaged.
        UsageError: the folder is of something else, and the message says what differs.
    """
    if not path.exists():
        with replaced_file(path) as stream:
            json.dump(identity, stream, indent=2)
        return
    folder = path.parent
    try:
        known = json.loads(path.read_bytes())
    except ValueError:
        raise InputError(path, f"is damaged; delete {folder} to begin anew") from None
    differing = [
        f"{key} was {known.get(key)!r}, is {value!r}"
        for key, value in identity.items()
        if known.get(key) != value
    ]
    if differing:
        raise UsageError(
            folder,
            f"holds an unfinished run of something else: {'; '.join(differing)}; finish that one, "
            "delete the folder to begin anew, or name another output",
        )


def record_path(output: Path) -> Path:
    """Where is said what ranks did, for an output."""
    return output.with_name(f"{output.name}.ranks.json")


def asked_of(outputs: Sequence[Path], made_with: Mapping[str, Any]) -> dict[str, Any]:
    """What a command asks for: files, by their way from the first, and what goes into them."""
    first, *_ = outputs
    ways = [os.path.relpath(path, first.parent) for path in outputs]
    return {"files": ways, "with": dict(made_with)}


def write_record(
    output: Path,
    identity: dict[str, Any],
    asked: dict[str, Any],
    outputs: Sequence[Path],
    units: list[dict[str, Any]],
) -> None:
    by_rank = []
    found = {unit["rank"] for unit in units}  # numbers, and names of another engine's workers
    for rank in sorted(found, key=lambda rank: (isinstance(rank, str), rank)):
        own = [unit for unit in units if unit["rank"] == rank]
        tokens, seconds = (sum(unit[name] for unit in own) for name in ("tokens", "seconds"))
        by_rank.append(
            {"rank": rank, "units": len(own), "tokens": tokens, "seconds": round(seconds, 3)}
        )
    sizes = _sizes(outputs)
    record = {"identity": identity, "asked": asked, "outputs": sizes, "ranks": by_rank}
    with replaced_file(record_path(output)) as stream:
        json.dump(record, stream, indent=1)
        stream.write("\n")


def is_complete(output: Path, identity: dict[str, Any], asked: dict[str, Any]) -> bool:
    """Whether all that is asked for was made by such a run, and is there as it was made."""
    try:
        record = json.loads(record_path(output).read_bytes())
        made = record["asked"]
        return bool(
            record["identity"] == identity
            and set(asked["files"]) <= set(made["files"])
            and all(made["with"].get(key) == value for key, value in asked["with"].items())
            and record["outputs"] == _sizes(record["outputs"])
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _sizes(outputs: Iterable[str | Path]) -> dict[str, int]:
    """Bytes of each that is there; 0 of a folder."""
    there = [Path(path) for path in outputs if Path(path).exists()]
    return {f"{path}": path.stat().st_size if path.is_file() else 0 for path in there}
