"""GFF3: coordinates, order and phase as the file has them; every wrong line is named."""

from __future__ import annotations

import gzip
import itertools
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from Bio import bgzf

from modalities.errors import InputError, UsageError
from pipelines.formats.annotation import Feature, read_gff

ROOT = Path(__file__).parents[2]
ECOLI = ROOT / "examples/data/ecoli_536/prodigal.gff.gz"
SHARED = ROOT / "../shared/data/genomes"
LENGTHS = {"chr1": 1000, "chr2": 50, "gi|1|ref|NC_1.1|": 500}


def line(**changed: str) -> str:
    columns = {
        "sequence": "chr1",
        "source": "test",
        "type": "CDS",
        "start": "11",
        "end": "40",
        "score": ".",
        "strand": "+",
        "phase": "0",
        "attributes": "ID=cds1",
    }
    assert changed.keys() <= columns.keys()
    return "\t".join((columns | changed).values())


def read(tmp_path: Path, *lines: str, **options: object) -> list[Feature]:
    path = tmp_path / "a.gff"
    path.write_bytes("\n".join(["##gff-version 3", *lines, ""]).encode())
    return read_gff(path, **options)  # type: ignore[arg-type]


def test_a_line_becomes_a_feature_with_half_open_bounds(tmp_path: Path) -> None:
    attributes = "ID=cds1;Name=thr%3BA ;Note=a,b%2Cc;"
    (feature,) = read(tmp_path, line(strand="-", phase="2", attributes=attributes), lengths=LENGTHS)
    assert feature == Feature(
        sequence="chr1",
        source="test",
        type="CDS",
        start=10,
        end=40,
        strand="-",
        phase=2,
        attributes={"ID": "cds1", "Name": "thr;A ", "Note": "a,b,c"},
        line=2,
    )


@pytest.mark.parametrize("compression", ["plain", "gzip", "bgzip"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_compression_and_line_ends_do_not_matter(
    tmp_path: Path, compression: str, line_end: str
) -> None:
    text = line_end.join(["##gff-version 3", "# note", "", line(), line(type="gene", phase=".")])
    path = tmp_path / "a.gff"
    if compression == "bgzip":
        with bgzf.BgzfWriter(str(path), "wb") as file:
            file.write(text.encode())
    else:
        data = text.encode()
        path.write_bytes(gzip.compress(data) if compression == "gzip" else data)
    features = read_gff(path)
    assert [(f.type, f.phase, f.line, f.attributes) for f in features] == [
        ("CDS", 0, 4, {"ID": "cds1"}),
        ("gene", None, 5, {"ID": "cds1"}),
    ]


def test_only_the_types_asked_for_are_given(tmp_path: Path) -> None:
    lines = [line(type="gene", phase="."), line(), line(type="exon", phase=".")]
    assert [f.type for f in read(tmp_path, *lines, types={"CDS", "exon"})] == ["CDS", "exon"]


def test_parts_of_one_coding_sequence_keep_order_and_phase(tmp_path: Path) -> None:
    parts = [
        line(start="701", end="800", strand="-", phase="0"),
        line(start="1", end="9", attributes="ID=other"),
        line(start="401", end="500", strand="-", phase="2"),
        line(start="101", end="200", strand="-", phase="1"),
    ]
    features = [f for f in read(tmp_path, *parts) if f.attributes["ID"] == "cds1"]
    assert [(f.start, f.phase) for f in features] == [(700, 0), (400, 2), (100, 1)]


@pytest.mark.parametrize("end", ["##FASTA", ">chr1"])
def test_sequence_after_the_features_is_not_read(tmp_path: Path, end: str) -> None:
    assert len(read(tmp_path, line(), end, ">chr1", "ACGT", "not a feature")) == 1


def test_a_strand_that_is_unknown_is_none(tmp_path: Path) -> None:
    assert [f.strand for f in read(tmp_path, line(strand="?"), line(strand="."))] == [".", "."]


def test_a_phase_is_asked_for_where_codons_are_read_and_not_before(tmp_path: Path) -> None:
    assert [f.phase for f in read(tmp_path, line(phase="."), line())] == [None, 0]


def test_a_circular_record_goes_on_at_its_first_base(tmp_path: Path) -> None:
    whole = line(type="region", start="1", end="1000", phase=".", attributes="Is_circular=true")
    across = line(start="991", end="1010")
    for lines in ((whole, across), (across, whole)):
        found = read(tmp_path, *lines, types={"CDS"}, lengths=LENGTHS)
        assert [(f.start, f.end) for f in found] == [(990, 1010)]
    counted_on = line(start="1001", end="1010")
    assert read(tmp_path, whole, across, counted_on, lengths=LENGTHS)[2].start == 0
    with pytest.raises(InputError, match="line 3: 1 to 1001 is more than once round chr1"):
        read(tmp_path, whole, line(start="1", end="1001"), lengths=LENGTHS)
    # A ring of RNA says nothing of its chromosome.
    ring = line(
        type="circular_ncRNA", start="5", end="80", phase=".", attributes="Is_circular=true"
    )
    with pytest.raises(InputError, match="line 3: the end, 1010, lies beyond chr1"):
        read(tmp_path, ring, across, lengths=LENGTHS)


def test_a_comma_inside_a_name_does_not_part_it(tmp_path: Path) -> None:
    (feature,) = read(tmp_path, line(attributes="ID=x%2Cy;Parent=a%2cb,c%3D1;Note=d%2Ce"))
    assert feature.attributes == {"ID": "x%2Cy", "Parent": "a%2Cb,c=1", "Note": "d,e"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('gene_id "a"; transcript_id "b c";', {"gene_id": "a", "transcript_id": "b c"}),
        (
            "gene_id a; transcript_id a.1; level 2",
            {"gene_id": "a", "transcript_id": "a.1", "level": "2"},
        ),
        ("gene_id a ; note two words;", {"gene_id": "a", "note": "two words"}),
        ('transcript_id ""; tag "x"; tag "y";', {"transcript_id": "", "tag": "x,y"}),
        ("g1.t1", {"g1.t1": ""}),
        ('pseudo; gene_id "a=b"', {"pseudo": "", "gene_id": "a=b"}),
    ],
)
def test_attributes_of_gtf_in_every_spelling(
    tmp_path: Path, text: str, expected: dict[str, str]
) -> None:
    (feature,) = read(tmp_path, line(attributes=text), gtf=True)
    assert feature.attributes == expected


def test_names_with_pipes_and_escapes_match_records(tmp_path: Path) -> None:
    lines = [line(sequence="gi|1|ref|NC_1.1|"), line(sequence="gi%7C1%7Cref%7CNC_1.1%7C")]
    features = read(tmp_path, *lines, lengths=LENGTHS)
    assert [f.sequence for f in features] == ["gi|1|ref|NC_1.1|"] * 2


def test_a_semicolon_in_free_text_stays_in_its_attribute(tmp_path: Path) -> None:
    (feature,) = read(tmp_path, line(attributes="ID=a;Note=kinase; putative;gene=thrA"))
    assert feature.attributes == {"ID": "a", "Note": "kinase; putative", "gene": "thrA"}


@pytest.mark.parametrize("attributes", [".", ""])
def test_attributes_may_be_absent(tmp_path: Path, attributes: str) -> None:
    assert read(tmp_path, line(attributes=attributes))[0].attributes == {}


MALFORMED = {
    "8 columns": ("chr1\tx\tCDS\t1\t9\t.\t+\t0", "line 3: 8 tab-separated columns, expected 9"),
    "10 columns": (line() + "\textra", "line 3: 10 tab-separated columns"),
    "spaces": (line().replace("\t", " "), "line 3: 1 tab-separated columns.* not spaces"),
    "start a word": (line(start="one"), "line 3: the start is 'one', expected a whole number"),
    "end a fraction": (line(end="40.5"), "line 3: the end is '40.5'"),
    "end missing": (line(end="."), "line 3: the end is '.'"),
    "start negative": (line(start="-4"), "line 3: the start is '-4'"),
    "start underscored": (line(start="1_1"), "line 3: the start is '1_1'"),
    "start zero": (line(start="0"), "line 3: the start is 0; GFF3 counts from 1"),
    "end before start": (line(start="41"), "line 3: the end, 40, lies before the start, 41"),
    "strand": (line(strand="1"), "line 3: the strand is '1'"),
    "phase 3": (line(phase="3"), "line 3: the phase is '3', expected 0, 1, 2"),
    "beyond the record": (line(end="1001"), "line 3: the end, 1001, lies beyond chr1.* 1000 bases"),
    "unknown record": (line(sequence="Chr1"), "line 3: no record 'Chr1' .* as chr1"),
    "other assembly": (line(sequence="?"), r"line 3: no record '\?' .*3, as chr1, chr2"),
    "GTF": (line(attributes='gene_id "a"; x "b";'), "line 3: the attribute .* is this GTF"),
}


@pytest.mark.parametrize(("wrong", "message"), MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_line_is_refused_in_one_line_with_file_and_place(
    tmp_path: Path, wrong: str, message: str
) -> None:
    with pytest.raises(InputError, match=message) as refusal:
        read(tmp_path, line(), wrong, line(), lengths=LENGTHS)
    assert str(refusal.value).startswith(f"{tmp_path / 'a.gff'}: ")
    assert "\n" not in str(refusal.value)
    assert not isinstance(refusal.value, UsageError)


def test_lines_of_other_types_are_checked_as_well(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="line 3: the end"):
        read(tmp_path, line(), line(type="gene", end="x"), types={"CDS"})


def test_no_feature_of_the_wanted_types_is_an_error_that_names_those_there(tmp_path: Path) -> None:
    lines = [line(type="gene", phase="."), line(type="mRNA", phase=".")]
    with pytest.raises(InputError, match="no features of type CDS; it has gene, mRNA"):
        read(tmp_path, *lines, types={"CDS"})


@pytest.mark.parametrize("data", [b"", b"##gff-version 3\n", b"\n\n"])
def test_a_file_without_features_is_an_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.gff"
    path.write_bytes(data)
    with pytest.raises(InputError, match="whole file: no features; is it GFF3"):
        read_gff(path)


def test_bytes_that_are_not_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.gff"
    path.write_bytes(line().encode() + b"\n" + line(source="K").encode().replace(b"K", b"\xe4"))
    with pytest.raises(InputError, match="line 2: byte 0xe4 is not UTF-8"):
        read_gff(path)


def test_a_truncated_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.gff.gz"
    path.write_bytes(gzip.compress(line().encode() * 100)[:-12])
    with pytest.raises(InputError, match="ends too early"):
        read_gff(path)


def test_the_shipped_gene_calls_read_whole() -> None:
    name = "gi|110640213|ref|NC_008253.1|"
    features = read_gff(ECOLI, types={"CDS"}, lengths={name: 4_938_920})
    assert len(features) == 4544
    assert {f.sequence for f in features} == {name}
    first = features[0]
    assert (first.start, first.end, first.strand, first.phase) == (2, 98, "+", 0)
    assert first.attributes["partial"] == "10"
    whole = [f for f in features if f.attributes["partial"] == "00"]
    assert all((f.end - f.start) % 3 == 0 for f in whole)


def test_phases_of_spliced_genes_continue_from_part_to_part() -> None:
    path = SHARED / "celegans_1pct/annotation.gff3.gz"
    if not path.exists():
        pytest.skip("shared data is not here")
    parts = defaultdict(list)
    for feature in read_gff(path, types={"CDS"}):
        parts[feature.attributes["ID"]].append(feature)
    agreement: Counter[bool] = Counter()
    for rows in parts.values():
        rows.sort(key=lambda f: f.start, reverse=rows[0].strand == "-")
        for before, after in itertools.pairwise(rows):
            assert before.phase is not None
            expected = -(before.end - before.start - before.phase) % 3
            agreement[after.phase == expected] += 1
    assert agreement[True] > 1000
    assert agreement[False] == 0
