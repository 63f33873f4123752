"""What a user of a workflow has: a small genome, its genes, labelled sequences, and a sheet."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

EXAMPLES = Path(__file__).parents[2] / "examples"
DATA = EXAMPLES / "workflows/galaxy/test-data"
#: Of a run whose figures mean nothing, in a second.
OVERRIDES = [
    "data.batch_tokens=512",
    "data.context=256",
    "train.steps=4",
    "train.validate_every=4",
    "train.checkpoint_every=2",
    "model.d_model=[32,32]",
    "model.arch_layout=[m1,[m1],m1]",
]
WINDOWS = ["--test-region", "last:0.3", "--max-train", "20", "--max-test", "10", "--no-twin"]
SHEET = "name\tgenome\tmore_genomes\tannotation\theld_out\tlabelled\n"


def tool(name: str) -> str | None:
    """A program of the workflows' own environment, or of the path."""
    own = Path(sys.prefix) / "workflows" / "bin"
    return shutil.which(name, path=os.pathsep.join([f"{own}", os.environ["PATH"]]))


def make_project(folder: Path) -> None:
    """A genome with genes and labelled sequences, another without either, and their sheet."""
    for name in ("genome.fa", "genes.gff3"):
        shutil.copy(DATA / name, folder)
    letters = np.array(list("ACGT"))
    draw = np.random.default_rng(0)
    rows = ["sequence,label,split"]
    for i in range(24):
        sequence = "".join(draw.choice(letters, 60, p=[0.25, 0.25, 0.25, 0.25]))
        rows.append(f"{sequence},{'ab'[i % 2]},{'test' if i % 4 > 1 else 'train'}")
    (folder / "sites.csv").write_text("\n".join([*rows, ""]))
    (folder / "bare.fa").write_text(">r\n" + "".join(draw.choice(letters, 6000)) + "\n")
    (folder / "samples.tsv").write_text(
        f"{SHEET}full\tgenome.fa\t\tgenes.gff3\trecord_1:13001-16000\tsites.csv\n"
        "bare\tbare.fa\tgenome.fa\t\tr:1-2000\t\n"
    )


def snakemake_config() -> dict[str, Any]:
    """Its config.yaml."""
    small = {"threads": 1, "runtime": 10, "mem_mb": 1000, "gpu": 0}
    return {
        "samples": "samples.tsv",
        "results": "results",
        "experiment": "ecoli_demo",
        "overrides": OVERRIDES,
        "validation": "last:0.1",
        "classify_windows": WINDOWS,
        "classify_labelled": ["--no-twin"],
        "device": ["--device", "cpu"],
        "container": "docker://registry.example.org/hnet-seq:0.1.0",
        "retries": 1,
        "resources": {"pretrain": small, "read": small, "count": small},
    }
