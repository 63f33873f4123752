"""Peak memory of training steps against the plan (hnet_seq/train/memory_plan.py).

    OMP_NUM_THREADS=1 python benchmarks/memory_plan.py

Each row is a process of its own: it imports the libraries, takes a step of a very small model so
that what they load on first use is there, notes its resident memory, makes the model and its
optimiser, takes a few steps, and reports how far its resident memory has grown at most.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field
from typing import Any

from common import MB, in_fresh_process, resident

from hnet_seq import HNetConfig, HNetForCausalLM
from hnet_seq.experiments import load_experiment
from hnet_seq.train.extent import Extent
from hnet_seq.train.interval import Interval
from hnet_seq.train.memory import keep_freed_memory
from hnet_seq.train.memory_plan import plan_memory
from hnet_seq.train.objective import Objective
from hnet_seq.train.optimizer import build_optimizer
from hnet_seq.train.ratio_control import RatioInForce
from pipelines.batches.token_batches import PackedBatch

import torch  # isort: skip

STEPS = 3


@dataclass(frozen=True)
class Case:
    """A shape, and how it is fed."""

    name: str
    overrides: list[str]
    tokens: int
    context: int = 1024
    micro_batches: int = 1
    targets: list[float] = field(default_factory=list)
    max_chunks: int = 0


def cases() -> list[Case]:
    """Mamba-2 alone, attention, windows, MLPs, one and two stages, several sizes of a batch."""
    mamba = ["model.arch_layout=[m8]", "model.d_model=[128]", "model.d_intermediate=[0]"]
    attention = [
        "model.arch_layout=[T4]",
        "model.d_model=[256]",
        "model.d_intermediate=[512]",
        "model.attn_cfg={num_heads: [4], rotary_emb_dim: [32], window_size: [-1]}",
    ]
    window = [*attention[:3], attention[3].replace("-1", "127")]
    two = [
        "model.arch_layout=[m2,[m1t1,[T3],m1],m2]",
        "model.d_model=[64,128,192]",
        "model.d_intermediate=[0,0,512]",
        "model.attn_cfg={num_heads: [2, 2, 3], rotary_emb_dim: [16, 16, 16], "
        "window_size: [-1, -1, -1]}",
        "model.vocab_size=256",
    ]
    small = [
        "model.arch_layout=[m3t1,[T4],m4]",
        "model.d_model=[256,384]",
        "model.d_intermediate=[0,1024]",
        "model.ssm_cfg.d_state=128",
        "model.attn_cfg={num_heads: [4, 6], rotary_emb_dim: [32, 32], window_size: [1023, -1]}",
    ]
    mlp = "model.d_intermediate=[384]"
    heads = "model.attn_cfg={num_heads: [4], rotary_emb_dim: [16], window_size: [-1]}"
    mlps = [
        "model.arch_layout=[M2,[T4],M2]",
        "model.d_intermediate=[384,384]",
        "model.attn_cfg={num_heads: [4, 4], rotary_emb_dim: [16, 16], window_size: [-1, -1]}",
    ]
    wide = ["model.arch_layout=[m2,[m8],m2]", "model.d_model=[192,192]"]
    return [
        Case("m8, width 128", mamba, 8192),
        Case("m8, width 128", mamba, 16384),
        Case("T4, width 256", attention, 8192),
        Case("T4, width 256, window 127", window, 8192),
        Case("m4 [m6] m4, width 128", [], 4096, targets=[3.0]),
        Case("m4 [m6] m4, width 128", [], 8192, targets=[3.0]),
        Case("m4 [m6] m4, width 128, 2 micro-batches", [], 8192, 1024, 2, [3.0]),
        Case("m2 [m1t1 [T3] m1] m2, widths 64 128 192, 256 tokens", two, 8192, targets=[3.0, 2.0]),
        Case("m3t1 [T4] m4, widths 256 384, window 1023", small, 4096, 2048, targets=[3.0]),
        # Not looked at when the rule for holes was found.
        Case("M5, width 128, MLP 384", [*mamba[1:2], "model.arch_layout=[M5]", mlp], 8192),
        Case("t2m2, width 128", [*mamba[1:], "model.arch_layout=[t2m2]", heads], 16384, 4096),
        Case("M2 [T4] M2, width 128, MLP 384", [*mlps], 8192, targets=[3.0]),
        Case("m2 [m8] m2, width 192, 2 micro-batches", wide, 2048, 512, 2, targets=[3.0]),
        Case("m4 [m6] m4, width 128, max_chunks 2,300", [], 8192, 1024, 1, [3.0], 2300),
        Case("T4, width 256, 2 micro-batches", attention, 4096, 1024, 2),
        Case("the two stages above, 3 micro-batches", two, 4096, 1024, 3, targets=[3.0, 2.0]),
    ]


def measure(case: Case) -> dict[str, Any]:
    """Bytes measured and planned, of this process."""
    keep_freed_memory()
    train(Case("", ["model.arch_layout=[m1]", "model.d_model=[64]"], 128, 128))
    before = resident("VmRSS")
    config, rates = train(case)
    if case.max_chunks:
        rates = [case.tokens / case.max_chunks]  # the worst that the bound allows
    plan = plan_memory(
        config, case.tokens, rates, context=case.context, micro_batches=case.micro_batches
    )
    grown = resident("VmHWM") - before
    return {
        "measured": grown,
        "allocated": plan.allocated,
        "resident": plan.resident,
        "rates": rates,
    }


def train(case: Case) -> tuple[HNetConfig, list[float]]:
    """A few steps on random bases; the model and the fewest tokens per chunk of any step."""
    experiment = "ecoli_demo" if case.targets else "ecoli_isotropic"
    stages = len(case.targets)
    overrides = [
        f"train.ratio_loss.targets={case.targets}",
        f"train.ratio_loss.weights={[1.0] * stages}",
        f"train.optimizer.stage_multipliers={[1.0] * (stages + 1)}",
    ]
    config = load_experiment(experiment, [*overrides, *case.overrides])
    ids = torch.randint(0, 4, (case.tokens + 1,), generator=torch.Generator().manual_seed(0))
    bounds = torch.arange(0, case.tokens + 1, case.context, dtype=torch.int32)
    batch = PackedBatch(ids[:-1].numpy(), ids[1:].numpy(), bounds.numpy(), None)
    model = HNetForCausalLM(config.model, residual_proj="identity")
    optimizer = build_optimizer(model, config.train.optimizer, case.targets)
    objective = Objective(model, "batch", [case.max_chunks] * stages)
    ratio = RatioInForce(case.targets, [1.0] * stages)
    batches = [batch] * case.micro_batches
    interval = Interval.of_stages(stages)
    densest = torch.zeros(stages, 2, dtype=torch.float64)
    for _ in range(STEPS):
        for one in batches:
            counts = objective.backward(one, Extent.of(batches), ratio, interval).sum(1)
            if counts[:, 1].sum() > densest[:, 1].sum():
                densest = counts
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return config.model, (densest[:, 0] / densest[:, 1]).tolist()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", type=int, help="one row, in this process, as JSON")
    args = parser.parse_args()
    if args.case is not None:
        print(json.dumps(measure(cases()[args.case])))
        return
    print(
        "| model | tokens at once | tokens per chunk | measured MB | planned MB | of it tensors "
        "| plan off by |\n|---|---|---|---|---|---|---|"
    )
    for i, case in enumerate(cases()):
        row = in_fresh_process(__file__, "--case", i)
        rates = ", ".join(f"{rate:.2f}" for rate in row["rates"]) or "none"
        print(
            f"| {case.name} | {case.tokens:,} | {rates} | {row['measured'] / MB:,.0f} "
            f"| {row['resident'] / MB:,.0f} | {row['allocated'] / MB:,.0f} "
            f"| {row['resident'] / row['measured'] - 1:+.1%} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
