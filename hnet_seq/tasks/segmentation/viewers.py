"""What opens the tracks of ``segment`` in a genome browser: a session of IGV, a page of JBrowse 2.

IGV's session is its XML (version 8), with paths relative to it. JBrowse reads a ``config.json``: an
assembly with the adapter of its sequence, a track for each file, and a view of the region. Both
read the genome themselves, a place at a time, so it must be plain FASTA, bgzip with its indexes, or
2bit.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from modalities.errors import InputError
from pipelines.formats.intervals import annotation_format
from pipelines.formats.sequence_files import sequence_format
from pipelines.storage.compression import sniff
from pipelines.storage.files import replaced_file

_KINDS = {"bed": "BedAdapter", "bw": "BigWigAdapter", "gff3": "Gff3Adapter", "gtf": "GtfAdapter"}
_LOCATIONS = {"bed": "bed", "bw": "bigWig", "gff3": "gff", "gtf": "gtf"}


@dataclass(frozen=True)
class Track:
    """A file to show.

    Attributes:
        kind: ``bed``, ``bw``, ``gff3`` or ``gtf``.
    """

    path: Path
    name: str
    kind: str


def boundary_tracks(
    beds: Sequence[tuple[int, Path]], bigwigs: Sequence[tuple[int, Path]], annotation: str | None
) -> list[Track]:
    """Of a genome's stages and, where its format is one of a browser's, its annotation."""
    tracks = [Track(path, f"probability, stage {stage}", "bw") for stage, path in bigwigs]
    tracks += [Track(path, f"chunks, stage {stage}", "bed") for stage, path in beds]
    kind = "" if annotation is None else annotation_format(Path(annotation)).lower()
    if annotation is not None and kind in _KINDS:
        tracks.append(Track(Path(annotation), "annotation", kind))
    return tracks


def check_browsable(genome: str | Path) -> None:
    """Raise InputError for a genome that browsers cannot read a place of."""
    packed, kind = sniff(genome), sequence_format(genome)
    if kind == "genbank" or packed in ("gzip", "zstd"):
        found = "GenBank" if kind == "genbank" else packed
        raise InputError(
            genome,
            f"is {found}, of which browsers cannot read a place; for --igv and --jbrowse give "
            "plain FASTA, 2bit, or FASTA that bgzip packed and `samtools faidx` indexed",
        )
    missing = [end for end in (".fai", ".gzi") if not os.path.exists(f"{genome}{end}")]
    if packed == "bgzip" and missing:
        raise InputError(
            genome,
            f"has no {' and no '.join(missing)} beside it, which browsers need of a packed genome; "
            f"`samtools faidx {genome}` makes them",
        )


def write_igv(path: Path, genome: Path, locus: str, tracks: Sequence[Track]) -> None:
    """A session that IGV opens, desktop or web."""
    session = ElementTree.Element(
        "Session",
        genome=_beside(genome, path),
        locus=locus,
        version="8",
        hasGeneTrack="false",
        hasSequenceTrack="true",
    )
    resources = ElementTree.SubElement(session, "Resources")
    for track in tracks:
        ElementTree.SubElement(
            resources, "Resource", path=_beside(track.path, path), type=track.kind, name=track.name
        )
    ElementTree.indent(session)
    with replaced_file(path) as file:
        file.write('<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n')
        file.write(ElementTree.tostring(session, encoding="unicode") + "\n")


def write_jbrowse(path: Path, genome: Path, locus: str, tracks: Sequence[Track]) -> None:
    """A configuration of JBrowse 2."""
    name = genome.name
    listed = [_track(track, f"hnet-seq-{n}", name, path) for n, track in enumerate(tracks)]
    shown = [track["trackId"] for track in listed]
    view = {
        "type": "LinearGenomeView",
        "init": {"assembly": name, "loc": locus, "tracks": [f"{name}-sequence", *shown]},
    }
    page = {
        "assemblies": [
            {
                "name": name,
                "sequence": {
                    "type": "ReferenceSequenceTrack",
                    "trackId": f"{name}-sequence",
                    "adapter": _sequence(genome, path),
                },
            }
        ],
        "tracks": listed,
        "defaultSession": {"name": f"boundaries of {name}", "views": [view]},
    }
    with replaced_file(path) as file:
        json.dump(page, file, indent=2)
        file.write("\n")


def _sequence(genome: Path, page: Path) -> dict[str, Any]:
    if sequence_format(genome) == "2bit":
        return {"type": "TwoBitAdapter", "twoBitLocation": _location(genome, page)}
    fasta = {"fastaLocation": _location(genome, page)}
    index = genome.with_name(f"{genome.name}.fai")
    if not index.exists():
        return {"type": "UnindexedFastaAdapter", **fasta}
    fasta["faiLocation"] = _location(index, page)
    if sniff(genome) == "plain":
        return {"type": "IndexedFastaAdapter", **fasta}
    blocks = genome.with_name(f"{genome.name}.gzi")
    return {"type": "BgzipFastaAdapter", **fasta, "gziLocation": _location(blocks, page)}


def _track(track: Track, identity: str, assembly: str, page: Path) -> dict[str, Any]:
    location = f"{_LOCATIONS[track.kind]}Location"
    return {
        "type": "QuantitativeTrack" if track.kind == "bw" else "FeatureTrack",
        "trackId": identity,
        "name": track.name,
        "assemblyNames": [assembly],
        "adapter": {"type": _KINDS[track.kind], location: _location(track.path, page)},
    }


def _location(path: Path, page: Path) -> dict[str, str]:
    return {"uri": _beside(path, page), "locationType": "UriLocation"}


def _beside(path: Path, session: Path) -> str:
    """As a browser finds it from the session's folder."""
    return Path(os.path.relpath(path.absolute(), session.absolute().parent)).as_posix()
