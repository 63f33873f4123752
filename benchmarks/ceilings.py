"""What this machine can do at most: matrix products and copies.

    python benchmarks/ceilings.py

Every other figure stands beside these. Sizes are those of large products, of a model's maps over
8,192 tokens, and of the scan's blocks; a copy reads and writes each of its bytes once.
"""

from __future__ import annotations

from collections.abc import Callable

from common import clock_of, in_turns, parser, row, spread, table

import torch  # isort: skip

PRODUCTS = [  # (batch, m, k, n)
    (1, 2048, 2048, 2048),
    (1, 4096, 4096, 4096),
    (1, 8192, 512, 2048),
    (1, 8192, 128, 512),
    (1024, 64, 128, 64),
]
COPIES = [2**18, 2**22, 2**26]  # floats: in the second cache, in the third, in memory


def product(shape: tuple[int, int, int, int]) -> tuple[Callable[[], object], float]:
    """A product and its GFLOP."""
    batch, m, k, n = shape
    left, right, out = torch.randn(batch, m, k), torch.randn(batch, k, n), torch.empty(batch, m, n)
    if batch == 1:
        return (lambda: torch.mm(left[0], right[0], out=out[0])), 2e-9 * m * k * n
    return (lambda: torch.bmm(left, right, out=out)), 2e-9 * batch * m * k * n


def copy(floats: int) -> tuple[Callable[[], object], float]:
    """Copies of together 2^26 floats, and the GB that they read and write."""
    source, out = torch.randn(floats), torch.zeros(floats)
    calls = 2**26 // floats

    def run() -> None:
        for _ in range(calls):
            out.copy_(source)

    return run, 2e-9 * 4 * floats * calls


def main() -> None:
    """Print a row for each."""
    args = parser(__doc__).parse_args()
    clock = clock_of(args)
    products = PRODUCTS[2:] if args.smoke else PRODUCTS
    work = {f"{b} x ({m}, {k}) ({k}, {n})": product((b, m, k, n)) for b, m, k, n in products}
    work |= {f"copy of {4 * n / 1e6:,.0f} MB": copy(n) for n in COPIES[: 1 if args.smoke else 3]}
    taken = in_turns({name: run for name, (run, _) in work.items()}, args.rounds, clock)
    print(table("what", "rate, median (least to greatest)", "unit"))
    for name, (_, amount) in work.items():
        unit = "GB/s" if name.startswith("copy") else "GFLOP/s"
        print(row(name, spread([amount / took for took in taken[name]], ".1f"), unit))


if __name__ == "__main__":
    main()
