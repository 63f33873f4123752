"""Checksums of a checkpoint's files: a flipped bit in one would be another weight or moment.

Each process lists what it has written in a file of its own, as ``sha256sum`` prints it, so that
``sha256sum -c *.sha256`` in the folder of the checkpoint checks them too. Every byte is read once
more when it is written and when a run goes on from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hnet_seq.train.ranks import raised_together, rank, world_size
from modalities.errors import InputError
from modalities.file_hash import file_sha256
from pipelines.storage.files import replaced_file

_SUFFIX = ".sha256"


def write_checksums(checkpoint: Path, name: str, files: Iterable[Path]) -> None:
    """List files of a checkpoint in ``<name>.sha256``."""
    found = sorted(files)  # before there is another
    with replaced_file(checkpoint / f"{name}{_SUFFIX}") as stream:
        for file in found:
            stream.write(f"{file_sha256(file)}  {file.relative_to(checkpoint).as_posix()}\n")


def check_checksums(checkpoint: Path) -> None:
    """Hold the files of a checkpoint against their checksums, each process its share of them.

    A checkpoint of a version that wrote none is taken as it is.

    Raises:
        InputError: a file is missing or not as it was written; in every process.
    """
    lines = [
        (listing, line)
        for listing in sorted(checkpoint.glob(f"*{_SUFFIX}"))
        for line in listing.read_text(errors="replace").splitlines()
    ]
    error = None
    for listing, line in lines[rank() :: world_size()]:
        digest, _, name = line.partition("  ")
        file = checkpoint / name
        if not name or not file.is_file():
            error = _damaged(checkpoint, listing, f"names {name!r}, which is not there")
        elif file_sha256(file) != digest:
            error = _damaged(checkpoint, file, "is not as it was written: its sha256 differs")
        if error is not None:
            break
    raised_together(error)


def _damaged(checkpoint: Path, file: Path, what: str) -> InputError:
    return InputError(
        file,
        f"{what}; copy it again, or remove {checkpoint}: --resume goes on from the one before",
    )
