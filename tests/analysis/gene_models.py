"""Made gene models of every special kind, as files, and the sites that they have by their making.

A model is lists of bases in the order of transcription. What is expected is read off these lists,
base by base; nothing here knows how an annotation is read.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field

START, STOP = "start codon", "stop codon"
DONOR, ACCEPTOR = "splice donor", "splice acceptor"
TRANSCRIPTION = "transcription start"
LENGTH = 2000  # bases of each record

Base = tuple[int, int]  # place, sign
Exon = list[Base]


@dataclass
class Made:
    """A file, its genome and its sites.

    Attributes:
        sites: by kind, (record, cut, sign).
    """

    kind: str
    lines: list[str] = field(default_factory=list)
    genome: dict[str, list[str]] = field(default_factory=dict)
    circular: set[str] = field(default_factory=set)
    sites: dict[str, set[tuple[str, int, int]]] = field(default_factory=lambda: defaultdict(set))


def before(base: Base) -> Base:
    """The cut on the 5' side of a base."""
    place, sign = base
    return (place if sign > 0 else place + 1), sign


def after(base: Base) -> Base:
    """The cut on the 3' side of a base."""
    place, sign = base
    return (place + 1 if sign > 0 else place), sign


def run(first: int, count: int, sign: int) -> Exon:
    """Bases that follow each other round the record."""
    return [((first + sign * step) % LENGTH, sign) for step in range(count)]


def spans(bases: Exon, *, two_rows: bool) -> list[tuple[int, int, Exon]]:
    """Rows of consecutive bases, 1-based and inclusive, each with its bases: 5' first."""
    pieces, sign = [bases], bases[0][1]
    turn = next((i for i in range(1, len(bases)) if abs(bases[i][0] - bases[i - 1][0]) > 1), None)
    if turn is not None and two_rows:
        pieces = [bases[:turn], bases[turn:]]
    rows = []
    for piece in pieces:
        low = piece[0][0] if sign > 0 else piece[-1][0]
        rows.append((low + 1, low + len(piece), piece))
    return rows


class Maker:
    """Writes the models of one file; all of them in the habits of that file."""

    def __init__(self, kind: str, generator: random.Random, *, stop: str = "inside") -> None:
        self.random = generator
        self.made = Made(kind)
        self.stop = stop  # inside, outside, marked inside, marked outside
        self.quote = '"' if generator.random() < 0.5 else ""
        self.number = 0

    def exons(self, count: int, sign: int, first: int | None = None) -> list[Exon]:
        """Exons along a strand, round the origin where they come there."""
        choose = self.random.randint
        place = choose(0, LENGTH - 1) if first is None else first
        found = []
        for _ in range(count):
            size = choose(20, 90)
            found.append(run(place, size, sign))
            place = found[-1][-1][0] + sign * (1 + choose(12, 80))
        return found

    def linear(self, count: int, sign: int) -> list[Exon]:
        """Exons that do not come to the ends of the record."""
        return self.exons(count, sign, self.random.randint(750, 1250))

    def coding(self, exons: list[Exon], low: int, high: int) -> list[Exon]:
        """The bases of a CDS among those of its exons, whole codons, and letters for them."""
        flat = [base for exon in exons for base in exon]
        high -= (high - low) % 3
        wanted = flat[low:high]
        codons = [self.random.choice(("GCT", "AAA", "CCG", "GTC")) for _ in wanted[::3]]
        codons[0], codons[-1] = "ATG", self.random.choice(("TAA", "TAG", "TGA"))
        self.spell(wanted, "".join(codons))
        kept = set(wanted)
        return [own for exon in exons if (own := [base for base in exon if base in kept])]

    def spell(self, bases: Exon, letters: str) -> None:
        """Write letters into the genome."""
        genome = self.made.genome[self.record]
        for (place, sign), letter in zip(bases, letters, strict=True):
            genome[place] = letter if sign > 0 else letter.translate(str.maketrans("ACGT", "TGCA"))

    def expect(self, kind: str, cut: Base) -> None:
        """One more site."""
        self.made.sites[kind].add((self.record, *cut))

    def expect_introns(self, exons: list[Exon], skip: tuple[int, ...] = ()) -> None:
        """The sites between exons."""
        for joint in range(len(exons) - 1):
            if joint not in skip:
                self.expect(DONOR, after(exons[joint][-1]))
                self.expect(ACCEPTOR, before(exons[joint + 1][0]))

    def expect_codons(self, coding: list[Exon], *, start: bool = True, stop: bool = True) -> None:
        """The sites at the ends of a CDS."""
        flat = [base for part in coding for base in part]
        if start:
            self.expect(START, before(flat[0]))
        if stop:
            self.expect(STOP, before(flat[-3]))

    def begin(self, *, circular: bool = False) -> None:
        """A record of its own."""
        self.number += 1
        self.record = f"r{self.number}"
        # No A, so no stop codon and no start codon lie there by chance on either strand.
        self.made.genome[self.record] = self.random.choices("CG", k=LENGTH)
        if circular:
            self.made.circular.add(self.record)
            if self.made.kind == "GFF3":
                whole = f"ID={self.record}:1;Is_circular=true"
                self.line("region", 1, LENGTH, "+", ".", whole)

    def line(self, kind: str, start: int, end: int, strand: str, phase: object, text: str) -> None:
        """A row of the file."""
        row = (self.record, ".", kind, start, end, ".", strand, phase, text)
        self.made.lines.append("\t".join(map(str, row)))

    def rows(
        self, kind: str, parts: list[Exon], text: str, *, phase: int | None = None, two: bool = True
    ) -> None:
        """Rows of a feature's parts; phases where it is a CDS, from that of the first."""
        found, done = [], 0
        for part in parts:
            for start, end, bases in spans(part, two_rows=two):
                shown = "." if phase is None else (phase - done) % 3
                found.append((kind, start, end, "+" if bases[0][1] > 0 else "-", shown, text))
                done += len(bases)
        one_strand = len({row[3] for row in found}) == 1
        if one_strand and "trans" not in text and self.random.random() < 0.5:
            found.sort(key=lambda row: row[1])
        for row in found:
            self.line(*row)

    def gtf(self, **values: str) -> str:
        """Column 9 of GTF."""
        return " ".join(f"{key} {self.quote}{value}{self.quote};" for key, value in values.items())

    def extent(self, exons: list[Exon]) -> Exon:
        """All bases from the first to the last of a transcript on one strand."""
        first, sign = exons[0][0]
        return run(first, sign * (exons[-1][-1][0] - first) % LENGTH + 1, sign)

    def trimmed(self, coding: list[Exon], count: int) -> tuple[list[Exon], list[Exon]]:
        """A CDS without its last bases, and these."""
        flat = [base for part in coding for base in part]
        cut = set(flat[-count:])
        return (
            [own for part in coding if (own := [b for b in part if b not in cut])],
            [own for part in coding if (own := [b for b in part if b in cut])],
        )

    def write_gff(self, exons: list[Exon], coding: list[Exon], *, two: bool = True) -> None:
        """A gene with one transcript."""
        name = self.record
        self.rows("gene", [self.extent(exons)], f"ID=gene-{name}", two=two)
        mrna = f"ID=rna-{name};Parent=gene-{name}"
        self.rows("mRNA", [self.extent(exons)], mrna, two=two)
        self.rows("exon", exons, f"Parent=rna-{name}", two=two)
        self.write_cds(coding, f"ID=cds-{name};Parent=rna-{name}", f"Parent=rna-{name}", two=two)

    def write_cds(self, coding: list[Exon], text: str, parent: str, *, two: bool = True) -> None:
        """A CDS and its codons' lines, by the habits of the file."""
        written, last = self.trimmed(coding, 3) if "outside" in self.stop else (coding, [])
        self.rows("CDS", written, text, phase=0, two=two)
        if "marked" in self.stop:
            flat = [base for part in coding for base in part]
            heads = [own for part in coding if (own := [b for b in part if b in flat[:3]])]
            last = last or self.trimmed(coding, 3)[1]
            self.rows("start_codon", heads, parent, phase=0, two=two)
            self.rows("stop_codon", last, parent, phase=0, two=two)


def coding_ends(maker: Maker, exons: list[Exon]) -> tuple[int, int]:
    """Where a CDS begins and ends among the bases of its exons."""
    low = maker.random.randint(0, len(exons[0]) // 3)
    return low, sum(map(len, exons)) - maker.random.randint(0, len(exons[-1]) // 3)
