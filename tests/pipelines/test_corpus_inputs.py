"""Genomes are found in folders, lists and packages of NCBI Datasets, packed or not."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from modalities.errors import InputError, UsageError
from pipelines.corpus.assembly import Assembly
from pipelines.corpus.corpus_split import genus_and_species, held_out_genomes
from pipelines.corpus.inputs import find_assemblies, is_corpus

REPORTS = [
    {
        "accession": "GCF_000005845.2",
        "assemblyInfo": {"assemblyLevel": "Complete Genome", "assemblyName": "ASM584v2"},
        "organism": {"organismName": "Escherichia coli str. K-12", "taxId": 511145},
    },
    {
        "accession": "GCA_000009645.1",
        "assemblyInfo": {"assemblyLevel": "Contig"},
        "organism": {"organismName": "Staphylococcus aureus N315", "taxId": 158879},
    },
]


def package(folder: Path) -> Path:
    """As ``datasets download genome`` lays it out, with one genome in two files."""
    data = folder / "ncbi_dataset" / "data"
    entries: list[dict[str, object]] = [
        {"files": [{"filePath": "assembly_data_report.jsonl", "fileType": "DATA_REPORT"}]}
    ]
    for report, names in zip(REPORTS, (["genomic.fna"], ["chr1.fna", "chr2.fna"]), strict=True):
        accession = str(report["accession"])
        (data / accession).mkdir(parents=True)
        files = [{"filePath": f"{accession}/genomic.gff", "fileType": "GFF3"}]
        for name in names:
            (data / accession / name).write_text(f">{name}\nACGTACGT\n")
            kind = "GENOMIC_NUCLEOTIDE_FASTA"
            files.append({"filePath": f"{accession}/{name}", "fileType": kind})
        entries.append({"accession": accession, "files": files})
    catalog = {"apiVersion": "V2", "assemblies": entries}
    (data / "dataset_catalog.json").write_text(json.dumps(catalog))
    lines = "".join(json.dumps(report) + "\n" for report in REPORTS)
    (data / "assembly_data_report.jsonl").write_text(lines)
    return data


def packed(folder: Path) -> Path:
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(folder.rglob("*")):
            file.write(path, path.relative_to(folder))
    return archive


def letters(assembly: Assembly) -> dict[str, int]:
    return {piece.name: piece.counts.bases for piece in assembly.pieces("unknown") if piece.ends}


@pytest.mark.parametrize("form", ["folder", "data", "zip"])
def test_packages_of_ncbi_datasets(tmp_path: Path, form: str) -> None:
    data = package(tmp_path / "p")
    given = {"folder": tmp_path / "p", "data": data, "zip": packed(tmp_path / "p")}[form]
    assert is_corpus([given])
    one, other = find_assemblies([given])
    assert (one.accession, one.taxon, one.tax_id, one.level) == (
        *("GCF_000005845.2", "Escherichia coli str. K-12"),
        *(511145, "Complete Genome"),
    )
    assert (other.accession, other.level, len(other.files)) == ("GCA_000009645.1", "Contig", 2)
    assert letters(one) == {"genomic.fna": 8}
    assert letters(other) == {"chr1.fna": 8, "chr2.fna": 8}


def test_a_folder_has_a_genome_a_file_and_skips_what_is_none(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.fna.gz").write_bytes(gzip.compress(b">x\nACGT\n"))
    for name in ("a.fasta", "readme.txt", "c_cds_from_genomic.fna", ".hidden.fna", "c.gff"):
        (tmp_path / name).write_text(">x\nACGT\n")
    assert [genome.accession for genome in find_assemblies([tmp_path])] == ["a", "b"]


def test_a_list_has_columns_as_far_as_it_says(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.fa").write_text(">x\nACGT\n")
    plain = tmp_path / "plain.txt"
    plain.write_text("# mine\na.fa\n\nb.fa\tGCA_1\tVibrio cholerae\t0.5\n")
    one, other = find_assemblies([plain])
    assert (one.accession, one.weight) == ("a", 1.0)
    assert (other.accession, other.taxon, other.weight) == ("GCA_1", "Vibrio cholerae", 0.5)
    named = tmp_path / "named.tsv"
    named.write_text("weight\tpath\ttax_id\tlevel\n3\ta.fa\t562\tScaffold\n")
    (found,) = find_assemblies([named])
    assert (found.weight, found.tax_id, found.level) == (3.0, 562, "Scaffold")


def test_odd_lists_are_read_as_meant(tmp_path: Path) -> None:
    (tmp_path / "sub dir").mkdir()
    for name in ("a b.fa", "sub dir/c.fa"):
        (tmp_path / name).write_text(">x\nACGT\n")
    path = tmp_path / "l.tsv"
    path.write_bytes(b"#path\tweight\r\n  # mine\r\na b.fa\t2\r\nsub dir/c.fa\t0.5\r\n")
    one, other = find_assemblies([path])
    assert (one.accession, one.weight, other.accession, other.weight) == ("a b", 2.0, "c", 0.5)


def test_odd_reports_and_two_packages_of_one_genome(tmp_path: Path) -> None:
    data = package(tmp_path / "p")
    organism = {"organismName": None, "further": 1}
    report = {"accession": REPORTS[0]["accession"], "assemblyInfo": None, "organism": organism}
    (data / "assembly_data_report.jsonl").write_text(json.dumps(report) + "\n\n")
    one, _ = find_assemblies([packed(tmp_path / "p")])
    assert (one.taxon, one.level) == ("", "")
    (tmp_path / "q.zip").write_bytes((tmp_path / "p.zip").read_bytes())
    with pytest.raises(
        InputError, match=r"q\.zip/.* is called GCF_000005845\.2, and so is .*p\.zip/"
    ):
        find_assemblies([tmp_path / "p.zip", tmp_path / "q.zip"])


def test_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.fa").symlink_to(tmp_path / "gone.fa")
    with pytest.raises(InputError, match=r"a\.fa: is no file, or a link to none"):
        find_assemblies([tmp_path])


def test_a_genome_that_is_called_a_list_is_none(tmp_path: Path) -> None:
    path = tmp_path / "genome.txt"
    path.write_text(">x\nACGT\n")
    assert not is_corpus([path])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("l.txt", "no.fa\n", "l.txt: line 1: no such file: "),
        ("l.tsv", "path\tsize\na.fa\t3\n", "l.tsv: line 1: no column is called 'size'"),
        ("l.txt", "a.fa\tx\ty\t-1\n", "line 1: weight is '-1', expected a number above 0"),
        ("l.tsv", "path\tlevel\na.fa\tBest\n", "line 2: level is 'Best', expected Complete"),
        ("l.tsv", "path\ttax_id\na.fa\tcoli\n", "line 2: tax_id is 'coli'"),
        ("l.txt", "a.fa\nsub/a.fa\n", "is called a, and so is"),
        ("l.txt", "a.fa\t1\t2\t3\t4\n", "line 1: has 5 columns"),
        ("l.txt", "# nothing\n", "lists no genomes"),
        ("p.zip", "PK no zip", "is no .zip, or a part of one"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / "sub").mkdir()
    for genome in ("a.fa", "sub/a.fa"):
        (tmp_path / genome).write_text(">x\nACGT\n")
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as caught:
        find_assemblies([tmp_path / name])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def without(part: str) -> Callable[[Path], object]:
    return lambda data: next(data.rglob(part)).unlink()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("chr2.fna"), "chr2.fna, which is not there; a dehydrated package needs `datasets"),
        (lambda d: (d / "dataset_catalog.json").write_text("[]"), "is no catalog of NCBI"),
        (
            lambda d: (d / "assembly_data_report.jsonl").write_text("{}\n"),
            "assembly_data_report.jsonl: line 1: is no assembly report",
        ),
    ],
)
def test_a_package_that_is_not_whole(
    tmp_path: Path, change: Callable[[Path], object], message: str
) -> None:
    data = package(tmp_path / "p")
    change(data)
    for given in (tmp_path / "p", packed(tmp_path / "p")):
        with pytest.raises(InputError, match="p"):
            find_assemblies([given])
    with pytest.raises(InputError) as caught:
        find_assemblies([tmp_path / "p.zip"])
    assert message in str(caught.value)


def test_a_damaged_member_of_a_zip_is_named(tmp_path: Path) -> None:
    package(tmp_path / "p")
    archive = packed(tmp_path / "p")
    with zipfile.ZipFile(archive) as file:
        info = file.getinfo("ncbi_dataset/data/GCF_000005845.2/genomic.fna")
    data = bytearray(archive.read_bytes())
    data[info.header_offset + 30 + len(info.filename)] ^= 0xFF
    archive.write_bytes(data)
    one, other = find_assemblies([archive])
    assert letters(other) == {"chr1.fna": 8, "chr2.fna": 8}
    with pytest.raises(InputError, match=r"p\.zip/ncbi_dataset/data/GCF_000005845\.2/genomic\.fna"):
        letters(one)


@pytest.mark.parametrize(
    ("taxon", "expected"),
    [
        ("Escherichia coli str. K-12", ("Escherichia", "Escherichia coli")),
        ("Candidatus Pelagibacter ubique", ("Pelagibacter", "Pelagibacter ubique")),
        ("[Clostridium] innocuum 2959", ("Clostridium", "Clostridium innocuum")),
        ("Vibrio sp. EJY3", ("Vibrio", "Vibrio sp. EJY3")),
        ("uncultured archaeon X", ("uncultured", "uncultured archaeon X")),
        ("[]", ("[]", "[]")),
    ],
)
def test_species_and_genus_of_a_name(taxon: str, expected: tuple[str, str]) -> None:
    assert genus_and_species(taxon) == expected


def test_whole_taxa_are_held_out() -> None:
    names = ["Vibrio cholerae A", "Vibrio cholerae B", "Vibrio vulnificus", "Bacillus subtilis"]
    genomes = [Assembly(f"g{n}", (), 0, name, 600 + n) for n, name in enumerate(names)]
    bases = dict.fromkeys(("g0", "g1", "g2", "g3"), 100)

    def held(validation: str) -> set[str]:
        return held_out_genomes(genomes, bases, validation)

    assert held("taxon:vibrio") == {"g0", "g1", "g2"}
    assert held("taxon:Vibrio cholerae,603") == {"g0", "g1", "g3"}
    assert held("genomes:g2") == {"g2"}
    for seed in range(8):
        assert len(held(f"species:0.5:{seed}") & {"g0", "g1"}) != 1
        assert held(f"genus:0.3:{seed}") in ({"g3"}, {"g0", "g1", "g2"})
    for wrong in ("taxon:Vib", "genomes:g9", "last:0.1", "species:2", "taxon:Vibrio,Bacillus"):
        with pytest.raises(UsageError, match="validation"):
            held(wrong)
