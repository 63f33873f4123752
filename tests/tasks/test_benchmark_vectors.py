"""Vectors that a benchmark keeps, where the disk fills."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hnet_seq.tasks.benchmarking.vectors import vectors_of
from pipelines.storage.files import DiskError
from tests.full_disk import entries, files_of_at_most


class Constant:
    """A model whose vectors are as long as a disk has no room for."""

    name = fingerprint = "constant"

    def embed(self, sequences: Sequence[str]) -> Any:
        return np.ones((len(sequences), 4_000), np.float32)


@pytest.mark.parametrize("limit", [0, 100, 1_000, 100_000])
def test_a_full_disk_is_told_with_its_cause_and_leaves_nothing(tmp_path: Path, limit: int) -> None:
    model: Any = Constant()
    sequences = [np.zeros(10, np.uint8)] * 9
    with files_of_at_most(limit), pytest.raises(DiskError, match="File too large") as caught:
        vectors_of(model, sequences, tmp_path / "kept")
    assert f"{caught.value.filename}".startswith(f"{tmp_path / 'kept'}")
    assert entries(tmp_path) == ["kept"]
    assert vectors_of(model, sequences, tmp_path / "kept").shape == (9, 4_000)
