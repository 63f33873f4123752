"""The recursion: encoder, router, inner network on the chunks, smoothing, decoder."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hnet_seq.model.chunking import Chunks, confidence
from hnet_seq.model.config import HNetConfig
from hnet_seq.model.router import Router
from hnet_seq.model.stack import Stack
from hnet_seq.ops.packing import Packing


@dataclass(frozen=True)
class StageBoundaries:
    """What one router decided, over the packed positions of its stage.

    Attributes:
        boundary_prob: (T_s,) fp32.
        boundary_mask: (T_s,) bool; T_{s+1} positions are True.
        cu_seqlens: (S + 1,) int32.
    """

    boundary_prob: Tensor
    boundary_mask: Tensor
    cu_seqlens: Tensor


@dataclass(frozen=True)
class HNetOutput:
    """Hidden states of the outermost resolution, and what each stage did on the way.

    Attributes:
        hidden: (T, D_0).
        boundaries: one record per stage, from the outside in.
        chunks: per stage the inner network's output cut back to the stage's width, (T_{s+1}, D_s).
    """

    hidden: Tensor
    boundaries: list[StageBoundaries]
    chunks: list[Tensor]


class HNet(nn.Module):
    """One level of the hierarchy; (T, D_{s-1}) to (T, D_{s-1}).

    With stages left it is encoder - inner network - decoder, else the innermost stack. Its input
    may be narrower than the stage: ``pad_dimension`` widens it, and the output is cut back.
    """

    def __init__(self, config: HNetConfig, stage: int = 0) -> None:
        super().__init__()
        layout = config.layout
        self.stage = stage
        d_model = config.d_model[stage]
        growth = d_model - config.d_model[max(stage - 1, 0)]
        self.pad_dimension = nn.Parameter(torch.zeros(growth)) if growth else None
        self.encoder: Stack | None = None
        self.main_network: HNet | Stack
        if stage < len(layout.stages):
            spec = layout.stages[stage]
            self.encoder = Stack(spec.encoder, config, stage)
            self.routing_module = Router(d_model)
            self.residual_proj = nn.Linear(d_model, d_model)
            self.main_network = HNet(config, stage + 1)
            self.decoder = Stack(spec.decoder, config, stage)
        else:
            self.main_network = Stack(layout.innermost, config, stage)

    def forward(self, x: Tensor, packing: Packing) -> HNetOutput:
        width = x.shape[-1]
        if self.pad_dimension is not None:
            x = torch.cat([x, self.pad_dimension.expand(x.shape[0], -1)], dim=-1)
        if self.encoder is None:
            hidden = self.main_network(x, packing)
            return HNetOutput(hidden[:, :width], [], [])

        h = self.encoder(x, packing)
        with torch.autocast(h.device.type, enabled=False):
            residual = self.residual_proj(h.float())
        prob, mask = self.routing_module(h, packing)
        chunks = Chunks(mask, packing)
        inner: HNetOutput = self.main_network(chunks.downsample(h), chunks.packing)
        smoothed = chunks.smooth(inner.hidden, prob)
        spread = chunks.upsample(smoothed) * confidence(prob, mask).unsqueeze(-1)
        hidden = self.decoder(spread + residual, packing)
        return HNetOutput(
            hidden=hidden[:, :width],
            boundaries=[StageBoundaries(prob, mask, packing.cu_seqlens), *inner.boundaries],
            chunks=[inner.hidden, *inner.chunks],
        )
