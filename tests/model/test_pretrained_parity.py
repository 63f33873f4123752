"""A released ``.pt`` with its ``.json`` gives the reference logits, where the reference is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from hnet_seq import HNetForCausalLM

FOLDER = Path(__file__).parents[2] / "../shared/parity"
FILES = sorted(FOLDER.glob("*.safetensors"))


@pytest.mark.skipif(not FILES, reason="the reference activations are not beside this checkout")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_released_file_gives_the_reference_logits(path: Path, tmp_path: Path) -> None:
    with safe_open(path, "pt") as reference:
        config = json.loads(reference.metadata()["config"])
        tensors = {name: reference.get_tensor(name) for name in reference.keys()}  # noqa: SIM118
    state = {n.removeprefix("param/"): t for n, t in tensors.items() if n.startswith("param/")}
    file = tmp_path / f"{path.stem}.pt"
    torch.save(state, file)
    file.with_suffix(".json").write_text(json.dumps(config))
    model = HNetForCausalLM.from_pretrained(file, "cpu")
    model.save_pretrained(tmp_path / "converted")
    ids, cu_seqlens = tensors["in/input_ids"].long(), tensors["in/cu_seqlens"]
    for loaded in (model, HNetForCausalLM.from_pretrained(tmp_path / "converted", "cpu")):
        out = loaded(ids, cu_seqlens)
        torch.testing.assert_close(out.logits, tensors["out/logits"], atol=1e-4, rtol=0)
        for stage, boundaries in enumerate(out.boundaries):
            assert torch.equal(boundaries.boundary_mask, tensors[f"out/boundary_mask.{stage}"])
