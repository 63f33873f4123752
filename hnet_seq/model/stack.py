"""A stack of pre-norm residual layers at one resolution."""

from __future__ import annotations

from typing import TypeAlias, cast

from torch import Tensor, nn

from hnet_seq.model.attention import SelfAttention
from hnet_seq.model.config import HNetConfig
from hnet_seq.model.layout import LayerSpec, StackSpec
from hnet_seq.model.mamba2 import Mamba2, Mamba2State
from hnet_seq.model.mlp import SwiGLU
from hnet_seq.model.norm import RMSNorm
from hnet_seq.model.two_scans import TwoScans
from hnet_seq.ops import KeyValueCache
from hnet_seq.ops.packing import Packing
from hnet_seq.ops.strands import exchange

LayerState: TypeAlias = Mamba2State | KeyValueCache


class Layer(nn.Module):
    """x + mixer(norm1(x)), then, if the layout says so, + mlp(norm2(x)). The sum stays in fp32.

    Where both strands are packed, each mixer writes half of its channels to the other strand.
    """

    def __init__(self, spec: LayerSpec, config: HNetConfig, stage: int) -> None:
        super().__init__()
        d_model = config.d_model[stage]
        self.norm1 = RMSNorm(d_model)
        self.mixer: Mamba2 | TwoScans | SelfAttention
        if spec.mixer == "mamba2" and config.reading == "ldarnet":
            self.mixer = TwoScans(d_model, config.ssm_cfg)
        elif spec.mixer == "mamba2":
            self.mixer = Mamba2(d_model, config.ssm_cfg, config.both_ways)
        else:
            attn = config.attn_cfg
            self.mixer = SelfAttention(
                d_model,
                attn.num_heads[stage],
                attn.rotary_emb_dim[stage],
                attn.window_size[stage],
                config.both_ways,
                config.mirrored,
            )
        self.norm2 = RMSNorm(d_model) if spec.mlp else None
        self.mlp = SwiGLU(d_model, config.d_intermediate[stage]) if spec.mlp else None

    def forward(self, residual: Tensor, packing: Packing, state: LayerState | None) -> Tensor:
        mixed = None
        if state is None and isinstance(self.mixer, Mamba2):
            mixed = self.mixer.after_norm(residual, self.norm1, packing)
        if mixed is None:
            mixed = self.mixer(self.norm1(residual), packing, state)
        residual = residual + (exchange(mixed) if packing.both_strands else mixed)
        if self.norm2 is not None and self.mlp is not None:
            residual = residual + self.mlp(self.norm2(residual))
        return residual


class Stack(nn.Module):
    """Layers and a closing norm; (T, D) to (T, D)."""

    def __init__(self, spec: StackSpec, config: HNetConfig, stage: int) -> None:
        super().__init__()
        self.spec = spec
        self.layers = nn.ModuleList(Layer(layer, config, stage) for layer in spec)
        self.rmsnorm = RMSNorm(config.d_model[stage])

    def new_state(self, slots: int) -> list[LayerState]:
        """One state for each layer."""
        # Two scans are of bidirectional models, which have no state.
        mixers = (cast(Mamba2 | SelfAttention, layer.mixer) for layer in self.layers)
        return [mixer.new_state(slots) for mixer in mixers]

    def forward(self, x: Tensor, packing: Packing, state: list[LayerState] | None = None) -> Tensor:
        residual = x.float()
        for i, layer in enumerate(self.layers):
            residual = layer(residual, packing, None if state is None else state[i])
        return self.rmsnorm(residual)
