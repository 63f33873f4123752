"""What complete runs have found, read from their folders."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCORED = "test.json"
SPENT = "cpu.jsonl"


@dataclass(frozen=True)
class Result:
    """Of one run.

    Attributes:
        bits: a byte or base, on the half of the held-out part that arms are chosen by.
        letters: that it was trained on.
        chunks: positions of a chunk of each stage, there.
        letters_per_token: 1 without a tokenizer.
        spent: CPU seconds, with start, counting and validation.
        test: bits on the other half, or None.
    """

    bits: float
    letters: int
    chunks: list[float]
    letters_per_token: float
    spent: float
    test: float | None


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
    scored, bits = folder / SCORED, last["bits_per_token"]
    return Result(
        bits=bits if math.isfinite(bits) else math.inf,  # a rate at which training failed
        letters=last["tokens"],
        chunks=[stage["tokens_per_chunk"] for stage in last["stages"]],
        letters_per_token=last.get("letters_per_token", 1.0),
        spent=sum(one["cpu_seconds"] for one in lines(folder, SPENT)),
        test=json.loads(scored.read_bytes())["bits"] if scored.is_file() else None,
    )
