"""What each part of a forward pass keeps for the backward pass, and what it needs for a moment.

fp32, default operations on a CPU, packed sequences; read from the modules, which may be on the meta
device. A test compares what is kept with what autograd keeps.

Letters, per position of a stage: D width, N state, H heads, F width of the MLP. Terms of one float
(norm scales, probabilities) are in, terms per sequence are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import nn

from hnet_seq.model.attention import SelfAttention
from hnet_seq.model.hnet import HNet
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.mamba2 import Mamba2
from hnet_seq.model.mlp import SwiGLU
from hnet_seq.model.ngram_counts import NgramCounts
from hnet_seq.model.ngram_memory import NgramMemory
from hnet_seq.model.stack import Layer, Stack
from hnet_seq.model.two_scans import TwoScans
from hnet_seq.ops.mamba2.native import EVERY, fits
from hnet_seq.ops.registry import choose, fused
from hnet_seq.ops.ssd.blocked import BLOCK, GROUP
from hnet_seq.ops.ssd.native import MULTIPLE

INT64 = 2  # floats


@dataclass(frozen=True)
class Part:
    """One part of the forward pass; sizes in floats.

    Attributes:
        name: what it is.
        stage: the stage that its module belongs to, 0 outermost.
        saved: kept until its backward pass is done.
        forward, backward: had beside what is saved, for a moment.
        parameters: whose gradients its backward pass makes.
        holes: what its moments leave in the heap that no tensor of its size fits in again.
            Measured; see docs/performance.md.
    """

    name: str
    stage: int
    saved: float
    forward: float = 0.0
    backward: float = 0.0
    parameters: int = 0
    holes: float = 0.0


def memory_parts(
    model: HNetLanguageModel, tokens: int, tokens_per_chunk: Sequence[float], context: int
) -> list[Part]:
    """The parts of a forward pass over ``tokens`` tokens, in order.

    Args:
        tokens_per_chunk: of each stage, from the outside in.
        context: tokens of a sequence.
    """
    vocabulary, width = model.lm_head.weight.shape
    tied = model.lm_head.weight is model.embeddings.weight
    strands = 2 if model.config.strand_symmetric else 1
    read = strands * tokens
    embedding = Part("embedding", 0, 2 * INT64 * read, parameters=0 if tied else vocabulary * width)
    # Logits and their logarithms stay until the step is done.
    logits = 2 * vocabulary * tokens
    head = Part("output", 0, logits, backward=strands * logits, parameters=vocabulary * width)
    sides = 2 if model.config.both_ways else 1
    return [
        embedding,
        *(_ngrams(part, read, sides) for part in model.backbone.ngrams),
        *_level(model.backbone, read, context, tokens_per_chunk),
        head,
    ]


def _ngrams(part: NgramMemory | NgramCounts, tokens: int, sides: int) -> Part:
    """What stands side by side; of a memory, rows and whether they count, for each side."""
    joined = part.projection.in_features * tokens
    if isinstance(part, NgramMemory):
        K = len(part.index.orders)
        saved = joined + sides * K * (INT64 + 0.25) * tokens
        forward, backward = joined, (1 + sides) * joined
        parameters = part.projection.weight.numel()
    else:
        # Evidence and its level, which the weights are looked up by, and what is projected.
        K = len(part.weights)
        saved = joined + K * (2 * part.symbols + INT64 + 1) * tokens
        forward, backward = 3 * joined, 2 * joined
        parameters = sum(own.numel() for own in part.parameters())
    return Part("n-grams", 0, saved, forward, backward, parameters)


def _level(
    level: HNet, positions: float, length: float, tokens_per_chunk: Sequence[float]
) -> list[Part]:
    """One level and those inside it; ``length`` is that of its sequences."""
    stage = level.stage
    if level.encoder is None:
        return [*_packing(level, positions), *_stack(level.main_network, stage, positions, length)]
    D, ways = level.routing_module.d_model, 2 if level.bidirectional else 1
    rate, *rest = tokens_per_chunk
    chunks = positions / rate
    # Projections q and k, and but for a kernel each of them divided by its norm; a dozen floats.
    copied = 2 * ways if _has_kernel("neighbour_cosine") else 2 + 2 * ways
    router = Part(
        f"stage {stage} router",
        stage,
        saved=(copied * D + 12) * positions,
        forward=2 * D * positions,
        backward=4 * D * positions,
        parameters=_parameters(level.routing_module) + _parameters(level.residual_proj),
    )
    # Averages of the chunks, and but for a kernel the vectors spread over the positions before the
    # confidence multiplies them. The (Q, Q) matrices of the averages are fp64.
    spread, blocks = (0, 0) if _has_kernel("spread") else (D, 8 * BLOCK)
    smoothing = Part(
        f"stage {stage} smoothing",
        stage,
        saved=ways * (D + 2 + INT64) * chunks + (spread + 2 + INT64) * positions,
        forward=(blocks + 2 * D) * chunks,
        backward=(blocks + 3 * D) * chunks + 2 * D * positions,
    )
    inner = _level(cast(HNet, level.main_network), chunks, length / rate, rest)
    decoder = _stack(level.decoder, stage, positions, length)
    return [
        *_packing(level, positions),
        *_stack(level.encoder, stage, positions, length),
        router,
        # The residual path is computed before the inner network and waits for the decoder's end.
        *_waiting([*inner, smoothing], D * positions),
        *_waiting(decoder, 2 * D * positions),
    ]


def _waiting(parts: list[Part], floats: float) -> list[Part]:
    return [replace(part, forward=part.forward + floats) for part in parts]


def _packing(level: HNet, positions: float) -> list[Part]:
    """What the layers of a stage share: who belongs to which sequence, and the scan's masks."""
    own = [level.main_network] if level.encoder is None else [level.encoder, level.decoder]
    scans = [module for stack in own for module in stack.modules() if isinstance(module, Mamba2)]
    masks = 0 if all(map(_at_once, scans)) else BLOCK + 2
    return [Part(f"stage {level.stage} packing", level.stage, (3 * INT64 + masks) * positions)]


def _stack(stack: nn.Module, stage: int, positions: float, length: float) -> list[Part]:
    parts = []
    for layer in cast(list[Layer], cast(Stack, stack).layers):
        D = layer.norm1.weight.numel()
        mixer = layer.mixer
        whole = isinstance(mixer, Mamba2) and _with_norm(mixer)
        if isinstance(mixer, Mamba2):
            part = _mamba2(mixer, stage, positions, whole)
        elif isinstance(mixer, TwoScans):
            part = _two_scans(mixer, stage, positions)
        else:
            part = _attention(mixer, stage, positions, length)
        # Before each mixer and MLP: the sum so far, its scale, and its norm; or the sum alone.
        norm = (2 * D + 1) * positions
        before = D * positions if whole else norm
        parts.append(replace(part, saved=part.saved + before, parameters=_parameters(mixer) + D))
        if layer.mlp is not None:
            part = _mlp(layer.mlp, stage, positions)
            parts.append(replace(part, saved=part.saved + norm, parameters=part.parameters + D))
    D = cast(Stack, stack).rmsnorm.weight.numel()
    closing = Part(f"stage {stage} norm", stage, (2 * D + 1) * positions, 0, 2 * D * positions, D)
    return [*parts, closing]


def _mamba2(mixer: Mamba2, stage: int, positions: float, whole: bool = False) -> Part:
    D, inner, N, H = mixer.out_proj.out_features, mixer.d_inner, mixer.d_state, mixer.num_heads
    if _at_once(mixer):
        return _mamba2_at_once(mixer, stage, positions, whole)
    channels = inner + 2 * N
    ways = 2 if mixer.bidirectional else 1
    projected = inner + channels + H + 2 * H  # step sizes before and after softplus too
    mixed = ways * (channels + inner * N / BLOCK) + (ways - 1) * (channels + H)
    # The (H, Q, Q) matrices of one group of blocks, their inputs, and its states.
    group = min(positions, GROUP * BLOCK) * (5 * BLOCK * H + 8 * inner)
    group += 2 * (GROUP + 1) * inner * N
    # Chunks rarely fill whole blocks: then the scan copies its inputs to fill the last.
    filled = channels if stage else 0
    return Part(
        f"stage {stage} Mamba-2",
        stage,
        saved=(projected + mixed + 2 * inner + 1) * positions,
        forward=(D + filled) * positions + group / 2,
        backward=(2 * inner + 2 * N + filled + (inner if filled else 0)) * positions + group,
        holes=2 * inner * positions,
    )


def _two_scans(mixer: TwoScans, stage: int, positions: float) -> Part:
    """Each keeps its own but for what ``out_proj`` takes, which is their mean.

    What was projected is there in both orders, and so is its gradient.
    """
    part, projected = _mamba2(mixer.fwd, stage, positions), mixer.fwd.in_proj.out_features
    return replace(
        part,
        saved=2 * part.saved - mixer.fwd.d_inner * positions,
        forward=part.forward + projected * positions,
        backward=part.backward + projected * positions,
        holes=2 * part.holes,
    )


def _at_once(mixer: Mamba2) -> bool:
    """Whether a kernel does convolution, scan and gated norm."""
    if mixer.bidirectional or fused("mamba2_mix", torch.empty(0)) is None:
        return False
    head_width = mixer.d_inner // mixer.num_heads
    return fits(mixer.conv1d.kernel_size[0], head_width, mixer.d_state)


def _with_norm(mixer: Mamba2) -> bool:
    """Whether a kernel does all of a mixer, and the norm before it."""
    known = fused("mamba2_layer", torch.empty(0)) is not None
    return known and _at_once(mixer) and mixer.out_proj.out_features % MULTIPLE == 0


def _mamba2_at_once(mixer: Mamba2, stage: int, positions: float, whole: bool) -> Part:
    """What was projected is kept, and few states; the rest is made again, block by block."""
    D, inner, N, H = mixer.out_proj.out_features, mixer.d_inner, mixer.d_state, mixer.num_heads
    channels = inner + 2 * N
    projected = inner + channels + H
    blocks, threads = positions / BLOCK, torch.get_num_threads()
    group = 1 if threads == 1 else 4 * threads
    # States of a span of blocks; of a group of them what else is made, and the states' gradients.
    again = min(blocks, max(EVERY, group)) * inner * N
    again += min(blocks, group) * (BLOCK * (2 * channels + inner) + inner * N)
    # But for a whole mixer, its output is kept for the next, and all states are there for a moment.
    return Part(
        f"stage {stage} Mamba-2",
        stage,
        saved=(projected + inner * N / (BLOCK * EVERY) + (0 if whole else inner)) * positions,
        forward=(D if whole else channels + inner + inner * N / BLOCK) * positions,
        # Gradients of what it gives, of what is normed, and of the projection.
        backward=(D + inner + projected) * positions + again,
        holes=inner * positions,
    )


def _attention(mixer: SelfAttention, stage: int, positions: float, length: float) -> Part:
    D, H, window = mixer.out_proj.in_features, mixer.num_heads, mixer.window
    ways = mixer.passes
    # Queries, keys and values as projected and as stacked; queries and keys as rotated.
    stacked = (8 if mixer.rotary_emb_dim else 6) * D
    if 0 <= window < length - 1:
        # Queries, keys and values, made from what was projected and rotated; tiles are small.
        kept = 3 * D
        stacked -= 3 * D
        forward, backward = stacked, 8 * D
    else:
        kept = 4 * D + H  # queries, keys, values, output
        forward, backward = stacked, 6 * D
    return Part(
        f"stage {stage} attention",
        stage,
        saved=(ways * (kept + mixer.rotary_emb_dim) + D) * positions,
        forward=forward * positions,
        backward=backward * positions,
        holes=stacked * positions,
    )


def _mlp(mlp: SwiGLU, stage: int, positions: float) -> Part:
    D, F = mlp.fc2.out_features, mlp.fc2.in_features
    return Part(
        f"stage {stage} MLP",
        stage,
        saved=(3 if _has_kernel("swiglu") else 4) * F * positions,
        forward=D * positions,
        backward=(2 * F + 2 * D) * positions,
        parameters=_parameters(mlp),
        holes=D * positions,
    )


def _has_kernel(operation: str) -> bool:
    return choose(operation, torch.device("cpu"), torch.float32)[0] == "native"


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
