"""Embedding from 1 kb to 1 Mb: tokens per second, and how peak memory grows with the length.

    python benchmarks/length_sweep.py

The model has windows in every stage, so its state does not grow; its weights are random, and a
stride of 3 cuts. Short sequences are embedded by the hundred thousand tokens; lengths take turns.
Peak memory is that of one sequence, tokens included, in a process of its own that has embedded a
short one before; the slope is a least-squares line over the lengths of several pieces.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable

from common import MB, clock_of, in_fresh_process, in_turns, parser, resident, row, spread, table

from hnet_seq import HNetConfig, HNetForCausalLM, embed
from hnet_seq.model.boundary_policy import BoundaryPolicy
from hnet_seq.model.config import AttentionConfig, SSMConfig
from hnet_seq.tasks.embedding.vectors import BATCH_TOKENS

import numpy as np  # isort: skip

LENGTHS = [2**10, 2**12, 2**14, 2**16, 2**18, 2**20]
SMOKE = [2**10, 2**12, 2**15, 2**16]
ENOUGH = 2**17  # tokens: seconds of a round
POOLING = "chunks"


def model() -> HNetForCausalLM:
    """Windows everywhere, outer and inner."""
    config = HNetConfig(
        arch_layout=["m2t1", ["T2"], "m2"],
        d_model=[128, 192],
        d_intermediate=[0, 512],
        vocab_size=8,
        ssm_cfg=SSMConfig(d_state=64),
        attn_cfg=AttentionConfig(num_heads=[2, 3], rotary_emb_dim=[32, 32], window_size=[255, 127]),
        boundary_policies=[BoundaryPolicy("stride", every=3)],
    )
    return HNetForCausalLM(config).eval()


def bases(length: int) -> np.ndarray:
    """Random tokens, (length,)."""
    return np.random.default_rng(0).integers(0, 4, length, dtype=np.uint8)


def embedding(of: HNetForCausalLM, length: int, total: int) -> Callable[[], None]:
    """Embeds sequences of one length that have ``total`` tokens together."""
    tokens = bases(total)
    sequences = [tokens[start : start + length] for start in range(0, total, length)]

    def run() -> None:
        embed(of, sequences, pooling=POOLING, device="cpu")

    return run


def memory_of(length: int) -> int:
    """Bytes that this process grows by over a sequence of one length."""
    of = model()
    embed(of, [bases(256)], pooling=POOLING, device="cpu")
    before = resident("VmRSS")
    embed(of, [bases(length)], pooling=POOLING, device="cpu")
    return resident("VmHWM") - before


def main() -> None:
    """Print a row for each length, the flatness of the rates, and the slope of memory."""
    made = parser(__doc__)
    made.add_argument("--memory-of", type=int, help="this length in this process, as JSON")
    args = made.parse_args()
    if args.memory_of:
        print(json.dumps(memory_of(args.memory_of)))
        return
    clock = clock_of(args)
    lengths = SMOKE if args.smoke else LENGTHS
    totals = {length: max(length, ENOUGH if not args.smoke else 2**15) for length in lengths}
    of = model()
    runs: dict[str, Callable[[], object]] = {
        str(length): embedding(of, length, total) for length, total in totals.items()
    }
    embedding(of, 2**12, 2**15)()
    taken = in_turns(runs, args.rounds, clock, warm_up=0)
    memory = {length: in_fresh_process(__file__, "--memory-of", length) for length in lengths}
    print(table("length", "tokens/s", "of the fastest length", "peak memory MB"))
    rates = {length: [totals[length] / took for took in taken[str(length)]] for length in lengths}
    fastest = max(map(statistics.median, rates.values()))
    shares = {length: statistics.median(found) / fastest for length, found in rates.items()}
    for length in lengths:
        found = spread(rates[length], ",.0f")
        print(row(f"{length:,}", found, f"{shares[length]:.1%}", f"{memory[length] / MB:,.0f}"))
    long = [length for length in lengths if length > BATCH_TOKENS]
    slope = np.polyfit(long, [memory[length] for length in long], 1)[0]
    print(
        f"\nslowest length at {min(shares.values()):.1%} of the fastest; memory grows by "
        f"{slope:.1f} bytes a token from {long[0]:,} to {long[-1]:,} tokens"
    )


if __name__ == "__main__":
    main()
