"""What n-grams in front of a model cost of its training step.

    python benchmarks/ngram_lookups.py --rounds 5

`ecoli_counts` on random bases that are the text of its counts, as long as *E. coli*, both strands,
with one sixteenth held out; and the same model with a memory in place of the counts. A step with
n-grams, the step of the same model without, and the lookups alone, in turns.
"""

from __future__ import annotations

from dataclasses import replace

from common import clock_of, in_turns, parser, quotients, row, spread, table
from steps import Shape, TrainingStep, shape

from hnet_seq.model.counted_text import counted_texts
from hnet_seq.model.ngram_tables import NgramCountsConfig, NgramMemoryTables
from hnet_seq.ops.packing import Packing
from hnet_seq.train.memory import keep_freed_memory

import torch  # isort: skip

_BASES, _SPANS = 8_888_056, 16


def with_counts(of: Shape, bases: int) -> TrainingStep:
    """A step of a model whose counts are full, fed with a piece that is held out."""
    step = TrainingStep(of)
    (counted,) = counted_texts(step.model)
    text = torch.randint(0, 4, (bases,), dtype=torch.uint8)
    text[: step.tokens] = step.ids
    counted.count([text])
    counted.hold_out([text[: max(step.tokens, bases // _SPANS)]])
    step.model.train()
    return step


def main() -> None:
    """Print the table."""
    args = parser(__doc__).parse_args()
    clock = clock_of(args)
    keep_freed_memory()
    of = shape("ecoli_counts")
    of = of.smoke() if args.smoke else of
    plain = replace(of.config, ngram_counts=NgramCountsConfig())
    memory = replace(plain, ngram_memory=NgramMemoryTables(orders=[4, 6, 8, 10, 12]))
    counts = with_counts(of, _BASES // (64 if args.smoke else 1))
    (counted,) = counted_texts(counts.model)
    packing = Packing.from_lengths(counts.lengths)
    taken = in_turns(
        {
            "counts": counts,
            "memory": TrainingStep(replace(of, config=memory)),
            "neither": TrainingStep(replace(of, config=plain)),
            "lookups": lambda: counted.counts(counts.ids, packing),
        },
        args.rounds,
        clock,
        warm_up=3,
    )
    print(table("", "share of the step with counts", "times the step without n-grams"))
    for name, seconds in taken.items():
        share = spread(quotients(seconds, taken["counts"]), ".1%")
        print(row(name, share, spread(quotients(seconds, taken["neither"]))))


if __name__ == "__main__":
    main()
