"""Files of variants: what is read, what is left out and counted, and the forms of output."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from hnet_seq.cli import main
from pipelines.storage.compression import sniff
from tests.tasks.variant_genome import CHROM, HEADER, OTHER, folder

__all__ = ["folder"]  # a fixture


@pytest.fixture(scope="module")
def vcf(folder: Path) -> Path:
    path = folder / "v.vcf"
    rows = [
        f"c.1|x\t150\trs1\t{CHROM[149].lower()}\t{OTHER[CHROM[149]]},<DEL>,{CHROM[149]}TT\t.\tPASS\tAC=1,2,3\tGT\t0/1",
        f"c.1|x\t90\t.\t{CHROM[89]}\t{OTHER[CHROM[89]]}\t.\t.\t.",
        f"c.1|x\t91\t.\t{CHROM[90]}\t<INS>\t.\t.\tSVTYPE=INS",
    ]
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return path


def run(folder: Path, vcf: Path, out: Path, *options: str) -> int:
    command = ["score", f"{folder / 'run'}", f"{vcf}", "--genome", f"{folder / 'g.fa'}"]
    return main([*command, "--window", "50", "--device", "cpu", "--out", f"{out}", *options])


BAD_ROWS = [
    "c.1|x\tx\t.\tA\tC\t.\t.\tDP=1",
    "c.1|x\t5\t.\tA",
    f"c.1|x\t90\tmixed\t{CHROM[89]}\t{OTHER[CHROM[89]]},AX,-\t.\t.\t.",
    "c.1|x\t0\t.\tA\tC\t.\t.\t.",
    "absent\t7\t.\tA\tC\t.\t.\t.",
    "absent\t0\t.\tN\t<DEL>\t.\t.\t.",
    f"c.1|x\t91\t.\t*\t{CHROM[90]}\t.\t.\t.",
]


@pytest.mark.parametrize("suffix", ["tsv", "parquet", "vcf"])
def test_rows_that_are_wrong_are_left_out_and_counted_where_that_is_asked(
    folder: Path, tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "bad.vcf", tmp_path / f"s.{suffix}"
    path.write_text(HEADER + "".join(f"{own}\n" for own in BAD_ROWS))
    assert run(folder, path, out) == 1
    said = capsys.readouterr().err
    assert "line 3: position 'x' is no whole number" in said
    assert "(--on-mismatch skip leaves such rows out)" in said
    assert run(folder, path, out, "--on-mismatch", "skip") == 0
    found = json.loads((tmp_path / "s.json").read_text())
    assert found["scored"] == 1
    assert found["skipped"] == {
        "mismatch": 1,
        "no_record": 1,
        "no_reference": 1,
        "no_variant": 4,
        "symbolic": 1,
    }
    if suffix == "vcf":
        lines = out.read_text().splitlines()[-len(BAD_ROWS) :]
        assert [line == own for line, own in zip(lines, BAD_ROWS, strict=True)].count(False) == 1
        assert lines[2].split("\t")[7].startswith("HNET_LLR=")
        assert ",.,.;HNET_LLR_FORWARD=" in lines[2]


def test_the_three_forms_of_output_agree(
    folder: Path, vcf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("s.tsv", "s.parquet", "s.vcf", "s.vcf.gz"):
        assert run(folder, vcf, tmp_path / name) == 0, capsys.readouterr().err
    assert "2 skipped: an allele in angle brackets" in capsys.readouterr().err
    head, *lines = [line.split("\t") for line in (tmp_path / "s.tsv").read_text().splitlines()]
    rows = [dict(zip(head, line, strict=True)) for line in lines]
    assert [row["alt"][:1] for row in rows] == [
        rows[0]["alt"],
        "<",
        CHROM[149],
        rows[3]["alt"],
        "<",
    ]
    parquet = pq.read_table(tmp_path / "s.parquet").to_pylist()
    for text, typed in zip(rows, parquet, strict=True):
        assert text["skipped"] == typed["skipped"]
        if not typed["skipped"]:
            assert float(text["llr"]) == pytest.approx(typed["llr"], abs=1e-6)
            assert (int(text["edits"]), typed["pos"]) == (typed["edits"], int(text["pos"]))
    written = (tmp_path / "s.vcf").read_text()
    assert sniff(tmp_path / "s.vcf.gz") == "bgzip"
    with gzip.open(tmp_path / "s.vcf.gz", "rt") as file:
        assert file.read() == written
    infos = [line.split("\t")[7] for line in written.splitlines() if not line.startswith("#")]
    assert infos[0].startswith(f"AC=1,2,3;HNET_LLR={rows[0]['llr']},.,{rows[2]['llr']};HNET_LLR_F")
    assert infos[1].startswith(f"HNET_LLR={rows[3]['llr']};")
    assert infos[2] == "SVTYPE=INS"


def test_all_but_the_fields_that_were_added_is_kept_byte_for_byte(
    folder: Path, vcf: Path, tmp_path: Path
) -> None:
    assert run(folder, vcf, tmp_path / "s.vcf") == 0
    lines = (tmp_path / "s.vcf").read_text().splitlines(keepends=True)
    added = [line for line in lines if line.startswith(("##INFO=<ID=HNET_", "##HNET_SEQ="))]
    assert len(added) == 7
    assert all("Number=A" in line for line in added[:-1])
    kept = []
    for line in lines:
        if line in added:
            continue
        fields = line.split("\t")
        if not line.startswith("#"):
            end = "\n" if fields[7].endswith("\n") else ""
            own = [x for x in fields[7].rstrip("\n").split(";") if not x.startswith("HNET_")]
            fields[7] = (";".join(own) or ".") + end
        kept.append("\t".join(fields))
    assert "".join(kept) == vcf.read_text()


def test_a_summary_lies_beside_the_scores(folder: Path, vcf: Path, tmp_path: Path) -> None:
    assert run(folder, vcf, tmp_path / "s.vcf.gz", "--markov-order", "2") == 0
    found = json.loads((tmp_path / "s.json").read_text())
    assert (found["kind"], found["alleles"], found["scored"]) == ("variants", 5, 3)
    assert found["skipped"] == {"symbolic": 2}
    assert (found["window"], found["strands"], found["markov_order"]) == (50, "average", 2)
    assert len(found["weights"]) == 64
    assert [row["kind"] for row in found["by_kind"]] == ["SNV", "insertion"]


def test_without_out_the_table_is_printed(
    folder: Path, vcf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["score", f"{folder / 'run'}", f"{vcf}", "--genome", f"{folder / 'g.fa'}"]
    assert main([*command, "--strands", "none", "--device", "cpu"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("chrom\tpos\tid\tref\talt\tkind\tllr\t")
    assert len(captured.out.splitlines()) == 6
    assert "5 alleles, 3 to score in windows of 1,024 bases" in captured.err


def test_what_cannot_be_done_is_said_before_anything_is_written(
    folder: Path, vcf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "v.csv"
    table.write_text("chrom,pos,ref,alt\nc.1|x,1,N,A\n")
    scored = tmp_path / "scored.vcf"
    scored.write_text(HEADER + f"c.1|x\t90\t.\t{CHROM[89]}\tG\t.\t.\tHNET_LLR=1\n")
    run_folder, genome = f"{folder / 'run'}", f"{folder / 'g.fa'}"
    given = ["--genome", genome]
    for arguments, code, message in (
        ([f"{vcf}"], 2, "--genome: variants need the genome"),
        ([f"{vcf}", *given, "--out", f"{tmp_path / 's.csv'}"], 2, "no known format"),
        ([f"{table}", *given, "--out", f"{tmp_path / 's.vcf'}"], 2, "is a table; end it in .tsv"),
        ([f"{table}", *given], 1, f"{table}: line 2, c.1|x:1: the reference allele is N, and"),
        ([f"{vcf}", *given, "--out", f"{vcf}"], 2, "is the input; name another"),
        ([f"{scored}", *given, "--out", f"{tmp_path / 't.vcf'}"], 1, "has HNET_ fields already"),
        ([f"{vcf}", *given, "--markov-order", "13"], 2, "--markov-order: is 13; expected 0 to 12"),
        ([f"{vcf}", *given, "--window", "1"], 2, "--window: is 1; expected 2"),
        ([f"{vcf}", *given, "--seed", "1"], 2, "--seed: is for measured; this is variants"),
        ([f"{genome}", "--window", "9"], 2, "--window: is for mutagenesis or variants or genes; "),
        ([f"{genome}", "--window", "9"], 2, "is read as sequences: no header of VCF, no columns"),
        ([], 2, "INPUT: give sequences or variants"),
    ):
        assert main(["score", run_folder, *arguments, "--device", "cpu"]) == code, arguments
        error = capsys.readouterr().err.splitlines()[-1]
        assert message in error
    assert {path.name for path in tmp_path.iterdir()} == {"v.csv", "scored.vcf"}
