"""Whole or absent, after a full disk."""

from __future__ import annotations

from tests.cases.case import Answer, Case
from tests.full_disk import entries, files_of_at_most


def bigwig_on_a_full_disk(case: Case) -> None:
    import pyBigWig

    genome, out = case["genome.fa"], case.out / "p.bw"
    for blocks in (10, 20, 30, 40, 50):
        with files_of_at_most(blocks * 1024):
            answer = case.run("segment", case.model, genome, "--bigwig", out)
        _assert_one_line(answer, "File too large")  # of p.bw, or of what it is made from
        assert "/p.bw" in answer.err
        assert "p.bw" not in entries(case.out)
    case.right("segment", case.model, genome, "--bigwig", out)
    with pyBigWig.open(str(out)) as file:
        assert file.header()["nBasesCovered"] == 12_000


def classify_half_written_folder(case: Case) -> None:
    command = ("classify", "train", case.model, "--data", case["data.csv"])
    with files_of_at_most(1024):
        answer = case.run(*command, "--out", case.out / "probe")
    _assert_one_line(answer, "probe.npz: File too large")
    assert entries(case.out) == []


def pretrain_on_a_full_disk(case: Case) -> None:
    shards, run = case.out / "shards", case.out / "run"
    split = ("--validation", "last:0.2", "--guard", "0")
    case.right("shard", case["genome.fa"], *split, "--out", shards)
    command = ("pretrain", case["tiny.yaml"], "--data", shards, "--out", run)
    with files_of_at_most(60 * 1024):
        answer = case.run(*command)
    _assert_one_line(answer, f"{run}/checkpoints/step-000000: File too large; no checkpoint yet")
    assert f"--resume {run}" in answer.err
    case.right("pretrain", "--resume", run)


def _assert_one_line(answer: Answer, says: str) -> None:
    assert answer.code == 1
    assert says in answer.err
    assert answer.err.count("hnet-seq ") <= 2  # the line, and the command in it
    assert "Traceback" not in answer.err
