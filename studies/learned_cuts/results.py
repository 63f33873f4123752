"""What complete runs have found, read from their folders."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

SPENT = "cpu.jsonl"
_SMOOTH = 0.12  # share of a run that a point of its curve is the mean of
_FROM = 0.1  # of a run: before it the loss falls too steeply to be shown beside the rest
_POINTS = 60  # of a curve


@dataclass(frozen=True)
class Result:
    """Of one run.

    Attributes:
        bits: a byte or base, on the half of the held-out part that arms are chosen by.
        letters: that it was trained on.
        chunks: positions of a chunk of each stage, there.
        letters_per_token: 1 without a tokenizer.
        spent: CPU seconds, with start, counting and validation.
        curve: letters and bits of training, a running mean, without the first tenth.
        test: bits on the other half, or None; of no use before its data set is complete.
    """

    bits: float
    letters: int
    chunks: list[float]
    letters_per_token: float
    spent: float
    curve: list[tuple[int, float]]
    test: float | None = None


def lines(folder: Path, name: str = "metrics.jsonl") -> list[dict[str, Any]]:
    """The records of a file of a run; a line that a kill cut off ends them."""
    path, found = folder / name, []
    for line in path.read_text().splitlines() if path.is_file() else ():
        try:
            found.append(json.loads(line))
        except ValueError:
            break
    return found


def last_checkpoint(folder: Path, steps: int) -> Path:
    """Where a run of so many steps leaves its weights; written after its last line."""
    return folder / "checkpoints" / f"step-{steps:06d}"


def result_of(folder: Path, steps: int) -> Result | None:
    """None unless the run is complete."""
    if not last_checkpoint(folder, steps).is_dir():
        return None
    last = next((one for one in reversed(lines(folder)) if one["event"] == "validation"), None)
    if last is None or last["step"] < steps:
        return None
    bits = last["bits_per_token"]
    return Result(
        bits=bits if math.isfinite(bits) else math.inf,  # a rate at which training failed
        letters=last["tokens"],
        chunks=[stage["tokens_per_chunk"] for stage in last["stages"]],
        letters_per_token=last.get("letters_per_token", 1.0),
        spent=sum(one["cpu_seconds"] for one in lines(folder, SPENT)),
        curve=_curve([one for one in lines(folder) if one["event"] == "train"]),
    )


def _curve(found: list[dict[str, Any]]) -> list[tuple[int, float]]:
    near = max(1, round(_SMOOTH * len(found)))
    means = [
        (
            one["tokens"],
            round(fmean(own["bits_per_token"] for own in found[k + 1 - near : k + 1]), 4),
        )
        for k, one in enumerate(found)
        if k + 1 >= near
    ]
    first = max(0, round(_FROM * len(found)) + 1 - near)
    return means[first :: max(1, len(means) // _POINTS)]
