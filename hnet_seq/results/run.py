"""What ``pretrain`` and ``classify finetune`` tell of a training: run.json and their logs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from hnet_seq.results.record import Result
from modalities.errors import InputError
from pipelines.storage.files import replaced_file
from pipelines.storage.json_records import Later, Rest, as_json, parse_record


@dataclass(frozen=True, kw_only=True)
class Run(Result):
    """``run.json``.

    Attributes:
        facts: seed, device, machine, versions and what else was written; ``unit`` says what a token
            is, where it is not a base, and ``modalities`` what was read.
    """

    KIND: ClassVar[str] = "run"
    command: Later[list[str]]
    facts: Rest


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What a router did.

    Attributes:
        target: inputs of the stage per chunk that it is trained to.
        tokens_per_chunk: inputs of the stage per chunk; ``bases_per_chunk`` in tokens.
        chunk_length_histogram: chunks by length in tokens, the last one that long or longer; of
            validation.
    """

    target: float
    tokens_per_chunk: float
    bases_per_chunk: Later[float]
    mean_boundary_prob: float
    chunk_length_histogram: dict[str, int] | None = None
    ratio_loss: float | None = None
    target_in_force: float | None = None
    weight: float | None = None

    def __post_init__(self) -> None:
        if not self.target > 0:
            raise ValueError(f"'target' is {self.target}; expected more than 0")
        for length in self.chunk_length_histogram or {}:
            if not length.isdecimal() or int(length) < 1:
                raise ValueError(f"chunk_length_histogram: {length!r} is not a length of chunks")

    @property
    def chunk_lengths(self) -> dict[int, int]:
        """The histogram by number."""
        return {int(key): count for key, count in (self.chunk_length_histogram or {}).items()}


@dataclass(frozen=True, kw_only=True)
class SourceScores:
    """The documents of one source with one label."""

    source: str
    label: str
    bits_per_token: float
    scored_tokens: int
    letters_per_token: float | None = None
    stages: list[Stage]


@dataclass(frozen=True, kw_only=True)
class _Event:
    """A line; ``tokens`` have been trained on at ``step``, and ``objective`` is not the next token.

    Bits are of a base or byte of the shards, whatever the model reads.
    """

    step: int
    tokens: int
    objective: str | None = None
    bits_per_token: float
    seconds: Later[float]
    stages: list[Stage]


@dataclass(frozen=True, kw_only=True)
class TrainEvent(_Event):
    """Means over the steps since the line before.

    Attributes:
        epoch: times that the data was read; ``epochs`` of each source, where there are several.
        loss, cross_entropy: nats.
    """

    event: Literal["train"] = "train"
    epoch: Later[int]
    epochs: dict[str, float] | None = None
    loss: Later[float]
    cross_entropy: Later[float]
    learning_rate: Later[float]
    grad_norm: Later[float]
    split_micro_batches: Later[int]
    over_budget_sequences: Later[int]
    skipped_steps: Later[int]
    tokens_per_second: Later[float]
    processes: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class ValidationEvent(_Event):
    """The validation split.

    Attributes:
        scored_tokens: of the shards.
        letters_per_token: of the shards in one of a tokenizer, where there is one.
        sources: apart, where there are several.
    """

    event: Literal["validation"] = "validation"
    scored_tokens: int
    letters_per_token: float | None = None
    sources: list[SourceScores] | None = None


@dataclass(frozen=True, kw_only=True)
class EpochEvent:
    """An epoch of fine-tuning with one seed; losses are those of the head."""

    seed: int
    epoch: int
    loss: float
    validation_loss: float | None
    facts: Rest


@dataclass(frozen=True)
class _Named:
    event: str


@dataclass(frozen=True)
class Log(Result):
    """``metrics.jsonl`` or ``finetune.jsonl``: a line an event, but for those of other writers."""

    KIND: ClassVar[str] = "metrics"
    events: list[TrainEvent | ValidationEvent | EpochEvent]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a log.

        Raises:
            InputError: a line is not a JSON object or lacks what its event must have.
        """
        return cls(list(_events(path)))

    def write(self, path: str | Path) -> None:
        """Write the file, whole or not at all."""
        with replaced_file(Path(path)) as file:
            file.writelines(json.dumps(as_json(event)) + "\n" for event in self.events)

    @staticmethod
    def line(values: dict[str, Any]) -> str:
        """The line of an event, without its end.

        Raises:
            InputError: a value that its record must have is missing, or of another type.
        """
        line = json.dumps(values)
        _event(None, "", json.loads(line))
        return line

    @staticmethod
    def rewind(path: Path, step: int) -> None:
        """Drop what was logged after a step; a resumed run will log it again."""
        if not path.exists():
            return
        kept = []
        for line in path.read_text().splitlines():
            try:
                if json.loads(line)["step"] <= step:
                    kept.append(line + "\n")
            except (json.JSONDecodeError, KeyError):
                break  # a kill in the middle of a line: everything behind it is later
        with replaced_file(path) as file:
            file.writelines(kept)


def _events(path: Path) -> Iterator[Any]:
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            where = f"line {number}"
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                message = f"not a JSON object: {error}; delete the line or resume the run"
                raise InputError(path, message, where=where) from error
            if (event := _event(path, where, value)) is not None:
                yield event


def _event(path: Path | None, where: str, value: Any) -> Any:
    """The event of a line; None for one of other writers."""
    found = parse_record(path, where, value, dict[str, Any])
    # Lines of fine-tuning have a seed, and no event.
    named = {"event": "epoch"} if "seed" in found and "event" not in found else found
    event = parse_record(path, where, named, _Named, strict=False).event
    return (
        parse_record(path, where, value, _KINDS[event], strict=False) if event in _KINDS else None
    )


_KINDS: dict[str, Any] = {"train": TrainEvent, "validation": ValidationEvent, "epoch": EpochEvent}
