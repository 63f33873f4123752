"""The models that come with the package: that they load, what they predict, and their cards."""

from __future__ import annotations

import argparse
import importlib
import json
import math
import re
import shlex
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch

from hnet_seq import embed, load_pretrained, read_fasta
from hnet_seq.model.language_model import cross_entropy
from hnet_seq.model.shipped import FOLDER, read_card, shipped_names
from hnet_seq.tasks.info import describe
from modalities.file_hash import file_sha256

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/weights.md").read_text()
GENOME = ROOT / "examples/data/ecoli_536/genome.fna.gz"
PIECE = slice(100_000, 108_000)
#: Bits a base of the piece, in windows of 1,000. No measure of a model: E. coli was trained on.
BITS = {"genomes-tiny": 1.9507}
MOST_BYTES = 30_000_000


@pytest.fixture(scope="module")
def windows() -> torch.Tensor:
    """(8, 1000) bases of *E. coli* 536."""
    record = next(iter(read_fasta(GENOME)))
    return torch.from_numpy(record.tokens[PIECE].copy()).long().view(8, 1000)


def test_each_is_pinned_and_described() -> None:
    assert [*BITS] == shipped_names()
    for name in BITS:
        assert f"| `{name}` |" in GUIDE


@pytest.mark.parametrize("name", BITS)
def test_it_predicts_what_it_did(name: str, windows: torch.Tensor) -> None:
    model = load_pretrained(name, "cpu")
    with torch.no_grad():
        logits = model(windows).logits[:, :-1].flatten(0, 1)
    nats = cross_entropy(logits, windows[:, 1:].flatten())
    assert float(nats) / math.log(2) / logits.shape[0] == pytest.approx(BITS[name], abs=1e-3)
    vectors = embed(model, [row.numpy() for row in windows])
    assert vectors.shape == (8, model.config.d_model[0])
    assert np.isfinite(vectors).all()


@pytest.mark.parametrize("name", BITS)
def test_its_card_is_of_these_weights(name: str) -> None:
    folder = FOLDER / name
    card = read_card(folder)
    assert card is not None
    assert card["name"] == name
    assert card["weights"]["sha256"] == file_sha256(folder / "model.safetensors")
    assert describe(name)["parameters"] == card["weights"]["parameters"]
    assert card["training"]["steps"] > 0
    page = (folder / "README.md").read_text()
    for source in card["sources"]:
        assert {"model", "twin", "markov"} <= set(source["bits"])
        assert f"| {source['name']} |" in page
    assert {"config.json", "config.yaml"} <= {file.name for file in folder.iterdir()}
    json.dumps(card, allow_nan=False)
    said = (folder / "config.yaml").read_text() + page
    assert not re.search(r"(?<=[\s=])/\w", said), "a place on the machine that trained it"


def test_together_they_are_small_and_in_the_wheel() -> None:
    files = [file for file in FOLDER.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < MOST_BYTES
    assert {file.suffix for file in files} == {".safetensors", ".json", ".yaml", ".md"}
    # Whatever lies in the package is in the wheel, but for what git ignores.
    hatch = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]
    assert "hnet_seq" in hatch["build"]["targets"]["wheel"]["packages"]
    assert "exclude" not in hatch["build"]["targets"]["wheel"]
    ignored = (ROOT / ".gitignore").read_text().split()
    assert not {"*.safetensors", "*.json", "weights/"} & {*ignored}


def commands() -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
    blocks = "".join(block for language, block in found if not language).replace("\\\n", "")
    lines = [line.partition("#")[0].strip() for line in blocks.splitlines()]
    return [line for line in lines if line.startswith("hnet-seq ")]


@pytest.mark.parametrize("command", commands())
def test_the_guides_commands_can_be_parsed(command: str) -> None:
    _, verb, *arguments = shlex.split(command)
    parser = argparse.ArgumentParser(exit_on_error=False)
    importlib.import_module(f"hnet_seq.commands.{verb}").add_arguments(parser)
    assert (
        parser.parse_intermixed_args(arguments)
        if verb != "classify"
        else parser.parse_args(arguments)
    )
