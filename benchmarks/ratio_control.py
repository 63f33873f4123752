"""Achieved tokens per chunk against the target: a low weight, a high weight, and held ratios.

    OMP_NUM_THREADS=1 python benchmarks/ratio_control.py --text FILE.txt.gz --svg docs/ratio.svg

Small models (m1, [m1], m1 of width 64), one seed, the E. coli genome of the examples; the last
tenth is held out. The text is any gzipped file of UTF-8; without it only DNA is run.
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

import modalities
from hnet_seq import HNetForCausalLM
from hnet_seq.cli import main as hnet_seq
from hnet_seq.config import ExperimentConfig
from hnet_seq.experiments import load_experiment
from hnet_seq.tasks.pretrain_data import training_batches, validation_sources
from hnet_seq.tasks.pretrain_sources import assign_data
from hnet_seq.train.counting import Counting
from hnet_seq.train.feed import Feed
from hnet_seq.train.loop import Trainer
from hnet_seq.train.ratio_control import RatioControl, RatioInForce
from hnet_seq.train.run_folder import RunFolder

GENOME = Path(__file__).parents[1] / "examples/data/ecoli_536/genome.fna.gz"
TARGETS = (3.0, 5.0)


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
            "data.strands=none",
            "data.validation_tokens=32768",
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
    config: ExperimentConfig, shards: Path, method: Method
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Train; the lines of training, and that of validation."""
    assign_data(config, [f"{shards}"])
    train = training_batches(config)
    validation = validation_sources(config, train)
    model = HNetForCausalLM(config.model, seed=config.seed, residual_proj="identity")
    feed = Feed(train)
    with tempfile.TemporaryDirectory() as folder:
        counting = Counting([], train, config.train.steps, None)
        trainer = Trainer(config, model, feed, validation, RunFolder(folder), counting)
        trainer.control = method.control(config.train.ratio_loss, config.train.steps)
        trainer.run()
        lines = (Path(folder) / "metrics.jsonl").read_text().splitlines()
    *training, held_out = map(json.loads, lines)
    return training, held_out


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
    with tempfile.TemporaryDirectory() as folder:
        compare(args, made_shards(Path(folder), args.text))


def made_shards(folder: Path, text: Path | None) -> dict[str, Path]:
    """Shards of each kind of data, the last tenth held out."""
    given = {"dna": GENOME} | ({"text": folder / "text.txt"} if text else {})
    if text:
        given["text"].write_bytes(gzip.decompress(text.read_bytes()))
    split = ["--validation", "last:0.1"]
    for modality, path in given.items():
        out = f"{folder / modality}"
        if hnet_seq(["shard", f"{path}", "--modality", modality, "--out", out, *split]):
            raise SystemExit(f"no shards of {path}")
    return {modality: folder / modality for modality in given}


def compare(args: argparse.Namespace, data: dict[str, Path]) -> None:
    """All methods on all data."""
    print(f"seed {args.seed}, {args.steps} steps")
    print(
        "| data | N | control | last quarter | off by | lines of the log | held-out data off by "
        "| weight at the end | held-out bits |\n|---|---|---|---|---|---|---|---|---|"
    )
    curves: dict[tuple[str, float], dict[Method, list[tuple[int, float]]]] = {}
    for name, shards in data.items():
        for target in TARGETS:
            for method in METHODS:
                config = configuration(
                    modalities.get(name).vocab_size, target, method, args.steps, args.seed
                )
                training, held_out = run(config, shards, method)
                print(row(name, target, method, training, held_out), flush=True)
                points = [
                    (r["step"], r["stages"][0]["tokens_per_chunk"] / target) for r in training
                ]
                curves.setdefault((name, target), {})[method] = points
    if args.svg:
        args.svg.write_text(chart(curves))


if __name__ == "__main__":
    main()
