"""The library, said nothing by, and models of each kind."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

pytest.importorskip("transformers")

import transformers

import hnet_seq.transformers  # noqa: F401

from ..conftest import LAYOUTS, make_model

LENGTHS = (5, 17, 1, 30)


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked of the hub, and no bar is drawn."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    transformers.utils.logging.disable_progress_bar()


@pytest.fixture(scope="module")
def sequences() -> list[torch.Tensor]:
    """Bases of several lengths."""
    generator = torch.Generator().manual_seed(3)
    return [torch.randint(0, 4, (n,), generator=generator) for n in LENGTHS]


@pytest.fixture(params=list(LAYOUTS))
def own_folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A checkpoint that our own code wrote."""
    model = make_model(request.param)
    model.metadata = {"modality": "dna"}
    model.save_pretrained(tmp_path / "own")
    return tmp_path / "own"


def padded(sequences: list[torch.Tensor], side: str) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, L) ids and mask."""
    longest = max(map(len, sequences))
    ids = torch.full((len(sequences), longest), 6)
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        first = longest - len(sequence) if side == "left" else 0
        ids[row, first : first + len(sequence)] = sequence
        mask[row, first : first + len(sequence)] = 1
    return ids, mask
