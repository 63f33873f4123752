"""The special kinds of genes as GenBank writes them."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.analysis.gene_models import LENGTH, TRANSCRIPTION, Exon, Made, Maker, before, run, spans


class Entries(Maker):
    """Writes each model as an entry of its own."""

    def __init__(self, generator: random.Random) -> None:
        super().__init__("GenBank", generator)
        self.features: list[str] = []

    def feature(self, kind: str, parts: list[Exon], *qualifiers: str, low="", high="") -> None:
        """A feature; ``low`` and ``high`` stand before its lowest and highest place."""
        pieces = [span for part in parts for span in spans(part, two_rows=True)]
        least, most = min(p[0] for p in pieces), max(p[1] for p in pieces)
        shown = []
        for start, end, bases in pieces:
            text = f"{low if start == least else ''}{start}..{high if end == most else ''}{end}"
            shown.append((text, bases[0][1]))
        if all(sign < 0 for _, sign in shown):
            inner = ",".join(text for text, _ in reversed(shown))
            place = f"complement(join({inner}))" if len(shown) > 1 else f"complement({inner})"
        else:
            each = [text if sign > 0 else f"complement({text})" for text, sign in shown]
            place = f"join({','.join(each)})" if len(each) > 1 else each[0]
        self.features.append(f"     {kind:<16}{place}")
        self.features += [f"{' ' * 21}/{qualifier}" for qualifier in qualifiers]

    def end(self) -> None:
        """Write the entry."""
        shape = "circular" if self.record in self.made.circular else "linear  "
        letters = "".join(self.made.genome[self.record]).lower()
        rows = [
            f"{start + 1:>9} "
            + " ".join(letters[at : at + 10] for at in range(start, min(start + 60, LENGTH), 10))
            for start in range(0, LENGTH, 60)
        ]
        self.made.lines += [
            f"LOCUS       {self.record:<16} {LENGTH:>11} bp    DNA     {shape} BCT 01-JAN-2020",
            f"ACCESSION   {self.record}",
            "FEATURES             Location/Qualifiers",
            *self.features,
            *("ORIGIN", *rows, "//"),
        ]
        self.features = []


def spliced(maker: Entries) -> None:
    maker.begin(circular=True)
    exons = maker.exons(maker.random.randint(1, 4), maker.random.choice((1, -1)))
    coding = maker.coding(exons, 5, sum(map(len, exons)) - 4)
    maker.feature("gene", [maker.extent(exons)], 'gene="a"')
    maker.feature("mRNA", exons, 'gene="a"')
    maker.feature("CDS", coding, 'gene="a"', "codon_start=1")
    maker.expect_codons(coding)
    maker.expect_introns(exons)
    maker.expect(TRANSCRIPTION, before(exons[0][0]))


def bacterial(maker: Entries) -> None:
    maker.begin(circular=True)
    size = 3 * maker.random.randint(20, 60)
    place, sign = -maker.random.randint(-30, 150), maker.random.choice((1, -1))
    coding = maker.coding([run(place, size, sign)], 0, size)
    maker.feature("gene", coding, 'locus_tag="b1"')
    maker.feature("CDS", coding, 'locus_tag="b1"', "codon_start=1", "transl_table=11")
    maker.expect_codons(coding)


def pseudogene(maker: Entries) -> None:
    maker.begin()
    exons = maker.linear(2, maker.random.choice((1, -1)))
    mark = maker.random.choice(("pseudo", 'pseudogene="processed"'))
    on_gene = maker.random.random() < 0.5
    maker.feature("gene", [maker.extent(exons)], 'locus_tag="p1"', *([mark] if on_gene else []))
    maker.feature("CDS", exons, 'locus_tag="p1"', *([] if on_gene else [mark]))


def trans_spliced(maker: Entries) -> None:
    maker.begin()
    sign = maker.random.choice((1, -1))
    exons = [run(300, 82, -sign), *maker.exons(2, sign, 1000)]
    if maker.random.random() < 0.5:
        exons[0] = run(1000 + 600 * sign, 82, sign)
    coding = maker.coding(exons, 0, sum(map(len, exons)))
    maker.feature("gene", [exons[0], maker.extent(exons[1:])], 'gene="rps12"', "trans_splicing")
    maker.feature("CDS", coding, 'gene="rps12"', "trans_splicing")
    maker.expect_codons(coding)
    maker.expect_introns(coding, skip=(0,))


def slipping(maker: Entries) -> None:
    maker.begin()
    sign, step = maker.random.choice((1, -1)), maker.random.choice((-1, 1, 50))
    first = run(1000, 60, sign)
    second = run(first[-1][0] + sign * (1 + step), 90, sign)
    maker.feature("CDS", [first, second], "ribosomal_slippage")
    maker.expect_codons([first, second])


def partial(maker: Entries) -> None:
    maker.begin()
    sign = maker.random.choice((1, -1))
    exons = maker.linear(maker.random.randint(1, 3), sign)
    coding = maker.coding(exons, 0, sum(map(len, exons)))
    open5, open3 = maker.random.choice(((True, False), (False, True), (True, True)))
    left, right = (open5, open3) if sign > 0 else (open3, open5)
    marks = {"low": "<" if left else "", "high": ">" if right else ""}
    maker.feature("mRNA", coding, 'gene="a"', **marks)
    maker.feature("CDS", coding, 'gene="a"', **marks)
    maker.expect_codons(coding, start=not open5, stop=not open3)
    maker.expect_introns(coding)
    if not open5:
        maker.expect(TRANSCRIPTION, before(coding[0][0]))


def small_rna(maker: Entries) -> None:
    maker.begin()
    whole = run(1000, 80, maker.random.choice((1, -1)))
    maker.feature("gene", [whole], 'gene="mir"')
    maker.feature("precursor_RNA", [whole], 'gene="mir"')
    maker.feature("ncRNA", [whole[10:32]], 'ncRNA_class="miRNA"', 'gene="mir"')
    maker.expect(TRANSCRIPTION, before(whole[0]))


KINDS: tuple[Callable[[Entries], None], ...] = (
    *(spliced, bacterial, pseudogene, trans_spliced, slipping, partial, small_rna),
)


def make_genbank(seed: int, models: int) -> Made:
    """A file of entries, a gene model each."""
    maker = Entries(random.Random(seed))
    for number in range(models):
        KINDS[number % len(KINDS)](maker)
        maker.end()
    return maker.made
