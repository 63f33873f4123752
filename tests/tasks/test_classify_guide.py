"""The commands of docs/classification.md run as written, and its words are those of the code."""

from __future__ import annotations

import gzip
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from hnet_seq.cli import main
from hnet_seq.evidence.probes.nearest_neighbours import NEIGHBOURS
from hnet_seq.evidence.probes.table import PROBES
from hnet_seq.tasks.choices import SPLIT_RULES
from hnet_seq.tasks.classification.labelled_rows import SPLITS
from tests.conftest import make_model

GUIDE = (Path(__file__).parents[2] / "docs/classification.md").read_text()


def letters(generator: np.random.Generator, count: int) -> str:
    return "".join(generator.choice(list("ACGT"), count))


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the guide's commands read."""
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    model = make_model("one stage")
    model.metadata["modality"] = "dna"
    model.save_pretrained("run")
    rows = [f"{letters(generator, 30)},{'ab'[index % 2]}" for index in range(50)]
    for name in ("enhancers.csv", "held_out.csv"):
        Path(name).write_text("\n".join(["sequence,label", *rows]) + "\n")
    Path("new.fa").write_text(">one\nGATTACAGATTACA\n")
    exons = [
        f"K{index // 3}.1a.1#e{index}\t{'ei'[index % 2]}\t{letters(generator, 20 + index)}"
        for index in range(60)
    ]
    Path("exons.tsv").write_text("\n".join(["id\tlabel\tsequence", *exons]) + "\n")
    genome = f">g\n{letters(generator, 40_000)}\n"
    Path("genome.fna.gz").write_bytes(gzip.compress(genome.encode()))
    genes = "\n".join(
        f"g\tx\tCDS\t{s + 1}\t{s + 700}\t.\t+\t0\tID={s}" for s in range(0, 39000, 1500)
    )
    Path("genes.gff.gz").write_bytes(gzip.compress(genes.encode()))
    return tmp_path


def test_its_commands_run(files: Path) -> None:
    lines = re.findall(r"^hnet-seq (.+)$", GUIDE, re.MULTILINE)
    assert {shlex.split(line)[1] for line in lines} == {"finetune", "train", "predict", "evaluate"}
    for line in lines:
        command = shlex.split(line)
        short = ["--epochs", "1", "--seeds", "2"] if command[1] == "finetune" else []
        small = ["--max-train", "20", "--max-test", "4"] if "--genome" in command else []
        assert main([*command, *short, *small]) == 0, line
    for folder in ("enhancers", "exons"):
        found = sorted(path.name for path in (files / folder).iterdir())
        assert found == ["classification.json", "finetune.jsonl", "model", "parts"]
        assert all(f"`{name}" in GUIDE for name in found)
    results = json.loads((files / "exons" / "classification.json").read_text())
    assert results["split"] == "drawn by group, 0.2 for testing; 20 groups"
    assert results["fine_tuned"]["markers"] is True


def test_its_words_are_those_of_the_code() -> None:
    for word in (*PROBES, *SPLIT_RULES, *SPLITS):
        assert word in GUIDE, word
    assert f"neighbours, {NEIGHBOURS[0]} to {NEIGHBOURS[-1]}" in GUIDE
