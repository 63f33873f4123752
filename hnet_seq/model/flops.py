"""Analytic floating-point operations of a forward pass: what the definition needs.

Matrix products count 2 m n k. Pairs that causality or a window hides are not counted, nor is what
an implementation computes twice. A training step is three forward passes (two products backward
for each one forward).
"""

from __future__ import annotations

from hnet_seq.model.boundary_policy import ROUTED
from hnet_seq.model.config import MAMBA_HEAD_DIM, HNetConfig
from hnet_seq.model.layout import LayerSpec, StackSpec

_SCAN_BLOCK = 64  # tokens: the matrix form's block, the least work at common state widths
TRAINING_FACTOR = 3


def flops_per_token(config: HNetConfig, context: float, tokens_per_chunk: list[float]) -> float:
    """Forward operations per raw token.

    Args:
        context: raw tokens of a sequence.
        tokens_per_chunk: achieved or target N of each stage, from the outside in.
    """
    layout = config.layout
    total = 2.0 * config.d_model[0] * config.vocab_size
    memory, counts = config.ngram_memory, config.ngram_counts
    strands = 2 if config.strand_symmetric else 1
    joined = len(memory.orders) * memory.width
    joined += len(counts.orders) * counts.parts * ((counts.symbols or config.vocab_size) + 1)
    total += 2.0 * joined * config.d_model[0]
    share = 1.0  # positions of this stage per raw token
    for stage, spec in enumerate(layout.stages):
        width = config.d_model[stage]
        per_position = _stack(config, spec.encoder + spec.decoder, stage, context * share)
        routed = config.boundary_policy(stage).policy in ROUTED
        # The residual projection, and the router's q and k.
        per_position += 2 * (3 if routed else 1) * width * width
        total += share * per_position
        share /= tokens_per_chunk[stage]
        directions = 2 if config.both_ways else 1
        total += share * directions * 4 * width  # smoothing, as a recurrence
    innermost = len(layout.stages)
    return strands * (total + share * _stack(config, layout.innermost, innermost, context * share))


def _stack(config: HNetConfig, spec: StackSpec, stage: int, length: float) -> float:
    return sum(_layer(config, layer, stage, length) for layer in spec)


def _layer(config: HNetConfig, layer: LayerSpec, stage: int, length: float) -> float:
    width = config.d_model[stage]
    mlp = 2.0 * 3 * width * config.d_intermediate[stage] if layer.mlp else 0.0
    if layer.mixer == "attention":
        window = config.attn_cfg.window_size[stage]
        visible = (length + 1) / 2
        if 0 <= window < length:
            visible = window + 1 - window * (window + 1) / (2 * length)
        if config.both_ways:
            visible = 2 * visible - 1  # as many to the right
            if config.mirrored and config.attn_cfg.rotary_emb_dim[stage]:
                visible *= 2  # once for each way to count positions
        return mlp + 2 * 4 * width * width + 2 * 2 * visible * width
    ssm = config.ssm_cfg
    inner, state = ssm.expand * width, ssm.d_state
    heads = inner // MAMBA_HEAD_DIM
    channels = inner + 2 * state
    projections = 2 * width * (inner + channels + heads) + 2 * inner * width
    pairs = (_SCAN_BLOCK + 1) / 2  # visible tokens of a block
    scan = 2 * pairs * (state + inner) + 2 * 2 * state * inner
    mixing = scan + 2 * ssm.d_conv * channels
    return mlp + projections + (2 if config.both_ways else 1) * mixing
