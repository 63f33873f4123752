"""Weights that lie in a file as int8 with a scale for each row."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from hnet_seq import HNetForCausalLM
from hnet_seq.model.int8_rows import from_int8_rows, to_int8_rows
from hnet_seq.model.pretrained import read_checkpoint, save_weights
from hnet_seq.tasks.info import describe
from tests.conftest import make_model


def _in_int8(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    matrices = {name: value for name, value in weights.items() if value.dim() == 2}
    return {**weights, **to_int8_rows(matrices)}


def test_no_value_moves_by_more_than_half_a_step_of_its_row() -> None:
    generator = torch.Generator().manual_seed(0)
    size = torch.logspace(-20, 10, 300).unsqueeze(1)  # rows of any scale, 1e-20 to 1e10
    rows = torch.randn(300, 16, generator=generator) * size
    weights, names = from_int8_rows(to_int8_rows({"some": rows}))
    assert names == {"some"}
    # Half a step, and what the rounded scale cuts off of the largest.
    step = rows.abs().amax(1, keepdim=True) / 127
    assert ((weights["some"] - rows).abs() <= 1.01 * step * (0.5 + 127 / 256)).all()
    error = (weights["some"] - rows).norm(dim=1) / rows.norm(dim=1)
    assert error.mean() < 0.006


def test_rows_of_zeros_come_back_and_shapes_stay() -> None:
    rows = torch.zeros(3, 2, 4)
    rows[1] = 1.0
    stored = to_int8_rows({"some": rows})
    assert stored["some"].dtype == torch.int8
    assert stored["some.row_scale"].shape == (3,)
    weights, _ = from_int8_rows(stored)
    assert weights["some"].shape == rows.shape
    assert torch.equal(weights["some"][[0, 2]], rows[[0, 2]])
    assert torch.isfinite(weights["some"]).all()


def test_whoever_loads_it_sees_fp32_and_saves_fp32(tmp_path: Path) -> None:
    model = make_model("two stages, MLPs outside, tied")
    save_weights(model, tmp_path / "small", store=_in_int8)
    model.save_pretrained(tmp_path / "whole")
    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("small", "whole")]
    assert sizes[0] < 0.35 * sizes[1]
    loaded = HNetForCausalLM.from_pretrained(tmp_path / "small", "cpu")
    assert {value.dtype for value in loaded.parameters()} == {torch.float32}
    ids = torch.arange(200) % 4
    with torch.no_grad():
        exact, rounded = model(ids).logits, loaded(ids).logits
    assert 0 < (rounded - exact).std() < 0.05 * exact.std()
    loaded.save_pretrained(tmp_path / "again")
    stored = load_file(tmp_path / "again/model.safetensors")
    assert set(stored) == set(load_file(tmp_path / "whole/model.safetensors"))
    about = describe(tmp_path / "small")
    assert about["dtypes"]["int8"] == sum(v.numel() for v in stored.values() if v.dim() == 2)
    assert about["parameters"] == describe(tmp_path / "whole")["parameters"]


def test_numbers_and_scales_that_do_not_go_together_are_named(tmp_path: Path) -> None:
    model = make_model("one stage")
    save_weights(model, tmp_path, store=_in_int8)
    file = tmp_path / "model.safetensors"
    whole = load_file(file)
    name = "lm_head.weight"
    wrong = {
        "is int8 of 8 rows without": {k: v for k, v in whole.items() if k != f"{name}.row_scale"},
        "has none": {k: v for k, v in whole.items() if k != name},
        "without a scale for each": {**whole, f"{name}.row_scale": torch.ones(3)},
        f"{name} has none": {**whole, name: torch.ones(8, 64)},
    }
    for said, tensors in wrong.items():
        save_file(tensors, file)
        with pytest.raises(ValueError, match=f"model.safetensors: {name}.*{said}"):
            read_checkpoint(tmp_path)
