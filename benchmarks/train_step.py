"""Training speed as a share of this machine's matrix-product peak.

    python benchmarks/train_step.py                    # the demo's model, and one of width 512
    python benchmarks/train_step.py dna_small data.context=4096

Both are measured in turns. FLOPs are analytic (hnet_seq/model/flops.py): what the definition needs,
not what was executed. Routers are held at their target (benchmarks/steps.py), as after training.
"""

from __future__ import annotations

from common import Clock, MatrixPeak, clock_of, parser, row, seconds, spread, table
from steps import Shape, TrainingStep, shape

from hnet_seq.train.memory import keep_freed_memory

WARM_UP = 3  # steps: the allocator finds its blocks


def measure(of: Shape, rounds: int, clock: Clock) -> str:
    """A row of the table."""
    step, peak = TrainingStep(of), MatrixPeak()
    for _ in range(WARM_UP):
        step()
    shares, speeds, rates, peaks = [], [], [], []
    for number in range(rounds):
        before = peak.rate(clock) if number % 2 == 0 else 0.0
        took = seconds(step, clock)
        top = before or peak.rate(clock)
        speeds.append(step.tokens / took)
        rates.append(step.flops / took / 1e9)
        peaks.append(top / 1e9)
        shares.append(step.flops / took / top)
    chunks = ", ".join(f"{found:.2f}" for found in step.tokens_per_chunk) or "none"
    return row(
        f"`{of.name}`",
        f"{step.tokens:,}",
        chunks,
        spread(shares, ".1%"),
        spread(speeds, ",.0f"),
        spread(rates, ".1f"),
        spread(peaks, ".1f"),
    )


def main() -> None:
    """Print the table."""
    made = parser(__doc__)
    made.add_argument("experiment", nargs="?", help="hnet512 or a shipped one; both if absent")
    made.add_argument("overrides", nargs="*", metavar="key=value")
    args = made.parse_args()
    clock = clock_of(args)
    keep_freed_memory()
    names = [args.experiment] if args.experiment else ["ecoli_demo", "hnet512"]
    print(
        table(
            "model", "tokens a step", "tokens per chunk", "share of the peak", "tokens/s",
            "step GFLOP/s", "peak GFLOP/s",
        )
    )  # fmt: skip
    for name in names:
        found = shape(name, args.overrides)
        print(measure(found.smoke() if args.smoke else found, args.rounds, clock), flush=True)


if __name__ == "__main__":
    main()
