"""One optimiser step on so many GPUs, by arithmetic: what ``scale_plan.py`` prints tables of.

Operations are counted by hnet_seq/model/flops.py, memory by hnet_seq/train/memory_parts.py, both
from the model's shape; the rest are the constants below. Where they come from is in
``scale_plan.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import ceil

import numpy as np
import torch

from hnet_seq import HNetConfig
from hnet_seq.model.flops import TRAINING_FACTOR, flops_per_token
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.masked_lm import language_model
from hnet_seq.ops.registry import backend
from hnet_seq.train.memory_parts import memory_parts

FLOAT = 4  # bytes; weights, gradients and moments are fp32
GB = 1e9

PEAK = 989e12  # operations a second
ACHIEVED = 0.25
GPU_MEMORY = 80 * GB
USABLE = 0.9  # of it: the rest is the allocator's and the libraries'
GPUS_A_NODE = 8
NVLINK, NETWORK = 450 * GB, 50 * GB  # bytes a second and GPU, one direction
LINK_SHARE = 0.8
OVERLAP = 0.5
BF16_SHARE = 0.6  # of fp32 activations
CONTEXT = 8192
TOKENS_PER_CHUNK = [3.0]
CHUNK_SPREAD = 0.05  # standard deviation over mean, of windows of CONTEXT bases
SPLIT_ABOVE = 1 / 3  # of the memory, as train.parallel.strategy=auto has it
DISK = 2 * GB  # bytes a second of a checkpoint


@dataclass(frozen=True)
class Size:
    """A model and the tokens of its step."""

    name: str
    widths: tuple[int, int]
    intermediate: int
    heads: tuple[int, int]
    rotary: tuple[int, int]
    layers: int
    step_tokens: int

    @property
    def config(self) -> HNetConfig:
        """m4 [T...] m4 of DNA, as the released one-stage models."""
        return HNetConfig.from_dict(
            {
                "arch_layout": ["m4", [f"T{self.layers}"], "m4"],
                "d_model": list(self.widths),
                "d_intermediate": [0, self.intermediate],
                "vocab_size": 8,
                "ssm_cfg": {"d_conv": 4, "expand": 2, "d_state": 128, "chunk_size": 256},
                "attn_cfg": {
                    "num_heads": list(self.heads),
                    "rotary_emb_dim": list(self.rotary),
                    "window_size": [1023, -1],
                },
            }
        )


SIZES = (
    Size("100M", (512, 768), 2048, (8, 12), (32, 32), 12, 1 << 19),
    Size("1B", (1280, 1792), 4864, (16, 16), (40, 56), 24, 1 << 21),
    Size("7B", (2048, 4096), 11008, (16, 32), (64, 64), 34, 1 << 22),
)


@cache
def model_of(size: Size) -> HNetLanguageModel:
    """On the meta device: shapes alone."""
    with torch.device("meta"):
        return language_model(size.config)


def parameters(size: Size) -> int:
    """How many the model has."""
    return sum(parameter.numel() for parameter in model_of(size).parameters())


@dataclass(frozen=True)
class Step:
    """One optimiser step on so many GPUs; bytes and seconds are of one GPU.

    Attributes:
        strategy: ``ddp`` or ``fsdp2``; ``none`` on one GPU.
        tokens: of the step, all GPUs.
        micro: tokens that a GPU computes at once.
        checkpointing: whether layers are computed again in the backward pass.
        state, activations: bytes.
        sent: bytes that leave the GPU.
        computing, waiting: seconds; of waiting, what lies beside no computing.
        slowest: the slowest GPU's work over the mean, expected.
    """

    strategy: str
    tokens: int
    micro: int
    checkpointing: bool
    state: float
    activations: float
    sent: float
    computing: float
    waiting: float
    slowest: float

    @property
    def seconds(self) -> float:
        """Of the step."""
        return self.computing * self.slowest + self.waiting


@cache
def activations(size: Size, tokens: int, *, again: bool) -> float:
    """Bytes that a micro-batch keeps for its backward pass, in bf16.

    Args:
        again: layers are computed again: each keeps its input, which is fp32, and the largest one
            is whole for a moment.
    """
    with backend("torch"):  # whatever this machine has
        parts = memory_parts(model_of(size), tokens, TOKENS_PER_CHUNK, CONTEXT)
    saved = sum(part.saved for part in parts)
    if not again:
        return FLOAT * BF16_SHARE * saved
    layers = [part for part in parts if part.name.endswith(("Mamba-2", "attention", "MLP"))]
    positions = [tokens, tokens / TOKENS_PER_CHUNK[0]]
    inputs = sum(
        size.widths[part.stage] * positions[part.stage]
        for part in layers
        if not part.name.endswith("MLP")  # one input for mixer and MLP
    )
    largest = max(sum(part.saved for part in layers[i : i + 2]) for i in range(len(layers)))
    outside = saved - sum(part.saved for part in layers)
    return FLOAT * (inputs + BF16_SHARE * (outside + largest))


def plan(size: Size, gpus: int, windows: int = 1) -> Step | None:
    """The fastest step that fits a GPU; None where none does.

    Micro-batches of 1 to 8 sequences are tried, with layers kept and computed again.

    Args:
        windows: sequences that every GPU has at least; with many GPUs they make the step larger.
    """
    tokens = max(size.step_tokens, gpus * windows * CONTEXT)
    tried = (
        _step(size, gpus, tokens, micro * CONTEXT, again)
        for micro in (1, 2, 4, 8)
        for again in (False, True)
        if micro * CONTEXT * gpus <= tokens
    )
    fitting = [step for step in tried if step.state + step.activations < USABLE * GPU_MEMORY]
    return min(fitting, key=lambda step: (step.seconds, -step.micro), default=None)


def least_memory(size: Size, gpus: int) -> float:
    """Bytes of the smallest step."""
    step = _step(size, gpus, gpus * CONTEXT, CONTEXT, True)
    return step.state + step.activations


def _step(size: Size, gpus: int, tokens: int, micro: int, again: bool) -> Step:
    weights = FLOAT * parameters(size)
    strategy, state = "none", 4.0 * weights
    if gpus > 1:
        strategy = "fsdp2" if state > SPLIT_ABOVE * GPU_MEMORY else "ddp"
    if strategy == "fsdp2":
        # Two layers at a time are gathered, and the gradient of one is whole.
        state = state / gpus + 3 * weights / (size.layers + 8)
    sent = _sent(strategy, weights, gpus, ceil(tokens / gpus / micro))
    operations = flops_per_token(size.config, CONTEXT, TOKENS_PER_CHUNK)
    computing = (TRAINING_FACTOR + again) * operations * tokens / gpus / (PEAK * ACHIEVED)
    link = (NVLINK if gpus <= GPUS_A_NODE else NETWORK) * LINK_SHARE
    return Step(
        strategy,
        tokens,
        micro,
        again,
        state,
        activations(size, micro, again=again),
        sent,
        computing,
        max(0.0, sent / link - OVERLAP * computing),
        slowest(size, gpus, tokens // gpus // CONTEXT),
    )


def _sent(strategy: str, weights: float, gpus: int, micro_batches: int) -> float:
    """Ring collectives, fp32: a reduce-scatter or all-gather sends (n - 1) / n of the tensor.

    DDP: one all-reduce (both) a step. FSDP2: an all-gather forward, one backward and a
    reduce-scatter, at every micro-batch.
    """
    ring = weights * (gpus - 1) / gpus
    return {"ddp": 2 * ring, "fsdp2": 3 * ring * micro_batches}.get(strategy, 0.0)


@cache
def slowest(size: Size, gpus: int, windows: int) -> float:
    """The work of the GPU with the most chunks over the mean, expected (2,000 steps drawn).

    Args:
        windows: sequences of a GPU in a step, which vary independently.
    """
    drawn = np.random.default_rng(0).standard_normal((2000, gpus)).max(1).mean()
    spread = inner_share(size) * CHUNK_SPREAD / np.sqrt(windows)
    return 1 + float(spread * (drawn if gpus > 1 else 0))


def inner_share(size: Size) -> float:
    """The share of a window's work that goes with the number of its chunks."""
    total = flops_per_token(size.config, CONTEXT, TOKENS_PER_CHUNK)
    rarer = flops_per_token(size.config, CONTEXT, [2 * TOKENS_PER_CHUNK[0]])
    return 2 * (total - rarer) / total
