"""``classification.json``: scores of classifiers, and the circumstances they were measured in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hnet_seq.report.json_files import count_of, fields, optional_number, read_object
from modalities.errors import InputError

_NAMES = {
    "n_train": "training sequences",
    "n_test": "test sequences",
    "window": "window (bases)",
    "guard": "gap between training and test (bases)",
}


@dataclass(frozen=True)
class Score:
    """One classifier."""

    name: str
    baseline: bool
    accuracy: float | None
    mcc: float | None
    auroc: float | None  # None where only one class occurs


@dataclass(frozen=True)
class Classification:
    """All classifiers; ``leaked`` of ``test`` sequences stand in training too, on either strand.

    ``near`` more nearly do; None where the file is too old to say.
    """

    scores: list[Score]
    leaked: int
    near: int | None
    test: int
    facts: list[tuple[str, str]]


def read_classification(path: Path) -> Classification:
    """Raises InputError when the file is not what ``hnet-seq classify train`` writes."""
    top = "top level"
    content = fields(read_object(path), path, top, "rows", kind=list)
    duplicates = fields(content, path, top, "duplicates", kind=dict)["duplicates"]
    test, exact, reverse = (
        count_of(duplicates, key, path, "duplicates")
        for key in ("test", "exact", "reverse_complement")
    )
    facts = [
        (_NAMES.get(key, key.replace("_", " ")), plain(value))
        for key, value in content.items()
        if key not in ("rows", "duplicates") and value is not None
    ]
    scores = [_score(row, path, f"rows[{index}]") for index, row in enumerate(content["rows"])]
    near = count_of(duplicates, "near", path, "duplicates") if "near" in duplicates else None
    return Classification(scores, exact + reverse, near, test, facts)


def _score(row: Any, path: Path, where: str) -> Score:
    fields(row, path, where, "name", "kind")
    if row["kind"] not in ("model", "baseline"):
        raise InputError(path, f"kind {row['kind']!r} is not model or baseline", where=where)
    accuracy, mcc, auroc = (
        optional_number(row, key, path, where) for key in ("accuracy", "mcc", "auroc")
    )
    return Score(f"{row['name']}", row["kind"] == "baseline", accuracy, mcc, auroc)


def plain(value: Any) -> str:
    """A JSON value as a reader would write it."""
    if isinstance(value, dict):
        return "; ".join(f"{key}: {plain(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(plain(inner) for inner in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value}"
