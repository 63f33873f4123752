"""Premature stops and deletions: the right bases, on each strand, across introns and origins."""

from __future__ import annotations

from pathlib import Path

import pytest

from hnet_seq.analysis.gene_edits import GeneEdit, Turned, deletions, stop_edits, why_not
from hnet_seq.analysis.genes import CodingSequence
from hnet_seq.tasks.annotations import read_annotation
from hnet_seq.tasks.scoring.gene_scores import Gene, GeneOptions, gene_with_edits
from modalities import dna
from modalities.errors import UsageError
from pipelines.formats.genome import Genome

LETTERS = str.maketrans("ACGT", "TGCA")
STOPS = ("TAA", "TAG", "TGA")
# ATG AAA CCC GGT CAT TAA, 18 bases
CDS = "ATGAAACCCGGTCATTAA"


def turned(letters: str) -> str:
    return letters.translate(LETTERS)[::-1]


def gene_of(
    folder: Path, record: str, rows: list[str], *, circular: bool = False, name: str = "g"
) -> tuple[Genome, CodingSequence]:
    (folder / "g.fa").write_text(f">c\n{record}\n")
    lines = ["##gff-version 3"]
    if circular:
        lines.append(f"c\tx\tregion\t1\t{len(record)}\t.\t+\t.\tID=c;Is_circular=true")
    for row in rows:
        start, end, strand, phase, *more = row.split()
        lines.append(
            f"c\tx\tCDS\t{start}\t{end}\t.\t{strand}\t{phase}\tID={name};Name={name}{''.join(more)}"
        )
    (folder / "g.gff").write_text("\n".join(lines) + "\n")
    genome = Genome(folder / "g.fa")
    (coding,) = read_annotation(folder / "g.gff", genome).genes.records["c"].coding
    return genome, coding


def stops(genome: Genome, coding: CodingSequence, places: int = 1) -> list[tuple[int, int, str]]:
    found = stop_edits(genome, "c", coding, places, ["TAA"])
    return [
        (edit.start, edit.end, dna.decode(edit.alt)) for edit in found if isinstance(edit, GeneEdit)
    ]


def test_a_stop_on_the_plus_strand(tmp_path: Path) -> None:
    genome, coding = gene_of(tmp_path, f"GGGGG{CDS}GGGGG", ["6 23 + 0"])
    # Of the codons 1 to 4 between start and stop: CCC, CAT; and AAA, of which a letter changes.
    assert stops(genome, coding, 2) == [(11, 14, "TAA"), (17, 20, "TAA")]
    assert stops(genome, coding, 4)[0] == (8, 9, "T")
    assert len(stops(genome, coding, 100)) == 4


def test_a_stop_on_the_minus_strand(tmp_path: Path) -> None:
    genome, coding = gene_of(tmp_path, f"GGGGG{turned(CDS)}GGGGG", ["6 23 - 0"])
    # The codon lies at 23 - 6 - 3 = 14 to 17, and reads TTA on the plus strand.
    assert stops(genome, coding, 2) == [(14, 17, "TTA"), (8, 11, "TTA")]


def test_a_codon_that_an_intron_splits_keeps_the_intron(tmp_path: Path) -> None:
    # ATG AAA CC|C GGT CAT TAA with an intron of 12 bases
    intron = "GTAAACCCCCAG"
    record = f"GGGGG{CDS[:8]}{intron}{CDS[8:]}GGGGG"
    genome, coding = gene_of(tmp_path, record, ["6 13 + 0", "26 35 + 1"])
    assert stops(genome, coding, 2)[0] == (11, 26, f"TA{intron}A")
    genome, coding = gene_of(tmp_path, turned(record), ["6 15 - 1", "28 35 - 0"])
    length = len(record)
    assert stops(genome, coding, 2)[0] == (length - 26, length - 11, turned(f"TA{intron}A"))


def test_a_gene_over_the_origin_is_whole_in_a_record_that_is_turned(tmp_path: Path) -> None:
    record = CDS[7:] + "G" * 25 + CDS[:7]  # 43 bases, begins inside CCC
    genome, coding = gene_of(tmp_path, record, ["37 54 + 0"], circular=True)
    gene = gene_with_edits(genome, "c", coding, GeneOptions(16, 2, "TAA"))
    assert isinstance(gene.bases, Turned)
    whole = dna.decode(gene.bases.fetch("c", 0, len(record)))
    first = whole.index(CDS)
    assert abs(first - (len(record) - 18) // 2) <= 1
    stop, _, *removed = [edit for edit, _, _ in gene.edits if edit is not None]
    assert (stop.start - first, stop.end - first) == (6, 9)
    assert [(own.start - first, own.end - first) for own in removed] == [(0, 6), (6, 12), (12, 18)]
    for place in range(len(record)):
        assert dna.decode(gene.bases.fetch("c", place, place + 1)) == whole[place]


SHAPES = {
    "one exon": (f"TTGCA{CDS}TTGCA", ["6 23 + 0"], False),
    "minus": (f"TTGCA{turned(CDS)}TTGCA", ["6 23 - 0"], False),
    "split codon": (f"TTGCA{CDS[:8]}GTCCCAACCAG{CDS[8:]}TTGCA", ["6 13 + 0", "25 34 + 1"], False),
    "split, minus": (
        f"TTGCA{turned(CDS[8:])}CTGGTTGGGAC{turned(CDS[:8])}TTGCA",
        ["6 15 - 1", "27 34 - 0"],
        False,
    ),
    "origin": (CDS[7:] + "TTGCATTGCATTGCATTGCA" + CDS[:7], ["32 49 + 0"], True),
    "origin, minus": (
        turned(CDS)[11:] + "TTGCATTGCATTGCATTGCA" + turned(CDS)[:11],
        ["28 45 - 0"],
        True,
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_edited_gene_reads_as_the_gene_up_to_its_stop(shape: str, tmp_path: Path) -> None:
    record, rows, circular = SHAPES[shape]
    genome, coding = gene_of(tmp_path, record, rows, circular=circular)
    gene = gene_with_edits(genome, "c", coding, GeneOptions(30, 4))
    found = [edit for edit, _, _ in gene.edits if edit is not None and edit.codon is not None]
    # AAA may become TAA; CCC TAA, TAG, TGA ...: each place has all three.
    assert sorted({edit.codon for edit in found if edit.codon}) == [1, 2, 3, 4]
    assert len(found) == 12
    made = []
    for edit in found:
        codons = read(gene, edit)
        number = edit.codon or 0
        assert codons[:number] == split(CDS)[:number]
        assert codons[number] in STOPS
        assert codons[number + 1 :] == split(CDS)[number + 1 :]
        made.append((number, codons[number]))
    assert sorted(made) == [(number, stop) for number in (1, 2, 3, 4) for stop in STOPS]


def read(gene: Gene, edit: GeneEdit) -> list[str]:
    """The codons of the edited gene, by hand: letters that are changed, joined and turned."""
    letters = list(dna.decode(gene.bases.fetch("c", 0, gene.bases.lengths["c"])))
    letters[edit.start : edit.end] = dna.decode(edit.alt)
    by = gene.bases.first if isinstance(gene.bases, Turned) else 0
    parts = []
    for part in gene.coding.chain.parts:
        own = "".join(
            letters[place % len(letters)] for place in range(part.start - by, part.end - by)
        )
        parts.append(own if part.sign > 0 else turned(own))
    return split("".join(parts))


def split(letters: str) -> list[str]:
    return [letters[place : place + 3] for place in range(0, len(letters), 3)]


@pytest.mark.parametrize(
    ("table", "expected"),
    [(1, STOPS), (11, STOPS), (4, ("TAA", "TAG"))],  # TGA is tryptophan in code 4
)
def test_the_genetic_code_says_which_codons_stop(
    table: int, expected: tuple[str, ...], tmp_path: Path
) -> None:
    row = [f"6 23 + 0 ;transl_table={table}"]
    genome, coding = gene_of(tmp_path, f"TTGCA{CDS}TTGCA", row)
    assert coding.table == table
    options = GeneOptions(30, 2)
    assert options.stops(coding) == set(expected)
    gene = gene_with_edits(genome, "c", coding, options)
    found = [edit for edit, _, _ in gene.edits if edit is not None and edit.codon is not None]
    assert len(found) == 2 * len(expected)
    assert GeneOptions(30, 2, genetic_code=4).stops(coding) == {"TAA", "TAG"}
    if table == 4:
        with pytest.raises(UsageError, match="stop_codon: is TGA, no stop codon of"):
            GeneOptions(30, 2, "TGA").stops(coding)


def test_deletions_cover_each_coding_base_once_in_pieces_that_fit(tmp_path: Path) -> None:
    record, rows, _ = SHAPES["split codon"]
    _, coding = gene_of(tmp_path, record, rows)
    for most in (1, 3, 5, 100):
        found = deletions(coding.chain, most)
        assert all(0 < edit.end - edit.start <= most for edit in found)
        covered = sorted(place for edit in found for place in range(edit.start, edit.end))
        assert covered == [*range(5, 13), *range(24, 34)]
    assert [(edit.start, edit.end) for edit in deletions(coding.chain, 5)] == [
        (5, 9),
        (9, 13),
        (24, 29),
        (29, 34),
    ]


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (["6 22 + 0"], "out_of_frame"),
        (["6 23 + 1"], "open"),
        (["6 14 + 0"], None),
        (["6 8 + 0"], "short"),
    ],
)
def test_what_has_no_edits_says_why(rows: list[str], why: str | None, tmp_path: Path) -> None:
    genome, coding = gene_of(tmp_path, f"TTGCA{CDS}TTGCA", rows)
    assert why_not(coding) == why
    assert gene_with_edits(genome, "c", coding, GeneOptions(30, 2)).skipped == (why or "")


def test_unknown_bases_and_introns_that_are_too_long_are_told(tmp_path: Path) -> None:
    record = f"TTGCA{CDS[:6]}NCC{CDS[9:]}TTGCA"
    genome, coding = gene_of(tmp_path, record, ["6 23 + 0"])
    assert stop_edits(genome, "c", coding, 2, ["TAA"])[0] == "unknown_base"
    intron = "GT" + "ACCA" * 10 + "AG"
    record = f"TTGCA{CDS[:8]}{intron}{CDS[8:]}TTGCA"
    genome, coding = gene_of(tmp_path, record, ["6 13 + 0", "58 67 + 1"])
    gene = gene_with_edits(genome, "c", coding, GeneOptions(30, 4, "TAA"))
    found = {edit.codon: what for edit, _, what in gene.edits if edit is not None}
    assert [own for own, what in found.items() if isinstance(what, str)] == [2]
    assert found[2] == "too_long"


def test_a_base_that_is_read_twice_is_in_no_stop_and_deleted_once(tmp_path: Path) -> None:
    rows = ["6 12 + 0", "12 22 + 2"]  # back by a base: its codon is the third
    genome, coding = gene_of(tmp_path, f"GGGGG{CDS}GGGGG", rows)
    assert coding.chain.bases() == 18
    found = stop_edits(genome, "c", coding, 99, ["TAA"])
    assert [own for own in found if isinstance(own, str)] == ["read_twice"]
    assert [(own.start, own.end) for own in deletions(coding.chain, 99)] == [(5, 22)]
