"""From a run to a folder that loads by name, with its card: studies/ship_weights.py."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

from hnet_seq import HNetForCausalLM
from hnet_seq.cli import main
from hnet_seq.model import shipped
from hnet_seq.tasks.classification.settings import pretraining_ratios
from hnet_seq.tasks.markov_mixture import open_model
from hnet_seq.tasks.pretrain import pretrain
from modalities.errors import InputError, UsageError
from tests.train.runs import make_shards, tiny

STUDIES = Path(__file__).parents[1] / "studies"
ABOUT = """
summary: a tiny one
licence: free
sources: {shards: {what: random bases}}
limits: [it knows nothing]
"""
MEMORY = "model.ngram_memory={orders: [2, 5], rows: 4096, width: 16}"


@pytest.fixture(scope="module")
def study() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(STUDIES)
        return importlib.import_module("ship_weights")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with shards, a run on them, what people say of it, and Markov scores."""
    folder = tmp_path_factory.mktemp("made")
    bases = "".join(np.random.default_rng(0).choice([*"ACGT"], 6_000))
    shards = make_shards(folder, bases)
    pretrain(tiny("dna_small", shards, MEMORY, "train.steps=3"), folder / "run", device="cpu")
    (folder / "about.yaml").write_text(ABOUT)
    assert main(["markov", str(shards), "--out", str(folder / "markov.json")]) == 0
    return folder


def call(study: ModuleType, *words: object) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["ship_weights.py", *map(str, words)])
        study.main()


@pytest.fixture(scope="module")
def model(study: ModuleType, made: Path) -> Path:
    """What ships, in a folder that stands in for the package's."""
    markov = f"shards={made / 'markov.json'}"
    words = ["--about", made / "about.yaml", "--tokens", 500, "--markov", markov]
    call(study, "make", made / "run", made / "weights/tiny", *words)
    return made / "weights/tiny"


def card_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "card.json").read_text())


def test_it_loads_by_name_and_is_small(
    model: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "FOLDER", made / "weights")
    loaded = HNetForCausalLM.from_pretrained("tiny", "cpu")
    run = HNetForCausalLM.from_pretrained(made / "run", "cpu")
    for (name, own), given in zip(loaded.named_parameters(), run.parameters(), strict=True):
        assert (own - given).abs().max() <= given.abs().max() / 100, name
    with safe_open(model / "model.safetensors", "pt") as file:
        kinds = {str(file.get_tensor(name).dtype) for name in file.keys()}  # noqa: SIM118
    assert kinds == {"torch.float32", "torch.int8", "torch.bfloat16"}
    whole = (made / "run/checkpoints/step-000003/model.safetensors").stat().st_size
    assert (model / "model.safetensors").stat().st_size < 0.5 * whole


def test_the_card_says_what_the_records_say(model: Path, made: Path) -> None:
    card = card_of(model)
    log = [json.loads(line) for line in (made / "run/metrics.jsonl").read_text().splitlines()]
    (source,) = card["sources"]
    assert source["bits"]["model"] == pytest.approx(log[-1]["bits_per_token"])
    assert source["scored_tokens"] == log[-1]["scored_tokens"]
    markov = json.loads((made / "markov.json").read_text())
    assert source["bits"]["markov"] == min(row["bits_per_base"] for row in markov["orders"])
    assert source["bits"]["twin"] != source["bits"]["model"]
    assert card["training"]["tokens"] == 3 * 512
    assert source["passes"] == 3 * 512 / source["train_tokens"]
    assert card["weights"]["bytes"] == (model / "model.safetensors").stat().st_size
    formats = card["drift"]["formats"]
    assert formats["fp32"]["cosine"]["chunks"] == pytest.approx([1, 1], abs=1e-5)
    sizes = [formats[name]["bytes"] for name in ("fp32", "bf16", "int8-tables", "int8")]
    assert sizes == sorted(sizes, reverse=True)
    assert abs(card["drift"]["bits"]) < 0.01
    page = (model / "README.md").read_text()
    assert f"| {source['bits']['model']:.3f} | {source['bits']['markov']:.3f} (" in page
    assert "it knows nothing" in page


def test_what_a_run_began_with_was_learned_too(
    study: ModuleType, made: Path, tmp_path: Path
) -> None:
    config = tiny("dna_small", made / "shards", MEMORY, "train.steps=2", "seed=7")
    pretrain(config, tmp_path / "next", init=made / "run", device="cpu")
    found = study.trained(tmp_path / "next", tmp_path / "next/checkpoints/step-000002")
    assert (found["steps"], found["tokens"], found["seeds"]) == (5, 5 * 512, [0, 7])
    assert len(found["commands"]) == 2
    (made / "run").rename(made / "hidden")
    try:
        with pytest.raises(InputError, match=r"run: is gone, with whose weights .*next began"):
            study.trained(tmp_path / "next", tmp_path / "next/checkpoints/step-000002")
    finally:
        (made / "hidden").rename(made / "run")


def test_nothing_says_where_things_lay(model: Path, made: Path) -> None:
    for file in model.iterdir():
        assert str(made).encode() not in file.read_bytes(), file.name


def test_fine_tuning_knows_its_ratio_loss(model: Path) -> None:
    assert pretraining_ratios(str(model))[1:] == ([3.0], [1.0])


def test_mixing_knows_its_windows(model: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "FOLDER", made / "weights")
    assert open_model("tiny", [str(made / "shards")], "cpu")[1].context == 128


def test_later_records_are_added(study: ModuleType, model: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = [f"{''.join(rng.choice([*'ACGT'], 40))},{'ab'[n % 2]}" for n in range(40)]
    (tmp_path / "t.csv").write_text("sequence,label\n" + "\n".join(rows) + "\n")
    line = f"classify train {model} --data {tmp_path}/t.csv --test-fraction 0.3"
    assert main([*line.split(), "--out", str(tmp_path / "probe")]) == 0
    call(study, "add", model, "--downstream", f"random={tmp_path}/probe/classification.json")
    found = card_of(model)["downstream"]["random"]
    assert found["rows"][0]["kind"] == "model"
    assert any(own["other"].startswith("untrained twin") for own in found["minus"])
    assert "| random (12 of test) |" in (model / "README.md").read_text()
    other = {**card_of(model), "weights": {"sha256": "another"}}
    with pytest.raises(InputError, match="is of other weights than this tiny"):
        study.add_downstream(other, "random", tmp_path / "probe/classification.json")


def test_scores_of_other_bases_are_refused(study: ModuleType, model: Path, made: Path) -> None:
    for name, bases in (("nobody", 600), ("shards", 6_000)):
        scores = json.loads((made / "markov.json").read_text()) | {"scored_bases": bases}
        (made / "other.json").write_text(json.dumps(scores))
        with pytest.raises(InputError, match=f"is not of the {name} that the run was trained on"):
            study.add_markov(card_of(model), name, made / "other.json")
    masked = {**card_of(model), "training": {"objective": "masked"}}
    with pytest.raises(InputError, match="the model sees both sides"):
        study.add_markov(masked, "shards", made / "markov.json")


def test_what_holds_training_text_is_refused(study: ModuleType, made: Path, tmp_path: Path) -> None:
    counts = "model.ngram_counts={orders: [1, 2], symbols: 4}"
    config = tiny("dna_small", made / "shards", counts, "train.steps=1", "train.validate_every=0")
    pretrain(config, tmp_path / "run", device="cpu")
    with pytest.raises(UsageError, match="hold the text of its training data"):
        call(study, "make", tmp_path / "run", tmp_path / "out", "--about", made / "about.yaml")
    assert not (tmp_path / "out").exists()
