"""The analytic count against what PyTorch counts of its own products."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from hnet_seq.model.flops import flops_per_token
from hnet_seq.ops import backend
from tests.conftest import make_model


def test_the_count_of_an_isotropic_model_is_near_what_runs() -> None:
    model = make_model("isotropic")
    context = 512
    # Kernels of our own are not among the operations that PyTorch counts.
    with backend("torch"), FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(context, dtype=torch.long))
    counted = counter.get_total_flops() / context
    # What runs computes hidden pairs too, and its convolution is no product.
    assert 0.6 < flops_per_token(model.config, context, []) / counted < 1.1


def test_chunks_make_the_inner_network_cheaper() -> None:
    config = make_model("one stage").config
    dense = flops_per_token(config, 512, [1.0001])
    assert flops_per_token(config, 512, [4.0]) < 0.8 * dense
