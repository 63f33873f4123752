"""The genomes of samples: a reference with the alleles of each haplotype of a phased VCF file."""

from __future__ import annotations

import hashlib
import sys
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from hnet_seq.one_voice import speaks
from hnet_seq.tasks.scoring.variant_windows import reference_fault
from hnet_seq.tasks.sequences.haplotype import UNPHASED, Haplotype, Unread
from modalities.errors import InputError, UsageError
from pipelines.formats.alleles import Variant, without_letters
from pipelines.formats.genome import Genome
from pipelines.formats.indexed_vcf import index_of

if TYPE_CHECKING:
    from pysam import VariantFile, VariantRecord, VariantRecordSample

Places: TypeAlias = Mapping[str, Sequence[tuple[int, int]]]

_DIPLOID = 2
_AT_A_TIME = 1 << 12  # places that are sorted
_SAID = {
    "unphased": "of heterozygous genotypes without a phase (/): taken in the order written",
    "missing": "of missing alleles (.): the reference's letters stand there",
    "ungenotyped": "without a genotype (no GT, as of somatic callers): the reference's letters "
    "stand there",
    "haploid": "of haploid genotypes beside others of the record: taken for haplotype 1",
    "symbolic": "without letters, such as <DEL>: left out",
    "overlap": "over another allele of the haplotype: left out",
}


class Haplotypes:
    """The haplotypes of samples, at some places of a genome.

    Args:
        path: VCF, plain or bgzip, or BCF, in the order of positions; with an index beside it only
            what lies at the places is read.
        genome: the reference.
        samples: whose; all of the file if empty.
        places: 0-based starts and ends on each record; nothing is known beyond them.

    Attributes:
        told: how many alleles of each kind were not taken as they stand.

    Raises:
        InputError: a file that cannot be read or has no samples; rows out of order; a
            reference allele that the genome does not have, with its place.
        UsageError: there is no pysam; or ``samples`` names one that is not there, or one twice.
    """

    def __init__(
        self, path: str | Path, genome: Genome, samples: Sequence[str], places: Places
    ) -> None:
        self.path = Path(path)
        self.told: Counter[str] = Counter()
        self._genome = genome
        self._copies: dict[str, list[Haplotype]] = {}
        self._ploidy: dict[str, Counter[str]] = defaultdict(Counter)
        self._haploid: Counter[tuple[str, str]] = Counter()
        try:
            import pysam
        except ImportError:
            raise UsageError("haplotypes", "need pysam: pip install 'hnet-seq[variants]'") from None
        # Its warnings, as of an index older than its file, are told by no number of lines.
        before = pysam.set_verbosity(0)
        try:
            index = index_of(self.path) or index_of(self.path, "BCF")
            with pysam.VariantFile(str(self.path), index_filename=index) as file:
                there = list(file.header.samples)
                self._choose(there, samples)
                # pysam puts commas between the names: where one has its own, all are read.
                if len(self._copies) < len(there) and "," not in "".join(self._copies):
                    file.subset_samples(list(self._copies))
                self._read(file, places, indexed=index is not None)
        except InputError:
            raise
        except (OSError, ValueError) as error:
            raise InputError(self.path, f"cannot be read as VCF or BCF: {error}") from None
        finally:
            pysam.set_verbosity(before)

    def of(self, record: str) -> Iterator[tuple[str, int, Haplotype]]:
        """Sample, number from 1 and haplotype; as many of each as its genotypes there have."""
        for sample, copies in self._copies.items():
            for number in range(1, self._count(sample, record) + 1):
                while len(copies) < number:
                    copies.append(Haplotype(self._genome))
                yield sample, number, copies[number - 1]

    @property
    def names(self) -> list[tuple[str, int]]:
        """Sample and number of all that some record has."""
        most = {
            sample: max(self._count(sample, record) for record in self._genome.lengths)
            for sample in self._copies
        }
        return [(sample, 1 + number) for sample, own in most.items() for number in range(own)]

    @property
    def digest(self) -> str:
        """sha256 over all of them."""
        found = hashlib.sha256()
        for record in self._genome.lengths:
            for sample, number, copy in self.of(record):
                found.update(f"{record} {sample} {number} {copy.described(record)}\n".encode())
        return found.hexdigest()

    def _count(self, sample: str, record: str) -> int:
        ploidy = self._ploidy[sample]
        return ploidy[record] or max(ploidy.values(), default=0) or _DIPLOID

    def tell(self) -> None:
        """Say on standard error, once for all processes, what was not taken as it stands."""
        for kind, count in self.told.items():
            said = f"note: {self.path}: {count:,} {_SAID[kind]}"
            if count and speaks(said):
                print(said, file=sys.stderr)

    def _choose(self, there: Sequence[str], wanted: Sequence[str]) -> None:
        if not there:
            raise InputError(self.path, "has no genotypes; give a VCF file with samples")
        unknown = [name for name in wanted if name not in there]
        if unknown:
            raise UsageError(
                "samples", f"{self.path} has no {unknown[0]!r} among {', '.join(there[:5])}"
            )
        self._copies = {name: [] for name in wanted or there}
        if wanted and len(self._copies) < len(wanted):
            raise UsageError("samples", "names a sample twice; name each once")

    def _read(self, file: VariantFile, places: Places, *, indexed: bool) -> None:
        before = ("", -1)
        met: set[str] = set()
        for row in _rows(file, places) if indexed else file:
            of_before = before[0] == row.chrom
            if (of_before and row.start < before[1]) or (not of_before and row.chrom in met):
                raise InputError(
                    self.path,
                    "positions are out of order; sort it: bcftools sort",
                    where=f"{row.chrom}:{row.pos}",
                )
            before = row.chrom, row.start
            met.add(row.chrom)
            if _within(row, places):
                self._take(row)
        self.told["haploid"] = sum(
            count
            for (sample, record), count in self._haploid.items()
            if self._ploidy[sample][record] > 1
        )
        known = met.union(map(str, file.header.contigs))
        if known and not known & set(self._genome.lengths):
            names, own = (", ".join(sorted(each)[:3]) for each in (known, self._genome.lengths))
            raise InputError(
                self.path, f"is of records {names}, and {self._genome.path} of {own}; rename them"
            )

    def _take(self, row: VariantRecord) -> None:
        alleles = row.alleles or ()
        unread = Unread(row.start, row.stop, row.ref or "", alleles[1:])
        for sample, copies in self._copies.items():
            genotype = row.samples[sample]
            indices = genotype.allele_indices or ()
            ploidy = self._ploidy[sample]
            ploidy[row.chrom] = max(ploidy[row.chrom], len(indices))
            self._haploid[sample, row.chrom] += len(indices) == 1
            differ = len(set(indices)) > 1
            self.told["unphased"] += differ and not genotype.phased
            self.told["ungenotyped"] += not indices
            phase = _phase(genotype) if differ else ""
            for number, index in enumerate(indices or (None,) * self._count(sample, row.chrom)):
                while index != 0 and len(copies) <= number:
                    copies.append(Haplotype(self._genome))
                if index is None:
                    self.told["missing"] += bool(indices)
                    copies[number].miss(row.chrom, unread)
                elif index:
                    self._put(copies[number], row, alleles[index], phase)

    def _put(self, copy: Haplotype, row: VariantRecord, alt: str, phase: str) -> None:
        reason = without_letters(alt)
        if reason == "overlapping_deletion":
            return  # which is a row of its own
        if reason is not None:
            self.told["symbolic"] += 1
            return
        ref = (row.ref or "").upper()
        fault = reference_fault(self._genome, Variant(row.chrom, row.pos, ref, alt))
        if fault is not None:
            raise InputError(self.path, fault[1], where=f"{row.chrom}:{row.pos}")
        self.told["overlap"] += not copy.take(row.chrom, row.start, ref, alt.upper(), phase)


def read_around(
    calls: str | Path,
    genome: Genome,
    samples: Sequence[str],
    asked: Places,
    far: int,
    spare: int,
) -> Haplotypes:
    """Haplotypes at places with ``far`` bases of their own, not the genome's, at both sides.

    Args:
        asked: with ``far`` bases of the genome at both sides, which may lie beyond its ends.
        spare: of ``far``, that deletions may take.
    """
    margins = {
        (record, start + far, end - far): [far, far]
        for record, bounds in asked.items()
        for start, end in bounds
    }
    while True:
        places = merged(
            (record, max(0, start - left), min(genome.lengths[record], end + right))
            for (record, start, end), (left, right) in margins.items()
        )
        found = Haplotypes(calls, genome, samples, places)
        again = False
        for (record, start, end), own in margins.items():
            lengths = (min(own[0], start), min(own[1], genome.lengths[record] - end))
            copies = [copy for _, _, copy in found.of(record)]
            sides = ((start - lengths[0], start), (end, end + lengths[1]))
            for side, bounds in enumerate(sides):
                lost = max(copy.lost(record, *bounds) for copy in copies)
                if own[side] - lost < far - spare and lengths[side] == own[side]:
                    own[side] = far + lost
                    again = True
        if not again:
            return found


def _phase(genotype: VariantRecordSample) -> str:
    """Of a genotype whose alleles differ; all without a phase set are of one."""
    if not genotype.phased:
        return UNPHASED
    return f"{genotype.get('PS')}"


def merged(places: Iterable[tuple[str, int, int]]) -> dict[str, list[tuple[int, int]]]:
    """Places of each record in order, those that touch as one."""
    places, found = iter(places), dict[str, list[tuple[int, int]]]()
    while part := list(islice(places, _AT_A_TIME)):
        part += [(record, *own) for record, bounds in found.items() for own in bounds]
        found = {}
        for record, start, end in sorted(part):
            own = found.setdefault(record, [])
            if own and start <= own[-1][1]:
                own[-1] = own[-1][0], max(end, own[-1][1])
            else:
                own.append((start, end))
    return found


def _rows(file: VariantFile, places: Places) -> Iterator[VariantRecord]:
    """Those at the places, by the index."""
    for record, own in places.items():
        if record not in file.header.contigs:
            continue
        before = -1
        for start, end in own:
            last = before
            for row in file.fetch(record, start, end):
                if row.start > before or row.start >= start:  # a long one lies at several places
                    yield row
                last = max(last, row.start)
            before = last


def _within(row: VariantRecord, places: Places) -> bool:
    own = places.get(row.chrom, ())
    index = bisect_left(own, row.start, key=lambda place: place[1])
    return any(start < row.stop and row.start < end for start, end in own[index : index + 2])
