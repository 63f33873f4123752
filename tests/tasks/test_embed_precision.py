"""Vectors computed in bf16 are near those in fp32, and their file says so."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from hnet_seq.cli import main
from hnet_seq.tasks.embed import embed
from tests.conftest import make_model

SEQUENCES = ["ACGTTGCA" * 9, "TTTA", "GATTACA" * 4]


def test_vectors_move_by_the_rounding_and_stay_fp32() -> None:
    model = make_model("isotropic")
    full = embed(model, SEQUENCES, pooling="bases")
    half = embed(model, SEQUENCES, pooling="bases", precision="bf16")
    assert half.dtype == np.float32
    error = np.linalg.norm(half - full) / np.linalg.norm(full)
    assert 0 < error < 2e-2


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_file_says_what_its_vectors_were_computed_in(precision: str, tmp_path: Path) -> None:
    model = make_model("isotropic")
    model.metadata["modality"] = "dna"
    model.save_pretrained(tmp_path / "model")
    fasta, out = tmp_path / "in.fa", tmp_path / "vectors.parquet"
    fasta.write_text("".join(f">s{n}\n{letters}\n" for n, letters in enumerate(SEQUENCES)))
    arguments = [str(tmp_path / "model"), str(fasta), "--out", str(out), "--pooling", "bases"]
    assert main(["embed", *arguments, "--precision", precision, "--device", "cpu"]) == 0
    about = json.loads(out.with_suffix(".json").read_text())
    assert about["options"]["precision"] == precision
    found = np.stack(pq.read_table(out)["vector"].to_numpy())
    expected = embed(model, SEQUENCES, pooling="bases", precision=precision)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
