"""What the tests of verbs share."""

from __future__ import annotations

import pytest

from hnet_seq import HNetForCausalLM
from tests.conftest import make_model


@pytest.fixture(scope="module")
def hnet() -> HNetForCausalLM:
    """An untrained model of DNA with one stage."""
    model = make_model("one stage")
    model.metadata["modality"] = "dna"
    return model
