"""`score genes`: a row a gene, each number that of its edits, in one run or two."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

from hnet_seq import HNetForCausalLM, count_markov, score_genes
from hnet_seq.cli import main
from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.results.gene_scores import GeneScores
from hnet_seq.results.read import read_result
from hnet_seq.tasks.scoring import gene_scores, gene_verb
from hnet_seq.tasks.scoring.variant_scores import score_variants
from modalities import dna
from pipelines.formats.variants import Variant
from tests.analysis.test_gene_edits import CDS, turned

FLANK = "TTGCAGGACCTTAGCATCAG"
RECORD = FLANK + CDS + FLANK[::-1] + turned(CDS) + FLANK
ROWS = ["c\tx\tCDS\t21\t38\t.\t+\t0\tID=one", "c\tx\tCDS\t59\t76\t.\t-\t0\tID=two"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hnet: HNetForCausalLM) -> Path:
    monkeypatch.chdir(tmp_path)
    hnet.save_pretrained("run")
    Path("g.fa").write_text(f">c\n{RECORD}\n>empty\n{FLANK}\n")
    broken = "c\tx\tCDS\t78\t88\t.\t+\t0\tID=broken"
    Path("g.gff").write_text("\n".join(["##gff-version 3", *ROWS, broken]) + "\n")
    return tmp_path


def score(out: str, *words: str) -> int:
    given = ["score", "genes", "run", "g.gff", "--genome", "g.fa", "--window", "36"]
    return main([*given, "--stops", "2", "--out", out, *words])


def test_a_row_holds_the_scores_of_the_same_edits_as_variants(
    folder: Path, hnet: HNetForCausalLM
) -> None:
    assert score("genes.parquet", "--stop-codon", "TAA") == 0
    one, two, broken = pq.read_table("genes.parquet").to_pylist()
    assert tuple(one) == gene_verb.HEADER
    assert (one["gene"], one["start"], one["end"], one["strand"]) == ("one", 21, 38, "+")
    assert (two["gene"], two["strand"], two["bases"]) == ("two", "-", 18)
    assert broken["skipped"] == "out_of_frame"
    assert broken["stop_llr"] is None
    assert one["gc"] == pytest.approx(sum(x in "CG" for x in CDS) / 18)
    records = [RECORD, FLANK]
    markov = MarkovModel([dna.encode(own) for own in records], 0)

    def scored(*edits: tuple[int, str, str]) -> list[tuple[float, float]]:
        variants = [Variant("c", *edit) for edit in edits]
        rows = score_variants(hnet, "g.fa", variants, window=36, markov=markov)
        return [(row.llr, row.markov_llr) for row in rows]

    stops = scored((27, "CCC", "TAA"), (33, "CAT", "TAA"))
    assert one["stops"] == 2
    assert one["stop_llr"] == pytest.approx(np.mean(stops, 0)[0], abs=1e-6)
    assert one["stop_markov_llr"] == pytest.approx(np.mean(stops, 0)[1], abs=1e-9)
    assert one["stop_llr_min"] == pytest.approx(min(stops)[0], abs=1e-6)
    (deleted,) = scored((20, "G" + CDS, "G"))
    assert one["deletions"] == 1
    assert one["deletion_llr"] == pytest.approx(deleted[0] / 18, abs=1e-6)
    assert one["deletion_markov_llr"] == pytest.approx(deleted[1] / 18, abs=1e-9)
    (stop,) = scored((68, turned("CCC"), turned("TAA")))
    other = 2 * two["stop_llr"] - stop[0]
    assert other == pytest.approx(scored((62, turned("CAT"), turned("TAA")))[0][0], abs=1e-6)


def test_bits_are_those_of_the_coding_bases_read_behind_their_flanks(
    folder: Path, hnet: HNetForCausalLM
) -> None:
    from hnet_seq.tasks.scoring.likelihoods import SHORTER, base_log_likelihoods, scoring

    assert score("genes.parquet", "--strands", "none") == 0
    one = pq.read_table("genes.parquet").to_pylist()[0]
    with scoring(hnet, SHORTER):
        (values,) = base_log_likelihoods(hnet, [dna.encode(RECORD[2:38])], batch_tokens=99)
    assert one["bits_per_base"] == pytest.approx(-values[18:].sum() / 18 / np.log(2), abs=1e-5)
    rest = RECORD[:2] + RECORD[38:] + FLANK
    both = rest + turned(rest)
    share = {letter: (both.count(letter) + 0.5) / (len(both) + 2) for letter in "ACGT"}
    bits = -np.mean([np.log2(share[letter]) for letter in CDS])
    assert one["markov_bits"] == pytest.approx(bits)


def test_all_stop_codons_of_the_code_are_tried(folder: Path) -> None:
    assert score("a.parquet") == score("b.parquet", "--genetic-code", "4") == 0
    found = [pq.read_table(f"{name}.parquet").to_pylist()[0]["stops"] for name in "ab"]
    assert found == [6, 4]


def test_both_spellings_and_a_killed_run_give_the_same_bytes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert score("whole.tsv") == 0
    words = "score run --genes g.gff --genome g.fa --window 36 --stops 2 --out"
    assert main([*words.split(), "other.tsv"]) == 0
    assert Path("other.tsv").read_bytes() == Path("whole.tsv").read_bytes()
    original, begun = gene_scores.gene_numbers, []

    def stopped(*args):
        begun.append(1)
        if len(begun) == 2:
            raise KeyboardInterrupt
        return original(*args)

    monkeypatch.setattr(gene_scores, "gene_numbers", stopped)
    assert score("killed.tsv") == 130
    capsys.readouterr()
    assert score("killed.tsv") == 0
    assert "1 of 3 genes are kept from the run that was stopped" in capsys.readouterr().err
    assert len(begun) == 4
    assert Path("killed.tsv").read_bytes() == Path("whole.tsv").read_bytes()
    assert json.loads(Path("killed.json").read_text()) == json.loads(Path("whole.json").read_text())


def test_the_record_has_the_baselines_and_what_was_left_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert score("run/genes.tsv") == 0
    said = capsys.readouterr().err
    assert "2 of 3 genes, 14 edits" in said
    assert "1 genes skipped: a coding sequence that is no whole number of codons" in said
    found = read_result("run/genes.json", GeneScores)
    assert (found.genes, found.scored, found.skipped) == (3, 2, {"out_of_frame": 1})
    assert [own.name for own in found.measures] == ["stop_llr", "deletion_llr"]
    names = [row.name for row in found.measures[0].baselines]
    assert names == ["bases", "gc", "bits_per_base", "markov_bits", "stop_markov_llr"]
    assert main(["report", "run"]) == 0
    page = Path("run/report.html").read_text()
    assert "Genes cut short and taken out" in page


def test_options_that_cannot_be_meant(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in (
        (("--stop-codon", "TA"), "--stop-codon: is 'TA'; give three letters"),
        (("--stop-codon", "AAA"), "--stop-codon: is AAA, no stop codon of genetic code 1"),
        (("--genetic-code", "77"), "--genetic-code: is 77; NCBI has no such"),
        (("--window", "1"), "--window: is 1"),
    ):
        assert score("x.tsv", *words) == 2
        assert said in capsys.readouterr().err
    assert score("x.vcf") == 2
    assert main(["score", "run", "--genes", "g.gff"]) == 2
    assert "--genome: genes need the genome" in capsys.readouterr().err


def test_from_python_the_rows_are_those_of_the_verb(folder: Path, hnet: HNetForCausalLM) -> None:
    assert score("genes.parquet", "--stop-codon", "UAA", "--markov-order", "1") == 0
    how = {"stops": 2, "stop_codon": "uaa", "window": 36}
    markov = count_markov("g.fa", 1)
    rows = score_genes(hnet, "g.fa", "g.gff", markov=markov, **how)  # type: ignore[arg-type]
    table = pq.read_table("genes.parquet").to_pandas()
    assert_frame_equal(rows.to_pandas(), table, check_dtype=False)
    assert (rows[0].gene, rows[-1].skipped, rows[-1].stops) == ("one", "out_of_frame", 0)
    without = score_genes(hnet, "g.fa", "g.gff", **how)  # type: ignore[arg-type]
    assert without[0].stop_llr == rows[0].stop_llr
    assert np.isnan([without[0].stop_markov_llr, without[0].markov_bits]).all()


def annotated(*rows: str, name: str = "g.gff") -> None:
    Path(name).write_text("\n".join(["##gff-version 3", *rows]) + "\n")


def test_a_run_goes_on_with_no_row_of_another_annotation(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    original = gene_scores.gene_rows
    begun: list[int] = []

    def stopped(*args):
        for row in original(*args):
            if begun:
                raise KeyboardInterrupt
            begun.append(1)
            yield row

    annotated(ROWS[0].replace("+\t0", "+\t1"), ROWS[1])
    monkeypatch.setattr(gene_verb, "gene_rows", stopped)
    assert score("x.tsv") == 130
    monkeypatch.setattr(gene_verb, "gene_rows", original)
    annotated(*ROWS)
    capsys.readouterr()
    score("x.tsv")
    said = capsys.readouterr().err
    assert "are kept" not in said
    assert max(map(len, said.splitlines())) < 400


def test_genes_that_lie_over_each_other_are_each_there_and_whole_ones_come_first(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("g.fa").write_text(f">c\n{RECORD * 8}\n")

    def own(name: str, start: int, end: int, gene: str) -> str:
        return f"c\tx\tCDS\t{start}\t{end}\t.\t+\t0\tID={name};Name={name};Parent={gene}"

    annotated(
        *(f"c\tx\tgene\t1\t400\t.\t+\t.\tID={name}" for name in ("gA", "gB", "gC")),
        own("A", 41, 340, "gA"),
        own("B", 102, 191, "gB"),
        own("C1", 41, 341, "gC"),  # longer, and out of frame
        own("C2", 41, 340, "gC"),
    )
    assert score("x.parquet", "--stop-codon", "TAA") == 0
    rows = pq.read_table("x.parquet").to_pylist()
    assert [(row["gene"], row["skipped"]) for row in rows] == [("A", ""), ("B", ""), ("C2", "")]
    assert "1 of 4 coding sequences left out" in capsys.readouterr().err


def test_an_isoform_over_the_origin_meets_its_gene_behind_it() -> None:
    from hnet_seq.analysis.genes.isoforms import one_a_gene
    from hnet_seq.analysis.genes.model import Chain, CodingSequence, Part

    over, behind = (
        CodingSequence(Chain((Part(start, end, 1, 0, 0),), 400), "x", None, None)
        for start, end in ((370, 520), (10, 109))
    )
    assert one_a_gene([over, behind]) == [over]


def test_the_genetic_code_is_that_of_the_stops(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    annotated(f"{ROWS[0]};transl_table=99")
    assert score("x.parquet") == 2
    assert "one has transl_table 99, and NCBI has no such code" in capsys.readouterr().err
    assert score("x.parquet", "--genetic-code", "4") == 0
    assert pq.read_table("x.parquet")["genetic_code"].to_pylist() == [4]
