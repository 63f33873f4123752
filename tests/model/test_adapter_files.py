"""Adapters as files: what they stand on is kept, named so that it is found again, and checked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from hnet_seq import (
    FinetuneConfig,
    HeadConfig,
    HNetForSequenceClassification,
    finetune,
    load_pretrained,
)
from hnet_seq.model.adapter_base import ADAPTER_FACTS
from hnet_seq.model.locate import ADAPTER, CONFIG, WEIGHTS
from hnet_seq.model.low_rank import ranks_of
from hnet_seq.tasks.run_identity import weights_sha256
from modalities.errors import UsageError

from ..conftest import make_model
from .test_low_rank import HEAD, IDS

SEQUENCES, LABELS = ["ACGTACGTAC", "GGGTTTACGA"] * 6, ["no", "yes"] * 6


@pytest.fixture
def base(tmp_path: Path) -> Path:
    model = make_model("one stage")
    model.metadata["modality"] = "dna"
    model.save_pretrained(tmp_path / "base")
    return tmp_path / "base"


def opened(path: Path | str, head: HeadConfig | None = HEAD, **options: Any) -> Any:
    return HNetForSequenceClassification.from_pretrained(path, head, device="cpu", **options)


def learned(model: Any, seed: int = 1) -> Any:
    """The same with adapters that change what is computed."""
    model.adapt(4, ["mamba2"])
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(".0.B"):
                parameter.copy_(0.05 * torch.randn(parameter.shape, generator=generator))
    return model


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def assert_computes_as(path: Path | str, model: Any, **options: Any) -> None:
    with torch.no_grad():
        found, expected = opened(path, None, **options)(IDS).logits, model(IDS).logits
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


def facts(folder: Path) -> Any:
    return json.loads((folder / ADAPTER_FACTS).read_text())


def tuned(model: Any, *, folder: Path | None = None, **settings: Any) -> None:
    config = FinetuneConfig(epochs=1, batch_tokens=60, validation_fraction=0, **settings)
    finetune(model, SEQUENCES, LABELS, config, folder=folder, device="cpu")


def test_what_an_adapter_stands_on_is_never_replaced(base: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    model = learned(opened(base))
    model.save_pretrained(first)
    upper = learned(opened(first), seed=2)
    (tmp_path / "link").symlink_to(base)
    for own, folder in ((model, base), (model, tmp_path / "link"), (upper, base), (upper, first)):
        before = bytes_of(folder)
        with pytest.raises(UsageError, match=r"folder: would replace .*give another folder"):
            own.save_pretrained(folder)
        assert bytes_of(folder) == before
    upper.save_pretrained(second)
    assert_computes_as(second, upper)


def test_training_into_the_folder_of_the_base_is_refused_before_it(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bytes_of(base)
    monkeypatch.setattr("hnet_seq.train.finetune.Run", None)  # nothing is begun
    with pytest.raises(UsageError, match="folder: would replace"):
        tuned(opened(base), folder=base, lora=2)
    assert bytes_of(base) == before


@pytest.mark.parametrize("rounds", [1, 2])
def test_an_adapter_that_stands_on_itself_is_refused(
    base: Path, tmp_path: Path, rounds: int
) -> None:
    below = base
    for name in ("a", "b")[:rounds]:
        learned(opened(below)).save_pretrained(tmp_path / name)
        below = tmp_path / name
    file = tmp_path / "a" / ADAPTER_FACTS
    file.write_text(json.dumps(facts(tmp_path / "a") | {"base": str(below)}))
    with pytest.raises(ValueError, match="stands on itself") as refused:
        load_pretrained(below, "cpu")
    assert str(file) in str(refused.value) or str(below) in str(refused.value)


def test_other_adapters_are_learned_beside_the_sum_of_the_first(base: Path, tmp_path: Path) -> None:
    model = opened(base)
    tuned(model, lora=2, lora_targets=["mamba2"])
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    model.adapt(2, ["mamba2"])
    assert all(torch.equal(kept[name], value) for name, value in model.state_dict().items())
    with torch.no_grad():
        before = model(IDS).logits
    model.adapt(8, ["mlp"])
    with torch.no_grad():
        torch.testing.assert_close(model(IDS).logits, before, atol=1e-6, rtol=1e-5)
    tuned(model, lora=8, lora_targets=["mlp"])
    ranks = ranks_of(model)
    assert set(ranks.values()) == {8}
    assert all(name.endswith((".fc1", ".fc2")) for name in ranks)
    # The sum is no file's, so it is written too.
    model.save_pretrained(tmp_path / "out")
    assert (tmp_path / "out" / WEIGHTS).is_file()
    assert_computes_as(tmp_path / "out", model)


def test_what_may_be_edited_decides_nothing_that_is_computed(base: Path, tmp_path: Path) -> None:
    model = learned(opened(base))
    model.save_pretrained(tmp_path / "a")
    about = facts(tmp_path / "a")
    edits: list[dict[str, Any]] = [{"scale": 0.0}, {"rank": 1}, {"weights": []}]
    for edit in [*edits, {"base_sha256": ""}]:
        (tmp_path / "a" / ADAPTER_FACTS).write_text(json.dumps(about | edit))
        assert_computes_as(tmp_path / "a", model)
    (tmp_path / "a" / ADAPTER_FACTS).write_text(json.dumps({"base": about["base"]}))
    assert_computes_as(tmp_path / "a", model)
    before = weights_sha256(tmp_path / "a")
    rewritten(tmp_path / "a", lambda weights, said: said.update(scale="0.0"))
    assert weights_sha256(tmp_path / "a") != before
    with pytest.raises(AssertionError):
        assert_computes_as(tmp_path / "a", model)


def test_the_sum_says_nothing_of_the_adapter_that_it_was(base: Path, tmp_path: Path) -> None:
    model = learned(opened(base))
    said = dict(model.metadata)
    model.save_pretrained(tmp_path / "a")
    assert model.metadata == said
    assert opened(tmp_path / "a", None).metadata == said


def test_an_adapter_beside_whole_weights_is_an_error(base: Path, tmp_path: Path) -> None:
    model = learned(opened(base))
    model.save_pretrained(tmp_path / "a")
    (tmp_path / "a" / WEIGHTS).write_bytes((base / WEIGHTS).read_bytes())
    for load in (load_pretrained, lambda *given: opened(given[0], None)):
        with pytest.raises(ValueError, match=f"has {WEIGHTS} and {ADAPTER}, .*remove"):
            load(tmp_path / "a", "cpu")
    assert_computes_as(tmp_path / "a" / ADAPTER, model)
    load_pretrained(tmp_path / "a" / WEIGHTS, "cpu")


@pytest.mark.parametrize("lora", [False, True])
def test_the_head_of_the_base_is_no_part_of_the_sum(base: Path, tmp_path: Path, lora: bool) -> None:
    below = opened(base, HeadConfig("single_label", ["no", "yes"], "attention_bases"))
    (learned(below) if lora else below).save_pretrained(tmp_path / "below")
    model = learned(opened(tmp_path / "below", HEAD), seed=2)
    model.save_pretrained(tmp_path / "a")
    assert (tmp_path / "a" / ADAPTER).is_file()
    assert_computes_as(tmp_path / "a", model)


def test_the_base_is_named_by_its_file_where_its_folder_is_not_enough(
    base: Path, tmp_path: Path
) -> None:
    mine = base.rename(tmp_path / "mine")
    (mine / WEIGHTS).rename(mine / "mine.safetensors")
    model = learned(opened(mine / "mine.safetensors"))
    model.save_pretrained(tmp_path / "a")
    assert facts(tmp_path / "a")["base"] == str(mine / "mine.safetensors")
    assert_computes_as(tmp_path / "a", model)
    make_model("one stage", seed=3).save_pretrained(mine)
    model = learned(opened(mine / "mine.safetensors"))
    model.save_pretrained(tmp_path / "b")
    assert_computes_as(tmp_path / "b", model)


def test_one_of_two_torch_files_and_a_configuration_apart(base: Path, tmp_path: Path) -> None:
    language = load_pretrained(base, "cpu")
    folder, shape = tmp_path / "two", tmp_path / "shape.json"
    folder.mkdir()
    (base / CONFIG).rename(shape)
    for name in ("one.pt", "other.pt"):
        torch.save(language.state_dict(), folder / name)
    language = load_pretrained(folder / "one.pt", "cpu", config=shape)
    model = learned(HNetForSequenceClassification.from_causal_lm(language, HEAD))
    model.save_pretrained(tmp_path / "a")
    about = facts(tmp_path / "a")
    assert (about["base"], about["base_config"]) == (str(folder / "one.pt"), str(shape))
    assert_computes_as(tmp_path / "a", model)
    shape.unlink()
    with pytest.raises(FileNotFoundError, match=r"shape\.json"):
        load_pretrained(tmp_path / "a", "cpu")


def test_a_model_that_ships_is_named_and_not_its_place(tmp_path: Path) -> None:
    model = learned(opened("genomes-tiny"))
    model.save_pretrained(tmp_path / "a")
    assert facts(tmp_path / "a")["base"] == "genomes-tiny"
    assert_computes_as(tmp_path / "a", model)


def test_more_is_learned_on_an_adapter_whose_base_has_moved(base: Path, tmp_path: Path) -> None:
    learned(opened(base)).save_pretrained(tmp_path / "a")
    moved = base.rename(tmp_path / "moved")
    model = learned(opened(tmp_path / "a", None, base=moved), seed=2)
    model.save_pretrained(tmp_path / "b")
    assert (tmp_path / "b" / ADAPTER).is_file()
    # What is said is of the one whose base is not there.
    with pytest.raises(FileNotFoundError, match=r"its base .*base is not there") as refused:
        opened(tmp_path / "b", None)
    assert str(refused.value).startswith(str(tmp_path / "a" / ADAPTER))
    about = facts(tmp_path / "a")
    (tmp_path / "a" / ADAPTER_FACTS).write_text(json.dumps(about | {"base": str(moved)}))
    assert_computes_as(tmp_path / "b", model)


def test_a_file_that_is_gone_or_another_one_is_no_base(base: Path, tmp_path: Path) -> None:
    for spoil in (lambda: (base / WEIGHTS).write_bytes(b"no"), (base / WEIGHTS).unlink):
        make_model("one stage").save_pretrained(base)
        model = opened(base)
        spoil()
        learned(model).save_pretrained(tmp_path / "whole")
        assert (tmp_path / "whole" / WEIGHTS).is_file()
        assert_computes_as(tmp_path / "whole", model)


Edit = Callable[[dict[str, Tensor], dict[str, str]], object]


def rewritten(folder: Path, edit: Edit) -> None:
    """Another file of the adapter."""
    with safe_open(folder / ADAPTER, "pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        ((key, said),) = file.metadata().items()
    about = json.loads(said)
    edit(weights, about)
    save_file(weights, folder / ADAPTER, metadata={key: json.dumps(about)})


def one(weights: dict[str, Tensor], part: str) -> str:
    return next(name for name in sorted(weights) if name.endswith(part))


EDITS: dict[str, tuple[Edit, str]] = {
    "A alone": (lambda w, _: w.pop(one(w, ".B")), "expected A and B"),
    "B alone": (lambda w, _: w.pop(one(w, ".A")), "expected A and B"),
    "another part": (lambda w, _: w.update({one(w, ".A")[:-1] + "C": torch.ones(1)}), "A and B"),
    "ranks apart": (lambda w, _: w.update({one(w, ".A"): w[one(w, ".A")][:1].clone()}), "fit"),
    "too narrow": (lambda w, _: w.update({one(w, ".A"): w[one(w, ".A")][:, 1:].clone()}), "fit"),
    "a column": (lambda w, _: w.update({one(w, ".B"): w[one(w, ".B")][:1].clone()}), "fit"),
    "flat": (lambda w, _: w.update({one(w, ".B"): w[one(w, ".B")].flatten()}), "fit"),
    "of nothing": (lambda w, _: w.update({"x.A": torch.ones(1, 1), "x.B": torch.ones(1, 1)}), "x"),
    "no scale": (lambda _, said: said.pop("scale"), "scale"),
    "scale is no number": (lambda _, said: said.update(scale="two"), "scale"),
    "scale is nan": (lambda _, said: said.update(scale="nan"), "scale"),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_damaged_adapter_is_one_line_that_names_it(base: Path, tmp_path: Path, name: str) -> None:
    edit, said = EDITS[name]
    learned(opened(base)).save_pretrained(tmp_path / "a")
    rewritten(tmp_path / "a", edit)
    with pytest.raises(ValueError, match=said) as refused:
        load_pretrained(tmp_path / "a", "cpu")
    assert str(refused.value).startswith(f"{tmp_path / 'a' / ADAPTER}: ")
    assert "\n" not in str(refused.value)


def test_a_forward_on_one_layer_is_called(base: Path) -> None:
    """As the hooks of accelerate put it there."""
    model = load_pretrained(base, "cpu")
    called: list[int] = []
    for name, module in model.named_modules():
        if name.endswith((".in_proj", ".out_proj")):
            before = module.forward

            def forward(x: Tensor, before: Callable[[Tensor], Tensor] = before) -> Tensor:
                called.append(1)
                return before(x)

            module.forward = forward
    with torch.inference_mode():
        model(IDS)
    projections = [n for n, _ in model.named_modules() if n.endswith((".in_proj", ".out_proj"))]
    assert len(called) == len(projections)
