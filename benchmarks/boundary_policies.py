"""Learned chunks against their controls: every boundary policy from one configuration.

    python benchmarks/boundary_policies.py [--steps 200] [--batch-tokens 4096]

One model a policy, the same initial weights, data and schedule, trained in turns, a step each, so
that a noisy machine disturbs all of them. E. coli 536, last tenth held out; prints a table.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hnet_seq import HNetForCausalLM, ratio_loss  # first: it sets how torch's threads wait
from hnet_seq.cli import main as hnet_seq
from hnet_seq.config import ExperimentConfig
from hnet_seq.experiments import load_experiment
from hnet_seq.model.boundary_policy import BoundaryPolicy
from hnet_seq.model.causal_lm import cross_entropy
from hnet_seq.model.counted_text import counted_texts
from hnet_seq.tasks.pretrain_data import everything_once
from hnet_seq.train.byte_pairs import byte_pair_rule, learn_byte_pairs
from hnet_seq.train.counting import Counting
from hnet_seq.train.evaluation import ValidationSource, evaluate
from hnet_seq.train.memory import keep_freed_memory
from hnet_seq.train.optimizer import build_optimizer
from hnet_seq.train.schedule import learning_rate_factor
from hnet_seq.train.tensors import on_device
from pipelines.batches.token_batches import TokenBatches

import torch  # isort: skip

GENOME = Path(__file__).parent.parent / "examples" / "data" / "ecoli_536" / "genome.fna.gz"

ORDERS = [2, 4, 6, 8]
POLICIES = {
    "learned": BoundaryPolicy(),
    "4 likeliest of 12": BoundaryPolicy("top_k", every=12, top=4),
    "every 3": BoundaryPolicy("stride", every=3),
    "every 6": BoundaryPolicy("stride", every=6),
    "after A or T (ids 0, 3)": BoundaryPolicy("delimiters", tokens=[0, 3]),
    "random, 1 in 3": BoundaryPolicy("random", rate=1 / 3),
    "entropy, 1 in 3": BoundaryPolicy("entropy", rate=1 / 3, orders=ORDERS, symbols=4),
    "surprisal, 1 in 3": BoundaryPolicy("surprisal", rate=1 / 3, orders=ORDERS, symbols=4),
    "byte pairs": BoundaryPolicy("byte_pairs", every=32, merges=250),
}


@dataclass
class Contender:
    """One model in training."""

    name: str
    model: HNetForCausalLM
    optimizer: torch.optim.Optimizer
    counting: Counting
    seconds: list[float] = field(default_factory=list)


def contender(
    name: str, policy: BoundaryPolicy, config: ExperimentConfig, train: TokenBatches
) -> Contender:
    """A fresh model with a policy, and the tables that it needs."""
    shape = replace(config.model, boundary_policies=[policy])
    model = HNetForCausalLM(shape, seed=config.seed, residual_proj="identity")
    ratio, both = config.train.ratio_loss, train.streams[0].complement.copy()
    counting = Counting(counted_texts(model), train, config.train.steps, both)
    counting.count(everything_once(config))
    joined = byte_pair_rule(model)
    if joined is not None:
        learn_byte_pairs(joined, (train[step] for step in range(config.train.steps)), both)
    optimizer = build_optimizer(model, config.train.optimizer, ratio.targets)
    return Contender(name, model, optimizer, counting)


def train_step(one: Contender, batch: Any, config: ExperimentConfig, step: int) -> None:
    """One optimiser step, timed."""
    one.counting.hold_out(step)
    began = time.perf_counter()
    factor = learning_rate_factor(step, config.train.steps, config.train.schedule)
    for group in one.optimizer.param_groups:
        group["lr"] = group["peak"] * factor
    ids, goals, cu_seqlens = (
        on_device(array, torch.device("cpu"))
        for array in (batch.input_ids, batch.targets, batch.cu_seqlens)
    )
    out = one.model(ids, cu_seqlens)
    loss = cross_entropy(out.logits, goals) / int((goals >= 0).sum())
    ratio = config.train.ratio_loss
    for stage, target, weight in zip(out.boundaries, ratio.targets, ratio.weights, strict=True):
        loss = loss + weight * ratio_loss(stage.boundary_prob, stage.boundary_mask, target)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(one.model.parameters(), config.train.optimizer.clip_norm)
    one.optimizer.step()
    one.optimizer.zero_grad(set_to_none=True)
    one.seconds.append(time.perf_counter() - began)


def main() -> None:
    """Train all and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--experiment", default="ecoli_demo")
    args = parser.parse_args()
    config = load_experiment(
        args.experiment,
        [f"train.steps={args.steps}", f"data.batch_tokens={args.batch_tokens}"],
    )
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        hnet_seq(["shard", str(GENOME), "--out", f"{folder}/shards", "--validation", "last:0.1"])
        shards, context = Path(folder) / "shards", config.data.context
        train = TokenBatches(
            shards,
            split="train",
            context=context,
            batch_tokens=args.batch_tokens,
            seed=config.seed,
            reverse_complement=True,
        )
        held_out = TokenBatches(
            shards, split="validation", context=context, batch_tokens=16384, shuffle=False
        )
        sources = [ValidationSource("genome", "", held_out)]
        contenders = [contender(name, policy, config, train) for name, policy in POLICIES.items()]
        for step in range(args.steps):
            batch = train[step]
            for one in contenders:
                train_step(one, batch, config, step)
            if step % 20 == 19:
                print(f"step {step + 1} of {args.steps}", flush=True)
        print(f"{args.steps} steps of {args.batch_tokens} bases, seed {config.seed}")
        print(f"{'policy':<26}{'bits per base':>14}{'bases per chunk':>17}{'tokens/s':>10}")
        for one in contenders:
            result = evaluate(one.model, sources, config.train.ratio_loss.targets)
            rate = args.batch_tokens / statistics.median(one.seconds)
            length = result["stages"][0]["tokens_per_chunk"]
            print(f"{one.name:<26}{result['bits_per_token']:>14.4f}{length:>17.2f}{rate:>10.0f}")


if __name__ == "__main__":
    main()
