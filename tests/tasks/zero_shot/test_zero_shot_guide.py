"""docs/zero_shot.md: its Python runs as it stands, and its tables have the names of the record."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hnet_seq.analysis.genes.isoforms import MOST_SHARED
from hnet_seq.evidence.zero_shot import memorisation
from hnet_seq.evidence.zero_shot.genes import COPIES, TRIPLET
from hnet_seq.evidence.zero_shot.needle import VALUE
from hnet_seq.evidence.zero_shot.recovery import GENERATED
from hnet_seq.tasks.choices import ZERO_SHOT_TESTS as TESTS
from hnet_seq.tasks.zero_shot.sources import coding_sequences
from modalities import dna
from tests.conftest import make_model
from tests.evidence.zero_shot.chains import random_bases
from tests.peers.tiny import bert

GUIDE = (Path(__file__).parents[3] / "docs/zero_shot.md").read_text()


def a_gene(seed: int) -> str:
    """40 codons with a start and a stop and none between."""
    generator = np.random.default_rng(seed)
    codons = generator.choice(["AAA", "AAG", "CTG", "TTA", "GCC", "GCG", "GAT", "CGT"], 38)
    return "".join(["ATG", *codons, "TAA"])


def test_its_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = make_model("isotropic")
    model.metadata["modality"] = "dna"
    model.save_pretrained("run")
    before = dna.decode(random_bases(16_000, 1))
    genes = [a_gene(seed) for seed in range(3)]
    letters = before + "C" + "C".join(genes) + dna.decode(random_bases(1200, 2))
    rows, at = [], len(before) + 2
    for number, gene in enumerate(genes):
        rows.append(f"c\tx\tCDS\t{at}\t{at + len(gene) - 1}\t.\t+\t0\tID=g{number}\n")
        at += len(gene) + 1
    with gzip.open("genome.fna.gz", "wt") as file:
        file.write(f">c\n{letters}\n")
    with gzip.open("genes.gff.gz", "wt") as file:
        file.write("##gff-version 3\n" + "".join(rows))
    bert(Path("peer"))
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```", GUIDE, re.M | re.S):
        exec(compile(block, "docs/zero_shot.md", "exec"), names)
    assert len(names["data"].genes) == 3
    tests = [test.test for test in names["found"].tests]
    assert tests == ["next_base", "synonymous_frequent", "synonymous_shuffled", "memorisation"]
    assert names["vectors"].shape == (2, 16)


def test_its_table_has_every_test_and_its_numbers_are_those_of_the_code() -> None:
    named = re.findall(r"^\| `(\w+)` \|", GUIDE, re.M)
    for test in TESTS:
        assert any(name.startswith(test) for name in named), test
    assert f"for {GENERATED} bases" in GUIDE
    assert f"a value of {VALUE} random bases" in GUIDE
    assert (TRIPLET, COPIES) == ("CAG", 10)
    assert f"last {memorisation.EXTRACTED} bases come" in GUIDE
    assert f"`membership` is {memorisation.BY_HEART} or more" in GUIDE
    assert f"`told_by_difficulty` {memorisation.TOLD_APART} or more" in GUIDE
    assert f"share over {MOST_SHARED} bases" in (coding_sequences.__doc__ or "")
    for verdict in ("memorised", "trace", "none found", "not judged", "too few windows"):
        assert f"`{verdict}`" in GUIDE
