"""What docs/boundaries.md says is what the code does."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from hnet_seq.analysis.genes.model import LEAST_INTRON
from hnet_seq.analysis.shuffle import SHUFFLE_BLOCK
from hnet_seq.analysis.sites import GENE_SITES
from hnet_seq.analysis.statistics import BLOCK, MIN_BLOCKS
from hnet_seq.commands import boundaries
from tests.tasks.test_segment import make_model, saved

GUIDE = (Path(__file__).parents[2] / "docs/boundaries.md").read_text()
CONSOLE = [
    shlex.split(line)[2:]
    for block in re.findall(r"```console\n(.+?)```", GUIDE, re.S)
    for line in block.splitlines()
    if line.startswith("$ hnet-seq boundaries ")
]


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    letters = "".join(np.random.default_rng(0).choice(list("ACGT"), 3000))
    Path("genome.fna.gz").write_text(f">chr1\n{letters}\n")
    Path("genes.gff").write_text("chr1\tx\tCDS\t101\t400\t.\t+\t0\tID=a\n")
    Path("repeats.bed").write_text("chr1\t1000\t1100\n")
    Path("motifs.tsv").write_text("dam\tGATC\n")
    saved(make_model(["m1", ["m1"], "m1"]), tmp_path).rename("run")


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    boundaries.add_arguments(parser)
    return parser.parse_args(list(arguments))


def test_its_commands_run_and_write_what_it_says(files, capsys):
    pytest.importorskip("tokenizers")
    assert [command[1] for command in CONSOLE] == ["enrich", "stability", "motifs"]
    for command in CONSOLE:
        assert boundaries.main(parsed(*command[1:], "--device", "cpu")) == 0
    written = {path.name for path in Path("run").glob("*.json")}
    assert {"enrichment.json", "stability.json", "motifs.json"} <= written


@pytest.mark.parametrize(
    ("action", "option", "said"),
    [
        ("enrich", "near", r"`--near` bases \((\d+)\)"),
        ("enrich", "width", r"`--width` bases \((\d+)\)"),
        ("enrich", "shifts", r"`--shifts` times \((\d+)\)"),
        ("enrich", "shuffles", r"`--shuffles` times \((\d+)\)"),
        ("stability", "places", r"\(`--places`, (\d+)\)"),
        ("stability", "left_context", r"`--left-context` bases \((1,\d+)\) left"),
    ],
)
def test_its_defaults_are_those_of_the_command(action, option, said):
    needed = {"enrich": ["--features", "x"], "stability": []}[action]
    args = parsed(action, "run", "genome", "--out", "out", *needed)
    (number,) = re.findall(said, GUIDE)
    assert int(number.replace(",", "")) == getattr(args, option)


def test_its_numbers_and_names_are_those_of_the_code():
    assert all(f"`{kind}`" in GUIDE for kind in GENE_SITES)
    assert f"gaps under {LEAST_INTRON} bases" in GUIDE
    assert f"blocks of {SHUFFLE_BLOCK} bases keep" in GUIDE
    assert f"a block of {BLOCK // 1000} kb" in GUIDE
    assert f"fewer than {MIN_BLOCKS} blocks with sites" in GUIDE
