"""LDARNet's checkpoints: pickles of weights, optimizer and configuration, of which nothing runs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from hnet_seq import HNetConfig, HNetForCausalLM, HNetForMaskedLM, embed, load_pretrained
from hnet_seq.model.ldarnet import ldarnet_config
from hnet_seq.model.locate import locate
from hnet_seq.model.pickled_config import config_in
from modalities import dna
from tests.model.test_pretrained_pt import HOW, Creates
from tests.model.test_released_parity import Reference, ldarnet_pt

BASES = "ACGTTTGACCNNACGTACCGGTA"
THEIRS = {
    "arch_layout": ["m1t1", ["M1"], "m1"],
    "d_model": [64, 64],
    "d_intermediate": [0, 128],
    "vocab_size": 7,
    "ssm_cfg": {"chunk_size": 256, "d_conv": 4, "d_state": 16, "expand": 2},
    "attn_cfg": {"num_heads": [2, 2], "rotary_emb_dim": [32, 32], "window_size": [3, -1]},
    "tie_embeddings": False,
    "mode": "mlm",
    "pad_token_id": 6,
    "mask_token_id": 5,
}


@pytest.fixture(scope="module")
def small() -> Reference:
    """A small model in the form of the authors' checkpoints."""
    model = HNetForMaskedLM(HNetConfig.from_dict(ldarnet_config(THEIRS)))
    shapes = {name: list(value.shape) for name, value in model.state_dict().items()}
    for name in ("embeddings.weight", "lm_head.weight"):
        shapes[name][0] = THEIRS["vocab_size"]
    return Reference({"config": THEIRS, "shapes": shapes, "seed": 3}, {})


def _refused(file: Path, said: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=said) as raised:
        load_pretrained(file, "cpu")
    assert "\n" not in str(raised.value)
    assert str(file) in str(raised.value)
    assert len(str(raised.value).replace(str(file.parent), "")) < 500


def test_letters_have_the_ids_of_this_package_and_the_rest_has_rows_of_theirs(
    small: Reference, tmp_path: Path
) -> None:
    file = ldarnet_pt(small, tmp_path / "model_ckpt.pt")
    model = load_pretrained(file, "cpu")
    assert model.config.vocab_size == dna.DNA.vocab_size
    theirs = small.state()["embeddings.weight"]
    assert torch.equal(model.embeddings.weight[:5], theirs[:5])
    assert torch.equal(model.embeddings.weight[dna.MASK], theirs[5])
    for token in (dna.BEGIN, dna.END):
        assert torch.equal(model.embeddings.weight[token], theirs[6])
    assert model.metadata == {"modality": dna.DNA.name}
    assert HNetConfig.from_dict(model.config.to_dict()) == model.config


def test_vectors_do_not_depend_on_case_or_on_the_batch(small: Reference, tmp_path: Path) -> None:
    model = load_pretrained(ldarnet_pt(small, tmp_path / "model_ckpt.pt"), "cpu")
    given = [BASES, "A", BASES.lower(), BASES[:7], "N"]
    together = embed(model, given)
    for own, letters in zip(together, given, strict=True):
        np.testing.assert_allclose(own, embed(model, letters)[0], atol=1e-5)
    np.testing.assert_array_equal(embed(model, BASES), embed(model, BASES.lower()))
    assert np.isfinite(together).all()


def test_a_vector_turns_neither_with_its_sequence_nor_looks_to_one_side(
    small: Reference, tmp_path: Path
) -> None:
    model = load_pretrained(ldarnet_pt(small, tmp_path / "model_ckpt.pt"), "cpu")
    ids = torch.from_numpy(dna.encode(BASES)).long()
    with torch.no_grad():
        hidden, turned = model(ids).hidden, model(ids.flip(0)).hidden.flip(0)
        assert (hidden - turned).abs().max() > 0.1
        for changed, seen in ((0, -1), (-1, 0)):
            other = ids.clone()
            other[changed] = (other[changed] + 1) % 4
            assert not torch.equal(model(other).hidden[seen], hidden[seen])
    with pytest.raises(ValueError, match="bidirectional"):
        HNetForCausalLM.from_pretrained(tmp_path / "model_ckpt.pt")


def test_the_file_says_its_configuration_and_json_of_its_name_comes_first(
    small: Reference, tmp_path: Path
) -> None:
    file = ldarnet_pt(small, tmp_path / "model_ckpt.pt")
    (tmp_path / "config.json").write_text("{}")  # as hubs have it, to count downloads
    assert locate(tmp_path).config == locate(file).config == file
    file.with_suffix(".json").write_text(json.dumps(THEIRS))
    assert locate(file).config == file.with_suffix(".json")
    assert load_pretrained(file, "cpu").config.reading == "ldarnet"
    # A state dict alone, described beside it.
    torch.save(small.state(), file)
    assert load_pretrained(file, "cpu").metadata["modality"] == dna.DNA.name


def test_bf16_weights_open_in_fp32(small: Reference, tmp_path: Path) -> None:
    state = {name: value.bfloat16() for name, value in small.state().items()}
    model = load_pretrained(ldarnet_pt(small, tmp_path / "model_ckpt.pt", model=state), "cpu")
    assert {value.dtype for value in model.parameters()} == {torch.float32}


def test_safetensors_with_the_authors_configuration_open_too(
    small: Reference, tmp_path: Path
) -> None:
    # Safetensors hold a matrix once; which of its names it has is the writer's choice.
    for i, dropped in enumerate((".fwd.", ".bwd.")):
        folder = tmp_path / f"{i}"
        folder.mkdir()
        shared = (f"{dropped}in_proj.weight", f"{dropped}out_proj.weight")
        state = {n: v for n, v in small.state().items() if not n.endswith(shared)}
        save_file(state, folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps(THEIRS))
        model = load_pretrained(folder, "cpu")
        assert model.metadata == {"modality": dna.DNA.name}
        pt = load_pretrained(ldarnet_pt(small, tmp_path / f"model_ckpt_{i}.pt"), "cpu")
        np.testing.assert_array_equal(embed(model, BASES), embed(pt, BASES))


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("place", ["opt", "step", "args", "config", "model"])
def test_code_in_it_is_refused_and_does_not_run(
    small: Reference, tmp_path: Path, place: str, how: str
) -> None:
    trap: Any = Creates(tmp_path / "created", HOW[how])
    inside = {
        "config": {**THEIRS, "trap": trap},
        "model": {**small.state(), "trap": trap},
    }
    file = ldarnet_pt(small, tmp_path / "model_ckpt.pt", **{place: inside.get(place, trap)})
    found = config_in(file)
    assert found is not None
    assert not (tmp_path / "created").exists()
    with pytest.raises(ValueError, match=r"model_ckpt\.pt: ") as raised:
        load_pretrained(file, "cpu")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "created").exists()
    if place != "config":
        assert "refused, nothing was run" in str(raised.value)
    # The trap is a real one: without protection it springs.
    torch.load(file, weights_only=False)
    assert (tmp_path / "created").exists()


def test_a_whole_checkpoint_that_is_code_has_no_configuration(tmp_path: Path) -> None:
    file = tmp_path / "model_ckpt.pt"
    torch.save(Creates(tmp_path / "created", os.mkdir), file)
    assert config_in(file) is None
    assert not (tmp_path / "created").exists()
    _refused(file, "no configuration in it")


@pytest.mark.parametrize("keep", [0, 3, 100, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_one_line(small: Reference, tmp_path: Path, keep: float) -> None:
    file = ldarnet_pt(small, tmp_path / "model_ckpt.pt")
    file.with_suffix(".json").write_text(json.dumps(THEIRS))
    whole = file.read_bytes()
    file.write_bytes(whole[: int(keep * len(whole)) if 0 < keep < 1 else int(keep)])
    _refused(file, "fetch the file again")
    file.with_suffix(".json").unlink()
    _refused(file, "truncated or damaged|not a file of torch.save")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"mode": "causal"}, "mode: of LDARNet mlm is read"),
        ({"vocab_size": 12}, "vocab_size: of LDARNet 7 is read"),
        ({"mask_token_id": 4}, "mask_token_id"),
        ({"d_model": [64]}, "d_model: expected 2 values"),
        ({"d_model": [64, 128]}, "does not fit"),
        ({"arch_layout": ["m1t1", ["M2"], "m1"]}, "lacks backbone"),
        ({"arch_layout": ["m1", ["M1"], "m1"]}, "which the configuration does not describe"),
        ({"arch_layout": "m1"}, "layout"),
        ({"ssm_cfg": [1]}, "model_ckpt.pt: "),
        ({"attn_cfg": {"heads": 2}}, "unknown model key attn_cfg.heads"),
    ],
)
def test_a_configuration_that_does_not_fit_is_one_line(
    small: Reference, tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    _refused(ldarnet_pt(small, tmp_path / "model_ckpt.pt", config=THEIRS | changed), said)


def test_weights_that_do_not_fit_are_one_line(small: Reference, tmp_path: Path) -> None:
    file, state = tmp_path / "model_ckpt.pt", small.state()
    first, *_ = state
    shared = next(name for name in state if name.endswith(".bwd.in_proj.weight"))
    for model, said in (
        ({n: v for n, v in state.items() if n != first}, f"lacks {first}"),
        (state | {"more": torch.zeros(1)}, "has more, which"),
        (state | {shared: state[shared] + 1}, f"{shared} and .* differ"),
        (state | {"lm_head.weight": torch.zeros(8, 64)}, r"lm_head.weight is \(8, 64\)"),
        (state | {"embeddings.weight": torch.tensor(1.0)}, r"embeddings.weight is \(\)"),
        (state | {"step": 3}, "'step' is a int"),
        ({}, "holds a dict"),
    ):
        _refused(ldarnet_pt(small, file, model=model), said)
    # Without a configuration the weights are not known to be LDARNet's.
    torch.save({"model": state, "opt": {}}, file)
    _refused(file, "no configuration in it")
