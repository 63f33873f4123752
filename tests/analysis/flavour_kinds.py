"""Gene models as the programs and databases of the field write them, flavour by flavour."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise

from tests.analysis.gene_models import (
    ACCEPTOR,
    DONOR,
    LENGTH,
    TRANSCRIPTION,
    Exon,
    Made,
    Maker,
    before,
    coding_ends,
    run,
)

Kind = Callable[[Maker], None]


def _without(exons: list[Exon], taken: list[Exon]) -> list[Exon]:
    """What of each exon is not taken, before it and behind it."""
    inside = {base for part in taken for base in part}
    order = [base for exon in exons for base in exon]
    first = next(i for i, base in enumerate(order) if base in inside)
    found = []
    for exon in exons:
        found.append([b for b in exon if b not in inside and order.index(b) < first])
        found.append([b for b in exon if b not in inside and order.index(b) > first])
    return [part for part in found if part]


def _gene(maker: Maker, *, anywhere: bool = False) -> tuple[list[Exon], list[Exon]]:
    """Exons and CDS of a gene in the middle of a record of its own; its introns are expected.

    Args:
        anywhere: the CDS may begin and end in any exon.
    """
    maker.begin()
    exons = maker.linear(maker.random.randint(1, 4), maker.random.choice((1, -1)))
    low, high = coding_ends(maker, exons)
    if anywhere and len(exons) > 1:
        low = maker.random.randint(0, high - 15)
        high = maker.random.randint(low + 12, high)
    coding = maker.coding(exons, low, high)
    maker.expect_introns(exons)
    return exons, coding


def _codons(maker: Maker, coding: list[Exon], text: str, *, start: bool = True) -> None:
    """Lines of a CDS without its stop codon, and of both codons."""
    flat = [base for part in coding for base in part]
    written, last = maker.trimmed(coding, 3)
    heads = [own for part in coding if (own := [b for b in part if b in flat[:3]])]
    maker.rows("CDS", written, text, phase=0)
    if start:
        maker.rows("start_codon", heads, text, phase=0)
    maker.rows("stop_codon", last, text, phase=0)


def ensembl(maker: Maker) -> None:
    """Lines of everything; what is not found at the 5' end is a tag among tags."""
    exons, coding = _gene(maker)
    name, is_open = maker.record, maker.random.random() < 0.3
    if is_open:  # the CDS begins with its exon
        cut = coding[0][0]
        exons = [
            [b for b in exon if exon is not exons[0] or exon.index(b) >= exon.index(cut)]
            for exon in exons
        ]
    gene = maker.gtf(gene_id=name, gene_version="1", gene_biotype="protein_coding")
    text = maker.gtf(gene_id=name, transcript_id=f"{name}.1", gene_biotype="protein_coding")
    text += f' tag "basic"; tag "{"cds_start_NF" if is_open else "CCDS"}"; '
    text += 'tag "mRNA_start_NF"; level 2;' if is_open else 'tag "Ensembl_canonical";'
    maker.rows("gene", [maker.extent(exons)], gene)
    maker.rows("transcript", [maker.extent(exons)], text)
    maker.rows("exon", exons, text)
    _codons(maker, coding, text, start=not is_open)
    maker.rows("five_prime_utr", _without(exons, coding), text)
    flat = [base for part in coding for base in part]
    maker.rows("Selenocysteine", [flat[3:6]] if abs(flat[3][0] - flat[5][0]) == 2 else [], text)
    maker.expect_codons(coding, start=not is_open)
    if not is_open:
        maker.expect(TRANSCRIPTION, before(exons[0][0]))


def refseq_gtf(maker: Maker) -> None:
    """Genes have an empty transcript_id, and bacteria's transcripts names without a meaning."""
    exons, coding = _gene(maker)
    name = maker.record
    unassigned = f"unassigned_transcript_{maker.number}"
    text = maker.gtf(gene_id=name, transcript_id=unassigned, db_xref="GeneID:1", gbkey="CDS")
    text += ' db_xref "x:2"; note "a; b";'
    maker.rows("gene", [maker.extent(exons)], f'gene_id "{name}"; transcript_id ""; gene "a";')
    if maker.random.random() < 0.5:
        maker.rows("transcript", [maker.extent(exons)], text)
        maker.rows("exon", exons, text)
        maker.expect(TRANSCRIPTION, before(exons[0][0]))
    else:  # nothing but the CDS, so what is known of introns lies in it
        for kind in (DONOR, ACCEPTOR):
            maker.made.sites[kind] = {s for s in maker.made.sites[kind] if s[0] != name}
        maker.expect_introns(coding)
    _codons(maker, coding, text)
    maker.expect_codons(coding)


def assembled(maker: Maker) -> None:
    """StringTie: transcripts and exons, numbered from the left, and no CDS."""
    maker.begin()
    sign, name = maker.random.choice((1, -1)), maker.record
    exons = maker.linear(maker.random.randint(1, 4), sign)
    text = maker.gtf(gene_id=name, transcript_id=f"{name}.1", cov="3.5", FPKM="1.0")
    maker.rows("transcript", [maker.extent(exons)], text)
    for number, exon in enumerate(exons[::sign], 1):
        maker.rows("exon", [exon], text + f' exon_number "{number}";')
    maker.expect_introns(exons)
    maker.expect(TRANSCRIPTION, before(exons[0][0]))


def augustus(maker: Maker) -> None:
    """Genes and transcripts are their names alone; introns have lines, tss and tts too."""
    exons, coding = _gene(maker)
    name = f"g{maker.number}"
    text = f'transcript_id "{name}.t1"; gene_id "{name}";'
    maker.rows("gene", [maker.extent(exons)], name)
    maker.rows("transcript", [maker.extent(exons)], f"{name}.t1")
    maker.rows("tss", [exons[0][:1]], text)
    maker.rows("exon", exons, text)
    _introns(maker, exons, text)
    _codons(maker, coding, text)
    maker.expect_codons(coding)
    maker.expect(TRANSCRIPTION, before(exons[0][0]))


def _introns(maker: Maker, exons: list[Exon], text: str, kind: str = "intron") -> None:
    for one, two in pairwise(exons):
        sign = one[-1][1]
        first = one[-1][0] + sign
        maker.rows(kind, [run(first, abs(two[0][0] - first), sign)], text)


def genemark(maker: Maker) -> None:
    """No exons: CDS, introns and codons; a gene that the contig cuts begins in an intron."""
    maker.begin()
    sign = maker.random.choice((1, -1))
    exons = maker.linear(maker.random.randint(1, 4), sign)
    coding = maker.coding(exons, 0, sum(map(len, exons)))
    text = maker.gtf(gene_id=maker.record, transcript_id=f"{maker.record}_t")
    is_cut = maker.random.random() < 0.3
    _codons(maker, coding, text, start=not is_cut)
    _introns(maker, coding, text)
    if is_cut:
        edge = 0 if sign > 0 else LENGTH - 1
        maker.rows("intron", [run(edge, abs(coding[0][0][0] - edge), sign)], text)
        maker.expect(ACCEPTOR, before(coding[0][0]))
    maker.expect_codons(coding, start=not is_cut)
    maker.expect_introns(coding)


def untranslated(maker: Maker) -> None:
    """Phytozome: UTR and CDS make the exons, which have no rows."""
    exons, coding = _gene(maker, anywhere=True)
    name = maker.record
    flat = [base for exon in exons for base in exon]
    place = {base: index for index, base in enumerate(flat)}
    start = place[coding[0][0]]
    maker.rows("gene", [maker.extent(exons)], f"ID={name}.v1;Name={name}")
    maker.rows("mRNA", [maker.extent(exons)], f"ID={name}.1;Parent={name}.v1;longest=1")
    for part in _without(exons, coding):
        kind = "five_prime_UTR" if place[part[0]] < start else "three_prime_UTR"
        maker.rows(kind, [part], f"ID={name}.1.{kind}.{place[part[0]]};Parent={name}.1")
    maker.rows("CDS", coding, f"ID={name}.1.CDS;Parent={name}.1", phase=0)
    maker.expect_codons(coding)
    maker.expect(TRANSCRIPTION, before(exons[0][0]))


def yeast(maker: Maker) -> None:
    """SGD: no exons, but introns; an RNA gene has non-coding exons."""
    maker.begin()
    name, sign = maker.record, maker.random.choice((1, -1))
    exons = maker.linear(2, sign)
    if maker.random.random() < 0.4:
        maker.rows("tRNA_gene", [maker.extent(exons)], f"ID={name};Name={name}")
        maker.rows("noncoding_exon", exons, f"Parent={name};Name={name}_noncoding_exon")
        _introns(maker, exons, f"Parent={name};Name={name}_intron")
    else:
        coding = maker.coding(exons, len(exons[0]), sum(map(len, exons)))
        maker.rows("gene", [maker.extent(exons)], f"ID={name};Name={name}")
        maker.rows("mRNA", [maker.extent(exons)], f"ID={name}_mRNA;Parent={name}")
        maker.rows("CDS", coding, f"Parent={name}_mRNA;Name={name}_CDS", phase=0)
        _introns(maker, exons, f"Parent={name}_mRNA", "five_prime_UTR_intron")
        maker.expect_codons(coding)
        maker.expect(TRANSCRIPTION, before(exons[0][0]))
    maker.expect_introns(exons)


def odd_exons(maker: Maker) -> None:
    """Exons of one base, exons that touch, overlap, or lie in another one."""
    maker.begin()
    sign, name = maker.random.choice((1, -1)), maker.record
    exons = [run(900, 60, sign), run(900 + sign * 90, 1, sign), run(900 + sign * 120, 50, sign)]
    shown = list(exons)
    shown[0:1] = maker.random.choice(
        (
            [exons[0]],
            [exons[0][:30], exons[0][30:]],
            [exons[0][:40], exons[0][30:]],
            [exons[0], exons[0][10:20]],
            [exons[0], exons[0][:20], exons[0][:20]],
        )
    )
    rna = maker.random.choice(
        ("antisense_RNA", "SRP_RNA", "RNase_P_RNA", "scRNA", "telomerase_RNA", "lincRNA", "Y_RNA")
    )
    maker.rows("ncRNA_gene", [maker.extent(exons)], f"ID=gene-{name}")
    maker.rows(rna, [maker.extent(exons)], f"ID=rna-{name};Parent=gene-{name}")
    for number, exon in enumerate(shown):
        maker.rows("exon", [exon], f"ID=exon-{name}-{number};Parent=rna-{name}")
    maker.expect_introns(exons)
    maker.expect(TRANSCRIPTION, before(exons[0][0]))
    # Neither begins where a transcription did.
    maker.rows("circular_ncRNA", [exons[0]], f"ID=circle-{name}")
    maker.rows("piRNA", [run(200, 21, sign)], f"ID=pi-{name}")


def escaped(maker: Maker) -> None:
    """Names with commas, semicolons, equals signs and blanks, as the specification escapes them."""
    exons, coding = _gene(maker)
    gene = maker.random.choice(("a%2Cb", "x%3By%3D1", "two words", "50%25", "caf%C3%A9"))
    name, other = f"{gene}-{maker.record}", f"{gene}-{maker.record}%2C2"
    maker.rows("gene", [maker.extent(exons)], f"ID={name};Note=one%2C two;Dbxref=a:1,b:2")
    for each in (name, other):
        maker.rows("mRNA", [maker.extent(exons)], f"ID=t-{each};Parent={name}")
    maker.rows("exon", exons, f"Parent=t-{name},t-{other}")
    maker.rows("CDS", coding, f"ID=c-{name};Parent=t-{name},t-{other};product=a %26 b", phase=0)
    maker.expect_codons(coding)
    maker.expect(TRANSCRIPTION, before(exons[0][0]))


def prokaryote(maker: Maker) -> None:
    """Prokka, Bakta and PGAP: CDS without a gene or below it; RNA without any exon."""
    circular = maker.random.random() < 0.7
    maker.begin(circular=circular)
    name, sign, size = maker.record, maker.random.choice((1, -1)), 3 * maker.random.randint(20, 60)
    place = maker.random.randint(-150, 30) if circular else 700
    coding = maker.coding([run(place, size, sign)], 0, size)
    style = maker.random.choice(("prokka", "bakta", "pgap", "prodigal"))
    if style == "prokka":
        maker.rows(
            "CDS", coding, f"ID={name}_1;inference=x,y;locus_tag={name}_1", phase=0, two=False
        )
    elif style == "bakta":
        maker.rows("gene", coding, f"ID={name}_gene;locus_tag={name}", two=False)
        maker.rows(
            "CDS", coding, f"ID={name};Parent={name}_gene;locus_tag={name}", phase=0, two=False
        )
    elif style == "pgap":
        maker.rows("gene", coding, f"ID=gene-{name};gbkey=Gene", two=False)
        text = f"ID=cds-{name};Parent=gene-{name};transl_table=11;exception=alternative start codon"
        maker.rows("CDS", coding, text, phase=0, two=False)
    else:
        text = f"ID={maker.number}_1;partial=00;start_type=ATG;rbs_motif=None"
        maker.rows("CDS", coding, text, phase=0, two=False)
    maker.expect_codons(coding)
    rna = run(1500, 75, -sign)
    maker.rows("tRNA", [rna], f"ID={name}_2;product=tRNA-Ala%28tgc%29")
    maker.expect(TRANSCRIPTION, before(rna[0]))
    maker.rows("CDS", [run(1200, 90, sign)], f"ID={name}_3;pseudo=True", phase=0)
    maker.line("repeat_region", 1300, 1350, "?", ".", f"ID={name}_4")
    maker.line("CDS", 1400, 1430, "?", "0", f"ID={name}_5")


def mitochondrial(maker: Maker) -> None:
    """nad genes of plants: five exons in two or three transcripts, on either strand."""
    maker.begin()
    name, mark = maker.record, ";exception=trans-splicing"
    places = [150, 500, 850, 1200, 1550]
    maker.random.shuffle(places)
    number = maker.random.randint(2, 3)
    sizes = [1, 2, 2] if number == 3 else [2, 3]
    maker.random.shuffle(sizes)
    groups = []
    for size, place in zip(sizes, places, strict=False):
        sign = maker.random.choice((1, -1))
        group, at = [], place if sign > 0 else place + 250
        for _ in range(size):
            group.append(run(at, maker.random.choice((22, 40, 61)), sign))
            at = group[-1][-1][0] + sign * 20
        groups.append(group)
    exons = [exon for group in groups for exon in group]
    coding = maker.coding(exons, 0, sum(map(len, exons)))
    for place, group in enumerate(groups, 1):
        text = f"ID=gene-{name}{mark};part={place}/{number}"
        maker.rows("gene", [maker.extent(group)], text)
    maker.rows("CDS", coding, f"ID=cds-{name};Parent=gene-{name}{mark}", phase=0)
    maker.expect_codons(coding)
    for group in groups:
        maker.expect_introns([part for part in coding if part[0] in {b for e in group for b in e}])


FLAVOURS: dict[str, tuple[str, tuple[Kind, ...]]] = {
    "Ensembl GTF": ("GTF", (ensembl,)),
    "RefSeq GTF": ("GTF", (refseq_gtf,)),
    "StringTie": ("GTF", (assembled,)),
    "AUGUSTUS": ("GTF", (augustus,)),
    "GeneMark": ("GTF", (genemark,)),
    "Phytozome": ("GFF3", (untranslated,)),
    "SGD": ("GFF3", (yeast,)),
    "exons": ("GFF3", (odd_exons,)),
    "escaped": ("GFF3", (escaped,)),
    "prokaryotes": ("GFF3", (prokaryote,)),
    "mitochondria": ("GFF3", (mitochondrial,)),
}
_IN_ORDER = ("mitochondria",)  # the order of rows says how they are spliced


def make_flavour(name: str, seed: int, models: int) -> Made:
    """A file of a flavour, its lines in any order, with comments, ``###`` and FASTA behind it."""
    kind, kinds = FLAVOURS[name]
    maker = Maker(kind, random.Random(seed))
    for number in range(models):
        kinds[number % len(kinds)](maker)
    lines = maker.made.lines
    if name not in _IN_ORDER and seed % 2:
        maker.random.shuffle(lines)
    if kind == "GFF3":
        lines.insert(0, "##gff-version 3")
        if seed % 2 == 0:
            lines += ["###", "##FASTA", *(f">{r}\nACGT" for r in maker.made.genome)]
    else:
        lines.insert(0, "#!genome-build made")
    return maker.made
