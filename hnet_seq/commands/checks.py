"""What can be known to be wrong before anything is imported that takes seconds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hnet_seq.model.hub import split_hub_id
from hnet_seq.model.locate import locate, read_config
from modalities.errors import InputError, UsageError

STDIN = "-"


def check_checkpoint(where: str) -> None:
    """Raise, as loading would, where on this machine there are no weights; the hub is not asked."""
    if Path(where).exists() or split_hub_id(where) is None:
        locate(where)


def stages_of(where: str) -> int | None:
    """Stages of the model of a checkpoint on this machine; None where loading has to tell."""
    try:
        return read_config(locate(where).config).num_stages if Path(where).exists() else None
    except (ValueError, OSError):
        return None


def check_there(*paths: str | None) -> None:
    """Raise InputError for a file that is not there; None and standard input are."""
    for path in paths:
        if path is not None and path != STDIN and not Path(path).exists():
            raise InputError(path, "no such file; check the path")


def check_suffix(path: str | Path, suffixes: Sequence[str]) -> None:
    """Raise UsageError for an output whose name does not say its format."""
    path = Path(path)
    if not path.name.endswith(tuple(suffixes)):
        *most, last = suffixes
        known = f"{', '.join(most)} or {last}" if most else last
        raise UsageError("out", f"{path.name} has no known format; end it in {known}")


def check_at_least(least: int, **values: int | None) -> None:
    """Raise UsageError for a number below ``least``, by the name of its parameter."""
    for name, value in values.items():
        if value is not None and value < least:
            raise UsageError(name, f"must be {least} or more; got {value}")
