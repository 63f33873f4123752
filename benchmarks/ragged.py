"""Training throughput with sequences of very different lengths against equal ones.

    python benchmarks/ragged.py

Lengths are log-uniform from 20 to 8,192 tokens, another draw each round; beside them as many
sequences of one length with together as many tokens. Long sequences have more attention pairs, so
the ratio at equal FLOPs is given too.
"""

from __future__ import annotations

from dataclasses import replace

from common import Clock, clock_of, parser, row, seconds, spread, table
from steps import Shape, TrainingStep, shape

from hnet_seq.train.memory import keep_freed_memory

import numpy as np  # isort: skip

SHORTEST, LONGEST = 20, 8192


def ragged_lengths(tokens: int, seed: int, longest: int = LONGEST) -> list[int]:
    """Log-uniform lengths of together ``tokens``; the last is what is left."""
    generator = np.random.default_rng(seed)
    lengths: list[int] = []
    while (left := tokens - sum(lengths)) > 0:
        drawn = round(float(np.exp(generator.uniform(np.log(SHORTEST), np.log(longest)))))
        lengths.append(min(drawn, left))
    return lengths


def equal_lengths(tokens: int, count: int) -> list[int]:
    """``count`` lengths that differ by one token at most."""
    return [tokens // count + (i < tokens % count) for i in range(count)]


def measure(of: Shape, rounds: int, clock: Clock, longest: int) -> str:
    """A row of the table."""
    step = TrainingStep(of)
    times, speeds, shares, counts = [], [], [], []
    for number in range(rounds):
        lengths = ragged_lengths(of.tokens, number, longest)
        pair = [lengths, equal_lengths(of.tokens, len(lengths))]
        taken, flops = [0.0, 0.0], [0.0, 0.0]
        for kind in (0, 1) if number % 2 == 0 else (1, 0):
            step.feed(pair[kind])
            if number == 0:
                step()
            taken[kind], flops[kind] = seconds(step, clock), step.flops
        times.append(taken[1] / taken[0])
        shares.append(times[-1] * flops[0] / flops[1])
        speeds.append(of.tokens / taken[0])
        counts.append(len(lengths))
    return row(
        f"`{of.name}`",
        f"{of.tokens:,}",
        f"{min(counts)} to {max(counts)}",
        spread(speeds, ",.0f"),
        spread(times, ".1%"),
        spread(shares, ".1%"),
    )


def main() -> None:
    """Print the table."""
    made = parser(__doc__)
    made.add_argument("--model", help="hnet512 or a shipped experiment; both defaults if absent")
    made.add_argument("--tokens", type=int, default=16384, help="of a step (%(default)s)")
    args = made.parse_args()
    clock = clock_of(args)
    keep_freed_memory()
    print(
        table(
            "model", "tokens a step", "sequences", "tokens/s, ragged", "ragged / equal lengths",
            "at equal FLOPs",
        )
    )  # fmt: skip
    for name in [args.model] if args.model else ["ecoli_demo", "dna_small", "hnet512"]:
        tokens = 1024 if args.smoke else args.tokens
        of = replace(shape(name), tokens=tokens)
        longest = tokens // 2 if args.smoke else LONGEST
        print(measure(of, args.rounds, clock, longest), flush=True)


if __name__ == "__main__":
    main()
