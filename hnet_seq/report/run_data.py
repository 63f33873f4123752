"""Everything that a run folder holds for its report; what is not there is None."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import yaml

from hnet_seq.report.units import BASE, Unit, unit_of
from hnet_seq.results.boundaries import Boundaries, Region, TextBoundaries
from hnet_seq.results.classification import TaskResult
from hnet_seq.results.markov import Markov
from hnet_seq.results.read import Kind, read_result
from hnet_seq.results.run import EpochEvent, Log, Run, SourceScores, TrainEvent
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


@dataclass(frozen=True)
class RunData:
    """A run and the results of other verbs beside it."""

    path: Path
    config: str | None  # text of config.yaml
    provenance: Run | None
    metrics: Metrics | None
    markov: Markov | None
    boundaries: Boundaries | None
    region: Region | None
    text_boundaries: TextBoundaries | None
    classification: TaskResult | None

    @property
    def unit(self) -> Unit:
        """What a token of the run is."""
        return unit_of(self.provenance)

    @cached_property
    def folders(self) -> dict[str, str]:
        """Where each source is, by the name that metrics give it; empty if the run does not say."""
        try:
            sources = yaml.safe_load(self.config or "")["data"]["sources"]
            paths = [(source.get("name"), f"{source['path']}") for source in sources]
        except (yaml.YAMLError, KeyError, TypeError, AttributeError):
            return {}
        return {f"{name or path.rstrip('/').split('/')[-1]}": path for name, path in paths}

    @property
    def shards(self) -> list[str]:
        """Where the run read its data, for commands to copy; a placeholder if it does not say."""
        folders = list(dict.fromkeys(self.folders.values())) or ["SHARDS"]
        return folders[:1] if self.unit is BASE else folders

    @property
    def isotropic(self) -> bool:
        """Whether the log shows a model without stages, which has no boundaries to look at."""
        return bool(self.metrics and self.metrics.step and not self.metrics.stages)

    @property
    def masked(self) -> bool:
        """Whether the log is of a masked objective, which Markov models are no baseline for."""
        return bool(self.metrics and self.metrics.masked)

    @property
    def tokenised(self) -> bool:
        """Whether the log is of a model behind a tokenizer, which other verbs do not read."""
        return bool(self.metrics and self.metrics.letters_per_token)

    @property
    def name(self) -> str:
        return self.path.resolve().name


def is_run(path: Path) -> bool:
    """Whether a folder is that of a run."""
    return (path / "config.yaml").is_file() or (path / "metrics.jsonl").is_file()


def read_run(path: Path) -> RunData:
    """Read a run folder.

    Raises:
        InputError: it is not a run folder, or one of its files is damaged.
    """
    if not path.is_dir():
        raise InputError(path, "no such folder; give the --out of hnet-seq pretrain")
    if not is_run(path):
        raise InputError(
            path,
            "not a run folder: it has neither config.yaml nor metrics.jsonl; "
            "give the --out of hnet-seq pretrain",
        )

    def read(name: str, kind: type[Kind]) -> Kind | None:
        return read_result(path / name, kind) if (path / name).is_file() else None

    log, config = read("metrics.jsonl", Log), path / "config.yaml"
    metrics = None if log is None else metrics_of(log)
    provenance = read("run.json", Run)
    markov = None if metrics and metrics.masked else read("markov.json", Markov)
    unit = unit_of(provenance)
    if markov is not None and markov.token != unit.one:
        raise InputError(
            path / "markov.json",
            f"counts {markov.token}s, and run.json says that a token of the run is a {unit.one}; "
            "make it again from the shards of the run",
        )
    return RunData(
        path=path,
        config=_read_text(config) if config.is_file() else None,
        provenance=provenance,
        metrics=metrics,
        markov=markov,
        boundaries=read("boundaries.json", Boundaries),
        region=read("region.json", Region),
        text_boundaries=read("text_boundaries.json", TextBoundaries),
        classification=read("classification.json", TaskResult),
    )


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(path, f"not UTF-8 text: {error.reason} at byte {error.start}") from error
