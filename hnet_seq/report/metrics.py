"""``metrics.jsonl``: the curves of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hnet_seq.report.json_files import count_of, fields, number_of, parse_line
from modalities.errors import InputError

Point = tuple[float, float]


@dataclass
class StageCurves:
    """One stage over the run; x is training tokens."""

    target: float
    tokens_per_chunk: list[Point] = field(default_factory=list)
    boundary_prob: list[Point] = field(default_factory=list)
    validated_tokens_per_chunk: list[Point] = field(default_factory=list)
    bases_per_chunk: float | None = None  # at the last validation
    chunk_lengths: dict[int, int] = field(default_factory=dict)  # at the last validation


@dataclass(frozen=True)
class SourceScore:
    """The last validation of the documents of one source with one label."""

    source: str
    label: str
    bits: float
    scored_tokens: int
    tokens_per_chunk: float | None  # of stage 0; None for a model without stages


@dataclass
class Metrics:
    """What a run logged; points are (training tokens, value)."""

    train: list[Point] = field(default_factory=list)
    validation: list[Point] = field(default_factory=list)
    scored_tokens: int | None = None
    letters_per_token: float | None = None  # of a tokenizer: bytes or bases of a token
    tokens_per_second: list[float] = field(default_factory=list)
    tokens: int = 0
    step: int = 0
    seconds: float = 0.0
    stages: list[StageCurves] = field(default_factory=list)
    masked: bool = False  # bits are those of hidden tokens, seen from both sides
    sources: list[SourceScore] = field(default_factory=list)  # empty where there is one
    epochs: dict[str, float] = field(default_factory=dict)  # by source; empty where there is one

    @property
    def best_validation(self) -> Point | None:
        return min(self.validation, key=lambda point: point[1], default=None)


def read_metrics(path: Path) -> Metrics:
    """Read the whole log.

    Raises:
        InputError: a line is not a JSON object or lacks what its event must have.
    """
    metrics = Metrics()
    with path.open("rb") as stream:
        for count, line in enumerate(stream, 1):
            if line.strip():
                _add(metrics, parse_line(path, count, line), path, f"line {count}")
    return metrics


def _add(metrics: Metrics, record: dict[str, Any], path: Path, where: str) -> None:
    event = fields(record, path, where, "event")["event"]
    if event not in ("train", "validation"):
        return  # another writer's event: not drawn, not in the way
    tokens, step = (count_of(record, key, path, where) for key in ("tokens", "step"))
    bits = number_of(record, "bits_per_token", path, where)
    metrics.tokens, metrics.step = tokens, step
    metrics.masked = record.get("objective") == "masked"
    if event == "train":
        metrics.train.append((tokens, bits))
        if record.get("tokens_per_second") is not None:
            metrics.tokens_per_second.append(number_of(record, "tokens_per_second", path, where))
            metrics.seconds += number_of(record, "seconds", path, where)
        if "epochs" in record:
            epochs = fields(record, path, where, "epochs", kind=dict)["epochs"]
            metrics.epochs = {
                name: number_of(epochs, name, path, f"{where}, epochs") for name in epochs
            }
    else:
        metrics.validation.append((tokens, bits))
        metrics.scored_tokens = count_of(record, "scored_tokens", path, where)
        metrics.sources = _sources(record, path, where)
        if "letters_per_token" in record:
            metrics.letters_per_token = number_of(record, "letters_per_token", path, where)
    for index, stage in enumerate(fields(record, path, where, "stages", kind=list)["stages"]):
        place = f"{where}, stage {index}"
        target = number_of(stage, "target", path, place)
        if not target > 0:
            raise InputError(path, f"'target' is {target}; expected more than 0", where=place)
        if index == len(metrics.stages):
            metrics.stages.append(StageCurves(target))
        _add_stage(metrics.stages[index], stage, tokens, event, path, place)


def _sources(record: dict[str, Any], path: Path, where: str) -> list[SourceScore]:
    if "sources" not in record:
        return []
    found = []
    for index, row in enumerate(fields(record, path, where, "sources", kind=list)["sources"]):
        place = f"{where}, sources[{index}]"
        fields(row, path, place, "source", "label", kind=str)
        stages = fields(row, path, place, "stages", kind=list)["stages"]
        found.append(
            SourceScore(
                row["source"],
                row["label"],
                number_of(row, "bits_per_token", path, place),
                count_of(row, "scored_tokens", path, place),
                number_of(stages[0], "tokens_per_chunk", path, f"{place}, stage 0")
                if stages
                else None,
            )
        )
    return found


def _add_stage(
    curves: StageCurves, stage: dict[str, Any], tokens: float, event: str, path: Path, where: str
) -> None:
    per_chunk = number_of(stage, "tokens_per_chunk", path, where)
    prob = number_of(stage, "mean_boundary_prob", path, where)
    if event == "train":
        curves.tokens_per_chunk.append((tokens, per_chunk))
        curves.boundary_prob.append((tokens, prob))
        return
    curves.validated_tokens_per_chunk.append((tokens, per_chunk))
    curves.bases_per_chunk = number_of(stage, "bases_per_chunk", path, where)
    counts = fields(stage, path, where, "chunk_length_histogram", kind=dict)[
        "chunk_length_histogram"
    ]
    for key in counts:
        if not key.isdecimal() or int(key) < 1:
            raise InputError(
                path, f"chunk_length_histogram: {key!r} is not a length of chunks", where=where
            )
    curves.chunk_lengths = {int(key): count_of(counts, key, path, where) for key in counts}
