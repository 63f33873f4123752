"""The Mamba-2 mixer (Dao and Gu 2024) over packed sequences."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hnet_seq.model.config import MAMBA_HEAD_DIM, SSMConfig
from hnet_seq.model.linear import Linear, is_its_weight, is_plain
from hnet_seq.model.norm import EPS, RMSNorm
from hnet_seq.ops import (
    causal_conv,
    causal_conv_continue,
    gated_rms_norm,
    mamba2_layer,
    mamba2_mix,
    mamba2_mixer,
    ssd,
    ssd_continue,
)
from hnet_seq.ops.packing import Packing
from hnet_seq.ops.reversal import both_ways


@dataclass
class Mamba2State:
    """What later tokens need of earlier ones.

    Attributes:
        conv: (slots, W - 1, C) the last inputs of the convolution, oldest first.
        ssm: (slots, N, H, P) fp32.
    """

    conv: Tensor
    ssm: Tensor

    @property
    def tensors(self) -> list[Tensor]:
        return [self.conv, self.ssm]

    def select(self, slots: Tensor) -> Mamba2State:
        """A copy of some slots."""
        return Mamba2State(self.conv.index_select(0, slots), self.ssm.index_select(0, slots))

    def reset(self, slots: Tensor) -> None:
        """Empty some slots."""
        for tensor in self.tensors:
            tensor[slots] = 0


class Mamba2(nn.Module):
    """in_proj -> causal conv -> selective state space -> gated norm -> out_proj; (T, D) to (T, D).

    One group: all heads share B and C.

    Args:
        bidirectional: convolution and state space also run from the end of each sequence, with the
            same weights, and the mean goes on to the norm.
    """

    def __init__(self, d_model: int, config: SSMConfig, bidirectional: bool = False) -> None:
        super().__init__()
        self.bidirectional = bidirectional
        self.d_inner = config.expand * d_model
        self.d_state = config.d_state
        self.num_heads = self.d_inner // MAMBA_HEAD_DIM
        channels = self.d_inner + 2 * self.d_state
        self.in_proj = Linear(d_model, self.d_inner + channels + self.num_heads, bias=False)
        self.conv1d = nn.Conv1d(channels, channels, config.d_conv, groups=channels)
        self.dt_bias = nn.Parameter(torch.zeros(self.num_heads))
        self.A_log = nn.Parameter(torch.zeros(self.num_heads))
        self.D = nn.Parameter(torch.ones(self.num_heads))
        self.norm = RMSNorm(self.d_inner)
        self.out_proj = Linear(self.d_inner, d_model, bias=False)

    def new_state(self, slots: int) -> Mamba2State:
        """The state of ``slots`` sequences that have not begun."""
        channels, _, width = self.conv1d.weight.shape
        weight = self.conv1d.weight
        ssm = weight.new_zeros(
            slots, self.d_state, self.num_heads, MAMBA_HEAD_DIM, dtype=torch.float32
        )
        return Mamba2State(weight.new_zeros(slots, width - 1, channels), ssm)

    def forward(self, x: Tensor, packing: Packing, state: Mamba2State | None = None) -> Tensor:
        whole = None if self.bidirectional else self._at_once(x, packing, state)
        if whole is not None:
            return whole
        return self.out_proj(self.between(self.in_proj(x), packing, state))

    def between(
        self, projected: Tensor, packing: Packing, state: Mamba2State | None = None
    ) -> Tensor:
        """What ``out_proj`` takes, (T, I), of what ``in_proj`` gives."""
        mixed = None
        if state is None and not self.bidirectional:
            mixed = mamba2_mix(
                projected,
                *self._conv,
                self.dt_bias,
                self._A,
                self.D,
                self.norm.weight,
                EPS,
                packing,
            )
        return self._one_by_one(projected, packing, state) if mixed is None else mixed

    def _at_once(self, x: Tensor, packing: Packing, state: Mamba2State | None) -> Tensor | None:
        """All of it, where no gradient is wanted and a kernel does it.

        The kernel takes the weights, so it is for projections that are their weights and no more.
        """
        if not (is_its_weight(self.in_proj) and is_its_weight(self.out_proj)):
            return None
        return mamba2_mixer(
            x,
            self.in_proj.weight,
            *self._conv,
            self.dt_bias,
            self._A,
            self.D,
            self.norm.weight,
            self.out_proj.weight,
            EPS,
            packing,
            *(state.tensors if state is not None else ()),
        )

    def after_norm(self, x: Tensor, first_norm: RMSNorm, packing: Packing) -> Tensor | None:
        """What this gives of the norm of x (T, D), by a kernel for training; None where none does.

        Of the two as modules more would be kept for the backward pass.
        """
        plain = is_plain(self, Mamba2) and is_plain(first_norm, RMSNorm)
        if self.bidirectional or not plain:
            return None
        if not (is_its_weight(self.in_proj) and is_its_weight(self.out_proj)):
            return None
        return mamba2_layer(
            x,
            first_norm.weight,
            self.in_proj.weight,
            *self._conv,
            self.dt_bias,
            self._A,
            self.D,
            self.norm.weight,
            self.out_proj.weight,
            EPS,
            packing,
        )

    @property
    def _conv(self) -> tuple[Tensor, Tensor]:
        """(C, W) and (C,)."""
        assert self.conv1d.bias is not None
        return self.conv1d.weight.squeeze(1), self.conv1d.bias

    @property
    def _A(self) -> Tensor:
        return -self.A_log.exp()

    def _one_by_one(self, projected: Tensor, packing: Packing, state: Mamba2State | None) -> Tensor:
        widths = [self.d_inner, self.d_inner + 2 * self.d_state, self.num_heads]
        z, xBC, dt = projected.split(widths, dim=-1)
        dt = F.softplus(dt + self.dt_bias)
        if self.bidirectional:
            assert state is None
            y = both_ways(lambda xBC, dt: self._mix(xBC, dt, packing, None), packing, xBC, dt)
        else:
            y = self._mix(xBC, dt, packing, state)
        return gated_rms_norm(y.flatten(1), z, self.norm.weight, EPS)

    def _mix(self, xBC: Tensor, dt: Tensor, packing: Packing, state: Mamba2State | None) -> Tensor:
        """(T, C) and step sizes (T, H) to (T, H, P)."""
        if state is None:
            xBC = causal_conv(xBC, *self._conv, packing)
        else:
            xBC = causal_conv_continue(xBC, *self._conv, packing, state.conv)
        x, B, C = xBC.split([self.d_inner, self.d_state, self.d_state], dim=-1)
        x = x.unflatten(-1, (self.num_heads, MAMBA_HEAD_DIM))
        if state is None:
            return ssd(x, dt, self._A, B, C, self.D, packing)
        return ssd_continue(x, dt, self._A, B, C, self.D, packing, state.ssm)
