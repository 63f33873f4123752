"""Whole or absent, after a full disk."""

from __future__ import annotations

from tests.cases.case import Case
from tests.full_disk import entries, files_of_at_most


def bigwig_on_a_full_disk(case: Case) -> None:
    import pyBigWig

    genome, out = case["genome.fa"], case.out / "p.bw"
    for blocks in (10, 20, 30, 40, 50):
        with files_of_at_most(blocks * 1024):
            answer = case.refused("segment", case.model, genome, "--bigwig", out, naming="p.bw")
        assert answer.code == 1
        assert "too large" in answer.err
        assert entries(case.out) == []
    case.right("segment", case.model, genome, "--bigwig", out)
    with pyBigWig.open(str(out)) as file:
        assert file.header()["nBasesCovered"] == 12_000


def classify_half_written_folder(case: Case) -> None:
    command = ("classify", "train", case.model, "--data", case["data.csv"])
    with files_of_at_most(1024):
        answer = case.refused(*command, "--out", case.out / "probe", naming="too large")
    assert answer.code == 1
    assert "Traceback" not in answer.err
    assert entries(case.out) == []


def pretrain_on_a_full_disk(case: Case) -> None:
    shards, run = case.out / "shards", case.out / "run"
    split = ("--validation", "last:0.2", "--guard", "0")
    case.right("shard", case["genome.fa"], *split, "--out", shards)
    command = ("pretrain", case["tiny.yaml"], "--data", shards, "--out", run)
    with files_of_at_most(60 * 1024):
        answer = case.refused(*command, naming=str(run))
    assert answer.code == 1
    assert "too large" in answer.err
    assert "no checkpoint yet" in answer.err
    assert "--resume" in answer.err
    case.right("pretrain", "--resume", run)
