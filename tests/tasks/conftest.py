"""What the tests of verbs share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hnet_seq import HNetForCausalLM
from tests.conftest import make_model
from tests.few_penalties import few_penalties


@pytest.fixture(scope="module", autouse=True)
def few() -> Iterator[None]:
    with few_penalties():
        yield


@pytest.fixture(scope="module")
def hnet() -> HNetForCausalLM:
    """An untrained model of DNA with one stage."""
    model = make_model("one stage")
    model.metadata["modality"] = "dna"
    return model


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of such a model."""
    model: HNetForCausalLM = make_model("one stage")
    model.metadata["modality"] = "dna"
    folder = tmp_path_factory.mktemp("model")
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``zeta`` holds GATTACA somewhere, ``alpha`` does not; composition tells little."""
    generator = np.random.default_rng(0)
    rows = []
    for index in range(120):
        letters = "".join(generator.choice(list("ACGT"), 40))
        if index % 2:
            place = int(generator.integers(0, 33))
            letters = letters[:place] + "GATTACA" + letters[place + 7 :]
        split = "test" if index >= 80 else "train"
        rows.append(f"{letters},{'zeta' if index % 2 else 'alpha'},{split}")
    path = tmp_path_factory.mktemp("table") / "t.csv"
    path.write_text("\n".join(["sequence,label,split", *rows]) + "\n")
    return path


def half_of(table: Path) -> Path:
    """Half of the rows of train and of test of :func:`table`."""
    header, *rows = table.read_text().splitlines()
    own = table.with_name("half.csv")
    own.write_text("\n".join([header, *rows[:40], *rows[80:100]]) + "\n")
    return own


def of_few_layers(folder: Path) -> Path:
    """The folder of a model as that of :func:`checkpoint`."""
    model: HNetForCausalLM = make_model("few layers")
    model.metadata["modality"] = "dna"
    model.save_pretrained(folder)
    return folder
