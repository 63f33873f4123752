"""Tokens per second of generation: reading prompts, and steps of a batch against one by one.

    python benchmarks/generation.py [experiment] [--batch 8] [--tokens 64] [--prompt 256]

Random weights generate at the speed of trained ones, but cut at other places, so the number of
tokens per chunk is held by a stride.
"""

from __future__ import annotations

import argparse
import time

from common import spread

from hnet_seq import HNetForCausalLM
from hnet_seq.experiments import load_experiment
from hnet_seq.model.boundary_policy import BoundaryPolicy, use_boundary_policy

import torch  # isort: skip


def main() -> None:
    """Print prefill and step rates, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("experiment", nargs="?", default="ecoli_demo")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=64, help="of each sequence")
    parser.add_argument("--prompt", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    model = HNetForCausalLM(load_experiment(args.experiment).model).eval()
    generator = torch.Generator().manual_seed(0)
    prompts = [torch.randint(0, 4, (args.prompt,), generator=generator) for _ in range(args.batch)]
    # Different phases, so that the sequences begin chunks at different steps.
    for i, prompt in enumerate(prompts):
        prompts[i] = prompt[: args.prompt - i % 3]
    rules = [BoundaryPolicy("stride", every=3)] * model.num_stages

    def seconds(batches: list[list[torch.Tensor]]) -> tuple[float, float]:
        """Time of the prompts and of the steps, greedy."""
        reading = stepping = 0.0
        for batch in batches:
            bounds = torch.tensor([0, *[len(p) for p in batch]]).cumsum(0)
            began = time.perf_counter()
            out, state = model.prefill(torch.cat(batch), bounds)
            read = time.perf_counter()
            for _ in range(args.tokens):
                out = model.step(out.logits.argmax(-1), state)
            reading += read - began
            stepping += time.perf_counter() - read
        return reading, stepping

    ratios, rates, prefills = [], [], []
    prompt_tokens = sum(map(len, prompts))
    with use_boundary_policy(model, rules):
        seconds([prompts])
        for _ in range(args.rounds):
            reading, together = seconds([prompts])
            _, single = seconds([[p] for p in prompts])
            ratios.append(single / together)
            rates.append(args.batch * args.tokens / together)
            prefills.append(prompt_tokens / reading)
    print(f"experiment            {args.experiment}, {torch.get_num_threads()} threads")
    print(f"batch                 {args.batch} prompts of {args.prompt}, {args.tokens} new tokens")
    print(f"prefill tokens/s      {spread(prefills, ',.0f')}")
    print(f"batched tokens/s      {spread(rates, ',.0f')}")
    print(f"one by one / batched  {spread(ratios)}")


if __name__ == "__main__":
    main()
