"""Verbs of a strand-symmetric model: one track and one vector for both strands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hnet_seq import (
    InputError,
    dependency_map,
    saturation_mutagenesis,
    score,
    score_variants,
    segment,
)
from hnet_seq.analysis.cutting import windows
from hnet_seq.cli import main
from hnet_seq.model.masked_lm import HNetForMaskedLM
from modalities import dna
from pipelines.formats.alleles import Variant
from tests.model.strand_models import strand_folder, strand_genome, strand_model

BASES = len(strand_genome())
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def model() -> HNetForMaskedLM:
    return strand_model("two stages, growing, MLPs outside, tied")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, model: HNetForMaskedLM) -> Path:
    return strand_folder(tmp_path_factory.mktemp("strands"), model)


def _chunks(folder: Path, genome: str, *options: str, stage: int = 0) -> list[tuple[int, int]]:
    bed = folder / "chunks.bed"
    arguments = [f"{folder / 'model'}", f"{folder / genome}", "--bed", f"{bed}"]
    assert main(["segment", *arguments, "--stage", f"{stage}", *options]) == 0
    rows = [line.split("\t") for line in bed.read_text().splitlines()]
    return [(int(row[1]), int(row[2])) for row in rows]


@pytest.mark.parametrize("batch_tokens", ["16384", "400"])
def test_segment_gives_one_track_for_both_strands(folder: Path, batch_tokens: str) -> None:
    for stage in (0, 1):
        one, other = (
            _chunks(folder, name, "--batch-tokens", batch_tokens, stage=stage)
            for name in ("one.fa", "other.fa")
        )
        assert sorted((BASES - end, BASES - start) for start, end in other) == one
        assert 20 < len(one) < BASES / 2


def test_a_region_is_cut_as_in_its_record_where_enough_around_it_is_read(folder: Path) -> None:
    whole = {start for start, _ in _chunks(folder, "one.fa")}
    region = _chunks(folder, "one.fa", "--region", "chr:501-900")
    assert region[0][0], region[-1][1] == (500, 900)
    assert {start for start, _ in region[1:]} == {own for own in whole if 500 < own < 900}
    alone = _chunks(folder, "one.fa", "--region", "chr:501-900", "--left-context", "0")
    assert alone != region


@pytest.mark.parametrize("size", [1, 7, 64, 400])
@pytest.mark.parametrize("length", [1, 400, 401, 402, 1000, 1501])
def test_windows_lie_alike_from_either_end(length: int, size: int) -> None:
    found = windows(length, size)
    assert [own.kept_first for own in found] == [0, *(own.kept_last for own in found[:-1])]
    assert found[-1].kept_last == length
    assert all(own.last - own.first <= max(size, 4) for own in found)
    mirror = [(length - own.last, length - own.first) for own in reversed(found)]
    assert mirror == [(own.first, own.last) for own in found]
    said_by = [n for n, own in enumerate(found) for _ in range(own.kept_first, own.kept_last)]
    opposite = [len(found) - 1 - n for n in reversed(said_by[1:])]
    assert opposite == said_by[1:], "base p begins a chunk where base length - p does"
    assert all(own.first <= max(0, own.kept_first - 1) for own in found), "both bases are read"


def test_records_in_python_are_those_of_the_command_line(
    folder: Path, model: HNetForMaskedLM
) -> None:
    (record,) = segment(model, dna.decode(strand_genome()), batch_tokens=400)
    starts = [start for start, _ in _chunks(folder, "one.fa", "--batch-tokens", "400")]
    assert record.cuts(0).positions.tolist() == starts


def test_likelihoods_in_python_need_a_causal_model(model: HNetForMaskedLM, folder: Path) -> None:
    masked: Any = model
    variants = [Variant("chr", 50, "A", "C")]
    for call in (
        lambda: score(masked, ["ACGTACGT"]),
        lambda: saturation_mutagenesis(masked, "ACGTACGT"),
        lambda: score_variants(masked, folder / "one.fa", variants),
    ):
        with pytest.raises(InputError, match="HNetForMaskedLM gives no likelihood"):
            call()


def test_dependency_maps_of_both_strands_are_mirrored(model: HNetForMaskedLM) -> None:
    tokens = strand_genome()[200:240]
    one, other = (
        dependency_map(model, dna.decode(own), start=start, end=start + 20, device="cpu")
        for own, start in ((tokens, 5), (dna.reverse_complement(tokens), 15))
    )
    values = one.matrix()
    assert np.nanmax(values) > 0.01
    np.testing.assert_allclose(other.matrix()[::-1, ::-1], values, atol=2e-3)  # of 1e-3 steps


@pytest.mark.parametrize("batch_tokens", [300, 64])
def test_windows_that_say_nothing_of_a_region_are_not_read(
    model: HNetForMaskedLM, folder: Path, batch_tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    boundaries = HNetForMaskedLM.boundaries

    def counted(self: HNetForMaskedLM, ids: torch.Tensor, *given: Any) -> Any:
        read.append(len(ids))
        return boundaries(self, ids, *given)

    monkeypatch.setattr(HNetForMaskedLM, "boundaries", counted)
    # The record whole as its own context, so that windows lie as in the record.
    how: Any = {"batch_tokens": batch_tokens, "left_context": BASES, "device": "cpu"}
    (record,) = segment(model, folder / "one.fa", **how)
    whole = sum(read)
    read.clear()
    (region,) = segment(model, folder / "one.fa", region="chr:701-900", **how)
    assert np.array_equal(region.depth, record.depth[700:900])
    np.testing.assert_allclose(region.probs, record.probs[:, 700:900], atol=1e-5)
    assert 200 <= sum(read) < whole / 2
    (edge,) = segment(model, folder / "one.fa", region=f"chr:{BASES}-{BASES}", **how)
    assert edge.depth.tolist() == record.depth[-1:].tolist()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["generate", "{model}", "--prompt", "ACGT"], "what lies before"),
        (["score", "{model}", "{one}", "--out", "{out}.tsv"], "given those before it"),
        (["boundaries", "stability", "{model}", "{one}", "--out", "{out}"], "both sides"),
    ],
)
def test_what_goes_from_left_to_right_is_refused(
    folder: Path, arguments: list[str], said: str, capsys: Capture
) -> None:
    named = {"model": folder / "model", "one": folder / "one.fa", "out": folder / "out"}
    assert main([word.format(**named) for word in arguments]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert "give a causal one" in line


def test_info_says_what_it_is(folder: Path, capsys: Capture) -> None:
    assert main(["info", f"{folder / 'model'}"]) == 0
    assert "direction: both strands" in capsys.readouterr().out


def test_boundaries_are_held_against_features(folder: Path) -> None:
    (folder / "genes.gff3").write_text(
        "##gff-version 3\n"
        + "".join(
            f"chr\tx\tgene\t{start}\t{start + 60}\t.\t+\t.\tID=g{start}\n"
            for start in range(150, 1400, 100)
        )
    )
    arguments = [f"{folder / 'model'}", f"{folder / 'one.fa'}", "--out", f"{folder / 'found'}"]
    how = ["--features", f"{folder / 'genes.gff3'}", "--edges", "gene", "--shuffles", "1"]
    assert main(["boundaries", "enrich", *arguments, *how]) == 0
    assert (folder / "found" / "enrichment.json").is_file()


@pytest.mark.parametrize(("action", "behind"), [("stability", False), ("enrich", True)])
def test_context_behind_is_offered_where_such_a_model_is_read(
    action: str, behind: bool, capsys: Capture
) -> None:
    with pytest.raises(SystemExit):
        main(["boundaries", action, "--help"])
    said = capsys.readouterr().out
    assert "read before" in said
    assert ("bidirectional" in said) == behind
