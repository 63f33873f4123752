"""Do gradients through the chunker say what substitutions and deletions do? On a real genome.

    python studies/attribution_agreement.py genomes-tiny genome.fna.gz --windows 12 --seed 0

Stretches are drawn from all known bases of the records, with what lies before them as context, and
read on the forward strand. Of each: gradient times input and integrated gradients (from
dinucleotide-shuffled stretches), each with the chunks held and straight through the router, against
the three substitutions of each base, and summed over each chunk of stage 0 without the bases' own
probability against the chunk's deletion. Spearman's rank correlation per stretch; shown are the
mean over stretches, with the middle 95% of the means of as many drawn from them again (of ten
stretches that is narrower than a 95% interval of the mean), and the lowest and highest.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

from hnet_seq import Genome, HNetForCausalLM
from hnet_seq.analysis.shuffle import shuffle_record
from hnet_seq.evidence.measures.spearman import spearman
from hnet_seq.tasks.explaining.chunk_effects import chunk_effects
from hnet_seq.tasks.explaining.gradients import (
    Attribution,
    gradient_by_input,
    integrated_gradients,
    over_others,
)
from hnet_seq.tasks.explaining.substituted import Window, rows_of
from modalities import dna

BATCH = 8192
RESAMPLED = 2000


def drawn(genome: Genome, windows: int, bases: int, context: int, seed: int) -> Iterator[Window]:
    """Stretches without unknown bases, all places alike."""
    generator = np.random.default_rng(seed)
    names = [name for name, length in genome.lengths.items() if length >= bases + context]
    lengths = np.array([genome.lengths[name] for name in names], float)
    while windows:
        name = names[int(generator.choice(len(names), p=lengths / lengths.sum()))]
        first = int(generator.integers(0, genome.lengths[name] - bases - context + 1))
        tokens = genome.fetch(name, first, first + bases + context)
        if (tokens <= max(dna.BASES)).all():
            windows -= 1
            yield Window(tokens, context, context + bases)


def agreement(
    model: HNetForCausalLM, window: Window, baselines: int, steps: int, seed: int
) -> dict[tuple[str, str], float | None]:
    """Rank correlations of one stretch, by way and what it is held against."""
    generator = np.random.default_rng(seed)
    letters = [shuffle_record(window.letters, generator, window.length) for _ in range(baselines)]
    ways: dict[str, Attribution] = {}
    for name, through in (("", False), (", straight through", True)):
        ways[f"gradient x input{name}"] = gradient_by_input(model, window, straight_through=through)
        ways[f"integrated gradients{name}"] = integrated_gradients(
            model, window, letters, steps=steps, batch_tokens=BATCH, straight_through=through
        )
    rows = [rows_of(model, window, *block, batch_tokens=BATCH) for block in window.blocks()]
    total = over_others(np.concatenate(rows)[:, window.length :])
    ways["mutagenesis"] = Attribution(total, ways["gradient x input"].own)
    effects = [
        effect
        for effect in chunk_effects(model, window, draws=1, generator=generator, batch_tokens=BATCH)
        if effect.stage == 0 and effect.deleted == effect.deleted
    ]
    deleted = np.array([effect.deleted for effect in effects])
    found: dict[tuple[str, str], float | None] = {}
    for way, own in ways.items():
        sums = np.array([own.behind[effect.start : effect.end].sum() for effect in effects])
        found[way, "deletion of chunks"] = spearman(sums, deleted, interval=False)["rho"]
        if way != "mutagenesis":
            mutated = ways["mutagenesis"]
            found[way, "mutagenesis"] = spearman(own.total, mutated.total, interval=False)["rho"]
            found[way, "mutagenesis, of those behind"] = spearman(
                own.behind, mutated.behind, interval=False
            )["rho"]
        if way.startswith("integrated"):
            found[way, "share of the change missed"] = own.missed / max(abs(own.change), 1e-9)
    return found


def main() -> None:
    """Print a row for each way and what it is held against."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("genome")
    for name, value in (
        ("windows", 12), ("bases", 100), ("context", 200), ("baselines", 2), ("steps", 20),
        ("seed", 0),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    model = HNetForCausalLM.from_pretrained(args.run, "cpu").eval()
    genome = Genome(args.genome)
    by_pair: dict[tuple[str, str], list[float]] = {}
    stretches = drawn(genome, args.windows, args.bases, args.context, args.seed)
    for number, window in enumerate(stretches):
        found = agreement(model, window, args.baselines, args.steps, args.seed + number)
        for pair, rho in found.items():
            if rho is not None:
                by_pair.setdefault(pair, []).append(rho)
        print(f"{number + 1} of {args.windows}", flush=True)
    generator = np.random.default_rng(args.seed)
    print("| way | against | mean | 95% of redrawn | lowest | highest |\n|---|---|---|---|---|---|")
    for (way, against), values in sorted(by_pair.items(), key=lambda own: own[0][::-1]):
        means = generator.choice(values, (RESAMPLED, len(values))).mean(1)
        low, high = np.quantile(means, [0.025, 0.975])
        if against.startswith("share"):
            print(f"| {way} | {against} | median {np.median(values):.2f} | | | |")
            continue
        print(
            f"| {way} | {against} | {np.mean(values):+.2f} | {low:+.2f} to {high:+.2f} | "
            f"{min(values):+.2f} | {max(values):+.2f} |"
        )


if __name__ == "__main__":
    main()
