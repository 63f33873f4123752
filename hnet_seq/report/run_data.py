"""Everything that a run folder holds for its report; what is not there is None."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hnet_seq.report.json_files import read_object
from hnet_seq.report.metrics import Metrics, read_metrics
from hnet_seq.report.results import (
    Boundaries,
    Markov,
    Region,
    read_boundaries,
    read_markov,
    read_region,
)
from hnet_seq.report.scores import Classification, read_classification
from modalities.errors import InputError

T = TypeVar("T")

_SOURCE = re.compile(r"^\s*-?\s*path:\s*(?P<path>\S.*?)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class RunData:
    """A run and the results of other verbs beside it."""

    path: Path
    config: str | None  # text of config.yaml
    provenance: dict[str, Any] | None  # run.json
    metrics: Metrics | None
    markov: Markov | None
    boundaries: Boundaries | None
    region: Region | None
    classification: Classification | None

    @property
    def shards(self) -> str:
        """Where the run read its data, for commands to copy; a placeholder if it does not say."""
        found = _SOURCE.search(self.config or "")
        return found["path"].strip("'\"") if found else "SHARDS"

    @property
    def isotropic(self) -> bool:
        """Whether the log shows a model without stages, which has no boundaries to look at."""
        return bool(self.metrics and self.metrics.step and not self.metrics.stages)

    @property
    def masked(self) -> bool:
        """Whether the log is of a masked objective, which Markov models are no baseline for."""
        return bool(self.metrics and self.metrics.masked)

    @property
    def name(self) -> str:
        return self.path.resolve().name


def read_run(path: Path) -> RunData:
    """Read a run folder.

    Raises:
        InputError: it is not a run folder, or one of its files is damaged.
    """
    if not path.is_dir():
        raise InputError(path, "no such folder; give the --out of hnet-seq pretrain")
    if not (path / "config.yaml").is_file() and not (path / "metrics.jsonl").is_file():
        raise InputError(
            path,
            "not a run folder: it has neither config.yaml nor metrics.jsonl; "
            "give the --out of hnet-seq pretrain",
        )

    def read(name: str, reader: Callable[[Path], T]) -> T | None:
        return reader(path / name) if (path / name).is_file() else None

    metrics = read("metrics.jsonl", read_metrics)
    return RunData(
        path=path,
        config=read("config.yaml", _read_text),
        provenance=read("run.json", read_object),
        metrics=metrics,
        markov=None if metrics and metrics.masked else read("markov.json", read_markov),
        boundaries=read("boundaries.json", read_boundaries),
        region=read("region.json", read_region),
        classification=read("classification.json", read_classification),
    )


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(path, f"not UTF-8 text: {error.reason} at byte {error.start}") from error
