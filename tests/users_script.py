"""What a user writes sees types: mypy of ``make test`` checks this file, which nothing runs."""

from __future__ import annotations

from typing import assert_type

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

import hnet_seq
from hnet_seq import HNetForCausalLM, embed, score, segment


def script() -> None:
    """As if installed: nothing here is of unknown type."""
    model = HNetForCausalLM.from_pretrained("run")
    assert_type(embed(model, "ACGT"), NDArray[np.float32])
    assert_type(score(model, ["ACGT"])[0].bits_per_base, float)
    assert_type(next(segment(model, "ACGT")).boundary_prob, NDArray[np.float32])
    assert_type(model.generate("ACGT")[0], Tensor)
    assert_type(hnet_seq.Genome("g.fa").lengths, dict[str, int])
    assert_type(hnet_seq.load_pretrained("run").num_stages, int)
