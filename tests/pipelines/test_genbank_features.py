"""Features of GenBank become the rows that GFF3 has of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from modalities.errors import InputError
from pipelines.formats.annotation import Feature
from pipelines.formats.annotation_file import gene_format, read_features
from pipelines.formats.genbank_features import read_genbank_features
from pipelines.formats.intervals import annotation_format, read_intervals

SHARED = Path(__file__).parents[2] / "../shared/data/genomes"


def entry(*features: str, name: str = "AB01", shape: str = "linear") -> str:
    lines = [
        f"LOCUS       {name:<16}         200 bp    DNA     {shape:<8} BCT 01-JAN-2020",
        f"ACCESSION   {name}",
        f"VERSION     {name}.2",
        "FEATURES             Location/Qualifiers",
    ]
    for feature in features:
        first, *qualifiers = feature.split()
        kind, _, place = first.partition("=")
        lines.append(f"     {kind:<16}{place}")
        lines += [f"{' ' * 21}/{qualifier}" for qualifier in qualifiers]
    rows = [f"{at + 1:>9} {' '.join(['acgtacgtac'] * 6)}" for at in range(0, 180, 60)]
    return "\n".join([*lines, "ORIGIN", *rows, f"{181:>9} acgtacgtac acgtacgtac", "//", ""])


def read(tmp_path: Path, text: str, **options: object) -> tuple[list[Feature], frozenset[str]]:
    (tmp_path / "a.gb").write_text(text)
    return read_genbank_features(tmp_path / "a.gb", **options)  # type: ignore[arg-type]


def test_parts_of_a_join_are_rows_in_the_order_of_translation(tmp_path: Path) -> None:
    text = entry(
        "gene=complement(<11..90) locus_tag=x",
        "CDS=complement(join(<11..30,61..90)) locus_tag=x codon_start=2 product=p",
    )
    gene, first, second = read(tmp_path, text)[0]
    assert (gene.start, gene.end, gene.strand, gene.phase) == (10, 90, "-", None)
    assert [(f.start, f.end, f.strand, f.phase) for f in (first, second)] == [
        (60, 90, "-", 1),
        (10, 30, "-", 1),
    ]
    assert first.attributes["Parent"] == second.attributes["Parent"] == gene.attributes["ID"]
    assert first.attributes["ID"] == second.attributes["ID"]
    assert [f.attributes["part"] for f in (first, second)] == ["1/2", "2/2"]
    assert "start_range" not in first.attributes
    assert second.attributes["start_range"] == ".,11"


def test_qualifiers_say_what_gff3_says(tmp_path: Path) -> None:
    text = entry("CDS=1..30 pseudo", "CDS=1..30 trans_splicing", "CDS=31..60 ribosomal_slippage")
    values = [f.attributes for f in read(tmp_path, text)[0]]
    assert values[0]["pseudo"] == "true"
    assert [v.get("exception") for v in values[1:]] == ["trans-splicing", "ribosomal slippage"]


def test_parts_in_an_order_are_not_said_to_be_joined(tmp_path: Path) -> None:
    text = entry("CDS=complement(order(11..30,61..90))", "CDS=join(11..30,61..90)")
    values = [f.attributes.get("exception") for f in read(tmp_path, text)[0]]
    assert values == ["order", "order", None, None]


def test_of_two_genes_of_one_name_the_one_that_holds_a_feature_is_its_parent(
    tmp_path: Path,
) -> None:
    text = entry("gene=1..30 gene=r", "gene=101..130 gene=r", "CDS=101..130 gene=r", "CDS=41..70")
    features = read(tmp_path, text)[0]
    assert features[2].attributes["Parent"] == features[1].attributes["ID"]
    assert "Parent" not in features[3].attributes


def test_what_lies_elsewhere_or_between_bases_is_left_out(tmp_path: Path) -> None:
    text = entry("CDS=join(J00194.1:1..9,5..13)", "site=7^8", "gene=5..13")
    assert [f.type for f in read(tmp_path, text)[0]] == ["gene"]


@pytest.mark.parametrize("name", ["AB01.2", "AB01", "gi|1|gb|AB01.2|", "AB01.1"])
def test_an_entry_is_found_under_the_names_of_its_fasta(tmp_path: Path, name: str) -> None:
    found, circular = read(
        tmp_path, entry("gene=1..30", shape="circular"), lengths={name: 200, "other": 9}
    )
    assert found[0].sequence == name
    assert circular == {name}


def test_what_is_no_annotation_of_the_genome_is_refused(tmp_path: Path) -> None:
    text = entry("gene=1..30")
    with pytest.raises(InputError, match=r"record AB01, .*no record 'AB01\.2' in the genome"):
        read(tmp_path, text, lengths={"chr1": 200})
    with pytest.raises(InputError, match="the entry has 200 bases and AB01 of the genome 201"):
        read(tmp_path, text, lengths={"AB01": 201})
    with pytest.raises(InputError, match="no features; fetch"):
        read(tmp_path, entry())
    (tmp_path / "a.gb").write_text(text)
    with pytest.raises(InputError, match="no features of type exon; it has gene"):
        read_features(tmp_path / "a.gb", "GenBank", types={"exon"})


def test_it_is_known_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "genes.txt"
    path.write_text(entry("source=1..200", "gene=join(181..200,1..30)", shape="circular"))
    assert annotation_format(path) == gene_format(path) == "GenBank"
    found = read_intervals(path, lengths={"AB01.2": 200})["AB01.2"]
    assert [(i.start, i.end) for i in found] == [(0, 30), (180, 200)]


@pytest.mark.parametrize(
    ("genome", "cds"), [("phix174", 11), ("phage_lambda", 73)], ids=["phiX174", "lambda"]
)
def test_a_phage_has_the_genes_of_its_entry(genome: str, cds: int) -> None:
    path = SHARED / genome / "annotation.gbk.gz"
    if not path.is_file():
        pytest.skip("the shared genomes are not there")
    rows = [f for f in read_genbank_features(path)[0] if f.type == "CDS"]
    assert len({f.attributes["ID"] for f in rows}) == cds
