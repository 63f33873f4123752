"""The verb markov: scores of a shard folder's own splits, as a table and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hnet_seq.cli import main
from hnet_seq.evidence.baselines.markov import score_markov_orders
from hnet_seq.tasks import markov as markov_task
from modalities import dna
from modalities.errors import InputError

LETTERS = "".join(np.random.default_rng(0).choice(list("ACGT"), 3000)) + "ACGGT" * 600


def test_scores_of_shards_are_those_of_their_records(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fasta, shards, out = tmp_path / "g.fa", tmp_path / "shards", tmp_path / "markov.json"
    fasta.write_text(f">a\n{LETTERS}\n>b\n{LETTERS[::3]}\n")
    assert main(["shard", str(fasta), "--out", str(shards), "--validation", "records:b"]) == 0
    capsys.readouterr()
    assert main(["markov", str(shards), "--out", str(out), "--max-order", "4"]) == 0
    found = json.loads(out.read_text())
    expected = score_markov_orders([dna.encode(LETTERS)], [dna.encode(LETTERS[::3])], max_order=4)
    assert found == {"kind": "markov", "schema": 1, **expected}
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "order  bits/base"
    best = [int(line.split()[0]) for line in lines if line.endswith("best")]
    assert best == [expected["best_order"]]
    assert lines[-1].startswith("6,000 bases counted on both strands, 1,999 scored")


def sharded(folder: Path, letters: str, held_out: str) -> Path:
    """Shards of two records, the second for validation."""
    fasta, out = folder / "g.fa", folder / "shards"
    fasta.write_text(f">a\n{letters}\n>b\n{held_out}\n")
    command = ["shard", str(fasta), "--out", str(out), "--validation", "records:b"]
    assert main(command) == 0
    return out


def test_one_strand_is_an_option(tmp_path: Path) -> None:
    shards = sharded(tmp_path, LETTERS, "ACGT" * 9)
    one = markov_task.markov(shards, max_order=2, both_strands=False)
    both = markov_task.markov(shards, max_order=2)
    assert one["train_bases"] == both["train_bases"] == 6000
    assert one["orders"] != both["orders"]
    assert not one["both_strands"]


def test_shards_that_cannot_be_scored_say_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shards = sharded(tmp_path, LETTERS, "ACGT")
    assert main(["markov", str(shards), "--max-order", "13"]) == 2
    assert "the orders are 0..12" in capsys.readouterr().err
    fasta, whole = tmp_path / "g.fa", tmp_path / "whole"
    assert main(["shard", str(fasta), "--out", str(whole)]) == 0
    assert main(["markov", str(whole)]) == 1
    assert f"{whole}: no validation bases to score" in capsys.readouterr().err
    text, of_text = tmp_path / "a.txt", tmp_path / "text"
    text.write_text("no bases\n")
    assert main(["shard", str(text), "--modality", "text", "--out", str(of_text)]) == 0
    with pytest.raises(InputError, match="holds text; these Markov models count A, C, G, T"):
        markov_task.markov(of_text)
