"""What docs/embedding.md says is what the code does."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from hnet_seq.cli import main
from hnet_seq.heads.pooling import POOLINGS
from hnet_seq.results.embedding import Embedding
from hnet_seq.results.read import read_result
from hnet_seq.tasks.choices import LAYERS, LEVELS
from hnet_seq.tasks.embedding.files import FORMATS
from hnet_seq.tasks.embedding.overview import SAMPLE
from tests.conftest import make_model

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/embedding.md").read_text()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    model = make_model("one stage")
    model.metadata["modality"] = "dna"
    model.save_pretrained("run")
    letters = ["".join(row) for row in np.random.default_rng(0).choice(list("ACGT"), (6, 40))]
    fasta = "".join(f">w{index}\n{own}\n" for index, own in enumerate(letters))
    Path("windows.fa").write_text(fasta)
    Path("genome.fa").write_text(fasta)
    Path("peaks.bed").write_text("w1\t3\t30\tp\t0\t-\nw4\t0\t40\tq\t0\t+\n")
    Path("calls.vcf").write_text(
        "##fileformat=VCFv4.3\n##contig=<ID=w1>\n"
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tNA1\tNA2\n"
        f"w1\t9\t.\t{letters[1][8]}\t{letters[1][8]}GG\t.\t.\t.\tGT\t0|1\t0|0\n"
    )
    rows = "".join(f"{own},{'ab'[index % 2]}\n" for index, own in enumerate(letters))
    Path("enhancers.csv").write_text(f"sequence,label\n{rows}")
    return tmp_path


def test_its_commands_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = re.findall(r"```console\n(.+?)```", GUIDE, re.S)
    commands = [line.removeprefix("$ ").split() for line in block.splitlines()]
    assert all(line.startswith("$ ") for line in block.splitlines())
    for words in commands:
        if words[0] == "cat":
            with Path(words[1]).open() as stdin, monkeypatch.context() as patch:
                patch.setattr(sys, "stdin", stdin)
                assert main(words[words.index("hnet-seq") + 1 :]) == 0
        else:
            assert main(words[1:]) == 0
    assert np.load("bases.npy", mmap_mode="r").shape == (240, 64)
    assert pq.read_table("haplotypes.parquet").select(["id", "length"]).to_pylist() == [
        {"id": f"{name}|NA1|{number}", "length": length}
        for name, number, length in [("p", 1, 27), ("p", 2, 29), ("q", 1, 40), ("q", 2, 40)]
    ]
    assert pq.read_table("run/embedding.parquet").column_names == [
        "id",
        "label",
        "length",
        "vector",
    ]
    shown = read_result("run/embedding.json", Embedding).overview
    assert shown is not None
    assert shown.points.labels == list("ababab")
    assert Path("peaks.ids.txt").read_text() == "p\nq\n"
    assert not list(folder.rglob("*.partial"))


def test_its_tables_name_all_choices() -> None:
    first = {
        name
        for line in GUIDE.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`([^`]+)`", line.split("|")[1])
    }
    assert {*POOLINGS, *LAYERS, *LEVELS, *FORMATS} <= first
    assert f"at most {SAMPLE:,} of them" in GUIDE


def test_its_python_runs(folder: Path) -> None:
    (python,) = re.findall(r"```python\n(.+?)```", GUIDE, re.S)
    found: dict[str, object] = {}
    exec(compile(python, "docs/embedding.md", "exec"), found)
    assert {"chunks", "bases"} == set(found["both"])  # type: ignore[call-overload]
