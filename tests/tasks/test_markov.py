"""The verb markov: scores of a shard folder's own splits, as a table and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from hnet_seq.baselines.markov import score_markov_orders
from hnet_seq.cli import main
from hnet_seq.tasks import markov as markov_task
from modalities import dna

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
    assert found == expected
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "order  bits/base"
    best = [int(line.split()[0]) for line in lines if line.endswith("best")]
    assert best == [expected["best_order"]]
    assert lines[-1].startswith("6,000 bases counted on both strands, 1,999 scored")


@pytest.fixture
def shards(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[tuple[str, np.ndarray]]]:
    """Documents by split, in the place of a shard folder."""
    documents = {
        "train": [("a", dna.encode(LETTERS))],
        "validation": [("b", dna.encode("ACGT" * 9))],
    }
    manifest = SimpleNamespace(modality="dna", shards=[])
    monkeypatch.setattr(markov_task, "Manifest", SimpleNamespace(load=lambda path: manifest))
    monkeypatch.setattr(markov_task, "read_documents", lambda path, split: documents[split])
    documents["manifest"] = manifest  # type: ignore[assignment]
    return documents


def test_one_strand_is_an_option(shards: dict[str, list[tuple[str, np.ndarray]]]) -> None:
    one = markov_task.markov("shards", max_order=2, both_strands=False)
    both = markov_task.markov("shards", max_order=2)
    assert one["train_bases"] == both["train_bases"] == 6000
    assert one["orders"] != both["orders"]
    assert not one["both_strands"]


def test_shards_that_cannot_be_scored_say_why(
    shards: dict[str, list[tuple[str, np.ndarray]]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["markov", "shards", "--max-order", "13"]) == 2
    assert "the orders are 0..12" in capsys.readouterr().err
    shards["validation"] = [("b", dna.encode("A"))]
    assert main(["markov", "shards"]) == 1
    assert "shards: no validation bases to score" in capsys.readouterr().err
    shards["manifest"].modality = "text"  # type: ignore[attr-defined]
    assert main(["markov", "shards"]) == 1
    assert "shards: holds text" in capsys.readouterr().err
