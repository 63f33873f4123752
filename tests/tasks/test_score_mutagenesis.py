"""Saturation mutagenesis is the scores of all single-base variants, and is drawn as it is."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from hnet_seq import HNetForCausalLM
from hnet_seq.cli import main
from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.tasks.score import score
from hnet_seq.tasks.scoring.mutagenesis import (
    find_stretch,
    markov_mutagenesis,
    saturation_mutagenesis,
)
from modalities import dna
from modalities.errors import UsageError
from pipelines.formats.genome import Genome

RECORD = "".join(np.random.default_rng(5).choice(list("ACGT"), 120))
RECORD = RECORD[:62] + "N" + RECORD[63:]


@pytest.fixture(scope="module")
def folder(hnet: HNetForCausalLM, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mutagenesis")
    hnet.save_pretrained(folder / "run")
    (folder / "g.fa").write_text(f">c:1\n{RECORD}\n")
    return folder


def test_each_cell_is_the_difference_of_two_scores(hnet: HNetForCausalLM) -> None:
    context = RECORD[50:80]
    turned = dna.reverse_complement(dna.encode(context))
    forward = saturation_mutagenesis(hnet, context, start=10, end=15, strands="none")
    reverse = saturation_mutagenesis(hnet, turned, start=15, end=20, strands="none")[::-1, ::-1]
    found = np.stack([forward, reverse])
    assert found.shape == (2, 5, 4)
    for index in range(5):
        for letter in range(4):
            place = 10 + index
            mutant = context[:place] + "ACGT"[letter] + context[place + 1 :]
            if context[place] == "N":
                assert np.isnan(found[:, index, letter]).all()
                continue
            pair = [dna.encode(mutant), dna.encode(context)]
            for strand in range(2):
                sides = [dna.reverse_complement(x) if strand else x for x in pair]
                one, two = score(hnet, [("", tokens) for tokens in sides])
                expected = one.log_likelihood - two.log_likelihood
                assert found[strand, index, letter] == pytest.approx(expected, abs=2e-4)
    average = saturation_mutagenesis(hnet, context, start=10, end=15)
    np.testing.assert_allclose(average, found.mean(0), atol=1e-5)


def test_the_size_of_a_call_does_not_matter(hnet: HNetForCausalLM) -> None:
    context = RECORD[:24]
    one = saturation_mutagenesis(hnet, context, strands="none")
    other = saturation_mutagenesis(hnet, context, strands="none", batch_tokens=30)
    np.testing.assert_allclose(one, other, atol=1e-4)
    assert one.shape == (24, 4)
    assert (one[np.arange(24), dna.encode(context)] == 0).all()


@pytest.mark.parametrize("order", [0, 3])
def test_the_markov_matrix_is_that_of_whole_contexts(folder: Path, order: int) -> None:
    stretch = find_stretch(Genome(folder / "g.fa"), "c:1:1-20", 40)
    model = MarkovModel([dna.encode(RECORD)], order)
    found = markov_mutagenesis(model, stretch, strands="none")
    for index, letter in ((0, 1), (0, 3), (7, 2), (19, 0)):
        mutant = stretch.context.copy()
        mutant[index] = letter
        with model.without(stretch.context):
            expected = model.log_likelihoods(mutant).sum()
            expected -= model.log_likelihoods(stretch.context).sum()
        assert found[index, letter] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("region", "window", "context"),
    [
        ("c:1:51-60", 40, (35, 75)),
        ("c:1:1-4", 40, (0, 40)),
        ("c:1:118-120", 41, (79, 120)),
        ("c:1:11-90", 40, (10, 90)),
        ("c:1", 40, (0, 120)),
        ("c:1:50-51", 1000, (0, 120)),
    ],
)
def test_the_context_lies_around_the_stretch_and_inside_its_record(
    folder: Path, region: str, window: int, context: tuple[int, int]
) -> None:
    stretch = find_stretch(Genome(folder / "g.fa"), region, window)
    assert (stretch.context_start, stretch.context_start + len(stretch.context)) == context
    assert dna.decode(stretch.context) == RECORD[slice(*context)]
    assert dna.decode(stretch.reference) == RECORD[stretch.start : stretch.end]


def test_the_verb_writes_a_table_a_summary_and_drawings(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["score", f"{folder / 'run'}", "--genome", f"{folder / 'g.fa'}", "--window", "30"]
    command += ["--mutagenesis", "c:1:61-66", "--device", "cpu"]
    assert main([*command, "--out", f"{tmp_path / 'm.tsv'}"]) == 0
    monkeypatch.setattr("hnet_seq.report.score_section.MOST", 5)
    assert main([*command, "--out", f"{tmp_path / 'm2.parquet'}"]) == 0
    head, *lines = [line.split("\t") for line in (tmp_path / "m.tsv").read_text().splitlines()]
    typed = pq.read_table(tmp_path / "m2.parquet").to_pylist()
    # N has four changes without a score.
    assert len(lines) == len(typed) == 5 * 3 + 4
    found = json.loads((tmp_path / "m.json").read_text())
    assert (found["kind"], found["start"], found["end"]) == ("mutagenesis", 61, 66)
    assert found["reference"] == RECORD[60:66]
    for line, row in zip(lines, typed, strict=True):
        text = dict(zip(head, line, strict=True))
        cell = found["llr"][int(text["pos"]) - 61]["ACGT".index(text["alt"])]
        if text["ref"] == "N":
            assert (text["llr"], cell, row["llr"]) == ("", None, None)
        else:
            assert float(text["llr"]) == pytest.approx(cell, abs=1e-5)
            assert float(text["llr"]) == pytest.approx(row["llr"], abs=1e-5)
    drawn = ElementTree.parse(tmp_path / "m.svg").getroot()
    tips = [title.text for title in drawn.iter("{http://www.w3.org/2000/svg}title")]
    assert f"{RECORD[60]}61{lines[0][3]}: {float(lines[0][4]):+.2f} nats" in tips
    page = (tmp_path / "m.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "are drawn" not in page
    assert "The first 5 positions are drawn." in (tmp_path / "m2.html").read_text()
    assert all(f"<title>{tip}</title>" in page for tip in tips if tip and "nats" in tip)
    # What a mouse shows, others read in a table.
    assert "<summary>Numbers</summary>" in page
    cells = [f"{float(line[4]):+.3f}".replace("-", "\u2212") for line in lines if line[4]]
    assert all(f">{cell}<" in page for cell in cells)


def test_what_cannot_be_meant_is_refused(
    folder: Path, hnet: HNetForCausalLM, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, genome = f"{folder / 'run'}", ["--genome", f"{folder / 'g.fa'}"]
    for arguments, code, message in (
        (["--mutagenesis", "c:1:1-5"], 2, "--genome: mutagenesis needs the genome"),
        (["x.vcf", "--mutagenesis", "c:1:1-5", *genome], 2, "makes its own changes; leave x.vcf"),
        (["--mutagenesis", "d:1-5", *genome], 1, "--mutagenesis: no record 'd'"),
        (["--mutagenesis", "c:1:100-500", *genome], 1, "--mutagenesis: 100-500 is not within"),
        (["--mutagenesis", "c:1:1-5", *genome, "--out", "m.vcf"], 2, "end it in .tsv or .parquet"),
        (["--mutagenesis", "c:1:1-5", *genome, "--split", "x"], 2, "--split: is for measured"),
    ):
        assert main(["score", run, *arguments, "--device", "cpu"]) == code, arguments
        assert message in capsys.readouterr().err.splitlines()[-1]
    with pytest.raises(UsageError, match="3 to 2 is not within 0 to 4"):
        saturation_mutagenesis(hnet, "ACGT", start=3, end=2)
