"""What an annotation leaves open is counted, and what only the genome tells is asked of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hnet_seq.analysis.genes import Genes, resolve
from hnet_seq.analysis.sites import gene_sites
from modalities import dna
from pipelines.formats.annotation import read_gff_and_circles


def genes(folder: Path, *rows: str, kind: str = "GFF3", letters: str = "") -> Genes:
    """Rows as ``type start end strand phase attributes`` on a record "c"."""
    lines = []
    for row in rows:
        of_type, start, end, strand, phase, text = row.split(maxsplit=5)
        lines.append(f"c\tx\t{of_type}\t{start}\t{end}\t.\t{strand}\t{phase}\t{text}")
    path = folder / "genes"
    path.write_text("\n".join([*lines, ""]))
    lengths = {"c": len(letters)} if letters else None
    features, circular = read_gff_and_circles(path, lengths=lengths, gtf=kind == "GTF")
    tokens = dna.encode(letters) if letters else np.zeros(0, np.uint8)
    return resolve(
        {"c": features},
        kind=kind,
        lengths=lengths,
        circular=circular,
        fetch=(lambda record, start, end: tokens[start:end]) if letters else None,
    )


def cuts(found: Genes) -> dict[str, list[tuple[int, int]]]:
    return {
        kind: list(zip(own.cuts.tolist(), own.signs.tolist(), strict=True))
        for kind, own in gene_sites(found.records["c"]).items()
    }


def test_parents_in_a_circle_end(tmp_path: Path) -> None:
    found = genes(
        tmp_path,
        "mRNA 1 90 + . ID=a;Parent=b",
        "mRNA 1 90 + . ID=b;Parent=a",
        "CDS 1 90 + 0 Parent=a",
    )
    assert cuts(found)["start codon"] == [(0, 1)]


def test_a_cds_without_a_phase_has_introns_and_no_codons(tmp_path: Path) -> None:
    found = genes(tmp_path, "CDS 1 90 + . ID=a", "CDS 201 290 + . ID=a", "CDS 301 390 + 0 ID=b")
    assert cuts(found) == {
        "start codon": [(300, 1)],
        "stop codon": [(387, 1)],
        "splice donor": [(90, 1)],
        "splice acceptor": [(200, 1)],
    }
    assert [feature.start for feature in found.without_phase] == [0, 200]
    assert found.records["c"].coding_spans == [(0, 90), (200, 290), (300, 390)]


def test_partial_without_a_place_is_counted_and_open_at_both_ends(tmp_path: Path) -> None:
    found = genes(tmp_path, "CDS 1 90 + 0 ID=a;partial=true", "CDS 101 190 + 0 ID=b")
    assert cuts(found) == {"start codon": [(100, 1)], "stop codon": [(187, 1)]}
    (note,) = found.notes
    assert note.startswith("1 CDS marked partial")


def test_a_range_on_any_row_says_where_a_partial_cds_is_open(tmp_path: Path) -> None:
    rows = ("CDS 1 90 + 0 ID=a;partial=true;start_range=.,1", "CDS 201 290 + 0 ID=a;partial=true")
    found = cuts(genes(tmp_path, *rows))
    assert "start codon" not in found
    assert found["stop codon"] == [(287, 1)]


def test_exons_without_a_strand_have_no_splice_sites(tmp_path: Path) -> None:
    found = genes(tmp_path, "exon 1 90 . . Parent=a", "exon 201 290 . . Parent=a")
    assert cuts(found) == {}
    assert found.notes == ["1 transcripts without a strand, so without splice sites"]


def test_segments_that_recombine_are_not_spliced(tmp_path: Path) -> None:
    mark = "exception=rearrangement required for product"
    found = genes(tmp_path, f"CDS 1 90 + 0 ID=a;{mark}", f"CDS 201 290 + 0 ID=a;{mark}")
    assert set(cuts(found)) == {"start codon", "stop codon"}


@pytest.mark.parametrize("strand", ["+", "-"])
def test_a_gap_that_one_exon_covers_is_no_intron(tmp_path: Path, strand: str) -> None:
    found = genes(
        tmp_path,
        f"exon 1 400 {strand} . Parent=t",
        f"CDS 1 90 {strand} 0 ID=a;Parent=t",
        f"CDS 201 290 {strand} 0 ID=a;Parent=t",
    )
    assert "splice donor" not in cuts(found)


def test_a_transcript_of_two_genes_is_a_pseudogene_only_if_both_are(tmp_path: Path) -> None:
    rows = [
        "pseudogene 1 400 + . ID=p",
        "gene 1 400 + . ID=g",
        "mRNA 1 400 + . ID=t;Parent=p,g",
        "CDS 1 90 + 0 ID=a;Parent=t;Derives_from=g",
        "CDS 201 290 + 0 ID=b;Parent=t;Derives_from=p",
    ]
    assert cuts(genes(tmp_path, *rows))["start codon"] == [(0, 1)]


def test_of_one_name_on_two_records_each_is_a_gene(tmp_path: Path) -> None:
    rows = [
        f"{record}\tx\tCDS\t{start}\t{start + 89}\t.\t+\t0\tID=a;Parent=g"
        for record, start in (("x", 1), ("y", 301))
    ]
    (tmp_path / "par").write_text("\n".join(rows) + "\n")
    by_record = {f.sequence: [f] for f in read_gff_and_circles(tmp_path / "par")[0]}
    found = resolve(by_record).records
    assert [gene_sites(found[record])["start codon"].cuts.tolist() for record in "xy"] == [
        [0],
        [300],
    ]


CODING = "ATG" + "GCT" * 8


def test_most_of_a_file_decides_where_its_stop_codons_are(tmp_path: Path) -> None:
    # Three CDS end right before a stop codon, one has it, one has none at all.
    letters = (CODING + "TAA" + "CCC") * 3 + CODING + "TAACCC" + CODING + "CCCCCC"
    starts = [33 * number for number in range(5)]
    rows = [f"CDS {s + 1} {s + 27 + 3 * (s == 99)} + 0 ID=a{s}" for s in starts]
    found = genes(tmp_path, *rows, letters=letters)
    assert cuts(found)["stop codon"] == [(27 + s, 1) for s in starts[:4]]
    assert found.notes[0].startswith("3 CDS end before their stop codon")
    assert found.notes[1].startswith("2 CDS do not")
    # With the stop codons inside, only what has none is counted.
    rows = [f"CDS {s + 1} {s + 30} + 0 ID=a{s}" for s in starts]
    found = genes(tmp_path, *rows, letters=letters)
    assert cuts(found)["stop codon"] == [(27 + s, 1) for s in starts]
    assert found.notes == ["1 CDS do not end in a stop codon, and were taken as they are"]


def test_a_stop_codon_behind_the_cds_follows_the_exons(tmp_path: Path) -> None:
    letters = CODING + "T" + "C" * 20 + "AA" + "C" * 9
    rows = ["exon 1 28 + . Parent=t", "exon 49 59 + . Parent=t", "CDS 1 27 + 0 ID=a;Parent=t"]
    found = cuts(genes(tmp_path, *rows, letters=letters))
    assert found["stop codon"] == [(27, 1)]
    assert found["splice donor"] == [(28, 1)]


def test_gtf_without_stop_lines_is_told_by_the_genome_or_not_at_all(tmp_path: Path) -> None:
    row = 'CDS 1 27 + 0 gene_id "a"; transcript_id "a";'
    assert cuts(genes(tmp_path, row, kind="GTF", letters=CODING + "TAACC"))["stop codon"] == [
        (27, 1)
    ]
    inside = row.replace("27", "30")
    assert cuts(genes(tmp_path, inside, kind="GTF", letters=CODING + "TAACC"))["stop codon"] == [
        (27, 1)
    ]
    found = genes(tmp_path, row, kind="GTF", letters=CODING + "CCCCC")
    assert "stop codon" not in cuts(found)
    assert found.notes[0].startswith("1 CDS without a stop codon that can be told")


def test_bare_names_of_augustus_are_names(tmp_path: Path) -> None:
    names = 'transcript_id "g1.t1"; gene_id "g1";'
    rows = ["gene 1 90 + . g1", "transcript 1 90 + . g1.t1", f"CDS 1 87 + 0 {names}"]
    rows += [f"start_codon 1 3 + 0 {names}", f"stop_codon 88 90 + 0 {names}"]
    assert cuts(genes(tmp_path, *rows, kind="GTF")) == {
        "start codon": [(0, 1)],
        "stop codon": [(87, 1)],
        "transcription start": [(0, 1)],
    }


def test_codons_tell_an_origin_that_no_line_declares(tmp_path: Path) -> None:
    rows = ("CDS 281 300 + 0 ID=a", "CDS 1 10 + 1 ID=a")
    whole = CODING + "TAA"
    letters = whole[20:] + "C" * 270 + whole[:20]
    found = cuts(genes(tmp_path, *rows, letters=letters))
    assert found == {"start codon": [(280, 1)], "stop codon": [(7, 1)]}
    # A gene that fills a contig has the same rows.
    found = cuts(genes(tmp_path, *rows, letters="C" * 300))
    assert set(found) == {"splice donor", "splice acceptor"}


def test_rows_sorted_by_place_are_put_in_order_by_phases_and_codons(tmp_path: Path) -> None:
    # Translated: 201-240 on the + strand, then 101-120 and 41-70 on the other.
    rows = (
        "CDS 41 70 - 0 ID=a;exception=trans-splicing",
        "CDS 101 120 - 2 ID=a;exception=trans-splicing",
        "CDS 201 240 + 0 ID=a;exception=trans-splicing",
    )
    letters = ["C"] * 300
    letters[200:203], letters[40:43] = "ATG", "TTA"
    found = cuts(genes(tmp_path, *rows, letters="".join(letters)))
    assert found["start codon"] == [(200, 1)]
    assert found["stop codon"] == [(43, -1)]
    assert found["splice donor"] == [(100, -1)]
    # Nothing but the phases, which fit in two ways: that is said.
    assert any("guess" in note for note in genes(tmp_path, *rows).notes)


def test_rows_that_name_two_genes_or_touch_in_one_exon_are_two_coding_sequences(
    tmp_path: Path,
) -> None:
    exon, cds = "exon 1 200 + . Parent=t", "+ 0 Parent=t;"
    rows = [exon, f"CDS 1 90 {cds}ID=a", f"CDS 91 180 {cds}ID=b"]
    assert cuts(genes(tmp_path, *rows))["start codon"] == [(0, 1), (90, 1)]
    rows = [f"CDS 1 90 {cds}locus_tag=a", f"CDS 121 180 {cds}locus_tag=b"]
    assert cuts(genes(tmp_path, *rows))["start codon"] == [(0, 1), (120, 1)]


def test_rows_in_another_order_are_believed_where_only_so_they_read(tmp_path: Path) -> None:
    # The first exon lies downstream of the second; nothing says trans-splicing.
    whole = CODING + "TAA"
    letters = "C" * 50 + whole[13:] + "C" * 33 + whole[:13] + "C" * 50
    rows = ("CDS 101 113 + 0 ID=a", "CDS 51 67 + 2 ID=a")
    found = cuts(genes(tmp_path, *rows, letters=letters))
    assert found == {"start codon": [(100, 1)], "stop codon": [(64, 1)]}


def test_where_some_programs_leave_the_stop_codon_out_these_get_it(tmp_path: Path) -> None:
    # Three CDS have theirs, two end right before one, and of one nobody knows.
    letters = (CODING + "TAA" + "CCC") * 5 + CODING + "CCCCCC"
    rows = [f"CDS {s + 1} {s + 30 - 3 * (s in (33, 66))} + 0 ID=a{s}" for s in range(0, 198, 33)]
    found = genes(tmp_path, *rows, letters=letters)
    assert cuts(found)["stop codon"] == [(27 + s, 1) for s in range(0, 198, 33)]
    assert found.notes[0].startswith("2 CDS end before their stop codon, unlike most of this file")
    assert found.notes[1].startswith("1 CDS do not end in a stop codon")
    # One of many that lack one is followed by a stop codon by chance.
    letters = (CODING + "TAA" + "CCC") * 4 + (CODING + "CCCCCC") * 2 + CODING + "TAACCC"
    rows = [f"CDS {s + 1} {s + 30 - 3 * (s == 198)} + 0 ID=a{s}" for s in range(0, 231, 33)]
    found = genes(tmp_path, *rows, letters=letters)
    assert cuts(found)["stop codon"][-1] == (222, 1)
    assert found.notes == ["3 CDS do not end in a stop codon, and were taken as they are"]


def test_introns_are_those_of_exons_where_these_have_rows(tmp_path: Path) -> None:
    rows = ["mRNA 1 400 + . ID=t", "intron 91 150 + . Parent=t", "five_prime_UTR 1 90 + . Parent=t"]
    rows += ["CDS 201 290 + 0 ID=c;Parent=t", "intron 301 350 + . ID=evidence"]
    assert cuts(genes(tmp_path, *rows))["splice acceptor"] == [(150, 1), (200, 1)]
    exons = ["exon 1 90 + . Parent=t", "exon 201 400 + . Parent=t"]
    assert cuts(genes(tmp_path, *rows, *exons))["splice acceptor"] == [(200, 1)]


def test_an_intron_that_its_contig_cuts_has_one_site(tmp_path: Path) -> None:
    rows = ["mRNA 1 90 - . ID=t", "intron 61 90 - . Parent=t", "CDS 31 60 - 0 ID=c;Parent=t"]
    found = cuts(genes(tmp_path, *rows, letters="C" * 90))
    assert found["splice acceptor"] == [(60, -1)]
    assert "splice donor" not in found


def test_parts_in_an_order_have_no_introns(tmp_path: Path) -> None:
    rows = ("CDS 1 90 + 0 ID=a;exception=order", "CDS 201 290 + 0 ID=a;exception=order")
    assert cuts(genes(tmp_path, *rows)) == {"start codon": [(0, 1)], "stop codon": [(287, 1)]}


@pytest.mark.parametrize("strand", ["+", "-"])
def test_exons_may_be_numbered_on_beyond_the_origin(tmp_path: Path, strand: str) -> None:
    rows = (
        "region 1 300 + . ID=c;Is_circular=true",
        f"mRNA 231 390 {strand} . ID=t",
        f"exon 231 250 {strand} . Parent=t",
        f"exon 331 390 {strand} . Parent=t",  # 31 to 90
    )
    found = cuts(genes(tmp_path, *rows, letters="C" * 300))
    first, second = ("donor", "acceptor") if strand == "+" else ("acceptor", "donor")
    sign = 1 if strand == "+" else -1
    assert found[f"splice {first}"] == [(250, sign)]
    assert found[f"splice {second}"] == [(30, sign)]
    assert found["transcription start"] == [(230 if strand == "+" else 90, sign)]
