"""docs/own_loop.md runs as it stands, and the model learns."""

from __future__ import annotations

import math
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hnet_seq import HNetForCausalLM
from hnet_seq.cli import main
from pipelines.own_loop import tar_slices
from pipelines.shards.manifest import Manifest

GUIDE = (Path(__file__).parents[3] / "docs/own_loop.md").read_text()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # Repeats of one word and noise: something to learn.
    noise = "".join(np.random.default_rng(0).choice(list("ACGT"), 3_000))
    Path("genome.fna.gz").write_text(f">r\n{'ACGGTCATTG' * 4_000}\n>noise\n{noise}\n")
    (command,) = re.findall(r"^hnet-seq (.+)$", GUIDE, re.M)
    assert main([*shlex.split(command), "--block-size", "16384"]) == 0
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```", GUIDE, re.M | re.S):
        exec(compile(block, "docs/own_loop.md", "exec"), names)
    assert names["second"] < names["first"] < math.log(8)
    assert HNetForCausalLM.from_pretrained("model").config == names["config"]
    assert names["bases"] == Manifest.load("shards").tokens("train")
    assert set(names["batch"]["sources"]) == {"all", "again"}


def test_its_numbers_are_those_of_the_code() -> None:
    assert f"{tar_slices._SHORTEST:,} tokens or four windows" in GUIDE
    assert tar_slices._WINDOWS == 4
