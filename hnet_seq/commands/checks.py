"""What can be known to be wrong before anything is imported that takes seconds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import modalities
from hnet_seq.model.config import HNetConfig
from hnet_seq.model.hub import split_hub_id
from hnet_seq.model.locate import Located, locate, read_config
from hnet_seq.model.released import configuration_file
from modalities.base import Modality
from modalities.errors import InputError, UsageError

STDIN = "-"
# How names of other formats end, packed ones too.
_NO_TSV = (
    *(".csv", ".parquet", ".json", ".jsonl", ".vcf", ".bed", ".fa", ".fasta", ".xlsx", ".npy"),
    *(".gz", ".bgz", ".zst", ".bz2", ".xz", ".h5ad", ".html"),
)
_SOON_READ = 1 << 23  # bytes of a genome that are read twice rather than after torch is imported


def check_checkpoint(where: str) -> None:
    """Raise, as loading would, where on this machine there are no weights; the hub is not asked."""
    if _is_here(where):
        locate(where)


def shape_here(where: str) -> HNetConfig | None:
    """The shape of a checkpoint on this machine, or of a configuration; None: loading has to tell.

    Args:
        where: as `hnet_seq.model.locate.locate` and `configuration_file` take it.
    """
    try:
        if (file := configuration_file(where)) is None:
            found = _located(where)
            file = found.config if found else None
        return read_config(file) if file else None
    except (ValueError, OSError):
        return None


def stages_of(where: str) -> int | None:
    """Stages of the model of :func:`shape_here`."""
    shape = shape_here(where)
    return None if shape is None else shape.num_stages


def modality_here(where: str) -> Modality | None:
    """What a checkpoint on this machine was trained on; None where loading has to tell."""
    try:
        found = _located(where)
        if found is None or found.weights.suffix != ".safetensors":
            return None
        from hnet_seq.model.weights_file import read_metadata

        return modalities.MODALITIES.get(read_metadata(found.weights).get("modality", ""))
    except (ValueError, OSError):
        return None


def _is_here(where: str) -> bool:
    return Path(where).exists() or split_hub_id(where) is None


def _located(where: str) -> Located | None:
    return locate(where) if _is_here(where) else None


def check_region(genome: str, region: str, parameter: str = "region") -> None:
    """Raise, as the verb would, for a region that a small genome does not have."""
    if Path(genome).is_file() and Path(genome).stat().st_size <= _SOON_READ:
        from pipelines.formats.genome import Genome
        from pipelines.formats.regions import parse_region

        parse_region(region, Genome(genome).lengths, genome, parameter)


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


def check_tsv(path: str | Path, also: Sequence[str] = ()) -> None:
    """Raise UsageError where the name of an output says another format than TSV, or ``also``."""
    name = Path(path).name.lower()
    if name.endswith(_NO_TSV) and not name.endswith(tuple(also)):
        known = " or ".join((".tsv", *also))
        raise UsageError("out", f"{Path(path).name} says another format; end it in {known}")


def check_at_least(least: int, **values: int | None) -> None:
    """Raise UsageError for a number below ``least``, by the name of its parameter."""
    for name, value in values.items():
        if value is not None and value < least:
            raise UsageError(name, f"must be {least} or more; got {value}")
