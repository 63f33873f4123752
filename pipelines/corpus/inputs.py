"""The genomes of folders, lists, files and packages of NCBI Datasets."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from modalities.errors import InputError
from modalities.given_paths import check_once
from pipelines.corpus.assembly import Assembly
from pipelines.corpus.listing import COMPRESSED, SEQUENCES, SUFFIXES, name_of_file, read_listing
from pipelines.corpus.ncbi_package import package_folder, read_package, read_zip

# What NCBI puts beside a genome; these are parts of it.
_PARTS = ("cds_from_genomic", "rna_from_genomic", "rna.fna", "translated_cds")


def is_corpus(inputs: Sequence[str | Path]) -> bool:
    """Whether one of the inputs is a folder, a list or a package, so that each file is a genome."""
    return any(
        os.path.isdir(path) or _suffix(path) == ".zip" or _is_list(Path(path)) for path in inputs
    )


def find_assemblies(inputs: Sequence[str | Path]) -> list[Assembly]:
    """All genomes, in the order of the inputs; those of a folder by name.

    Raises:
        InputError: an input is missing or holds no genomes, or two genomes have one name.
        UsageError: an input is given twice.
    """
    check_once(inputs)
    found: dict[str, Assembly] = {}
    for path in map(Path, inputs):
        for assembly in _of_input(path):
            other = found.setdefault(assembly.accession, assembly)
            if other is not assembly:
                raise InputError(
                    assembly.shown,
                    f"is called {assembly.accession}, and so is {other.shown}; leave one out, or "
                    "give a list with a column accession",
                )
    return list(found.values())


def _of_input(path: Path) -> Iterator[Assembly]:
    if path.is_dir():
        package = package_folder(path)
        yield from read_package(package) if package else _of_folder(path)
    elif not path.exists():
        raise InputError(path, "no such file or folder; check the path")
    elif _suffix(path) == ".zip":
        yield from read_zip(path)
    elif _is_list(path):
        yield from read_listing(path)
    else:
        yield _of_file(path)


def _of_folder(folder: Path) -> Iterator[Assembly]:
    def fail(error: OSError) -> None:
        raise InputError(
            str(error.filename), f"cannot be listed ({error.strerror}); check its permissions"
        )

    paths = []
    for parent, folders, names in os.walk(folder, onerror=fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths += [Path(parent, name) for name in names if _is_genome(name)]
    if not paths:
        raise InputError(
            folder, f"no genomes in this folder; their names end in {', '.join(SEQUENCES)}, and .gz"
        )
    yield from map(_of_file, sorted(paths, key=os.fsencode))


def _of_file(path: Path) -> Assembly:
    if not path.is_file():
        raise InputError(path, "is no file, or a link to none; take it out of the folder")
    return Assembly(name_of_file(path), (str(path),), path.stat().st_size)


def _is_genome(name: str) -> bool:
    lower = name.lower()
    for suffix in COMPRESSED:
        lower = lower.removesuffix(suffix)
    parts = any(part in lower for part in _PARTS)
    return lower.endswith(SEQUENCES) and not parts and not name.startswith(".")


def _suffix(path: str | Path) -> str:
    return os.path.splitext(path)[1].lower()


def _is_list(path: Path) -> bool:
    """Whether it is called a list and is no genome all the same."""
    if _suffix(path) not in SUFFIXES or not path.is_file():
        return False
    with open(path, "rb") as file:
        head = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    return not head.startswith((b">", b"LOCUS ", b"\x1f\x8b", b"(\xb5/\xfd"))
