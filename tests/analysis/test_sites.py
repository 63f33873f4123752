"""Start and stop codons, splice sites and edges, on both strands, alike from GFF3 and GTF."""

from __future__ import annotations

import numpy as np
import pytest

from hnet_seq.analysis.genes import resolve
from hnet_seq.analysis.sites import edge_sites, gene_sites
from pipelines.formats.annotation import read_gff

# One transcript of three exons on each strand, mirror images of each other in 1,000 bases. An
# intron splits its stop codon: one base lies in the second exon, two in the third.
EXONS = ((100, 200), (250, 340), (400, 460))  # 0-based, half-open, + strand
CODING = ((130, 200, 0), (250, 340, 2), (400, 402, 2))  # 54 codons
LENGTH = 1000


def mirrored(spans):
    return [(LENGTH - end, LENGTH - start, *rest) for start, end, *rest in spans]


def gff3(exons, coding, strand, name):
    rows = [("mRNA", min(s for s, _ in exons), max(e for _, e in exons), ".", f"ID={name}")]
    rows += [("exon", *exon, ".", f"Parent={name}") for exon in exons]
    rows += [("CDS", s, e, phase, f"ID=cds_{name};Parent={name}") for s, e, phase in coding]
    return [
        f"chr\tx\t{kind}\t{s + 1}\t{e}\t.\t{strand}\t{phase}\t{text}"
        for kind, s, e, phase, text in rows
    ]


def gtf(exons, coding, strand, name):
    """The stop codon is not in the CDS, and has lines of its own."""
    text = f'gene_id "g_{name}"; transcript_id "{name}";'
    rows: list[tuple[str, int, int, int | str]] = [
        ("transcript", min(s for s, _ in exons), max(e for _, e in exons), ".")
    ]
    rows += [("exon", *exon, ".") for exon in exons]
    (a, b, p), (c, d, q), (e, f, _) = coding
    if strand == "+":
        rows += [("start_codon", a, a + 3, 0), ("CDS", a, b, p), ("CDS", c, d - 1, q)]
        rows += [("stop_codon", d - 1, d, 0), ("stop_codon", e, f, 2)]
    else:
        rows += [("start_codon", b - 3, b, 0), ("CDS", a, b, p), ("CDS", c + 1, d, q)]
        rows += [("stop_codon", c, c + 1, 0), ("stop_codon", e, f, 2)]
    return [
        f"chr\tx\t{kind}\t{s + 1}\t{e}\t.\t{strand}\t{phase}\t{text}" for kind, s, e, phase in rows
    ]


def read(tmp_path, lines, *, is_gtf=False):
    path = tmp_path / "annotation"
    path.write_text("\n".join(lines) + "\n")
    kind = "GTF" if is_gtf else "GFF3"
    return gene_sites(resolve({"chr": read_gff(path, gtf=is_gtf)}, kind=kind).records["chr"])


def pairs(sites):
    return {
        kind: list(zip(s.cuts.tolist(), s.signs.tolist(), strict=True)) for kind, s in sites.items()
    }


FORWARD = {
    "start codon": [(130, 1)],
    "stop codon": [(339, 1)],
    "splice donor": [(200, 1), (340, 1)],
    "splice acceptor": [(250, 1), (400, 1)],
    "transcription start": [(100, 1)],
}
REVERSE = {
    kind: sorted((LENGTH - cut, -sign) for cut, sign in cuts) for kind, cuts in FORWARD.items()
}


def test_sites_of_a_spliced_gene_lie_before_its_first_bases(tmp_path):
    assert pairs(read(tmp_path, gff3(EXONS, CODING, "+", "t"))) == FORWARD


def test_on_the_minus_strand_every_site_is_the_mirror_image(tmp_path):
    found = read(tmp_path, gff3(mirrored(EXONS), mirrored(CODING), "-", "t"))
    assert pairs(found) == REVERSE


@pytest.mark.parametrize("strand", ["+", "-"])
def test_gtf_gives_what_gff3_gives(tmp_path, strand):
    exons, coding = EXONS, CODING
    if strand == "-":
        exons, coding = mirrored(EXONS), mirrored(CODING)
    lines = gtf(exons, coding, strand, "t")
    assert pairs(read(tmp_path, lines, is_gtf=True)) == (FORWARD if strand == "+" else REVERSE)


def test_exons_of_isoforms_count_once_and_a_frameshift_is_no_intron(tmp_path):
    lines = gff3(EXONS, CODING, "+", "t") + gff3(EXONS[1:], CODING[1:], "+", "u")
    lines += [
        "chr\tx\tCDS\t701\t760\t.\t+\t0\tID=shift",
        "chr\tx\tCDS\t762\t821\t.\t+\t0\tID=shift",
    ]
    found = pairs(read(tmp_path, lines))
    assert found["splice donor"] == FORWARD["splice donor"]
    assert found["splice acceptor"] == FORWARD["splice acceptor"]
    assert found["start codon"] == [(130, 1), (700, 1)]
    assert found["transcription start"] == [(100, 1), (250, 1)]


def test_without_exon_lines_introns_lie_between_coding_parts(tmp_path):
    lines = [line for line in gff3(EXONS, CODING, "+", "t") if "\texon\t" not in line]
    assert pairs(read(tmp_path, lines))["splice donor"] == FORWARD["splice donor"]


@pytest.mark.parametrize(
    ("attributes", "kinds"),
    [
        ("ID=a", {"start codon", "stop codon"}),
        ("ID=a;partial=10", {"stop codon"}),
        ("ID=a;partial=01", {"start codon"}),
        ("ID=a;partial=true", set()),
        ("ID=a;pseudo=true", set()),
    ],
)
def test_a_truncated_cds_has_no_codon_at_its_open_end(tmp_path, attributes, kinds):
    lines = [f"chr\tx\tCDS\t11\t40\t.\t+\t0\t{attributes}"]
    assert set(read(tmp_path, lines)) == kinds


def test_parts_without_an_id_belong_to_their_parent(tmp_path):
    lines = [line.replace("ID=cds_t;", "") for line in gff3(EXONS, CODING, "+", "t")]
    assert pairs(read(tmp_path, lines))["start codon"] == FORWARD["start codon"]


@pytest.mark.parametrize("strand", ["+", "-"])
def test_parts_with_an_id_each_are_one_coding_sequence_of_their_transcript(tmp_path, strand):
    exons, coding, expected = EXONS, CODING, FORWARD
    if strand == "-":
        exons, coding, expected = mirrored(EXONS), mirrored(CODING), REVERSE
    lines = [
        line.replace("ID=cds_t", f"ID=cds_t.{number}")
        for number, line in enumerate(gff3(exons, coding, strand, "t"))
    ]
    assert pairs(read(tmp_path, lines)) == expected


def test_parts_shared_by_isoforms_count_in_each_of_them(tmp_path):
    # As FlyBase writes them: u skips the exon in the middle, and v has the first one alone.
    parts = [(101, 130, "t,u,v"), (201, 230, "t"), (301, 330, "t,u")]
    lines = [
        f"chr\tx\tCDS\t{start}\t{end}\t.\t+\t0\tID=part{start};Parent={parents}"
        for start, end, parents in parts
    ]
    found = pairs(read(tmp_path, lines))
    assert found["start codon"] == [(100, 1)]
    assert found["stop codon"] == [(127, 1), (327, 1)]


def test_overlapping_coding_sequences_of_one_parent_are_alternatives(tmp_path):
    # The canonical gene of the GFF3 specification, and dnaX of NCBI: the shorter product shifts.
    lines = [
        "chr\tx\tCDS\t101\t160\t.\t+\t0\tID=a;Parent=t",
        "chr\tx\tCDS\t201\t260\t.\t+\t0\tID=a;Parent=t",
        "chr\tx\tCDS\t131\t160\t.\t+\t0\tID=b;Parent=t",
        "chr\tx\tCDS\t201\t260\t.\t+\t0\tID=b;Parent=t",
    ]
    found = pairs(read(tmp_path, lines))
    assert found["start codon"] == [(100, 1), (130, 1)]
    assert found["stop codon"] == [(257, 1)]


def test_coding_sequences_without_a_parent_keep_their_own_ids(tmp_path):
    lines = [f"chr\tx\tCDS\t{at}\t{at + 29}\t.\t+\t0\tID=1_{at}" for at in (11, 101)]
    found = pairs(read(tmp_path, lines))
    assert found["start codon"] == [(10, 1), (100, 1)]
    assert found["stop codon"] == [(37, 1), (127, 1)]


def test_edges_are_named_in_the_direction_of_their_feature(tmp_path):
    path = tmp_path / "repeats.gff"
    path.write_text(
        "chr\tx\trepeat\t11\t20\t.\t+\t.\t.\nchr\tx\trepeat\t31\t40\t.\t-\t.\t.\n"
        "chr\tx\tother\t51\t60\t.\t.\t.\t.\n"
    )
    features = read_gff(path)
    found = pairs(edge_sites(features, {"repeat"}))
    assert found == {"repeat 5' edge": [(10, 1), (40, -1)], "repeat 3' edge": [(20, 1), (30, -1)]}
    everything = edge_sites(features, (), "mine")
    assert list(everything) == ["mine 5' edge", "mine 3' edge"]
    assert [len(sites) for sites in everything.values()] == [3, 3]
    assert everything["mine 5' edge"].signs.dtype == np.int8
