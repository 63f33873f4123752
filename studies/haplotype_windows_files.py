"""Random genomes and phased calls on them, for studies/haplotype_windows.py.

All is done on letters; nothing here asks the code that reads haplotypes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from indel_spellings_edits import Letters

LENGTHS = {"one": (40, 90), "two": (20, 50), "male": (20, 40)}
HAPLOID = "male"  # where each sample has one letter
_ASKED = 8  # rows of a file that are scored
_SYMBOLS = ("<DEL>", "*")
_OTHER = dict(zip("ACGT", "GTAC", strict=True))
_HEADER = (
    "##fileformat=VCFv4.3",
    '##INFO=<ID=K,Number=1,Type=Integer,Description="Number of the row">',
    '##INFO=<ID=END,Number=1,Type=Integer,Description="Last base">',
    '##ALT=<ID=DEL,Description="Deletion">',
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
)


@dataclass(frozen=True)
class Row:
    """A row of VCF.

    Attributes:
        start: 0-based.
        genotypes: of each sample, as they are written.
    """

    number: int
    record: str
    start: int
    ref: str
    alts: tuple[str, ...]
    genotypes: tuple[str, ...]

    def allele(self, sample: int, haplotype: int) -> str | None:
        """What the haplotype, from 1, has instead of ``ref``; None for the genome's letters."""
        own = _split(self.genotypes[sample])
        index = own[haplotype - 1] if haplotype <= len(own) else "."
        return None if index in ("0", ".") else self.alts[int(index) - 1]

    def ploidy(self, sample: int) -> int:
        """How many alleles a genotype has, known or not."""
        return len(_split(self.genotypes[sample]))


@dataclass(frozen=True)
class Calls:
    """What is drawn for one file."""

    genome: Letters
    samples: tuple[str, ...]
    rows: list[Row]

    def haplotypes(self, sample: int, record: str) -> int:
        """As many as a sample's genotypes on the record have; else on any other; else two."""
        own = [row.ploidy(sample) for row in self.rows if row.record == record]
        return max(own or [row.ploidy(sample) for row in self.rows] or [2])

    def write(self, folder: Path) -> None:
        """``g.fa``, ``upper.fa``, and ``calls.vcf`` with the number of each row in INFO."""
        lines = [f">{name}\n{letters}\n" for name, letters in self.genome.items()]
        (folder / "g.fa").write_text("".join(lines))
        lines = [f">{name}\n{letters.upper()}\n" for name, letters in self.genome.items()]
        (folder / "upper.fa").write_text("".join(lines))
        contigs = [f"##contig=<ID={name},length={len(x)}>" for name, x in self.genome.items()]
        names = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT")
        found = [*_HEADER, *contigs, "\t".join((*names, *self.samples))]
        for row in self.rows:
            end = f";END={row.start + len(row.ref)}" if "<DEL>" in row.alts else ""
            head = (row.record, str(row.start + 1), ".", row.ref, ",".join(row.alts), ".", ".")
            found.append("\t".join((*head, f"K={row.number}{end}", "GT", *row.genotypes)))
        (folder / "calls.vcf").write_text("\n".join(found) + "\n")

    def write_asked(self, path: Path, generator: random.Random) -> None:
        """Variants to score: those of some rows, and others of every kind at random places."""
        lines = [_HEADER[0], "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
        own = generator.sample(self.rows, min(_ASKED, len(self.rows)))
        rows = [(row.record, row.start, row.ref, row.alts) for row in own]
        for record, letters in self.genome.items():
            for start in (0, len(letters) - 1, generator.randrange(len(letters))):
                ref = letters[start : start + generator.choice([1, 1, 2, 4])].upper()
                if "N" not in ref:
                    rows.append((record, start, ref, tuple(_alternatives(generator, ref, start))))
        lines += [
            "\t".join((record, str(start + 1), ".", ref, ",".join(alts), *"..."))
            for record, start, ref, alts in rows
        ]
        path.write_text("\n".join(lines) + "\n")


def draw(seed: int) -> Calls:
    """One to three samples; with odd seeds rows lie over each other."""
    generator = random.Random(seed)
    genome = {name: _letters(generator, *bounds) for name, bounds in LENGTHS.items()}
    samples = ("A", "B", "C")[: generator.choice([1, 1, 1, 2, 3])]
    rows: list[Row] = []
    for record, letters in genome.items():
        place = 0
        while place < len(letters):
            ref = letters[place : place + generator.choice([1, 1, 1, 2, 5])].upper()
            if "N" not in ref:
                alts = tuple(_alternatives(generator, ref, place))
                if rows and generator.random() < 0.1:
                    alts = (*alts, generator.choice(_SYMBOLS))
                own = [_genotype(generator, len(alts), record) for _ in samples]
                rows.append(Row(len(rows), record, place, ref, alts, tuple(own)))
            # Over the one before or beside it, as long as positions do not fall.
            place += generator.choice([0, 1, 3, 9, 9] if seed % 2 else [len(ref) + x for x in GAPS])
    return Calls(genome, samples, rows)


GAPS = (0, 1, 4, 9, 15)


def _letters(generator: random.Random, shortest: int, longest: int) -> str:
    """With short repeats, in which insertions and deletions have several places."""
    found = ""
    length = generator.randint(shortest, longest)
    while len(found) < length:
        unit = "".join(generator.choices("ACGT", k=generator.choice([1, 2, 3, 8])))
        found += unit * generator.choice([1, 1, 1, 2, 4])
    cells = list(found[:length])
    if generator.random() < 0.3:
        cells[generator.randrange(length)] = "N"
    if generator.random() < 0.3:
        start = generator.randrange(length)
        cells[start : start + 9] = [letter.lower() for letter in cells[start : start + 9]]
    return "".join(cells)


def _alternatives(generator: random.Random, ref: str, start: int) -> Iterator[str]:
    made = "".join(generator.choices("ACGT", k=generator.randint(1, 4)))
    each = "".join(_OTHER[letter] for letter in ref)
    # One base, all of them, inserted behind the first and in front, deleted, any letters.
    kinds = [_OTHER[ref[0]] + ref[1:], each, ref[0] + made + ref[1:], made + ref, ref[0], made]
    if start == 0:
        kinds.append(ref[-1])  # the base behind a deletion that has none before it
    wanted = dict.fromkeys(generator.sample(kinds, generator.choice([1, 1, 2, 3])))
    found = [alt for alt in wanted if alt != ref]
    yield from found or [each]


def _genotype(generator: random.Random, alts: int, record: str) -> str:
    own = [str(generator.choice([0, 0, *range(1, alts + 1)])) for _ in "12"]
    if generator.random() < 0.1:
        own[generator.randrange(2)] = "."
    if record == HAPLOID or generator.random() < 0.05:
        return own[0]
    return generator.choice("|||/").join(own)


def _split(genotype: str) -> list[str]:
    return genotype.replace("/", "|").split("|")
