"""Packages of NCBI Datasets, packed or not: the catalog says where genomes lie, the report what.

``datasets download genome`` gives ``ncbi_dataset.zip`` with ``ncbi_dataset/data/``: there
``dataset_catalog.json`` lists the files of each accession with their types, and
``assembly_data_report.jsonl`` has one JSON object for each assembly.
"""

from __future__ import annotations

import json
import os
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modalities.errors import InputError
from pipelines.corpus.assembly import LEVELS, Assembly

CATALOG = "dataset_catalog.json"
_REPORT = "assembly_data_report.jsonl"
_DATA = ("ncbi_dataset/data", "data", "")
_GENOME = "GENOMIC_NUCLEOTIDE_FASTA"


def package_folder(folder: Path) -> Path | None:
    """Where the catalog of a package lies in a folder; None where it is no package."""
    places = (folder / part for part in _DATA)
    return next((place for place in places if (place / CATALOG).is_file()), None)


def read_package(folder: Path) -> list[Assembly]:
    """The genomes of an unpacked package, in the order of its catalog.

    Args:
        folder: that of the catalog.

    Raises:
        InputError: catalog or report is no such thing, or there are no genomes.
    """
    report = folder / _REPORT
    return _assemblies(
        str(folder / CATALOG),
        (folder / CATALOG).read_bytes(),
        str(report),
        report.read_bytes() if report.is_file() else b"",
        None,
        lambda name: _size(Path(name)),
        str(folder),
    )


def read_zip(archive: Path) -> list[Assembly]:
    """The genomes of a package as it was downloaded.

    Raises:
        InputError: it is no .zip, or no package; or as :func:`read_package`.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            sizes = {info.filename: info.compress_size for info in file.infolist()}
            data = next((p for p in _DATA if posixpath.join(p, CATALOG) in sizes), None)
            if data is None:
                raise InputError(
                    archive,
                    f"is no package of NCBI Datasets: it has no {CATALOG}; unpack it and give "
                    "the folder",
                )
            catalog, report = (posixpath.join(data, name) for name in (CATALOG, _REPORT))
            texts = [file.read(name) if name in sizes else b"" for name in (catalog, report)]
    except (zipfile.BadZipFile, EOFError) as error:
        raise InputError(
            archive, f"is no .zip, or a part of one ({error}); download it again"
        ) from None
    except (RuntimeError, NotImplementedError, zlib.error) as error:  # a password, or damaged
        raise InputError(
            archive, f"cannot be unpacked ({error}); unpack it and give the folder"
        ) from None
    except OSError as error:
        raise InputError(archive, f"cannot be read ({error.strerror})") from None
    return _assemblies(
        f"{archive}/{catalog}", texts[0], f"{archive}/{report}", texts[1], str(archive),
        sizes.get, data,
    )  # fmt: skip


def _assemblies(
    catalog: str,
    listed: bytes,
    report: str,
    reported: bytes,
    archive: str | None,
    size: Any,
    data: str,
) -> list[Assembly]:
    known = dict(_reports(report, reported))
    found: list[Assembly] = []
    for accession, names in _listed(catalog, listed):
        missing = next((name for name in names if size(_join(archive, data, name)) is None), None)
        if missing is not None:
            raise InputError(
                catalog,
                f"lists {missing}, which is not there; a dehydrated package needs `datasets "
                "rehydrate --directory FOLDER`, another one to be downloaded again",
                where=accession,
            )
        files = tuple(_join(archive, data, name) for name in names)
        found.append(
            Assembly(
                accession,
                files,
                sum(size(name) for name in files),
                **known.get(accession, {}),
                archive=archive,
            )
        )
    if not found:
        raise InputError(catalog, "lists no genomes; download the package with `--include genome`")
    return found


def _join(archive: str | None, data: str, name: str) -> str:
    return (posixpath if archive else os.path).join(data, name)


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _listed(path: str, text: bytes) -> Iterator[tuple[str, list[str]]]:
    """Accessions and the files of their genomes, relative to the catalog."""
    try:
        for entry in json.loads(text)["assemblies"]:
            names = [str(f["filePath"]) for f in entry["files"] if f["fileType"] == _GENOME]
            if names:  # the first entry has the reports alone
                yield str(entry["accession"]), names
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            path, f"is no catalog of NCBI Datasets ({error!r}); download the package again"
        ) from None


def _reports(path: str, text: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            report = json.loads(line)
            organism = report.get("organism") or {}
            level = (report.get("assemblyInfo") or {}).get("assemblyLevel")
            told = {
                "taxon": str(organism.get("organismName") or "").strip(),
                "tax_id": None if (tax := organism.get("taxId")) is None else int(tax),
                "level": level if level in LEVELS else "",
            }
            yield str(report["accession"]), told
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                path,
                f"is no assembly report of NCBI Datasets ({error!r}); download it again",
                where=f"line {number}",
            ) from None
