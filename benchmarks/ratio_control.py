"""Achieved tokens per chunk against the target: a low weight, a high weight, and held ratios.

    OMP_NUM_THREADS=1 python benchmarks/ratio_control.py --text FILE.txt.gz --svg docs/ratio.svg

Small models (m1, [m1], m1 of width 64), one seed, the E. coli genome of the examples. The text is
any gzipped file of bytes; without it only DNA is run.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from hnet_seq import HNetForCausalLM
from hnet_seq.config import ExperimentConfig
from hnet_seq.experiments import load_experiment
from hnet_seq.train.counting import Counting
from hnet_seq.train.evaluation import ValidationSource
from hnet_seq.train.feed import Feed
from hnet_seq.train.loop import Trainer
from hnet_seq.train.ratio_control import RatioControl, RatioInForce
from hnet_seq.train.run_folder import RunFolder
from pipelines.batches import PackedBatch, TokenBatches
from pipelines.fasta import read_fasta

GENOME = Path(__file__).parents[1] / "examples/data/ecoli_536/genome.fna.gz"
TARGETS = (3.0, 5.0)


class Windows(TokenBatches):
    """Batches of random windows of one token array; batch k is a function of (seed, k)."""

    def __init__(self, tokens: np.ndarray, context: int, batch_tokens: int, seed: int) -> None:
        self.tokens = tokens
        self.context = context
        self.batch_tokens = batch_tokens
        self.seed = seed
        self.fingerprint = f"windows/{seed}"

    @property
    def tokens_per_epoch(self) -> int:
        return 16 * self.batch_tokens  # of validation

    def epochs(self, step: int) -> dict[str, float]:
        return {"windows": step * self.batch_tokens / len(self.tokens)}

    def sequence_ends(self, k: int) -> list[int]:
        first = k * self.batch_tokens
        return [first + end for end in self._bounds()[1:].tolist()]

    def read(self, start: int, stop: int) -> PackedBatch:
        k, first = divmod(start, self.batch_tokens)
        random = np.random.default_rng((self.seed, k))
        count = self.batch_tokens // self.context
        starts = random.integers(0, len(self.tokens) - self.context - 1, count)
        places = starts[:, None] + np.arange(self.context + 1)
        windows = self.tokens[places].astype(np.int64)
        part = slice(first, first + stop - start)
        ids, targets = windows[:, :-1].ravel()[part], windows[:, 1:].ravel()[part]
        return PackedBatch(ids, targets, self._bounds()[: len(ids) // self.context + 1], None)

    def _bounds(self) -> np.ndarray:
        return np.arange(0, self.batch_tokens + 1, self.context, dtype=np.int32)


class HeldByTarget(RatioControl):
    """The alternative that was not taken: the target given to the loss moves, the weight stays.

    N' = 1 + (N - 1) exp(u + 2 e), where e = log(N / achieved) of the last step and u its integral.
    """

    integral = 0.0

    def in_force(self, step: int) -> RatioInForce:
        force = super().in_force(step)
        factor = math.exp(0.02 * self.integral + 2 * self.errors[0])
        return RatioInForce([1 + (self.config.targets[0] - 1) * factor], force.weights)

    def update(self, step: int, counts: Tensor) -> None:
        positions, chunks = counts[0].tolist()
        error = math.log(self.config.targets[0] * chunks / positions)
        self.errors = [min(0.25, max(-0.25, error))]
        self.integral += self.errors[0]


@dataclass(frozen=True)
class Method:
    """A way to control the ratio, and its colour."""

    name: str
    weight: float
    colour: str
    hold: bool = False
    control: Callable[..., RatioControl] = RatioControl


METHODS = (
    Method("weight 0.03", 0.03, "#888888"),
    Method("weight 1", 1.0, "#2a78b8"),
    Method("0.03, hold", 0.03, "#c8442c", hold=True),
    Method("0.03, moving target", 0.03, "#3a9a5b", control=HeldByTarget),
)


def configuration(
    vocabulary: int, target: float, method: Method, steps: int, seed: int
) -> ExperimentConfig:
    """One run."""
    return load_experiment(
        "ecoli_demo",
        [
            "model.arch_layout=[m1,[m1],m1]",
            "model.d_model=[64,64]",
            "model.ssm_cfg.d_state=16",
            f"model.vocab_size={vocabulary}",
            f"seed={seed}",
            "data.context=256",
            "data.batch_tokens=2048",
            f"train.steps={steps}",
            "train.log_every=5",
            "train.validate_every=0",
            "train.checkpoint_every=0",
            f"train.ratio_loss.targets=[{target}]",
            f"train.ratio_loss.weights=[{method.weight}]",
            f"train.ratio_loss.hold={str(method.hold).lower()}",
        ],
    )


def run(
    config: ExperimentConfig, tokens: np.ndarray, method: Method
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Train on the first nine tenths; the lines of training, and that of validation on the rest."""
    data = config.data
    cut = len(tokens) * 9 // 10
    feed = Feed(Windows(tokens[:cut], data.context, data.batch_tokens, config.seed))
    held_out = Windows(tokens[cut:], data.context, data.batch_tokens, 1)
    validation = [ValidationSource("windows", "", held_out)]
    counting = Counting(None, feed, config.train.steps, None)
    model = HNetForCausalLM(config.model, seed=config.seed, residual_proj="identity")
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(config, model, feed, validation, RunFolder(folder), counting)
        trainer.control = method.control(config.train.ratio_loss, config.train.steps)
        trainer.run()
        lines = (Path(folder) / "metrics.jsonl").read_text().splitlines()
    *training, validated = map(json.loads, lines)
    return training, validated


def row(name: str, target: float, method: Method, training: list, held_out: dict) -> str:
    """A line of the table."""
    stages = [record["stages"][0] for record in training]
    last = np.array([stage["tokens_per_chunk"] for stage in stages[-len(stages) // 4 :]]) / target
    validated = held_out["stages"][0]["tokens_per_chunk"] / target
    return (
        f"| {name} | {target:g} | {method.name} | {target * last.mean():.2f} "
        f"| {last.mean() - 1:+.1%} | {last.min() - 1:+.0%} to {last.max() - 1:+.0%} "
        f"| {validated - 1:+.1%} | {stages[-1]['weight']:.2f} | {held_out['bits_per_token']:.3f} |"
    )


def chart(curves: dict[tuple[str, float], dict[Method, list[tuple[int, float]]]]) -> str:
    """Achieved over target, one panel for each data and target; the band is 5% either way."""
    width, height, left, top = 340, 230, 46, 34
    inside = width - left - 14, height - top - 34
    names = list(dict.fromkeys(name for name, _ in curves))
    parts = []
    for (name, target), methods in curves.items():
        x0 = left + width * TARGETS.index(target)
        y0 = top + height * names.index(name)
        steps = max(step for points in methods.values() for step, _ in points)

        def at(
            step: float, share: float, x0: int = x0, y0: int = y0, steps: int = steps
        ) -> tuple[float, float]:
            height_of = (math.log2(min(2.0, max(0.5, share))) + 1) / 2
            return x0 + step / steps * inside[0], y0 + (1 - height_of) * inside[1]

        upper, lower = at(0, 1.05), at(0, 0.95)
        parts.append(
            f'<rect x="{x0}" y="{upper[1]:.1f}" width="{inside[0]}" '
            f'height="{lower[1] - upper[1]:.1f}" fill="#e4e4e4"/>'
        )
        parts.append(
            f'<text x="{x0}" y="{y0 - 8}" font-weight="bold">{name}, N = {target:g}</text>'
        )
        for share in (0.5, 0.71, 1.0, 1.41, 2.0):
            x, y = at(0, share)
            parts.append(
                f'<text x="{x - 6}" y="{y + 4:.1f}" text-anchor="end">{share * target:.1f}</text>'
            )
        for step in (0, steps // 2, steps):
            x, y = at(step, 0.5)
            parts.append(f'<text x="{x:.1f}" y="{y + 16}" text-anchor="middle">{step}</text>')
        for method, points in methods.items():
            path = " ".join("{:.1f},{:.1f}".format(*at(step, share)) for step, share in points)
            parts.append(
                f'<polyline points="{path}" fill="none" stroke="{method.colour}" '
                'stroke-width="1.5"/>'
            )
    for i, method in enumerate(METHODS):
        x, y = left + 165 * i, top + height * len(names)
        parts.append(f'<rect x="{x}" y="{y - 9}" width="18" height="3" fill="{method.colour}"/>')
        parts.append(f'<text x="{x + 24}" y="{y - 3}">{method.name}</text>')
    size = f"{left + width * len(TARGETS)} {top + height * len(names) + 8}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" font-size="12" '
        'font-family="sans-serif"><rect width="100%" height="100%" fill="white"/>'
        + "\n".join(parts)
        + "</svg>\n"
    )


def main() -> None:
    """Print the table, and draw the curves if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path)
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    data = {"DNA": (next(iter(read_fasta(GENOME))).tokens, 8)}
    if args.text:
        data["text"] = (np.frombuffer(gzip.decompress(args.text.read_bytes()), np.uint8), 256)
    print(f"seed {args.seed}, {args.steps} steps")
    print(
        "| data | N | control | last quarter | off by | lines of the log | held-out data off by "
        "| weight at the end | held-out bits |\n|---|---|---|---|---|---|---|---|---|"
    )
    curves: dict[tuple[str, float], dict[Method, list[tuple[int, float]]]] = {}
    for name, (tokens, vocabulary) in data.items():
        for target in TARGETS:
            for method in METHODS:
                config = configuration(vocabulary, target, method, args.steps, args.seed)
                training, held_out = run(config, tokens, method)
                print(row(name, target, method, training, held_out), flush=True)
                points = [
                    (r["step"], r["stages"][0]["tokens_per_chunk"] / target) for r in training
                ]
                curves.setdefault((name, target), {})[method] = points
    if args.svg:
        args.svg.write_text(chart(curves))


if __name__ == "__main__":
    main()
