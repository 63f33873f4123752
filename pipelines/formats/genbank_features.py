"""Features of GenBank as the rows that GFF3 has of them: one a part, in the order of the join."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from Bio.SeqFeature import AfterPosition, BeforePosition

from modalities.errors import InputError
from pipelines.formats.annotation import Feature, check_record
from pipelines.formats.genbank import Lines, entry_name, read_entries

# Qualifiers that GFF3 writes in another way, and what is read of them.
_EXCEPTIONS = {"trans_splicing": "trans-splicing", "ribosomal_slippage": "ribosomal slippage"}
_LEFT_OUT = ("translation",)
_GENE = "gene"


def read_genbank_features(
    path: str | Path, *, lengths: Mapping[str, int] | None = None
) -> tuple[list[Feature], frozenset[str]]:
    """Features of a plain, gzip or bgzip GenBank file, and the records that are circular.

    Each part of a join is a row, as in GFF3: all with the ``ID`` of their feature, ``part`` (its
    place in the join), the phase of a CDS, and ``start_range`` or ``end_range`` where a ``<`` or
    ``>`` leaves that side open. Qualifiers become attributes, several values joined by commas. The
    gene of the same ``locus_tag``, or else ``gene``, becomes the ``Parent``. Parts in an ``order``,
    which nobody says are joined, have that as their ``exception``. What lies in another
    entry or between two bases is left out.

    Args:
        lengths: bases of each record of the genome, to find the entries among them: by accession
            with version, as in the same entry's FASTA, or by a name that differs only in the
            version or in what NCBI wrote around it (``gi|...|ref|NC_001416.1|``).

    Raises:
        InputError: as `pipelines.formats.genbank.read_genbank`; an entry is not in the genome, or
            has another length there; a location cannot be read; or there are no features.
    """
    path = Path(path)
    features: list[Feature] = []
    circular: set[str] = set()
    for found, lines in read_entries(path, features=True):
        name = entry_name(found)
        if lengths is not None:
            name = _record_of(found, lengths, lines)
        if found.annotations.get("topology") == "circular":
            circular.add(name)
        features += _rows(found, name, lines)
    if not features:
        raise InputError(path, "no features; fetch the entry with its features", where="whole file")
    return features, frozenset(circular)


def _record_of(found: Any, lengths: Mapping[str, int], lines: Lines) -> str:
    """The genome's name of an entry."""
    name = entry_name(found)
    if name not in lengths:
        own = {_bare(name), _bare(found.name)}
        like = [other for other in lengths if own & {_bare(part) for part in other.split("|")}]
        if len(like) != 1:
            try:
                check_record(name, 0, lengths)
            except ValueError as error:
                raise lines.error(str(error)) from None
        name = like[0]
    if lengths[name] != len(found.seq):
        raise lines.error(
            f"the entry has {len(found.seq)} bases and {name} of the genome {lengths[name]}; is "
            "this another version?"
        )
    return name


def _bare(name: str) -> str:
    """An accession without its version."""
    accession, _, version = name.partition(".")
    return accession if version.isdecimal() else name


def _rows(found: Any, record: str, lines: Lines) -> Iterator[Feature]:
    genes: dict[str, list[tuple[str, Any]]] = defaultdict(list)
    for number, feature in enumerate(found.features, 1):
        if feature.type == _GENE and feature.location is not None:
            genes[_gene_of(feature)].append((f"{_GENE}:{record}:{number}", feature.location))
    for number, feature in enumerate(found.features, 1):
        if feature.location is None:
            raise lines.error(
                f"the location of feature {number}, {feature.type}, is not readable; correct it"
            )
        parts = [part for part in feature.location.parts if part.start < part.end]
        if not parts or any(part.ref for part in feature.location.parts):
            continue
        shared = _attributes(feature.qualifiers)
        shared["ID"] = f"{feature.type}:{record}:{number}"
        if getattr(feature.location, "operator", "") == "order":
            shared.setdefault("exception", "order")
        if feature.type not in (_GENE, "source"):
            shared |= _parent(feature.location, genes.get(_gene_of(feature), []))
        phase = None
        if feature.type == "CDS":
            codon_start = feature.qualifiers.get("codon_start", ["1"])[0]
            if codon_start not in ("1", "2", "3"):
                raise lines.error(
                    f"the codon_start of feature {number} is {codon_start!r}, expected 1, 2 or 3"
                )
            phase = int(codon_start) - 1
        for place, part in enumerate(parts, 1):
            attributes = dict(shared)
            if len(parts) > 1:
                attributes["part"] = f"{place}/{len(parts)}"
            if isinstance(part.start, BeforePosition):
                attributes["start_range"] = f".,{int(part.start) + 1}"
            if isinstance(part.end, AfterPosition):
                attributes["end_range"] = f"{int(part.end)},."
            yield Feature(
                sequence=record,
                source="GenBank",
                type=feature.type,
                start=int(part.start),
                end=int(part.end),
                strand={1: "+", -1: "-"}.get(part.strand, "."),
                phase=phase,
                attributes=attributes,
                line=number,
            )
            if phase is not None:
                phase = (phase - (int(part.end) - int(part.start))) % 3


def _gene_of(feature: Any) -> str:
    """What tells the gene that a feature belongs to."""
    for key in ("locus_tag", "gene"):
        if key in feature.qualifiers:
            return f"{key} {feature.qualifiers[key][0]}"
    return f"feature {id(feature)}"


def _parent(location: Any, genes: list[tuple[str, Any]]) -> dict[str, str]:
    """Of the genes of one name, copies in inverted repeats among them, the one that it lies in."""
    for name, gene in genes:
        if all(
            any(part.start < other.end and other.start < part.end for other in gene.parts)
            for part in location.parts
        ):
            return {"Parent": name}
    return {}


def _attributes(qualifiers: Mapping[str, list[str]]) -> dict[str, str]:
    attributes = {k: ",".join(v) for k, v in qualifiers.items() if k not in _LEFT_OUT}
    for qualifier, exception in _EXCEPTIONS.items():
        if attributes.pop(qualifier, None) is not None:
            attributes["exception"] = exception
    if "pseudo" in attributes:
        attributes["pseudo"] = "true"
    return attributes
