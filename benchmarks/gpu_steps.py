"""Training steps on a GPU in bf16, and the peers that they are timed against."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from steps import Shape, hold_ratio, shape

from hnet_seq import HNetForCausalLM, ratio_loss
from hnet_seq.model.causal_lm import cross_entropy
from hnet_seq.model.flops import TRAINING_FACTOR, flops_per_token
from hnet_seq.model.locate import read_config
from hnet_seq.model.released import released_file
from hnet_seq.ops.optional import load_past_package
from hnet_seq.ops.packing import Packing
from hnet_seq.ops.registry import IMPLEMENTATIONS, Implementation, backend, choose
from hnet_seq.train.optimizer import build_optimizer
from hnet_seq.train.precision import computing_in

import torch  # isort: skip
import torch.nn.functional as F  # isort: skip
from torch import Tensor  # isort: skip

#: A layer of each kind of dna_small's, and narrow: a CPU takes its steps in no time.
SMALL = (
    "model.arch_layout=[m1t1,[T1],m1]",
    "model.d_model=[64,64]",
    "model.d_intermediate=[0,128]",
    "model.attn_cfg.num_heads=[2,2]",
)
EMA_HEAD = 32  # columns of one head, where the smoothing is done by the scan


class Step:
    """Forward pass, losses, backward pass and optimiser on one batch of random tokens."""

    def __init__(self, of: Shape, device: torch.device, precision: str) -> None:
        self.shape, self.device, self.precision = of, device, precision
        self.model = HNetForCausalLM(of.config, residual_proj="identity").to(device)
        targets = [float(target) for target in of.targets]
        self.optimizer = build_optimizer(self.model, of.optimizer, targets)
        hold_ratio(self.model, of.targets)
        generator = torch.Generator().manual_seed(0)
        self.ids = torch.randint(0, of.config.vocab_size, (of.tokens,), generator=generator)
        self.ids = self.ids.to(device)
        lengths = [of.context] * (of.tokens // of.context)
        self.cu_seqlens = Packing.from_lengths(lengths, device).cu_seqlens

    def __call__(self) -> None:
        with computing_in(self.precision, self.device):
            out = self.model(self.ids, self.cu_seqlens)
        loss = cross_entropy(out.logits, self.ids.roll(-1)) / self.shape.tokens
        for stage, target in zip(out.boundaries, self.shape.targets, strict=True):
            loss = loss + ratio_loss(stage.boundary_prob, stage.boundary_mask, float(target))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.shape.optimizer.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    @property
    def flops(self) -> float:
        """Of a step: what the definition needs (hnet_seq/model/flops.py)."""
        targets = [float(target) for target in self.shape.targets]
        per_token = flops_per_token(self.shape.config, self.shape.context, targets)
        return TRAINING_FACTOR * self.shape.tokens * per_token


def model_shape(name: str, smoke: bool) -> Shape:
    """A benchmark's model, or a released one by its name, at a size that fills a GPU."""
    released = released_file(name)
    if released is not None:
        config = read_config(released)
        of = Shape(name, config, 8192, 32768, [6] if config.num_stages == 1 else [3, 3])
    else:
        of = shape(name, SMALL if smoke else ())
        of = replace(of, context=8192, tokens=65536)
    return replace(of, context=96, tokens=192) if smoke else of


def seconds(run: Callable[[], object], device: torch.device, rounds: int, warm_up: int) -> float:
    """Median of one call, the GPU's work included."""
    for _ in range(warm_up):
        run()
    taken = []
    for _ in range(rounds):
        _wait(device)
        began = time.perf_counter()
        run()
        _wait(device)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak(device: torch.device, size: int, dtype: torch.dtype) -> float:
    """FLOP/s of a square matrix product of random values."""
    left, right = torch.randn(2, size, size, device=device).to(dtype)
    return 2 * size**3 / seconds(lambda: left @ right, device, rounds=10, warm_up=3)


@contextmanager
def plain_modules() -> Iterator[None]:
    """The H-Net of its authors: the same scan, convolution and attention kernels, and no more.

    Norms are torch's and mamba-ssm's, and the smoothing is done by the scan kernel in bf16, as in
    the published code.
    """
    plain: dict[str, Callable[..., Any]] = {
        "rms_norm": _rms_norm,
        "gated_rms_norm": _gated_rms_norm,
        "smooth": _smooth,
    }
    for operation, function in plain.items():
        IMPLEMENTATIONS[operation]["plain"] = Implementation(function)
    try:
        with backend("plain", *plain):
            yield
    finally:
        for operation in plain:
            del IMPLEMENTATIONS[operation]["plain"]


def _rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    return F.rms_norm(x, (x.shape[-1],), weight, eps)


def _gated_rms_norm(y: Tensor, gate: Tensor, weight: Tensor, eps: float) -> Tensor:
    if not y.is_cuda:
        return IMPLEMENTATIONS["gated_rms_norm"]["naive"].function(y, gate, weight, eps)
    norm = load_past_package("mamba_ssm.ops.triton.layernorm_gated").rmsnorm_fn
    return norm(y, weight, None, z=gate, eps=eps, norm_before_gate=False)


def _smooth(z: Tensor, p: Tensor, packing: Packing) -> Tensor:
    """With x = z / dt, dt = -log(1 - p), A = -1, B = p and C = 1 the scan is the smoothing."""
    dt = -torch.log1p(-p.float())
    x = (z.float() / dt[:, None]).unflatten(1, (-1, EMA_HEAD))
    heads = x.shape[1]
    x, B = x.to(torch.bfloat16), p[:, None].to(torch.bfloat16)
    name = choose("ssd", x.device, x.dtype)[0]
    ones = torch.ones(heads, device=x.device)
    scan = IMPLEMENTATIONS["ssd"][name].function
    steps = dt[:, None].expand(-1, heads).contiguous()
    y = scan(x, steps, -ones, B, torch.ones_like(B), 0 * ones, packing)
    return y.flatten(1).float()
