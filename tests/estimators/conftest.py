"""What the tests of the estimators share."""

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
def checkpoint(hnet: HNetForCausalLM, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of that model."""
    folder: Path = tmp_path_factory.mktemp("model")
    hnet.save_pretrained(folder)
    return f"{folder}"


@pytest.fixture(scope="module")
def sequences() -> list[str]:
    """Twenty with much A and T, then twenty with much G and C; of unequal lengths."""
    draw = np.random.default_rng(0)
    shares = ([0.35, 0.15, 0.15, 0.35], [0.15, 0.35, 0.35, 0.15])
    return ["".join(draw.choice(list("ACGT"), 30 + n, p=own)) for own in shares for n in range(20)]


@pytest.fixture(scope="module")
def labels() -> list[str]:
    return ["at"] * 20 + ["gc"] * 20
