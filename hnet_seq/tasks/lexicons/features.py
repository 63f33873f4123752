"""Features that words are held against, from annotation and BED files; torch is not needed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from hnet_seq.analysis.annotation import RecordAnnotation, from_genes
from hnet_seq.analysis.labels import REGION_NAMES
from hnet_seq.analysis.lexicon.kinds import RecordKinds, intervals
from hnet_seq.tasks.annotations import read_annotation
from hnet_seq.tasks.bed_blocks import tell_of_blocks
from hnet_seq.tasks.boundary_analysis.site_files import named_source
from modalities.errors import InputError, UsageError
from pipelines.formats.annotation import Feature
from pipelines.formats.genome import Genome
from pipelines.formats.intervals import annotation_format
from pipelines.formats.stranded_bed import read_bed_features
from pipelines.storage.compression import stem_of

MOST_KINDS = 12  # types of features of a file, those that cover most
# What the regions say already, and what covers a record or is a part of a gene.
_PARTS = {"region", "source", "chromosome", "contig", "gene", "mrna", "cds", "exon", "transcript"}
_PARTS |= {"start_codon", "stop_codon", "five_prime_utr", "three_prime_utr", "intron", "sequence"}

Spans = dict[str, dict[str, list[tuple[int, int]]]]  # by kind and record


def read_kinds(sources: Sequence[str], genome: Genome) -> RecordKinds | None:
    """The kinds of all files; None without a file.

    A GFF3, GTF or GenBank file gives the regions and codons of its genes, and its other types of
    features; a BED file its intervals, as one kind of its name.

    Args:
        sources: ``FILE`` or ``NAME=FILE``.

    Raises:
        InputError: a file is malformed, of another genome, or has nothing that could be used.
        UsageError: two files have genes, or kinds of one name, or one named as a region of genes.
    """
    genes: dict[str, RecordAnnotation] | None = None
    found: Spans = {}
    files: dict[str, Path] = {}  # by kind
    for source in sources:
        label, path = named_source(source)
        if not path.exists():
            raise InputError(path, "no such file; check the path")
        if annotation_format(path) == "BED":
            kinds = _of_bed(path, label, genome)
        else:
            annotation = read_annotation(path, genome)
            kinds = _of_types(annotation.features, label)
            coding = any(own.coding for own in annotation.genes.records.values())
            if coding and genes is not None:
                raise UsageError("features", f"{path} is a second file with genes; give one")
            if coding:
                annotation.check_phases()
                records = annotation.genes.records
                genes = {name: from_genes(own) for name, own in records.items()}
            annotation.tell()
            if not coding and not kinds:
                raise InputError(path, "has no CDS and no other type of feature to look at")
        for kind in kinds.keys() & found.keys():
            raise UsageError("features", f"two files have {kind!r}; name one, as NAME={path}")
        found |= kinds
        files |= dict.fromkeys(kinds, path)
    for kind in REGION_NAMES if genes is not None else ():
        if kind in found:
            said = f"{kind!r} is what the genes give, and a kind of {files[kind]}"
            raise UsageError("features", f"{said}; name it otherwise, as NAME={files[kind]}")
    if not sources:
        return None
    spans = {
        kind: {record: intervals(own) for record, own in by_record.items()}
        for kind, by_record in found.items()
    }
    return RecordKinds(genes, spans)


def _of_bed(path: Path, label: str, genome: Genome) -> Spans:
    tell_of_blocks(path)
    spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for row in read_bed_features(path, lengths=genome.lengths):
        spans[row.sequence].append((row.start, row.end))
    return {label or stem_of(path.name).removesuffix(".bed"): dict(spans)}


def _of_types(features: dict[str, list[Feature]], label: str) -> Spans:
    spans: dict[str, dict[str, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
    covered: Counter[str] = Counter()
    for record, rows in features.items():
        for row in rows:
            if row.type.lower() not in _PARTS:
                spans[row.type][record].append((row.start, row.end))
                covered[row.type] += row.end - row.start
    before = f"{label}: " if label else ""
    return {f"{before}{kind}": dict(spans[kind]) for kind, _ in covered.most_common(MOST_KINDS)}
