"""What docs/transformers.md says is what the code does."""

from __future__ import annotations

import re
import shlex
import warnings
from pathlib import Path
from typing import Any

import pytest

from hnet_seq.cli import main

pytest.importorskip("accelerate")
pytest.importorskip("peft")

GUIDE = (Path(__file__).parents[2] / "docs/transformers.md").read_text()


def test_the_lines_of_the_guide_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert len(blocks) == 5
    names: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of PEFT and of pinned memory, about each other
        for block in blocks:
            exec(compile(block, "docs/transformers.md", "exec"), names)
    assert names["logits"].shape == (2, 9, 8)
    assert names["new"].shape == (2, 27)
    assert (tmp_path / "adapter/adapter_model.safetensors").is_file()

    rows = [
        f"{'ACGT'[n % 4] * 3}{'GATTACA' * (2 + n % 2)}{'CG'[n % 2] * 6},{'ab'[n % 2]},{split}"
        for split, count in (("train", 24), ("test", 8))
        for n in range(count)
    ]
    table = "\n".join(["sequence,label,split", *dict.fromkeys(rows), ""])
    (tmp_path / "enhancers.csv").write_text(table)
    (tmp_path / "new.fa").write_text(">one\nGATTACAGATTACA\n")
    lines = [line for line in GUIDE.splitlines() if line.startswith("hnet-seq ")]
    assert len(lines) == 3
    for line in lines:
        words = shlex.split(line)[1:]
        short = ["--epochs", "1", "--seeds", "1", "--no-twin"] if "finetune" in words else []
        assert main([*words, *short]) == 0, line
    assert (tmp_path / "small/model/adapter.safetensors").stat().st_size < 1_000_000
