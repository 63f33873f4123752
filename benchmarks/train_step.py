"""Training speed of a shipped experiment as a share of this machine's matrix-product peak.

    python benchmarks/train_step.py ecoli_demo

Both are measured in one process, in turns, so that a noisy machine disturbs both. FLOPs are
analytic (hnet_seq/model/flops.py): what the definition needs, not what was executed.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from hnet_seq import HNetForCausalLM, ratio_loss
from hnet_seq.experiments import load_experiment
from hnet_seq.model.causal_lm import cross_entropy
from hnet_seq.model.flops import TRAINING_FACTOR, flops_per_token
from hnet_seq.train.memory import keep_freed_memory
from hnet_seq.train.optimizer import build_optimizer

_PEAK_SIZE = 2048


def seconds(function: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main() -> None:
    """Print tokens per second, GFLOP/s, the peak and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment", nargs="?", default="ecoli_demo")
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    config = load_experiment(args.experiment, args.overrides)
    keep_freed_memory()
    torch.manual_seed(0)
    model = HNetForCausalLM(config.model, residual_proj="identity")
    targets = config.train.ratio_loss.targets
    optimizer = build_optimizer(model, config.train.optimizer, targets)
    context = config.data.context
    tokens = config.data.micro_batch_tokens or config.data.batch_tokens
    ids = torch.randint(0, 4, (tokens,))
    cu_seqlens = torch.arange(0, tokens + 1, context)
    achieved: list[float] = []

    def step() -> None:
        out = model(ids, cu_seqlens)
        loss = cross_entropy(out.logits, ids.roll(-1)) / tokens
        for stage, target in zip(out.boundaries, targets, strict=True):
            loss = loss + ratio_loss(stage.boundary_prob, stage.boundary_mask, target)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        achieved[:] = [b.boundary_mask.numel() / int(b.boundary_mask.sum()) for b in out.boundaries]

    left, right = torch.randn(2, _PEAK_SIZE, _PEAK_SIZE)
    for _ in range(20):  # the router finds its target ratio, the allocator its blocks
        step()
    shares, speeds, peaks, rates = [], [], [], []
    for _ in range(args.repeats):
        peak = 2 * _PEAK_SIZE**3 / min(seconds(lambda: left @ right) for _ in range(5))
        elapsed = seconds(step)
        flops = TRAINING_FACTOR * tokens * flops_per_token(config.model, context, achieved)
        speeds.append(tokens / elapsed)
        rates.append(flops / elapsed)
        peaks.append(peak)
        shares.append(flops / elapsed / peak)
    median = statistics.median
    print(f"{args.experiment}: {tokens} tokens a step, tokens per chunk {achieved}")
    print(f"tokens/s           {median(speeds):10.0f}")
    print(f"step GFLOP/s       {median(rates) / 1e9:10.1f}")
    print(f"peak GFLOP/s       {median(peaks) / 1e9:10.1f}")
    print(f"share of the peak  {median(shares):10.1%}  ({min(shares):.1%} to {max(shares):.1%})")


if __name__ == "__main__":
    main()
