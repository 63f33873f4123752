"""Small files as RefSeq writes them: a bacterium, a phage, a mitochondrion and a chloroplast.

The expected sites are written beside the rows, counted by hand: N+ lies before base N + 1 (1-based)
and is read to the right, N- behind base N and read to the left.
"""

from __future__ import annotations

from pathlib import Path

from hnet_seq.analysis.annotation import from_genes
from hnet_seq.analysis.sites import edge_sites, gene_sites
from hnet_seq.tasks.annotations import Annotation, read_annotation
from pipelines.formats.genome import Genome


def gff(record: str, length: int, *rows: str) -> str:
    lines = ["##gff-version 3", f"##sequence-region {record} 1 {length}"]
    for row in (f"region 1 {length} + . ID={record}:1..{length};Is_circular=true", *rows):
        kind, start, end, strand, phase, text = row.split(maxsplit=5)
        lines.append(f"{record}\tRefSeq\t{kind}\t{start}\t{end}\t.\t{strand}\t{phase}\t{text}")
    return "\n".join([*lines, "###", ""])


def read(folder: Path, text: str, record: str, length: int) -> Annotation:
    (folder / "genome.fa").write_text(f">{record} made\n{'C' * length}\n")
    (folder / "genes").write_text(text)
    return read_annotation(folder / "genes", Genome(folder / "genome.fa"))


def sites(found: Annotation, record: str) -> dict[str, str]:
    return {
        kind: " ".join(
            f"{cut}{'+' if sign > 0 else '-'}"
            for cut, sign in zip(own.cuts.tolist(), own.signs.tolist(), strict=True)
        )
        for kind, own in gene_sites(found.genes.records[record]).items()
    }


BACTERIUM = gff(
    "NC_1.1",
    3000,
    "gene 101 400 + . ID=gene-b1;gene_biotype=protein_coding",
    "CDS 101 400 + 0 ID=cds-1;Parent=gene-b1",  # 100+, 397+
    # The release factor 2: one base is left out.
    "gene 500 724 - . ID=gene-prfB",
    "CDS 650 724 - 0 ID=cds-2;Parent=gene-prfB;exception=ribosomal slippage",  # 724-
    "CDS 500 648 - 0 ID=cds-2;Parent=gene-prfB;exception=ribosomal slippage",
    # DNA polymerase III: tau, and gamma, which slips back by a base.
    "gene 801 1100 + . ID=gene-dnaX",
    "CDS 801 1100 + 0 ID=cds-tau;Parent=gene-dnaX",  # 800+, 1097+
    "CDS 801 950 + 0 ID=cds-gamma;Parent=gene-dnaX;exception=ribosomal slippage",
    "CDS 950 961 + 0 ID=cds-gamma;Parent=gene-dnaX;exception=ribosomal slippage",  # 958+
    # Cut by an insertion sequence.
    "pseudogene 1201 1800 + . ID=gene-p;gene_biotype=pseudogene;pseudo=true",
    "CDS 1201 1300 + 0 ID=cds-p;Parent=gene-p;pseudo=true",
    "CDS 1601 1800 + 2 ID=cds-p;Parent=gene-p;pseudo=true",
    "mobile_genetic_element 1301 1600 + . ID=id-1;pseudo=true",
    "gene 1901 1976 - . ID=gene-t;gene_biotype=tRNA",
    "tRNA 1901 1976 - . ID=rna-t;Parent=gene-t",  # 1976-
    "exon 1901 1976 - . ID=exon-t;Parent=rna-t",
    "gene 2001 2150 + . ID=gene-x;partial=true;end_range=2150,.",
    "CDS 2001 2150 + 0 ID=cds-x;Parent=gene-x;partial=true;end_range=2150,.",  # 2000+
    # Across the origin, on the - strand: it begins at base 60 and ends at base 2941.
    "gene 2941 3060 - . ID=gene-o",
    "CDS 2941 3060 - 0 ID=cds-o;Parent=gene-o",  # 60-, 2943-
)


def test_a_bacterium(tmp_path: Path) -> None:
    found = read(tmp_path, BACTERIUM, "NC_1.1", 3000)
    assert sites(found, "NC_1.1") == {
        "start codon": "60- 100+ 724- 800+ 2000+",
        "stop codon": "397+ 958+ 1097+ 2943-",
        "transcription start": "1976-",
    }
    coding = from_genes(found.genes.records["NC_1.1"]).coding
    arrays = (coding.start, coding.end, coding.phase, coding.has_start, coding.has_stop)
    assert [each[0] for each in arrays] == [0, 60, 0, True, False]
    assert [each[-1] for each in arrays] == [2940, 3000, 0, False, True]
    edges = edge_sites(found.features["NC_1.1"], {"gene"}, length=3000, circular=True)
    assert [(60 in own.cuts, 2940 in own.cuts) for own in edges.values()] == [
        (True, False),
        (False, True),
    ]


PHAGE = """\
LOCUS       NC_2                     600 bp    DNA     circular PHG 01-JAN-2020
DEFINITION  A phage.
ACCESSION   NC_2
VERSION     NC_2.1
FEATURES             Location/Qualifiers
     source          1..600
     gene            join(541..600,1..90)
                     /gene="A"
     CDS             join(541..600,1..90)
                     /gene="A"
                     /codon_start=1
     CDS             51..170
                     /gene="K"
     mRNA            <100..400
     CDS             complement(join(201..230,261..290))
                     /gene="s"
     CDS             complement(<301..360)
                     /gene="p"
     gene            381..440
                     /locus_tag="x1"
                     /pseudo
     CDS             381..440
                     /locus_tag="x1"
     CDS             join(451..480,480..509)
                     /ribosomal_slippage
     variation       57
                     /replace="a"
ORIGIN
"""


def test_a_phage_in_genbank(tmp_path: Path) -> None:
    text = PHAGE + "".join(
        f"{start:>9} {' '.join(['cccccccccc'] * 6)}\n" for start in range(1, 600, 60)
    )
    (tmp_path / "phage.gb").write_text(text + "//\n")
    found = read_annotation(tmp_path / "phage.gb", Genome(tmp_path / "phage.gb"))
    assert sites(found, "NC_2.1") == {
        # The gene across the origin: 540+ to base 90. Of p only the start is there.
        "start codon": "50+ 290- 360- 450+ 540+",
        "stop codon": "87+ 167+ 203- 506+",
        "splice donor": "260-",
        "splice acceptor": "230-",
    }
    edges = edge_sites(found.features["NC_2.1"], {"gene"}, length=600, circular=True)
    assert [edges[f"gene {end}' edge"].cuts.tolist() for end in "53"] == [[380, 540], [90, 440]]


MITOCHONDRION = gff(
    "NC_3.1",
    1600,
    "D_loop 1501 1700 + . ID=id-d;gbkey=D-loop",
    "gene 101 170 + . ID=gene-f;gene_biotype=tRNA",
    "tRNA 101 170 + . ID=rna-f;Parent=gene-f",  # 100+
    "exon 101 170 + . ID=exon-f;Parent=rna-f",
    "gene 171 500 + . ID=gene-r;gene_biotype=rRNA",
    "rRNA 171 500 + . ID=rna-r;Parent=gene-r",  # 170+
    "exon 171 500 + . ID=exon-r;Parent=rna-r",
    # Its stop codon is a T that polyadenylation makes TAA.
    "gene 501 700 + . ID=gene-nd1",
    "CDS 501 700 + 0 ID=cds-nd1;Parent=gene-nd1;transl_except=(pos:699..700%2Caa:TERM)"
    ";transl_table=2",  # 500+
    "gene 741 800 - . ID=gene-q",
    "tRNA 741 800 - . ID=rna-q;Parent=gene-q",  # 800-
    "exon 741 800 - . ID=exon-q;Parent=rna-q",
    # Two genes of one mRNA, in different frames.
    "gene 901 1020 + . ID=gene-atp8",
    "CDS 901 1020 + 0 ID=cds-atp8;Parent=gene-atp8;transl_table=2",  # 900+, 1017+
    "gene 1000 1149 + . ID=gene-atp6",
    "CDS 1000 1149 + 0 ID=cds-atp6;Parent=gene-atp6;transl_table=2",  # 999+, 1146+
    "gene 1201 1350 - . ID=gene-nd6",
    "CDS 1201 1350 - 0 ID=cds-nd6;Parent=gene-nd6;transl_table=2",  # 1350-, 1203-
)


def test_a_mitochondrion(tmp_path: Path) -> None:
    found = read(tmp_path, MITOCHONDRION, "NC_3.1", 1600)
    assert sites(found, "NC_3.1") == {
        "start codon": "500+ 900+ 999+ 1350-",
        "stop codon": "1017+ 1146+ 1203-",
        "transcription start": "100+ 170+ 800-",
    }
    edges = edge_sites(found.features["NC_3.1"], {"D_loop"}, length=1600, circular=True)
    assert [own.cuts.tolist() for own in edges.values()] == [[1500], [100]]


_R = "exception=trans-splicing"
CHLOROPLAST = gff(
    "NC_4.1",
    5000,
    # psbA lies across the origin, in two rows of one ID.
    "gene 4901 5000 - . ID=gene-psbA;part=2",
    "gene 1 50 - . ID=gene-psbA;part=1",
    "CDS 4901 5000 - 2 ID=cds-psbA;Parent=gene-psbA",
    "CDS 1 50 - 0 ID=cds-psbA;Parent=gene-psbA",  # 50-, 4903-
    # A tRNA with an intron, in which another gene lies.
    "gene 201 700 - . ID=gene-trnK",
    "tRNA 201 700 - . ID=rna-trnK;Parent=gene-trnK",  # 700-
    "exon 664 700 - . ID=exon-k1;Parent=rna-trnK",  # donor 663-
    "exon 201 235 - . ID=exon-k2;Parent=rna-trnK",  # acceptor 235-
    "gene 301 600 - . ID=gene-matK",
    "CDS 301 600 - 0 ID=cds-matK;Parent=gene-matK",  # 600-, 303-
    # rps12: one 5' exon, and the others in both inverted repeats.
    f"gene 1001 1114 - . ID=gene-r;{_R};part=1/2",
    f"gene 2001 2600 - . ID=gene-r;{_R};part=2/2",
    f"CDS 1001 1114 - 0 ID=cds-r;Parent=gene-r;{_R}",  # 1114-
    f"CDS 2369 2600 - 0 ID=cds-r;Parent=gene-r;{_R}",  # donor 2368-
    f"CDS 2001 2026 - 2 ID=cds-r;Parent=gene-r;{_R}",  # acceptor 2026-, stop 2003-
    f"gene 1001 1114 - . ID=gene-r-2;{_R};part=1/2",
    f"gene 4001 4600 + . ID=gene-r-2;{_R};part=2/2",
    f"CDS 1001 1114 - 0 ID=cds-r-2;Parent=gene-r-2;{_R}",
    f"CDS 4001 4232 + 0 ID=cds-r-2;Parent=gene-r-2;{_R}",  # donor 4232+
    f"CDS 4575 4600 + 2 ID=cds-r-2;Parent=gene-r-2;{_R}",  # acceptor 4574+, stop 4597+
    # Three exons.
    "gene 3001 3500 + . ID=gene-ycf3",
    "CDS 3001 3100 + 0 ID=cds-ycf3;Parent=gene-ycf3",  # 3000+, donor 3100+
    "CDS 3201 3300 + 2 ID=cds-ycf3;Parent=gene-ycf3",  # 3200+, 3300+
    "CDS 3401 3500 + 1 ID=cds-ycf3;Parent=gene-ycf3",  # 3400+, 3497+
    # What is left of a gene where a repeat begins.
    "gene 3701 3800 + . ID=gene-rps19;pseudo=true;partial=true;end_range=3800,.",
    "CDS 3701 3800 + 0 ID=cds-rps19;Parent=gene-rps19;end_range=3800,.;partial=true",
)


def test_a_chloroplast(tmp_path: Path) -> None:
    found = read(tmp_path, CHLOROPLAST, "NC_4.1", 5000)
    assert sites(found, "NC_4.1") == {
        "start codon": "50- 600- 1114- 3000+",
        "stop codon": "303- 2003- 3497+ 4597+ 4903-",
        "splice donor": "663- 2368- 3100+ 3300+ 4232+",
        "splice acceptor": "235- 2026- 3200+ 3400+ 4574+",
        "transcription start": "700-",
    }
    assert not any("guess" in note for note in found.genes.notes)
