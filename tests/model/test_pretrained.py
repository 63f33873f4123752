"""What saving and loading promise, whatever the module."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from hnet_seq import HNetConfig, HNetForCausalLM
from hnet_seq.model.locate import find_checkpoint, locate, read_json
from hnet_seq.model.pretrained import (
    load_weights,
    outline,
    owned_state,
    read_checkpoint,
    save_weights,
)
from tests.conftest import make_model

FILES = ("model.safetensors", "config.json")


class Classifier(nn.Module):
    """What a head looks like to the functions that store it."""

    def __init__(self, config: HNetConfig, classes: int) -> None:
        super().__init__()
        self.config = config
        self.metadata: dict[str, str] = {}
        self.backbone = HNetForCausalLM(config).backbone
        self.head = nn.Linear(config.d_model[0], classes)
        self.register_buffer("seen", torch.zeros(2, dtype=torch.int64))


def released_pt(model: HNetForCausalLM, path: Path, dtype: torch.dtype | None = None) -> Path:
    """Write a released ``.pt`` and its ``.json``; the state dict alone, tied names and all."""
    state = {name: value.to(dtype or value.dtype) for name, value in model.state_dict().items()}
    torch.save(state, path)
    path.with_suffix(".json").write_text(json.dumps(model.config.to_dict()))
    return path


def equal_states(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(x.dtype == y.dtype and torch.equal(x, y) for x, y in pairs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_bytes_survive_conversion_and_reloading(
    model: HNetForCausalLM, tmp_path: Path, dtype: torch.dtype
) -> None:
    file = released_pt(model, tmp_path / "some.pt", torch.bfloat16)
    HNetForCausalLM.from_pretrained(file, "cpu", dtype=dtype).save_pretrained(tmp_path / "a")
    again = HNetForCausalLM.from_pretrained(tmp_path / "a", "cpu", dtype=dtype)
    again.save_pretrained(tmp_path / "b")
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_bf16_weights_become_fp32_without_loss(model: HNetForCausalLM, tmp_path: Path) -> None:
    file = released_pt(model, tmp_path / "some.pt", torch.bfloat16)
    stored = read_checkpoint(file).weights
    assert {value.dtype for value in stored.values()} == {torch.bfloat16}
    loaded = HNetForCausalLM.from_pretrained(file, "cpu")
    assert {value.dtype for value in loaded.parameters()} == {torch.float32}
    for name, value in loaded.named_parameters():
        assert torch.equal(value.to(torch.bfloat16), stored[name]), name
        assert torch.equal(value, stored[name].float()), name


def test_a_bf16_pt_computes_what_its_model_computes(model: HNetForCausalLM, tmp_path: Path) -> None:
    file = released_pt(model, tmp_path / "some.pt", torch.bfloat16)
    ids = torch.arange(60) % 7 % 4
    expected = model.to(torch.bfloat16).float()(ids).logits
    loaded = HNetForCausalLM.from_pretrained(file, "cpu")
    torch.testing.assert_close(loaded(ids).logits, expected, atol=0, rtol=0)


def test_bf16_on_request_keeps_the_residual_path_in_fp32_and_runs_under_autocast(
    model: HNetForCausalLM, tmp_path: Path
) -> None:
    model.save_pretrained(tmp_path)
    loaded = HNetForCausalLM.from_pretrained(tmp_path, "cpu", dtype=torch.bfloat16)
    for name, parameter in loaded.named_parameters():
        expected = torch.float32 if "residual_proj" in name else torch.bfloat16
        assert parameter.dtype == expected, name
    ids = torch.arange(60) % 7 % 4
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        logits, reference = loaded(ids).logits.float(), model(ids).logits.float()
    assert (logits - reference).norm() < 0.1 * reference.norm()


def test_a_tied_matrix_stays_one_and_is_stored_once(tmp_path: Path) -> None:
    model = make_model("two stages, MLPs outside, tied")
    assert "lm_head.weight" not in owned_state(model)
    assert "lm_head.weight" in model.state_dict()
    for loaded in (
        HNetForCausalLM.from_pretrained(released_pt(model, tmp_path / "some.pt"), "cpu"),
        HNetForCausalLM.from_pretrained(_saved(model, tmp_path / "folder"), "cpu"),
    ):
        assert loaded.lm_head.weight is loaded.embeddings.weight
        assert equal_states(loaded, model)


def test_two_matrices_that_a_configuration_ties_must_be_equal(tmp_path: Path) -> None:
    model = make_model("two stages, MLPs outside, tied")
    state = model.state_dict()
    state["lm_head.weight"] = state["lm_head.weight"] + 1
    file = released_pt(model, tmp_path / "some.pt")
    torch.save(state, file)
    with pytest.raises(ValueError, match="tie_embeddings to false"):
        HNetForCausalLM.from_pretrained(file)


def test_an_output_matrix_of_its_own_is_loaded_as_such(tmp_path: Path) -> None:
    model = make_model("one stage")
    loaded = HNetForCausalLM.from_pretrained(released_pt(model, tmp_path / "some.pt"), "cpu")
    assert not torch.equal(loaded.lm_head.weight, loaded.embeddings.weight)
    assert equal_states(loaded, model)


@pytest.mark.parametrize("kind", ["pt", "safetensors"])
def test_missing_surplus_and_misshapen_weights_are_named_in_one_line(
    tmp_path: Path, kind: str
) -> None:
    model = make_model("one stage")
    state = {name: value.clone() for name, value in model.state_dict().items()}
    del state["backbone.residual_proj.bias"]
    state["backbone.gate.weight"] = torch.zeros(1)
    state["embeddings.weight"] = torch.zeros(8, 63)
    if kind == "pt":
        path = released_pt(model, tmp_path / "some.pt")
        torch.save(state, path)
    else:
        path = _saved(model, tmp_path)
        _overwrite(path, state)
    with pytest.raises(ValueError, match="does not fit") as raised:
        HNetForCausalLM.from_pretrained(path)
    said = str(raised.value)
    assert "\n" not in said
    assert "lacks backbone.residual_proj.bias;" in said
    assert "has backbone.gate.weight, which the configuration does not describe;" in said
    assert "embeddings.weight is (8, 63) and should be (8, 64)" in said


def test_loading_makes_parameters_of_its_own(tmp_path: Path) -> None:
    model = make_model("isotropic")
    for path in (_saved(model, tmp_path), released_pt(model, tmp_path / "some.pt")):
        loaded = HNetForCausalLM.from_pretrained(path, "cpu")
        with torch.no_grad():
            for parameter in loaded.parameters():
                assert parameter.requires_grad
                assert not parameter.is_inference()
                parameter.zero_()
        assert equal_states(HNetForCausalLM.from_pretrained(path, "cpu"), model)


def test_any_module_is_stored_with_json_of_its_own(tmp_path: Path) -> None:
    config = make_model("one stage").config
    model: Any = Classifier(config, classes=3).eval()
    model.metadata["modality"] = "dna"
    model.seen += 7
    save_weights(model, tmp_path / "a", {"head.json": {"classes": 3}})
    found = locate(tmp_path / "a")
    head = read_json(found.folder / "head.json")
    loaded = load_weights(lambda c: Classifier(c, head["classes"]), found, "cpu")
    assert equal_states(loaded, model)
    assert loaded.metadata == {"modality": "dna"}
    assert not loaded.training
    save_weights(loaded, tmp_path / "b", {"head.json": head})
    for name in (*FILES, "head.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_write_that_fails_leaves_the_old_files_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = make_model("isotropic", seed=1)
    old.save_pretrained(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(_: dict[str, Tensor], path: Path, **__: object) -> None:
        path.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr("hnet_seq.model.pretrained.save_file", full)
    with pytest.raises(OSError, match="no space"):
        make_model("one stage").save_pretrained(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_last_checkpoint_of_a_run_is_the_one_with_the_highest_step(tmp_path: Path) -> None:
    for step in ("step-000500", "step-999999", "step-1000000"):
        make_model("isotropic").save_pretrained(tmp_path / "checkpoints" / step)
    assert find_checkpoint(tmp_path).name == "step-1000000"
    assert locate(tmp_path).weights == find_checkpoint(tmp_path) / "model.safetensors"


def test_the_configuration_of_a_pt_is_found_beside_it_or_given(tmp_path: Path) -> None:
    model = make_model("isotropic")
    file = released_pt(model, tmp_path / "some.pt")
    assert locate(file).config == tmp_path / "some.json"
    assert locate(tmp_path).weights == file
    (tmp_path / "some.json").rename(tmp_path / "config.json")
    assert locate(file).config == tmp_path / "config.json"
    (tmp_path / "config.json").rename(tmp_path / "shape.json")
    with pytest.raises(FileNotFoundError, match=r"no some\.json and no config\.json"):
        HNetForCausalLM.from_pretrained(file)
    loaded = HNetForCausalLM.from_pretrained(file, "cpu", config=tmp_path / "shape.json")
    assert equal_states(loaded, model)
    with pytest.raises(FileNotFoundError, match="nor a released name"):
        HNetForCausalLM.from_pretrained(file, config="hnet_3stage_XL")
    (tmp_path / "other.pt").write_bytes(b"")
    with pytest.raises(ValueError, match=r"other\.pt, some\.pt"):
        HNetForCausalLM.from_pretrained(tmp_path)


@pytest.mark.parametrize("text", ["{", "[1]", '{"arch_layout": ["m1"]}', '{"ssm_cfg": 3}'])
def test_a_configuration_that_describes_nothing_is_named(tmp_path: Path, text: str) -> None:
    make_model("isotropic").save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=r"config\.json: "):
        HNetForCausalLM.from_pretrained(tmp_path)


def test_weights_in_several_files_and_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(ValueError, match="several files"):
        locate(tmp_path)
    (tmp_path / "model.gguf").write_bytes(b"")
    with pytest.raises(ValueError, match="not weights"):
        locate(tmp_path / "model.gguf")
    with pytest.raises(FileNotFoundError, match=r"cartesia-ai/hnet_1stage_L on the hub"):
        locate("hnet_1stage_L")


def test_an_outline_has_shapes_and_no_values(tmp_path: Path) -> None:
    model = make_model("one stage")
    drawn = outline(HNetForCausalLM, read_checkpoint(_saved(model, tmp_path)))
    assert all(parameter.is_meta for parameter in drawn.parameters())
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    assert {name: value.shape for name, value in drawn.state_dict().items()} == shapes


def _saved(model: HNetForCausalLM, folder: Path) -> Path:
    model.save_pretrained(folder)
    return folder


def _overwrite(folder: Path, state: dict[str, Tensor]) -> None:
    from safetensors.torch import save_file

    save_file(state, folder / "model.safetensors")
