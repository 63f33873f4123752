"""``metrics.jsonl``: the curves of a run."""

from __future__ import annotations

from dataclasses import dataclass, field

from hnet_seq.results.run import EpochEvent, Log, SourceScores, TrainEvent

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
    sources: list[SourceScores] = field(default_factory=list)  # empty where there is one
    epochs: dict[str, float] = field(default_factory=dict)  # by source; empty where there is one

    @property
    def best_validation(self) -> Point | None:
        return min(self.validation, key=lambda point: point[1], default=None)


def metrics_of(log: Log) -> Metrics:
    """The curves of the events of a log."""
    metrics = Metrics()
    for event in log.events:
        if isinstance(event, EpochEvent):
            continue
        metrics.tokens, metrics.step = event.tokens, event.step
        metrics.masked = event.objective == "masked"
        if isinstance(event, TrainEvent):
            metrics.train.append((event.tokens, event.bits_per_token))
            if event.tokens_per_second is not None:
                metrics.tokens_per_second.append(event.tokens_per_second)
                metrics.seconds += event.seconds or 0.0
            metrics.epochs = event.epochs or metrics.epochs
        else:
            metrics.validation.append((event.tokens, event.bits_per_token))
            metrics.scored_tokens = event.scored_tokens
            metrics.sources = event.sources or []
            metrics.letters_per_token = event.letters_per_token or metrics.letters_per_token
        for index, stage in enumerate(event.stages):
            if index == len(metrics.stages):
                metrics.stages.append(StageCurves(stage.target))
            curves, per_chunk = metrics.stages[index], (event.tokens, stage.tokens_per_chunk)
            if isinstance(event, TrainEvent):
                curves.tokens_per_chunk.append(per_chunk)
                curves.boundary_prob.append((event.tokens, stage.mean_boundary_prob))
            else:
                curves.validated_tokens_per_chunk.append(per_chunk)
                curves.bases_per_chunk = stage.bases_per_chunk
                curves.chunk_lengths = stage.chunk_lengths
    return metrics
