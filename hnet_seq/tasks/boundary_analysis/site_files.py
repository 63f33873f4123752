"""The sites that ``boundaries enrich`` looks at, from files; torch is not needed for them."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hnet_seq.analysis.sites import Sites, edge_sites, gene_sites
from hnet_seq.tasks.annotations import read_annotation
from hnet_seq.tasks.bed_blocks import tell_of_blocks
from modalities.errors import InputError, UsageError
from pipelines.formats.annotation import Feature
from pipelines.formats.genome import Genome
from pipelines.formats.intervals import annotation_format
from pipelines.formats.regions import Span, open_spans
from pipelines.formats.sequence_files import sequence_format
from pipelines.formats.stranded_bed import read_bed_features
from pipelines.storage.compression import stem_of

SitesByRecord = dict[str, dict[str, Sites]]


@dataclass(frozen=True)
class SitesOfGenome:
    """What is read before torch is imported.

    Attributes:
        files: names of the files.
        spans: what is looked at.
        sites: by record and kind.
    """

    files: list[str]
    genome: Genome
    spans: list[Span]
    sites: SitesByRecord


def sites_from_arguments(args: argparse.Namespace) -> SitesOfGenome:
    """The genome and sites that the arguments name.

    Raises:
        InputError, UsageError: as :func:`read_sites`; or there is no file, or no site in what is
            looked at.
    """
    edges = [kind for kind in (args.edges or "").split(",") if kind]
    sources = args.features
    if not sources:
        if sequence_format(args.genome) != "genbank":
            raise UsageError("--features", "is missing: GFF3, GTF, GenBank or BED")
        sources = [args.genome]
    for source in sources:
        if not (path := named_source(source)[1]).exists():
            raise InputError(path, "no such file; check the path")
    genome = Genome(args.genome)
    spans = open_spans(genome, args.region)
    sites = read_sites(sources, edges, genome)
    _check_sites(sites, spans, sources[0])
    return SitesOfGenome([named_source(source)[1].name for source in sources], genome, spans, sites)


def read_sites(sources: Sequence[str], edges: Sequence[str], genome: Genome) -> SitesByRecord:
    """Sites of all files, by record and kind.

    A GFF3, GTF or GenBank file gives the sites of its genes, and the edges of the types in
    ``edges``; a BED file the edges of its intervals. What a file does not decide is said on
    standard error.

    Args:
        sources: ``FILE`` or ``NAME=FILE``; the name stands before the kinds of the file, and in
            place of a BED file's own name.
        genome: that all of them speak of.

    Raises:
        InputError: a file is malformed, of another genome, or has no sites; or a CDS has no phase
            and nothing but the sites of genes is asked for.
        UsageError: a type of ``edges`` that no file has, or two files with sites of one name.
    """
    found: SitesByRecord = defaultdict(dict)
    types: set[str] = set()
    owner: dict[str, str] = {}
    for source in sources:
        label, path = named_source(source)
        by_record, of_file = _read_file(label, path, edges, genome)
        types |= of_file
        kinds = dict.fromkeys(kind for by_kind in by_record.values() for kind in by_kind)
        for kind in kinds:
            if kind in owner:
                raise UsageError(
                    "--features",
                    f"{owner[kind]} and {path} both have {kind!r}; name one, as NAME={path}",
                )
            owner[kind] = str(path)
        for record, by_kind in by_record.items():
            found[record].update(by_kind)
        if not kinds and not edges:
            some = ", ".join(sorted(of_file)[:8])
            raise InputError(
                path, f"no genes with sites; it has {some}: give some of these to --edges"
            )
    for kind in edges:
        if kind not in types:
            raise UsageError(
                "--edges", f"no feature is a {kind!r}; there are {', '.join(sorted(types)[:8])}"
            )
    return dict(found)


def named_source(source: str) -> tuple[str, Path]:
    """Name ("" without one) and path of ``FILE`` or ``NAME=FILE``."""
    label, equals, path = source.partition("=")
    if not equals or Path(source).exists():
        return "", Path(source)
    if not label or not path:
        raise UsageError("--features", f"{source!r} is neither FILE nor NAME=FILE")
    return label, Path(path)


def _read_file(
    label: str, path: Path, edges: Sequence[str], genome: Genome
) -> tuple[SitesByRecord, set[str]]:
    if annotation_format(path) == "BED":
        name = label or stem_of(path.name).removesuffix(".bed")
        tell_of_blocks(path)
        by_record = _by_record(read_bed_features(path, lengths=genome.lengths))
        return {record: edge_sites(rows, (), name) for record, rows in by_record.items()}, set()
    found = read_annotation(path, genome)
    if not edges:
        found.check_phases()
    before = f"{label}: " if label else ""
    sites = {}
    for record, rows in found.features.items():
        of_record = gene_sites(found.genes.records[record])
        if edges:
            length, is_circular = genome.lengths[record], record in found.circular
            of_record |= edge_sites(rows, edges, length=length, circular=is_circular)
        sites[record] = {f"{before}{name}": own for name, own in of_record.items()}
    if edges or any(sites.values()):  # or else there is an error to tell
        found.tell()
    return sites, {row.type for rows in found.features.values() for row in rows}


def _by_record(features: Sequence[Feature]) -> dict[str, list[Feature]]:
    found: dict[str, list[Feature]] = defaultdict(list)
    for feature in features:
        found[feature.sequence].append(feature)
    return found


def _check_sites(sites: SitesByRecord, spans: list[Span], source: str) -> None:
    """Raise InputError where none lies in what is looked at."""
    for name, start, end in spans:
        for found in sites.get(name, {}).values():
            if ((found.cuts >= start) & (found.cuts < end)).any():
                return
    raise InputError(
        source, f"no site lies in {', '.join(name for name, _, _ in spans[:3])}; see --region"
    )
