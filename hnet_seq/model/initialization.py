"""Initial weights (Hwang, Wang, Gu 2025, appendix; Mamba-2 as Dao and Gu 2024)."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from hnet_seq.model.hnet import HNet
from hnet_seq.model.layout import residual_additions
from hnet_seq.model.mamba2 import Mamba2
from hnet_seq.model.stack import Stack

_STD = 0.02
_DT_RANGE = (1e-3, 0.1)
_DT_FLOOR = 1e-4
_A_RANGE = (1.0, 16.0)

ResidualInit = Literal["zero", "identity"]


@torch.no_grad()
def initialize(
    backbone: HNet, generator: torch.Generator, residual_proj: ResidualInit = "zero"
) -> None:
    """Set every weight of the hierarchy in place.

    Linear weights are N(0, 0.02); those that write to a residual stream are scaled down by the
    square root of the additions on the path through them. The router starts as the identity, that
    of a bidirectional model near it.

    Args:
        residual_proj: ``zero`` as published, so that at first all information passes through the
            inner network; ``identity`` lets the decoder see the encoder from the first step.
    """
    _initialize(backbone, generator, residual_proj, additions=0)
    for ngrams in backbone.ngrams:
        nn.init.normal_(ngrams.projection.weight, std=ngrams.init_std, generator=generator)


def _initialize(
    level: HNet, generator: torch.Generator, residual_proj: ResidualInit, additions: int
) -> None:
    if level.encoder is None:
        assert isinstance(level.main_network, Stack)
        own = residual_additions(level.main_network.spec)
        _stack(level.main_network, generator, additions + own)
        return
    assert isinstance(level.main_network, HNet)
    additions += residual_additions(level.encoder.spec + level.decoder.spec)
    for stack in (level.encoder, level.decoder):
        _stack(stack, generator, additions)
    for projection in (level.routing_module.q_proj_layer, level.routing_module.k_proj_layer):
        nn.init.eye_(projection.weight)
        if level.bidirectional:
            # The two are exchangeable there: equal at first, they would stay equal.
            projection.weight += torch.empty_like(projection.weight).normal_(
                std=_STD, generator=generator
            )
    nn.init.zeros_(level.residual_proj.bias)
    if residual_proj == "identity":
        nn.init.eye_(level.residual_proj.weight)
    else:
        nn.init.zeros_(level.residual_proj.weight)
    _initialize(level.main_network, generator, residual_proj, additions)


def _stack(stack: Stack, generator: torch.Generator, additions: int) -> None:
    for name, module in stack.named_modules():
        if isinstance(module, nn.Linear):
            writes_residual = name.endswith(("out_proj", "fc2"))
            std = _STD / math.sqrt(additions) if writes_residual else _STD
            nn.init.normal_(module.weight, std=std, generator=generator)
        elif isinstance(module, Mamba2):
            _mamba2(module, generator)


def _mamba2(mixer: Mamba2, generator: torch.Generator) -> None:
    bound = 1 / math.sqrt(mixer.conv1d.kernel_size[0])
    for parameter in mixer.conv1d.parameters():
        nn.init.uniform_(parameter, -bound, bound, generator=generator)
    low, high = map(math.log, _DT_RANGE)
    dt = _uniform(mixer.dt_bias, low, high, generator).exp().clamp(min=_DT_FLOOR)
    # softplus(dt_bias) = dt
    mixer.dt_bias.copy_(dt + torch.log(-torch.expm1(-dt)))
    mixer.A_log.copy_(_uniform(mixer.A_log, *_A_RANGE, generator).log())
    nn.init.ones_(mixer.D)


def _uniform(like: Tensor, low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.empty_like(like).uniform_(low, high, generator=generator)
