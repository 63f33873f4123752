"""The special kinds of genes that annotations hold, each written as its files write it."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.analysis.gene_models import TRANSCRIPTION, Made, Maker, before, coding_ends, run
from tests.analysis.gtf_kinds import (
    gtf_gene,
    gtf_incomplete,
    gtf_lines,
    gtf_operon,
    gtf_pseudogene,
    gtf_round_origin,
)

Kind = Callable[[Maker], None]


def spliced(maker: Maker, *, circular: bool = False) -> None:
    maker.begin(circular=circular)
    count, sign = maker.random.randint(1, 4), maker.random.choice((1, -1))
    exons = maker.exons(count, sign) if circular else maker.linear(count, sign)
    coding = maker.coding(exons, *coding_ends(maker, exons))
    maker.write_gff(exons, coding, two=maker.random.random() < 0.5)
    maker.expect_introns(exons)
    maker.expect_codons(coding)
    maker.expect(TRANSCRIPTION, before(exons[0][0]))


def round_origin(maker: Maker) -> None:
    spliced(maker, circular=True)


def bacterial(maker: Maker) -> None:
    """A gene and its CDS, across the origin more often than not."""
    maker.begin(circular=True)
    sign, size = maker.random.choice((1, -1)), 3 * maker.random.randint(20, 60)
    coding = maker.coding([run(-maker.random.randint(-30, 150), size, sign)], 0, size)
    two, name = maker.random.random() < 0.5, maker.record
    maker.rows("gene", coding, f"ID=gene-{name}", two=two)
    maker.write_cds(coding, f"ID=cds-{name};Parent=gene-{name}", f"Parent=gene-{name}", two=two)
    maker.expect_codons(coding)


_PSEUDO = (
    ("pseudogene", "", ""),
    ("gene", ";pseudo=true", ""),
    ("gene", ";gene_biotype=transcribed_pseudogene", ""),
    ("gene", ";pseudogene=unprocessed", ""),
    ("gene", "", ";pseudo=true"),
)


def pseudogene(maker: Maker) -> None:
    maker.begin()
    kind, of_gene, of_cds = maker.random.choice(_PSEUDO)
    exons = maker.linear(maker.random.randint(1, 3), maker.random.choice((1, -1)))
    coding, name = maker.coding(exons, 0, sum(map(len, exons))), maker.record
    maker.rows(kind, [maker.extent(exons)], f"ID=gene-{name}{of_gene}")
    parent = f"gene-{name}"
    if maker.random.random() < 0.5 and not of_cds:
        parent = f"rna-{name}"
        maker.rows("mRNA", [maker.extent(exons)], f"ID={parent};Parent=gene-{name}")
        maker.rows("exon", exons, f"Parent={parent}")
        maker.expect(TRANSCRIPTION, before(exons[0][0]))
    maker.rows("CDS", coding, f"ID=cds-{name};Parent={parent}{of_cds}", phase=0)


def polycistronic(maker: Maker) -> None:
    """Two or three CDS of one mRNA of one exon."""
    maker.begin()
    sign, name = maker.random.choice((1, -1)), maker.record
    exon = run(1000, 500, sign)
    style = maker.random.choice(("ids", "derives", "both"))
    maker.rows("mRNA", [exon], f"ID=rna-{name};Parent=g1-{name},g2-{name},g3-{name}")
    maker.rows("exon", [exon], f"Parent=rna-{name}")
    place = 10
    for number in range(1, maker.random.randint(2, 3) + 1):
        size = 3 * maker.random.randint(8, 30)
        coding = maker.coding([exon], place, place + size)
        maker.rows("gene", coding, f"ID=g{number}-{name}")
        text = f"Parent=rna-{name}"
        text += f";ID=cds{number}-{name}" if style != "derives" else ""
        text += f";Derives_from=g{number}-{name}" if style != "ids" else ""
        maker.rows("CDS", coding, text, phase=0)
        maker.expect_codons(coding)
        place += size + maker.random.randint(0, 60)
    maker.expect(TRANSCRIPTION, before(exon[0]))


def trans_spliced(maker: Maker) -> None:
    """Three exons: the first on the other strand, or downstream of the others on their strand."""
    maker.begin()
    name, sign = maker.record, maker.random.choice((1, -1))
    if maker.random.random() < 0.5:
        exons = [run(300, 82, -sign), *maker.exons(2, sign, 1000)]
    else:
        exons = [run(1000 + 600 * sign, 82, sign), *maker.exons(2, sign, 1000)]
    coding = maker.coding(exons, 0, sum(map(len, exons)))
    mark = ";exception=trans-splicing"
    of_cds = maker.random.choice((mark, ""))
    maker.rows("gene", [exons[0], maker.extent(exons[1:])], f"ID=gene-{name}{mark}")
    maker.rows("CDS", coding, f"ID=cds-trans-{name};Parent=gene-{name}{of_cds}", phase=0)
    maker.expect_codons(coding)
    maker.expect_introns(coding, skip=(0,))


def small_rna(maker: Maker) -> None:
    """miRNAs in their primary transcript, as its children or beside it."""
    maker.begin()
    name, sign = maker.record, maker.random.choice((1, -1))
    whole = run(1000, 80, sign)
    kind = maker.random.choice(("primary_transcript", "pre_miRNA", "miRNA_primary_transcript"))
    maker.rows("gene", [whole], f"ID=gene-{name}")
    maker.rows(kind, [whole], f"ID=rna-{name};Parent=gene-{name}")
    maker.rows("exon", [whole], f"Parent=rna-{name}")
    parent = maker.random.choice((f"Parent=rna-{name}", f"Parent=gene-{name}"))
    if maker.random.random() < 0.3:
        parent = f"Derives_from=rna-{name}"
    for number, place in enumerate((15, 50)):
        maker.rows("miRNA", [whole[place : place + 22]], f"ID=mi{number}-{name};{parent}")
        maker.rows("exon", [whole[place : place + 22]], f"Parent=mi{number}-{name}")
    maker.expect(TRANSCRIPTION, before(whole[0]))


def slipping(maker: Maker) -> None:
    """A ribosome that reads a base twice, leaves one out, or fifty."""
    maker.begin()
    name, sign = maker.record, maker.random.choice((1, -1))
    step = maker.random.choice((-1, 1, 2, 50))
    first = run(1000, 3 * maker.random.randint(10, 30), sign)
    head = first[-1][0] + sign * (1 + step)
    second = run(head, 3 * maker.random.randint(10, 30), sign)
    maker.spell(first[:3], "ATG")
    maker.spell(second[-3:], "TAA")
    maker.rows("gene", [maker.extent([first, second])], f"ID=gene-{name}")
    text = f"ID=cds-{name};Parent=gene-{name};exception=ribosomal slippage"
    maker.rows("CDS", [first, second], text, phase=0)
    maker.expect_codons([first, second])


def partial(maker: Maker) -> None:
    """Open at an end, as Prodigal, NCBI and GENCODE say it."""
    maker.begin()
    name, sign = maker.record, maker.random.choice((1, -1))
    exons = maker.linear(maker.random.randint(1, 3), sign)
    coding = maker.coding(exons, 0, sum(map(len, exons)))
    open5, open3 = maker.random.choice(((True, False), (False, True), (True, True)))
    left, right = (open5, open3) if sign > 0 else (open3, open5)
    style = maker.random.choice(("ranges", "tags", "code"))
    ends = [part[0][0] for part in coding] + [part[-1][0] for part in coding]
    low, high = min(ends) + 1, max(ends) + 1
    maker.rows("gene", [maker.extent(exons)], f"ID=gene-{name}")
    begun = len(maker.made.lines)
    maker.rows("CDS", coding, f"ID=cds-{name};Parent=gene-{name}", phase=0)
    for index in range(begun, len(maker.made.lines)):
        columns = maker.made.lines[index].split("\t")
        if style == "ranges":
            columns[8] += ";partial=true"
            columns[8] += f";start_range=.,{low}" if left and int(columns[3]) == low else ""
            columns[8] += f";end_range={high},." if right and int(columns[4]) == high else ""
        elif style == "tags":
            tags = ["cds_start_NF"] * open5 + ["cds_end_NF"] * open3
            columns[8] += f";tag=basic,{','.join(tags)}"
        else:
            columns[8] += f";partial={left:d}{right:d}"
        maker.made.lines[index] = "\t".join(columns)
    maker.expect_codons(coding, start=not open5, stop=not open3)
    maker.expect_introns(coding)


def isoforms(maker: Maker) -> None:
    """Two transcripts that share exons and CDS rows; the second skips the exon in the middle."""
    maker.begin()
    name, sign = maker.record, maker.random.choice((1, -1))
    sizes, place, exons = [3 * maker.random.randint(9, 20) for _ in range(3)], 1000, []
    for size in sizes:
        exons.append(run(place, size, sign))
        place = exons[-1][-1][0] + sign * 50
    coding = maker.coding(exons, 0, sum(sizes))
    maker.rows("gene", [maker.extent(exons)], f"ID=gene-{name}")
    for label in "tu":
        maker.rows("mRNA", [maker.extent(exons)], f"ID={label}-{name};Parent=gene-{name}")
    for number, exon in enumerate(exons):
        parents = f"t-{name}" if number == 1 else f"t-{name},u-{name}"
        maker.rows("exon", [exon], f"ID=e{number}-{name};Parent={parents}")
        maker.rows("CDS", [exon], f"ID=cds-{name};Parent={parents}", phase=0)
    maker.expect_codons(coding)
    maker.expect_introns(exons)
    maker.expect_introns([exons[0], exons[2]])
    maker.expect(TRANSCRIPTION, before(exons[0][0]))


def parts_with_ids(maker: Maker) -> None:
    """Each row of a CDS has an ID of its own, or none."""
    maker.begin(circular=True)
    exons = maker.exons(maker.random.randint(2, 4), maker.random.choice((1, -1)))
    coding, name = maker.coding(exons, 0, sum(map(len, exons))), maker.record
    maker.rows("mRNA", [maker.extent(exons)], f"ID=rna-{name}", two=False)
    done, named = 0, maker.random.random() < 0.5
    for number, part in enumerate(coding):
        text = f"ID=cds{number}-{name};" * named + f"Parent=rna-{name}"
        maker.rows("CDS", [part], text, phase=-done % 3, two=False)
        done += len(part)
    maker.expect_codons(coding)
    maker.expect_introns(coding)
    maker.expect(TRANSCRIPTION, before(exons[0][0]))


def cistrons_by_sequence(maker: Maker) -> None:
    """CDS of one mRNA without exons, which only their stop codons tell apart."""
    maker.begin()
    name, sign = maker.record, maker.random.choice((1, -1))
    whole = run(1000, 400, sign)
    maker.rows("mRNA", [whole], f"ID=rna-{name}")
    for number, place in enumerate((10, 120)):
        coding = maker.coding([whole], place, place + 90)
        maker.rows("CDS", coding, f"ID=cds{number}-{name};Parent=rna-{name}", phase=0)
        maker.expect_codons(coding)
    maker.expect(TRANSCRIPTION, before(whole[0]))


GFF = (spliced, round_origin, bacterial, pseudogene, polycistronic, trans_spliced)
GFF_INSIDE = (*GFF, small_rna, slipping, partial, isoforms)
GTF = (gtf_gene, gtf_incomplete, gtf_operon, gtf_pseudogene, gtf_round_origin)
OWN_IDS = (parts_with_ids, cistrons_by_sequence)
FILES: tuple[tuple[str, str, tuple[Kind, ...]], ...] = (
    ("GFF3", "inside", GFF_INSIDE),
    ("GFF3", "inside", GFF_INSIDE),
    ("GFF3", "inside", GFF_INSIDE),
    ("GFF3", "marked outside", (spliced, round_origin, bacterial)),
    ("GFF3", "marked inside", (spliced, round_origin, bacterial)),
    ("GFF3", "outside", (spliced, round_origin, bacterial)),
    ("GFF3", "inside", OWN_IDS),
    ("GTF", "marked outside", (*GTF, gtf_lines)),
    ("GTF", "marked inside", GTF),
)


def make(seed: int, models: int) -> Made:
    """A file of gene models, one a record."""
    generator = random.Random(seed)
    kind, stop, kinds = FILES[seed % len(FILES)]
    maker = Maker(kind, generator, stop=stop)
    for number in range(models):
        kinds[number % len(kinds)](maker)
    return maker.made
