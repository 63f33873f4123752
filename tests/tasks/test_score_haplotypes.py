"""Variants on haplotypes: as on a genome that is the haplotype, and as on the genome itself."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from hnet_seq import HNetForCausalLM, InputError, UsageError, count_markov, score_haplotypes
from hnet_seq.cli import main
from tests.tasks.test_haplotype_windows import OTHER, calls

pytest.importorskip("pysam.bcftools", reason="haplotypes need pysam")


def score(folder: Path, out: str, *words: str, variants: str = "v.vcf") -> None:
    given = ["score", str(folder / "run"), variants, "--genome", "g.fa", "--window", "16"]
    assert main([*given, "--out", out, *words]) == 0


@pytest.fixture
def scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hnet: HNetForCausalLM) -> Path:
    """A model, a genome and its phased calls; variants are the same file."""
    monkeypatch.chdir(tmp_path)
    hnet.save_pretrained("run")
    generator = random.Random(7)
    genome = "".join(generator.choices("ACGT", k=50))
    Path("g.fa").write_text(f">c\n{genome}\n")
    genotypes = ["0|1 1|1", "1|0 0|1", "0|0 1|0", "1|1 0|0", "0|1 0|1", "2|1 0|0"]
    alts = [[OTHER[genome[pos - 1]]] for pos in (9, 14, 16, 20, 27, 40)]
    alts[1] = [genome[13] + "CA"]
    alts[5].append(genome[39] + "T")
    rows = zip((9, 14, 16, 20, 27, 40), alts, genotypes, strict=True)
    calls(*(f"{p} {genome[p - 1]} {','.join(a)} {g}" for p, a, g in rows), samples="A B")
    text = "".join(
        "\t".join(line.split("\t")[:8]) + "\n"
        for line in Path("calls.vcf").read_text().splitlines()
        if "FORMAT=" not in line
    )
    Path("v.vcf").write_text(text)
    return tmp_path


def test_rows_have_the_scores_of_their_windows_and_of_the_genome_to_the_last_bit(
    scored: Path, hnet: HNetForCausalLM
) -> None:
    score(scored, "plain.parquet")
    score(scored, "on.parquet", "--haplotypes", "calls.vcf", "--samples", "B")
    score(scored, "none.parquet", "--haplotypes", f"{calls(samples='B', name='n.vcf')}")
    plain = pq.read_table("plain.parquet").to_pylist()
    rows, none = (pq.read_table(f"{name}.parquet").to_pylist() for name in ("on", "none"))
    assert len(rows) == len(none) == 2 * len(plain)
    assert {(row["sample"], row["haplotype"]) for row in rows} == {("B", 1), ("B", 2)}
    for index, row in enumerate(rows):
        own = plain[index // 2]
        assert row["genome_llr"] == own["llr"]
        assert {name: none[index][name] for name in own} == own
        if row["neighbours"] == 0 and not row["skipped"]:
            assert row["llr"] == own["llr"]
    beside = [row for row in rows if row["neighbours"]]
    assert any(abs(row["llr"] - row["genome_llr"]) > 1e-4 for row in beside)
    assert all(np.isfinite(row["markov_llr"]) for row in rows if not row["skipped"])
    about = json.loads(Path("on.json").read_text())["haplotypes"]
    assert (about["file"], about["samples"], about["rows"]) == ("calls.vcf", 1, len(rows))
    assert about["with_neighbours"] == len(beside)
    assert about["carried"] == sum(row["carried"] == 1 and not row["skipped"] for row in rows)


def test_a_vcf_file_keeps_its_scores_and_gets_those_on_haplotypes(scored: Path) -> None:
    score(scored, "plain.vcf")
    score(scored, "on.vcf", "--haplotypes", "calls.vcf")
    score(scored, "on.tsv", "--haplotypes", "calls.vcf")
    plain, on = Path("plain.vcf").read_text(), Path("on.vcf").read_text()
    assert "##HNET_HAPLOTYPES=A|1,A|2,B|1,B|2\n" in on
    values: list[str] = []
    for one, two in zip(rows_of(plain), rows_of(on), strict=True):
        assert two.startswith(f"{one};HNET_HAP_LLR=")
        own = two.removeprefix(f"{one};HNET_HAP_LLR=").split(",")
        assert len(own) == 4 * (1 + one.split("\t")[4].count(","))
        values += own
    header, *table = (line.split("\t") for line in Path("on.tsv").read_text().splitlines())
    column = header.index("llr")
    assert values == [row[column] or "." for row in table]


def test_from_python_the_rows_are_those_of_the_verb(scored: Path, hnet: HNetForCausalLM) -> None:
    score(scored, "on.parquet", "--haplotypes", "calls.vcf", "--markov-order", "1")
    table = pq.read_table("on.parquet").to_pylist()
    markov = count_markov("g.fa", 1)
    given = (hnet, "g.fa", "v.vcf", "calls.vcf")
    rows = score_haplotypes(*given, window=16, markov=markov)
    assert len(rows) == len(table) > 0
    for own, expected in zip(rows, table, strict=True):
        assert (own.variant.chrom, own.variant.pos) == (expected["chrom"], expected["pos"])
        for name in set(expected) - {"chrom", "pos", "id", "ref", "alt"}:
            value = getattr(own, name)
            value = None if isinstance(value, float) and np.isnan(value) else value
            assert value == expected[name], name
    of_one = score_haplotypes(*given, samples="B", window=16, markov=markov)
    of_b = [row for row in rows if row.sample == "B"]
    assert [row.haplotype for row in of_one] == [row.haplotype for row in of_b]
    np.testing.assert_allclose([row.llr for row in of_one], [row.llr for row in of_b], atol=1e-4)
    frame = of_one.to_pandas()
    assert list(frame)[:6] == ["chrom", "pos", "name", "ref", "alt", "kind"]
    with pytest.raises(UsageError, match=r"^samples: .*no 'C'"):
        score_haplotypes(*given, samples="C", window=16)
    with pytest.raises(InputError, match=r"v\.vcf: has no genotypes"):
        score_haplotypes(hnet, "g.fa", "v.vcf", "v.vcf", window=16)


def rows_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_a_killed_run_goes_on_to_the_same_bytes(
    scored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hnet_seq.tasks.scoring import on_haplotypes

    monkeypatch.setattr(on_haplotypes, "PART_TOKENS", 100)  # several batches in a part
    original, begun, last = on_haplotypes.score_windows, [], 1000

    def counted(*args, **how):
        begun.append(how["done"])
        if len(begun) == last:
            raise KeyboardInterrupt
        return original(*args, **how)

    monkeypatch.setattr(on_haplotypes, "score_windows", counted)
    score(scored, "whole.tsv", "--haplotypes", "calls.vcf")
    batches, last = len(begun), len(begun) + 3
    assert batches >= 4
    given = ["score", str(scored / "run"), "v.vcf", "--genome", "g.fa", "--window", "16"]
    words = [*given, "--out", "killed/whole.tsv", "--haplotypes", "calls.vcf"]
    assert main(words) == 130
    assert Path("killed/whole.tsv.ranks").is_dir()
    assert main(words) == 0
    assert len(begun) == last + batches - 2  # two are not computed again
    assert Path("killed/whole.tsv").read_bytes() == Path("whole.tsv").read_bytes()


def test_options_and_faults_are_told(scored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["score", str(scored / "run"), "v.vcf", "--genome", "g.fa"]
    assert main([*given, "--samples", "A"]) == 2
    assert "--samples: are those of haplotypes" in capsys.readouterr().err
    assert main([*given, "--haplotypes", "calls.vcf", "--samples", "Z"]) == 2
    assert "--samples: calls.vcf has no 'Z'" in capsys.readouterr().err
    assert main([*given, "--haplotypes", "none.vcf"]) == 1
    assert "none.vcf: no such file" in capsys.readouterr().err
