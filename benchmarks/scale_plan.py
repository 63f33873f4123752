"""What training costs: the tables of docs/scale.md, by arithmetic and a small simulation.

    python benchmarks/scale_plan.py [--write docs/scale.md]

Nothing is timed here: what a step takes is worked out in ``scale_step.py``, from counted operations
and bytes and the assumptions that the first table lists with where each comes from. Change them
there and print again.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from scale_step import (
    ACHIEVED,
    BF16_SHARE,
    CHUNK_SPREAD,
    CONTEXT,
    DISK,
    FLOAT,
    GB,
    GPU_MEMORY,
    LINK_SHARE,
    NETWORK,
    NVLINK,
    OVERLAP,
    PEAK,
    SIZES,
    TOKENS_PER_CHUNK,
    USABLE,
    least_memory,
    parameters,
    plan,
)

from hnet_seq.model.flops import flops_per_token

ASSUMPTIONS = [
    ("operations a token", "counted, times 3 for training", "`hnet_seq/model/flops.py`"),
    ("peak of a GPU, bf16 dense", f"{PEAK / 1e12:.0f} TFLOP/s", "data sheet, H100 SXM"),
    ("achieved share of it", f"{ACHIEVED:.0%}", "assumed; measured on a CPU 32% (performance.md)"),
    ("memory of a GPU", f"{GPU_MEMORY / GB:.0f} GB, {USABLE:.0%} used", "data sheet; assumed"),
    ("link inside a node of 8", f"{NVLINK / GB:.0f} GB/s each way", "data sheet, NVLink 4"),
    ("link between nodes", f"{NETWORK / GB:.0f} GB/s a GPU", "data sheet, NDR InfiniBand"),
    ("achieved share of links", f"{LINK_SHARE:.0%}", "assumed"),
    ("communication beside computing", f"at most {OVERLAP:.0%} of the step", "assumed"),
    ("weights, gradients, AdamW", "16 bytes a parameter", "counted: fp32"),
    ("activations in fp32", "counted", "`hnet_seq/train/memory_parts.py`: within 11% on a CPU"),
    ("activations in bf16", f"{BF16_SHARE:.0%} of fp32", "assumed"),
    ("sequences", f"{CONTEXT:,} bases", "chosen"),
    ("tokens per chunk", f"{TOKENS_PER_CHUNK[0]:g}", "target of `configs/genomes.yaml`"),
    (
        "chunks of a window vary by",
        f"{CHUNK_SPREAD:.0%} of the mean",
        "measured: human X, 4 Mb (yeast 3%), `train_balance.py --measure`",
    ),
    ("writing a checkpoint", f"{DISK / GB:g} GB/s", "assumed: one process, shared disk"),
]

#: Bases, each read once. A reverse-complemented epoch costs the same again.
CORPORA = {
    "human": 3.1e9,
    "GTDB species": 143_614 * 3.2e6,
    "all of GTDB": 732_475 * 3.2e6,
}
CORPUS_SOURCES = [
    ("human", "one haploid genome, GRCh38"),
    ("GTDB species", "143,614 representatives of R226 (gtdb.ecogenomic.org/stats/r226) x 3.2 Mb"),
    ("all of GTDB", "732,475 genomes of R226 x 3.2 Mb; most repeat a species"),
]
#: GPUs, and the sequences that each has in a step at least.
CASES = ((1, 1), (8, 1), (64, 1), (512, 1), (512, 4))
DAY = 86_400


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    lines = [f"| {' | '.join(line)} |" for line in (header, *rows)]
    return "\n".join([lines[0], f"|{'---|' * len(header)}", *lines[1:]])


def assumptions() -> str:
    """What everything rests on."""
    return table(("what", "value", "source"), ASSUMPTIONS)


def models() -> str:
    """Sizes, work and checkpoints."""
    rows = []
    for size in SIZES:
        count = parameters(size)
        operations = flops_per_token(size.config, CONTEXT, TOKENS_PER_CHUNK)
        checkpoint = 3 * FLOAT * count
        rows.append(
            (
                size.name,
                f"m4 [T{size.layers}] m4, {size.widths[0]} and {size.widths[1]}",
                f"{count / 1e6:,.0f} M",
                f"{operations / 1e9:.2f}",
                f"{operations / (2 * count):.2f}",
                f"{FLOAT * count / GB:.1f} GB",
                f"{checkpoint / GB:.1f} GB",
                f"{checkpoint / DISK:,.1f} s",
            )
        )
    header = ("model", "layout, widths", "parameters", "GFLOP a token, forward")
    more = ("over 2 x parameters", "weights", "checkpoint to resume", "written in")
    return table(header + more, rows)


def steps() -> str:
    """A step of each model on each number of GPUs."""
    rows = []
    for size in SIZES:
        for gpus, windows in CASES:
            step = plan(size, gpus, windows)
            if step is None:
                needs = least_memory(size, gpus) / GB
                rows.append((size.name, f"{gpus}", f"needs {needs:,.0f} GB", *[""] * 8))
                continue
            rows.append(
                (
                    size.name,
                    f"{gpus}",
                    step.strategy,
                    f"{step.tokens / 1e6:.1f} M",
                    f"{step.micro // CONTEXT} x {CONTEXT:,}",
                    "yes" if step.checkpointing else "no",
                    f"{step.state / GB:.1f} + {step.activations / GB:.1f} GB",
                    f"{step.sent / GB:.2f} GB" if step.sent else "0",
                    f"{step.computing:.2f} s",
                    f"{step.waiting:.2f} s",
                    f"{step.slowest:.3f}",
                )
            )
    header = ("model", "GPUs", "strategy", "tokens a step", "micro-batch", "layers again")
    more = ("state + activations", "sent a step", "computing", "waiting", "slowest")
    return table(header + more, rows)


def costs() -> str:
    """Days and GPU-hours of one pass over each corpus."""
    rows = []
    for size in SIZES:
        for gpus, windows in CASES:
            step = plan(size, gpus, windows)
            if step is None:
                continue
            rate = step.tokens / step.seconds
            cells = []
            for bases in CORPORA.values():
                seconds = bases / rate
                cells.append(f"{_days(seconds)}, {gpus * seconds / 3600:,.0f}")
            tokens = f"{step.tokens / 1e6:.1f} M"
            rows.append((size.name, f"{gpus}", tokens, f"{rate / 1e6:.2f} M", *cells))
    header = (
        "model",
        "GPUs",
        "tokens a step",
        "tokens/s",
        *(f"{name}: days, GPU-h" for name in CORPORA),
    )
    return table(header, rows)


def corpora() -> str:
    """Sizes and where they come from."""
    rows = [(name, f"{CORPORA[name] / 1e9:,.1f} Gb", source) for name, source in CORPUS_SOURCES]
    return table(("corpus", "bases", "what"), rows)


def _days(seconds: float) -> str:
    days = seconds / DAY
    if days < 0.001:
        return "< 0.001"
    return f"{days:,.0f}" if days >= 10 else f"{days:.2g}"


TABLES = (assumptions, corpora, models, steps, costs)


def written(text: str) -> str:
    """A document with the tables between its marks made anew."""
    for make in TABLES:
        begin, end = f"<!-- {make.__name__} -->\n", f"<!-- end of {make.__name__} -->"
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise SystemExit(f"expected the lines {begin.strip()} and {end}, each once")
        text = f"{before}{begin}{make()}\n{end}{after}"
    return text


def main() -> None:
    """Print all tables, or put them into a document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", type=Path, metavar="FILE", help="such as docs/scale.md")
    args = parser.parse_args()
    if args.write is None:
        print("\n\n".join(make() for make in TABLES))
    else:
        args.write.write_text(written(args.write.read_text()))


if __name__ == "__main__":
    main()
