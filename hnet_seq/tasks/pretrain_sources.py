"""Where the sources of a run lie, as ``--data`` says; asked before torch is there."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

from hnet_seq.config import ExperimentConfig, SourceConfig
from modalities.errors import InputError, UsageError


def assign_data(config: ExperimentConfig, given: Sequence[str]) -> None:
    """Put what ``--data`` says into the configuration.

    Args:
        given: ``NAME=FOLDER`` for a source that the experiment names; ``FOLDER`` for the next one
            without a folder, or for another source.

    Raises:
        UsageError: there is no source of that name, or some are left without a folder.
    """
    sources = config.data.sources
    names = {source.name: source for source in sources if source.name}
    for item in given:
        name, is_named, path = item.partition("=")
        if is_named and name in names:
            names[name].path = path
        elif is_named and names and "/" not in name:
            raise UsageError("--data", f"no source {name!r}; there are: {', '.join(names)}")
        else:
            empty = next((source for source in sources if not source.path), None)
            if empty:
                empty.path = item
            elif names:
                raise UsageError("--data", f"{item} is one more than the {len(sources)} sources")
            else:
                sources.append(SourceConfig(item))


def reassign_data(config: ExperimentConfig, given: Sequence[str]) -> None:
    """Say where the sources of a run lie now; those that are not given stay where they are.

    Raises:
        UsageError: as :func:`assign_data`.
    """
    before = [source.path for source in config.data.sources]
    for source in config.data.sources:
        source.path = ""
    assign_data(config, given)
    for source, path in zip(config.data.sources, before, strict=False):
        source.path = source.path or path


def recall_data(config: ExperimentConfig, run: ExperimentConfig) -> None:
    """Let sources without a folder lie where a run that is there has those of their names."""
    there = run.data.sources
    if not config.data.sources:
        config.data.sources = copy.deepcopy(there)
    folders = {source.name: source.path for source in there if source.name}
    for source in config.data.sources:
        source.path = source.path or folders.get(source.name, "")


def check_sources(config: ExperimentConfig) -> None:
    """Raise UsageError where there is no source, or one has no folder."""
    data = config.data
    if not data.sources:
        raise UsageError("data.sources", "no shards given; --data FOLDER or data.sources in YAML")
    for source in data.sources:
        if not source.path:
            named = f"{source.name}=" if source.name else ""
            raise UsageError(
                "data.sources",
                f"no shards given{f' for {source.name}' if source.name else ''}; "
                f"--data {named}FOLDER or data.sources in YAML",
            )


def check_still_there(config: ExperimentConfig, run: Path) -> None:
    """Raise InputError where shards of a run lie nowhere any more, or not as seen from here."""
    for source in config.data.sources:
        if "://" not in source.path and not Path(source.path).exists():
            given = f"{source.name}=FOLDER" if source.name else "FOLDER"
            raise InputError(
                source.path,
                f"no such folder here, and the run in {run} reads it; go on where it was begun, or "
                f"say where it lies now with --data {given}",
            )
