"""What can be known to be wrong before anything is imported that takes seconds."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import modalities
from hnet_seq.model.adapter_base import check_apart, with_bases
from hnet_seq.model.config import HNetConfig
from hnet_seq.model.hub import split_hub_id
from hnet_seq.model.locate import Located, locate, read_config
from hnet_seq.model.released import configuration_file
from modalities.errors import InputError, UsageError

if TYPE_CHECKING:
    from modalities.base import Modality
    from pipelines.shards.manifest import Manifest

STDIN = "-"
# How names of other formats end, packed ones too.
_NO_TSV = (
    *(".csv", ".parquet", ".json", ".jsonl", ".vcf", ".bed", ".fa", ".fasta", ".xlsx", ".npy"),
    *(".gz", ".bgz", ".zst", ".bz2", ".xz", ".h5ad", ".html"),
)
# Bytes of a file that is looked through, or read, twice rather than after torch is imported.
_SOON_SEEN, _SOON_READ = 1 << 23, 1 << 20


def check_checkpoint(where: str, config: str | None = None) -> None:
    """Raise, as loading would, where on this machine there are no weights; the hub is not asked.

    Args:
        config: the JSON of a checkpoint that has none.
    """
    if is_here(where):
        locate(where, config=config)


def check_not_replaced(where: str, folder: Path, parameter: str = "out") -> None:
    """Raise UsageError where a checkpoint, or what an adapter stands on, is in a folder to write.

    Raises:
        FileNotFoundError, ValueError: an adapter without its base, as loading would.
    """
    if found := _located(where):
        check_apart(folder, with_bases(found), parameter)


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


def is_here(where: str) -> bool:
    """Whether a checkpoint is on this machine, or can be nowhere else."""
    return Path(where).exists() or split_hub_id(where) is None


def _located(where: str) -> Located | None:
    return locate(where) if is_here(where) else None


def check_region(genome: str, region: str, parameter: str = "region") -> None:
    """Raise, as the verb would, for a region that a small genome does not have."""
    if is_small(genome, _SOON_SEEN):
        from pipelines.formats.genome import Genome
        from pipelines.formats.regions import parse_region

        parse_region(region, Genome(genome).lengths, genome, parameter)


def check_genome(genome: str) -> None:
    """Raise, as the verb would, for a small genome that cannot be read, or a folder."""
    if is_small(genome, _SOON_SEEN) or Path(genome).is_dir():
        from pipelines.formats.genome import Genome

        _ = Genome(genome).lengths


def manifest_here(location: str) -> Manifest | None:
    """The manifest of a folder of shards; None of one behind a URL, which loading has to ask.

    Raises:
        InputError: there is none, or a wrong one.
    """
    if "://" in location:
        return None
    from pipelines.shards.manifest import Manifest

    return Manifest.load(location)


def is_small(path: str | Path, most: int = _SOON_READ) -> bool:
    """Whether a file, or all of a folder, is read twice rather than after torch is imported."""
    path, total = Path(path), 0
    for file in path.rglob("*") if path.is_dir() else (path,):
        total += file.stat().st_size if file.is_file() else 0
        if total > most:  # of a large folder no more is looked at
            return False
    return path.is_dir() or path.is_file()


def check_sequences(
    source: str, modality: Modality | None, args: argparse.Namespace, label: str | None = None
) -> None:
    """Raise, as the verb would, for sequences that cannot be read as ``args`` says.

    Of a small file all are read, where it is known what their letters are; nothing that lies on a
    large genome.

    Args:
        label: a column that is kept.
    """
    if source == STDIN or (args.genome and not is_small(args.genome, _SOON_SEEN)):
        return
    from hnet_seq.tasks.sequences.inputs import open_sequences
    from hnet_seq.tasks.sequences.reading import Reading

    found = open_sequences(
        source,
        Reading.of(args),
        label=label,
        modality=modality or modalities.dna.DNA,
        tell=False,
    )
    if modality is not None and is_small(source):
        found.check()


def check_there(*paths: str | Path | None) -> None:
    """Raise InputError for a file that is not there; None and standard input are."""
    for path in paths:
        if path is not None and path != STDIN and not Path(path).exists():
            raise InputError(path, "no such file; check the path")


def check_outputs(
    outputs: Mapping[str, str | Path | Sequence[Path] | None], *inputs: str | Path | None
) -> None:
    """Raise UsageError where an output would take the place of an input, or of another output.

    Args:
        outputs: a file or several by the name of their parameter; None where none is written.
        inputs: what is read; None and standard input are no files.
    """
    read = {Path(path).resolve(): path for path in inputs if path is not None and path != STDIN}
    written: dict[Path, str] = {}
    for name, given in outputs.items():
        for path in (given,) if isinstance(given, str | Path) else given or ():
            if Path(path).exists() and not Path(path).is_file():
                continue  # a device or a pipe takes from several
            place = Path(path).resolve()
            if place in read:
                raise UsageError(name, f"{path} is the input {read[place]}; name another file")
            if place in written:
                said = f"{path} is the file of `{written[place]}`; name another one"
                raise UsageError(name, said)
            written[place] = name


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


def check_seed(seed: int | None) -> None:
    """Raise UsageError for one that NumPy's generators do not take."""
    if seed is not None and not 0 <= seed < 1 << 32:
        raise UsageError("seed", f"is {seed}; expected 0 to {(1 << 32) - 1}")


def check_dna_model(where: str) -> None:
    """Raise InputError where a checkpoint on this machine reads something else than DNA."""
    modality = modality_here(where)
    if modality not in (None, modalities.dna.DNA):
        raise InputError(where, f"the model reads {modality.name}; expected one trained on DNA")


def check_causal(where: str, why: str) -> None:
    """Raise InputError for a bidirectional model on this machine, and say why."""
    shape = shape_here(where)
    if shape and shape.bidirectional:
        raise not_causal(where, why)


def not_causal(where: str, why: str) -> InputError:
    """What is said of a bidirectional model."""
    return InputError(where, f"the model is bidirectional, and {why}; give a causal one")


def check_stage(where: str, stage: int) -> None:
    """Raise, as the verb would, where a model on this machine has no such stage of chunks."""
    if modality_here(where) is None:
        return  # of tokens of several letters, which is told first, or of what loading has to tell
    stages = stages_of(where)
    if stages == 0:
        raise InputError(
            where,
            "the model is isotropic: it has no router and no boundaries; give an H-Net with stages",
        )
    if stages and not 0 <= stage < stages:
        raise UsageError("stage", f"{where} has stages 0 to {stages - 1}; got {stage}")


def check_at_least(least: int, **values: int | None) -> None:
    """Raise UsageError for a number below ``least``, by the name of its parameter."""
    for name, value in values.items():
        if value is not None and value < least:
            raise UsageError(name, f"must be {least} or more; got {value}")
