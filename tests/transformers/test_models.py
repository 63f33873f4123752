"""The Auto classes give our models: the same numbers, from either side's files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    set_seed,
)

import hnet_seq.transformers as registered
from hnet_seq import (
    HeadConfig,
    HNetConfig,
    HNetForMaskedLM,
    HNetForSequenceClassification,
    Sampling,
    load_pretrained,
)
from hnet_seq.model.shipped import shipped_folder
from hnet_seq.transformers import convert

from ..conftest import LAYOUTS, make_model
from ..forked import Forked
from .conftest import padded

CLOSE: Any = {"atol": 1e-5, "rtol": 0.0}


def packed(sequences: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    lengths = torch.tensor([0, *map(len, sequences)])
    return torch.cat(sequences), lengths.cumsum(0)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_padded_batch_is_what_the_packed_path_gives(
    own_folder: Path, sequences: list[torch.Tensor], side: str
) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(own_folder)
    ids, mask = padded(sequences, side)
    with torch.no_grad():
        ours = load_pretrained(own_folder, "cpu")(*packed(sequences)).logits
        logits = model(input_ids=ids, attention_mask=mask).logits
    torch.testing.assert_close(logits[mask.bool()], ours, **CLOSE)
    assert not logits[~mask.bool()].any()


def _logits_in_a_new_process(folder: str, out: str) -> None:
    import hnet_seq.transformers  # noqa: F401

    model = AutoModelForCausalLM.from_pretrained(folder)
    ids = torch.arange(24).remainder(4)[None]
    with torch.no_grad():
        save_file({"logits": model(input_ids=ids).logits[0]}, out)


def test_what_they_saved_is_opened_by_both_in_another_process(
    own_folder: Path, tmp_path: Path
) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(own_folder)
    model.save_pretrained(tmp_path / "theirs")
    ended = Forked(
        _logits_in_a_new_process,
        str(tmp_path / "theirs"),
        str(tmp_path / "logits"),
        folder=tmp_path,
    ).end()
    assert ended.code == 0, ended.err
    ids = torch.arange(24).remainder(4)
    again = load_pretrained(tmp_path / "theirs", "cpu")
    with torch.no_grad():
        ours = load_pretrained(own_folder, "cpu")(ids).logits
        torch.testing.assert_close(load_file(tmp_path / "logits")["logits"], ours, **CLOSE)
        torch.testing.assert_close(again(ids).logits, ours, **CLOSE)
    assert again.metadata == {"modality": "dna"}
    assert not [f for f in (tmp_path / "theirs").iterdir() if f.suffix in (".bin", ".pt", ".pkl")]


def test_vectors_are_those_before_the_head(own_folder: Path, sequences: list[torch.Tensor]) -> None:
    ids, mask = padded(sequences, "right")
    with torch.no_grad():
        out = AutoModel.from_pretrained(own_folder)(input_ids=ids, attention_mask=mask)
        ours = load_pretrained(own_folder, "cpu")(*packed(sequences)).hidden
    torch.testing.assert_close(out.last_hidden_state[mask.bool()], ours, **CLOSE)


def test_both_directions(tmp_path: Path, sequences: list[torch.Tensor]) -> None:
    shape = make_model("one stage").config.to_dict() | {"bidirectional": True}
    for symmetric in (False, True):
        config = HNetConfig.from_dict(shape | {"strand_symmetric": symmetric})
        own = HNetForMaskedLM(config).eval()
        own.save_pretrained(tmp_path)
        model = AutoModelForMaskedLM.from_pretrained(tmp_path)
        ids, mask = padded(sequences, "left")
        with torch.no_grad():
            out = model(input_ids=ids, attention_mask=mask, labels=ids.masked_fill(mask == 0, -100))
            ours = own(*packed(sequences)).logits
        torch.testing.assert_close(out.logits[mask.bool()], ours, **CLOSE)
        expected = torch.nn.functional.cross_entropy(ours, torch.cat(sequences))
        torch.testing.assert_close(out.loss, expected)
    with pytest.raises(ValueError, match="HNetForMaskedLM takes it"):
        AutoModelForCausalLM.from_pretrained(tmp_path)


def test_a_classifier_of_ours_and_a_new_one(tmp_path: Path, sequences: list[torch.Tensor]) -> None:
    language = make_model("one stage")
    head = HeadConfig("single_label", ["coding", "not"], "chunks")
    own = HNetForSequenceClassification.from_causal_lm(language, head).eval()
    own.save_pretrained(tmp_path / "own")
    ids, mask = padded(sequences, "right")
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "own")
    assert model.config.id2label == {0: "coding", 1: "not"}
    labels = torch.tensor([0, 1, 1, 0])
    with torch.no_grad():
        out = model(input_ids=ids, attention_mask=mask, labels=labels)
        torch.testing.assert_close(out.logits, own(*packed(sequences)).logits, **CLOSE)
    torch.testing.assert_close(out.loss, torch.nn.functional.cross_entropy(out.logits, labels))
    model.save_pretrained(tmp_path / "theirs")
    again = HNetForSequenceClassification.from_pretrained(tmp_path / "theirs", device="cpu")
    assert again.head_config == head
    with torch.no_grad():
        torch.testing.assert_close(again(*packed(sequences)).logits, out.logits, **CLOSE)

    language.save_pretrained(tmp_path / "language")
    for options, target in (
        ({"num_labels": 12}, torch.tensor([0, 11, 3, 2])),
        ({"num_labels": 1}, torch.randn(4)),
        ({"num_labels": 3, "problem_type": "multi_label_classification"}, torch.ones(4, 3)),
    ):
        set_seed(0)
        new = AutoModelForSequenceClassification.from_pretrained(tmp_path / "language", **options)
        loss = new(input_ids=ids, attention_mask=mask, labels=target).loss
        assert torch.isfinite(loss)
        loss.backward()
        new.save_pretrained(tmp_path / "new")
        again = HNetForSequenceClassification.from_pretrained(tmp_path / "new", device="cpu")
        new.eval()
        with torch.no_grad():
            torch.testing.assert_close(
                again(*packed(sequences)).logits,
                new(input_ids=ids, attention_mask=mask).logits,
                **CLOSE,
            )


def test_generation_goes_on_from_the_state(own_folder: Path) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(own_folder)
    own: Any = load_pretrained(own_folder, "cpu")
    prompts = [torch.arange(n).remainder(4) for n in (3, 9, 5)]
    greedy = [t.tolist() for t in own.generate(prompts, 12, sampling=Sampling(temperature=0))]
    ids, mask = padded(prompts, "left")
    seen: list[int] = []
    embeddings: Any = model.embeddings
    handle = embeddings.register_forward_hook(lambda _, args, __: seen.append(len(args[0])))
    found = model.generate(ids, attention_mask=mask, max_new_tokens=12, do_sample=False)
    handle.remove()
    assert found[:, ids.shape[1] :].tolist() == greedy
    assert seen == [17, *[3] * 11]
    slow = model.generate(
        ids, attention_mask=mask, max_new_tokens=12, do_sample=False, use_cache=False
    )
    assert torch.equal(found, slow)
    options: dict[str, Any] = {"attention_mask": mask, "max_new_tokens": 6, "num_beams": 3}
    beams = model.generate(ids, do_sample=False, **options)
    assert torch.equal(beams, model.generate(ids, do_sample=False, use_cache=False, **options))


def test_a_cache_goes_on_over_pieces(own_folder: Path) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(own_folder)
    ids, mask = padded([torch.arange(n).remainder(4) for n in (3, 20)], "left")
    with torch.no_grad():
        whole = model(input_ids=ids, attention_mask=mask).logits
        first = model(input_ids=ids[:, :18], attention_mask=mask[:, :18], use_cache=True)
        second = model(input_ids=ids[:, 18:], attention_mask=mask, cache=first.cache)
    torch.testing.assert_close(torch.cat([first.logits, second.logits], 1), whole, **CLOSE)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (
            lambda m, i: m(input_ids=i, attention_mask=torch.tensor([[1, 0, 1]])),
            "row 0 has padding",
        ),
        (lambda m, i: m(input_ids=i, attention_mask=torch.zeros(1, 3)), "row 0 has no tokens"),
        (lambda m, i: m(input_ids=i, attention_mask=torch.ones(2, 3)), "does not fit"),
        (lambda m, i: m(input_ids=i, attention_mask=torch.ones(1, 5)), "5 columns, input_ids 3"),
        (
            lambda m, i: m(input_ids=i, use_cache=True, attention_mask=torch.ones(1, 5)),
            "5 columns, input_ids 3",
        ),
        (lambda m, i: m(inputs_embeds=torch.zeros(1, 3, 64)), "reads input_ids"),
        (lambda m, i: m(input_ids=i, output_attentions=True), "output_attentions"),
        (lambda m, i: m(input_ids=i, use_cache=True), "for inference"),
        (
            lambda m, i: m.generate(i, attention_mask=torch.tensor([[1, 1, 0]]), max_new_tokens=2),
            "padding_side='left'",
        ),
        (lambda m, i: m.generate(i, assistant_model=m, max_new_tokens=2), "stateful"),
    ],
)
def test_what_is_not_there_is_refused(call: Callable[[Any, Any], Any], said: str) -> None:
    config = registered.HNetConfig(**make_model("isotropic").config.to_dict())
    model = AutoModelForCausalLM.from_config(config)
    with pytest.raises(ValueError, match=said):
        call(model, torch.zeros(1, 3, dtype=torch.int64))


def test_weights_that_do_not_fill_the_model_are_an_error(tmp_path: Path) -> None:
    make_model("one stage").save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    values = json.loads(file.read_text())
    for layout, said in ((["m1t1", ["T1m1"], "m3"], "lacks"), (["m1t1", ["T1m1"], "m1"], "has ")):
        file.write_text(json.dumps(values | {"arch_layout": layout}))
        with pytest.raises(ValueError, match=said):
            AutoModelForCausalLM.from_pretrained(tmp_path)
    file.write_text(json.dumps(values | {"d_model": [64]}))
    with pytest.raises(ValueError, match="d_model: expected 2 values"):
        AutoModelForCausalLM.from_pretrained(tmp_path)


def test_pickled_weights_are_not_read(tmp_path: Path) -> None:
    model = make_model("isotropic")
    model.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(OSError, match="safetensors"):
        AutoModelForCausalLM.from_pretrained(tmp_path)


def test_a_seed_decides_first_weights() -> None:
    config = registered.HNetConfig(**make_model("one stage").config.to_dict())
    weights = []
    for seed in (1, 1, 2):
        set_seed(seed)
        weights.append(AutoModelForCausalLM.from_config(config).lm_head.weight)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    tied = registered.HNetConfig(**make_model(list(LAYOUTS)[2]).config.to_dict())
    model = AutoModelForCausalLM.from_config(tied)
    assert model.lm_head.weight is model.embeddings.weight


def test_any_checkpoint_is_converted(tmp_path: Path) -> None:
    """Also the shipped one, whose tables lie there in eight bits."""
    shipped = shipped_folder("genomes-tiny")
    config = registered.HNetConfig.from_pretrained(shipped)
    with pytest.raises(ValueError, match=r"hnet_seq\.transformers\.convert"):
        AutoModelForCausalLM.from_pretrained(shipped, config=config)
    convert("genomes-tiny", tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    ids = torch.arange(40).remainder(4)
    with torch.no_grad():
        ours = load_pretrained("genomes-tiny", "cpu")(ids).logits
        torch.testing.assert_close(model(input_ids=ids[None]).logits[0], ours, **CLOSE)
    assert AutoConfig.from_pretrained(tmp_path).metadata["modality"] == "dna"
    card = (tmp_path / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: transformers\npipeline_tag: text-generation\n")
    assert "AutoModelForCausalLM.from_pretrained" in card
