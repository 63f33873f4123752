"""Runs of ``hnet-seq lexicon`` for tests, with models that cut by rules."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from hnet_seq import HNetConfig, HNetForCausalLM, read_result
from hnet_seq.cli import main
from hnet_seq.results.lexicon import Lexicon


def ruled(folder: Path, modality: str, *rules: dict[str, Any], vocabulary: int = 8) -> Path:
    """The checkpoint of a model that cuts by rules."""
    layout: list[Any] = ["m1"]
    for _ in rules:
        layout = ["m1", layout, "m1"]
    stages = len(rules) + 1
    config = HNetConfig.from_dict(
        {
            "arch_layout": layout,
            "d_model": [32] * stages,
            "d_intermediate": [0] * stages,
            "vocab_size": vocabulary,
            "ssm_cfg": {"d_state": 16},
            "attn_cfg": {"num_heads": [], "rotary_emb_dim": [], "window_size": []},
            "boundary_policies": list(rules),
        }
    )
    model = HNetForCausalLM(config)
    model.metadata["modality"] = modality
    model.save_pretrained(folder)
    return folder


def lexicon(*words: object) -> None:
    assert main(["lexicon", *map(str, words), "--device", "cpu"]) == 0


def record_of(folder: Path) -> Lexicon:
    return read_result(folder / "lexicon.json", Lexicon)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def cut_after_t(folder: Path) -> Path:
    """The checkpoint of a model whose chunks end with a run of T."""
    return ruled(folder, "dna", {"policy": "delimiters", "tokens": [3]})
