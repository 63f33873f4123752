"""What is right, to be spoiled in one place, and what holds for every refusal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

from hnet_seq.cli import main
from modalities import dna
from tests.conftest import make_model


@dataclass(frozen=True)
class Good:
    """What is right: to be used as it is, or spoiled in one place."""

    model: Path
    genome: Path
    genes: Path
    shards: Path


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Good:
    folder = tmp_path_factory.mktemp("good")
    model = make_model("one stage")
    model.metadata["modality"] = "dna"
    model.save_pretrained(folder / "model")
    letters = dna.decode(np.random.default_rng(0).integers(0, 4, 4000).astype(np.uint8))
    genome, genes = folder / "genome.fa", folder / "genes.gff"
    genome.write_text(f">chr|1.1 text\n{letters[:3000]}\n>chr2:a\n{letters[3000:]}\n")
    genes.write_text("chr|1.1\tx\tCDS\t101\t400\t.\t+\t0\tID=a\n")
    shards = folder / "shards"
    assert main(["shard", str(genome), "--out", str(shards), "--validation", "records:chr2:a"]) == 0
    return Good(folder / "model", genome, genes, shards)


Refused: TypeAlias = Callable[[list[str], int, str], str]


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Run a command, check all that holds for every refusal, and give what it said."""

    def run(command: list[str], code: int, named: str) -> str:
        before = sorted(tmp_path.rglob("*"))
        capsys.readouterr()
        try:
            found = main(command)
        except SystemExit as stopped:
            found = int(stopped.code or 0)
        said = capsys.readouterr()
        assert (found, said.out) == (code, ""), said.err
        assert said.err.startswith("hnet-seq"), said.err
        assert said.err.count("\n") == 1
        assert said.err.endswith("\n")
        assert named in said.err
        assert sorted(tmp_path.rglob("*")) == before
        return said.err

    return run
