"""The special kinds of genes as GTF writes them."""

from __future__ import annotations

from tests.analysis.gene_models import TRANSCRIPTION, Maker, before, coding_ends, run


def gtf_gene(maker: Maker) -> None:
    """One transcript, or copies of it on both strands or apart on one."""
    maker.begin()
    name, sign = maker.record, maker.random.choice((1, -1))
    text = maker.gtf(gene_id=name, transcript_id=f"{name}.1")
    places = maker.random.choice(
        ([(1000, sign)], [(600, 1), (1400, -1)], [(400, sign), (1400, sign)])
    )
    for place, on in places:
        exons = maker.exons(maker.random.randint(1, 2), on, place)
        coding = maker.coding(exons, *coding_ends(maker, exons))
        maker.rows("exon", exons, text)
        maker.write_cds(coding, text, text)
        maker.expect_introns(exons)
        maker.expect_codons(coding)
        maker.expect(TRANSCRIPTION, before(exons[0][0]))


def gtf_incomplete(maker: Maker) -> None:
    """No start codon line on a record of its own: the CDS is open there."""
    maker.begin()
    text = maker.gtf(gene_id=maker.record, transcript_id=maker.record)
    exons = maker.linear(2, maker.random.choice((1, -1)))
    coding = maker.coding(exons, 0, sum(map(len, exons)))
    begun = len(maker.made.lines)
    maker.rows("exon", exons, text)
    maker.write_cds(coding, text, text)
    kept = [line for line in maker.made.lines[begun:] if "\tstart_codon\t" not in line]
    maker.made.lines[begun:] = kept
    maker.expect_introns(exons)
    maker.expect_codons(coding, start=False)
    maker.expect(TRANSCRIPTION, before(exons[0][0]))


def gtf_operon(maker: Maker) -> None:
    maker.begin()
    text = maker.gtf(gene_id=maker.record, transcript_id=maker.record)
    exon = run(1000, 300, maker.random.choice((1, -1)))
    maker.rows("exon", [exon], text)
    for place in (10, 10 + 3 * maker.random.randint(30, 40)):
        coding = maker.coding([exon], place, place + 60)
        maker.write_cds(coding, text, text)
        maker.expect_codons(coding)
    maker.expect(TRANSCRIPTION, before(exon[0]))


def gtf_pseudogene(maker: Maker) -> None:
    """Marked on each line, or on the line of its gene alone."""
    maker.begin()
    biotype = maker.random.choice(("gene_biotype", "gene_type", "transcript_biotype"))
    mark = {biotype: "processed_pseudogene"}
    names = {"gene_id": maker.record, "transcript_id": maker.record}
    exons = maker.linear(2, maker.random.choice((1, -1)))
    if maker.random.random() < 0.5:
        gene = maker.gtf(gene_id=maker.record, transcript_id="", gene_biotype="pseudogene")
        maker.rows("gene", [maker.extent(exons)], gene)
        mark = {}
    text = maker.gtf(**names, **mark)
    maker.write_cds(maker.coding(exons, 0, sum(map(len, exons))), text, text)


def gtf_round_origin(maker: Maker) -> None:
    """Lines at both ends of a record: the codons say that it is circular."""
    maker.begin()
    text = maker.gtf(gene_id=maker.record, transcript_id=maker.record)
    sign, size = maker.random.choice((1, -1)), 3 * maker.random.randint(20, 60)
    coding = maker.coding([run(-sign * maker.random.randint(6, size - 6), size, sign)], 0, size)
    maker.write_cds(coding, text, text)
    maker.expect_codons(coding)


def gtf_lines(maker: Maker) -> None:
    """Copies on one strand, told by the numbers of their exons."""
    maker.begin()
    sign, name = maker.random.choice((1, -1)), maker.record
    for place in (400, 1400):
        exons = maker.exons(2, sign, place)
        for number, exon in enumerate(exons, 1):
            values = {"gene_id": name, "transcript_id": name, "exon_number": str(number)}
            maker.rows("exon", [exon], maker.gtf(**values))
        maker.expect_introns(exons)
        maker.expect(TRANSCRIPTION, before(exons[0][0]))
