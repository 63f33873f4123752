"""The untrained twin: the weights of step 0, drawn again, wherever a checkpoint is opened."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hnet_seq import (
    HNetForCausalLM,
    HNetForMaskedLM,
    HNetForSequenceClassification,
    load_pretrained,
)
from hnet_seq.heads.head_config import HeadConfig
from hnet_seq.model.ngram_tables import GAP
from hnet_seq.model.pretrained import owned_state
from hnet_seq.model.twin import TWIN
from hnet_seq.tasks.pretrain import pretrain
from tests.conftest import make_model
from tests.train.runs import make_shards, tiny

SEED = 5
TABLES = [
    "model.ngram_counts={orders: [2], symbols: 4}",
    "model.ngram_memory={orders: [2], rows: 16, width: 4, symbols: 4}",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a few steps, its first checkpoint kept."""
    folder = tmp_path_factory.mktemp("run")
    letters = torch.randint(0, 4, (6000,), generator=torch.Generator().manual_seed(4)).tolist()
    shards = make_shards(folder, "".join("ACGT"[letter] for letter in letters))
    config = tiny(
        "ecoli_demo", shards, f"seed={SEED}", "train.keep_checkpoints=9", "train.steps=3", *TABLES
    )
    assert pretrain(config, folder / "run", device="cpu")
    return folder / "run"


def test_the_twin_is_step_0_of_its_run_with_empty_tables(run: Path) -> None:
    twin = owned_state(load_pretrained(run, "cpu", twin=True))
    first = load_file(min(run.glob("checkpoints/step-*/model.safetensors")))
    last = owned_state(load_pretrained(run, "cpu"))
    counts = "backbone.ngram_counts.text"
    assert (first[counts] != GAP).any()
    assert (twin[counts] == GAP).all()
    assert last["backbone.ngram_memory.tables"].any()
    assert not twin["backbone.ngram_memory.tables"].any()
    assert set(twin) == set(first)
    for name, value in twin.items():
        assert name == counts or torch.equal(value, first[name]), name
    trained = [name for name, value in twin.items() if not torch.equal(value, last[name])]
    assert len(trained) > 10


def test_a_twin_says_what_it_was_drawn_with_and_a_model_does_not(run: Path, tmp_path: Path) -> None:
    twin = HNetForCausalLM.from_pretrained(run, "cpu", twin=True)
    assert twin.metadata[TWIN] == f"seed {SEED}, residual_proj identity"
    assert not twin.training
    plain = HNetForCausalLM.from_pretrained(run, "cpu")
    assert TWIN not in plain.metadata
    assert {k: v for k, v in twin.metadata.items() if k != TWIN} == plain.metadata
    twin.save_pretrained(tmp_path)
    again = HNetForCausalLM.from_pretrained(tmp_path, "cpu", twin=True)
    for name, value in owned_state(again).items():
        assert torch.equal(value, owned_state(twin)[name])


def test_the_configuration_tells_of_an_older_run(run: Path, tmp_path: Path) -> None:
    checkpoint = max(run.glob("checkpoints/step-*"))
    model = HNetForCausalLM.from_pretrained(checkpoint, "cpu")
    del model.metadata["seed"], model.metadata["residual_proj"]
    model.save_pretrained(tmp_path / "checkpoints" / "step-000003")
    for text, said in (
        ((run / "config.yaml").read_text(), f"seed {SEED}, residual_proj identity"),
        ("train: [", "seed 0, residual_proj zero"),
        ("seed: 7\ntrain: {residual_proj: identity, init: other}", "seed 0, residual_proj zero"),
    ):
        (tmp_path / "config.yaml").write_text(text)
        twin = HNetForCausalLM.from_pretrained(tmp_path, "cpu", twin=True)
        assert twin.metadata[TWIN] == said


def test_released_weights_have_a_twin_as_published(tmp_path: Path) -> None:
    model = make_model("one stage")
    model.save_pretrained(tmp_path)  # says no seed
    twin = HNetForCausalLM.from_pretrained(tmp_path, "cpu", twin=True)
    assert twin.metadata[TWIN] == "seed 0, residual_proj zero"
    fresh = HNetForCausalLM(model.config, seed=0, residual_proj="zero")
    for name, value in owned_state(fresh).items():
        assert torch.equal(value, owned_state(twin)[name])
    with pytest.raises(ValueError, match="set bidirectional: true"):
        HNetForMaskedLM.from_pretrained(tmp_path, "cpu", twin=True)


def test_a_twin_has_the_type_that_is_asked_for(tmp_path: Path) -> None:
    make_model("one stage").save_pretrained(tmp_path)
    twin = load_pretrained(tmp_path, "cpu", dtype=torch.bfloat16, twin=True)
    assert twin.embeddings.weight.dtype == torch.bfloat16
    residual = [v.dtype for n, v in owned_state(twin).items() if "residual_proj" in n]
    assert residual
    assert set(residual) == {torch.float32}


def test_a_classifier_on_the_twin_has_its_backbone_and_a_fresh_head(
    run: Path, tmp_path: Path
) -> None:
    head = HeadConfig("single_label", ["a", "b"], "bases")
    HNetForSequenceClassification.from_pretrained(run, head, device="cpu").save_pretrained(tmp_path)
    lm = HNetForCausalLM.from_pretrained(run, "cpu", twin=True)
    for path, asked in ((run, head), (tmp_path, None)):
        twin = HNetForSequenceClassification.from_pretrained(path, asked, device="cpu", twin=True)
        assert twin.metadata[TWIN] == lm.metadata[TWIN]
        assert twin.head_config.names == ["a", "b"]
        assert torch.equal(twin.embeddings.weight, lm.embeddings.weight)
        for name, value in lm.backbone.state_dict().items():
            assert torch.equal(value, twin.backbone.state_dict()[name])


def test_a_seed_that_is_no_number_is_named(tmp_path: Path) -> None:
    model = make_model("one stage")
    model.metadata["seed"] = "many"
    model.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"model.safetensors: the seed of the run is 'many'"):
        load_pretrained(tmp_path, "cpu", twin=True)
