"""A long sequence in pieces against 8 kb calls without a state: bases per second, in one run.

    python benchmarks/streaming.py [--bases 5000000]

The model has windows in every stage, so its state does not grow; its weights are random.
"""

from __future__ import annotations

import argparse
import statistics
import time

from hnet_seq import HNetForCausalLM  # first: it sets how torch's threads wait
from hnet_seq.model.config import AttentionConfig, HNetConfig, SSMConfig
from hnet_seq.model.streaming import stream

import numpy as np  # isort: skip
import torch  # isort: skip

PIECE = 8192  # bases
CONFIG = HNetConfig(
    arch_layout=["m1t1", ["m1t1"], "m1"],
    d_model=[64, 96],
    d_intermediate=[0, 0],
    vocab_size=8,
    ssm_cfg=SSMConfig(d_state=64),
    attn_cfg=AttentionConfig(num_heads=[2, 3], rotary_emb_dim=[16, 16], window_size=[255, 127]),
)


def main() -> None:
    """Print both rates, and their ratio over rounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bases", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    torch.manual_seed(0)
    model = HNetForCausalLM(CONFIG).eval()
    bases = np.random.default_rng(0).integers(0, 4, args.bases, dtype=np.uint8)

    def rate(sequence: np.ndarray) -> float:
        began = time.perf_counter()
        for _ in stream(model, [("sequence", sequence)], PIECE):
            pass
        return len(sequence) / (time.perf_counter() - began)

    rate(bases[: 4 * PIECE])
    ratios = []
    for _ in range(args.rounds):
        before = [rate(bases[:PIECE]) for _ in range(20)]
        long = rate(bases)
        after = [rate(bases[:PIECE]) for _ in range(20)]
        short = statistics.median(before + after)
        ratios.append(long / short)
        print(f"{long:9,.0f} bases/s over {len(bases):,} bases, {short:9,.0f} over {PIECE:,}")
    print(
        f"long / short  {statistics.median(ratios):.2f}  ({min(ratios):.2f} to {max(ratios):.2f})"
    )


if __name__ == "__main__":
    main()
