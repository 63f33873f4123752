"""A run folder as the other verbs leave it, with made-up but likely numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.report.byte_files import BYTE_CONFIG, SOURCES, byte_markov, text_boundaries


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content))


def metrics_lines(targets: list[float], records: int = 60, level: float = 1.91) -> list[dict]:
    generator = np.random.default_rng(0)
    lines: list[dict] = []
    for k in range(1, records + 1):
        step, tokens = 10 * k, 163_840 * k
        bits = level + 1.1 * math.exp(-k / 2.2) + 0.07 * math.exp(-k / 18)
        stages: list[dict[str, Any]] = [
            {
                "target": target,
                "tokens_per_chunk": target * (1 + 0.5 * math.exp(-k / 6)),
                "bases_per_chunk": math.prod(targets[: s + 1]) * (1 + 0.5 * math.exp(-k / 6)),
                "mean_boundary_prob": 0.98 / target + 0.15 * math.exp(-k / 5),
            }
            for s, target in enumerate(targets)
        ]
        noisy = bits + float(generator.normal(0, 0.006))
        lines.append(
            {
                "event": "train",
                "step": step,
                "tokens": tokens,
                "epoch": 0,
                "loss": noisy,
                "cross_entropy": noisy * math.log(2),
                "bits_per_token": noisy,
                "learning_rate": 3e-3,
                "grad_norm": 0.4,
                "stages": [stage | {"ratio_loss": 1.0} for stage in stages],
                "seconds": 38.1,
                "tokens_per_second": 4300.0 + k,
            }
        )
        if k % 5 == 0:
            for stage in stages:
                lengths = np.minimum(generator.poisson(stage["bases_per_chunk"] - 1, 9000) + 1, 64)
                counts = np.bincount(lengths)
                stage["chunk_length_histogram"] = {
                    str(n): int(c) for n, c in enumerate(counts) if c
                }
            lines.append(
                {
                    "event": "validation",
                    "step": step,
                    "tokens": tokens,
                    "bits_per_token": bits + 0.004,
                    "scored_tokens": 493_891,
                    "stages": stages,
                    "seconds": 30.0,
                }
            )
    return lines


def markov_scores() -> dict:
    bits = [
        1.9998,
        1.986,
        1.973,
        1.956,
        1.949,
        1.940,
        1.9332,
        1.935,
        1.943,
        1.957,
        1.972,
        1.981,
        1.99,
    ]
    return {
        "orders": [{"order": k, "bits_per_base": b} for k, b in enumerate(bits)],
        "best_order": 6,
        "both_strands": True,
        "train_bases": 4_444_028,
        "scored_bases": 493_891,
        "smoothing": 0.5,
    }


def rate_row(rate: float | None, bases: int = 700_000) -> dict:
    return {
        "rate": rate,
        "low": None if rate is None else round(rate - 0.006, 4),
        "high": None if rate is None else round(rate + 0.006, 4),
        "control": 0.3271,
        "context_control": None if rate is None else round(0.5 * (rate + 0.3271), 4),
        "bases": bases if rate is not None else 0,
    }


def boundary_rates() -> dict:
    positions = [("+", 1, 0.4512), ("+", 2, 0.2911), ("+", 3, 0.2603)]
    positions += [("-", 1, 0.2755), ("-", 2, 0.3011), ("-", 3, 0.4127)]
    return {
        "stage": 0,
        "region": "whole genome",
        "codon_position": [{"strand": s, "position": p} | rate_row(r) for s, p, r in positions],
        "regions": [
            {"name": name} | rate_row(r)
            for name, r in (("coding", 0.3222), ("gene, not coding", None), ("intergenic", 0.3534))
        ],
        "homopolymer": [
            {"length": n, "name": f"{n}{'+' if n == 8 else ''}"} | rate_row(0.25 + 0.06 * n)
            for n in range(1, 9)
        ],
        "homopolymer_place": [
            {"length": n, "name": f"{n}", "place": place} | rate_row(0.2 + 0.05 * n)
            for place in ("first", "continuation")
            for n in (2, 3, 4)
        ],
        "features": [
            {"name": f"{edge} codon, {strand} strand, base {p}"} | rate_row(0.3 + 0.07 * p, 4_500)
            for edge in ("start", "stop")
            for strand in "+-"
            for p in (1, 2, 3)
        ],
        "bases": 4_938_920,
        "boundaries": 1_615_520,
    }


def gene_region(start: int = 336_000, bases: int = 3_000) -> dict:
    generator = np.random.default_rng(1)
    probs = np.clip(generator.beta(0.35, 0.7, bases), 0.0, 1.0)
    genes = [(-120, 640, "+", "thrA"), (636, 1500, "+", "thrB"), (1560, 2310, "-", "yaaX")]
    genes += [(2420, 3350, "-", "ECP_0006")]
    return {
        "sequence": "gi|110640213|ref|NC_008253.1|",
        "start": start,
        "end": start + bases,
        "bases": "",
        "boundary_prob": [round(float(p), 4) for p in probs],
        "boundaries": [start + int(i) for i in np.flatnonzero(probs > 0.5)],
        "genes": [
            {"start": start + a, "end": start + b, "strand": s, "name": n} for a, b, s, n in genes
        ],
    }


def classification_scores() -> dict:
    rows: list[tuple[str, str, float, float, float | None]] = [
        ("H-Net, mean over chunks", "model", 0.9512, 0.9021, 0.9873)
    ]
    rows += [("H-Net, mean over bases", "model", 0.9402, 0.8811, 0.9824)]
    rows += [("H-Net, last position", "model", 0.8713, 0.7421, 0.9412)]
    rows += [("majority class", "baseline", 0.5, 0.0, 0.5), ("length", "baseline", 0.5, 0.0, None)]
    rows += [(f"{k}-mers", "baseline", 0.8 + 0.02 * k, 0.6 + 0.04 * k, 0.9) for k in range(1, 6)]
    return {
        "task": "coding against intergenic windows",
        "classes": ["coding", "intergenic"],
        "n_train": 2000,
        "n_test": 1000,
        "regions": {"train": ["chr:1-4444028"], "test": ["chr:4445029-4938920"]},
        "window": 150,
        "n_of_classes": {"train": {"coding": 1000, "intergenic": 1000}},
        "windows_found": {"train": {"coding": 24_000, "intergenic": 2_100}},
        "strands": "both",
        "seeds": [0, 1],
        "audit": {
            "findings": [
                {
                    "severity": "high",
                    "kind": "leak",
                    "text": "6 of 1,000 test sequences stand in train",
                    "remedy": "split by similarity",
                }
            ]
        },
        "headline": "H-Net, mean over chunks",
        "rows": [classification_row(*row) for row in rows],
        "comparisons": [minus(rows[0], *row) for row in rows[1:]],
    }


def minus(headline: tuple, name: str, kind: str, _: float, mcc: float, __: float | None) -> dict:
    apart = headline[3] - mcc
    return {
        "model": headline[0],
        "other": name,
        "kind": kind,
        "mcc": apart,
        "interval": [apart - 0.02, apart + 0.02],
        "no_interval": None,
    }


def classification_row(
    name: str, kind: str, accuracy: float, mcc: float, auroc: float | None
) -> dict:
    metrics: dict[str, float | None] = {"accuracy": accuracy, "f1": accuracy - 0.01, "mcc": mcc}
    metrics |= {"auroc": auroc, "auprc": None if auroc is None else auroc - 0.02}
    right = round(500 * accuracy)
    return metrics | {
        "name": name,
        "kind": kind,
        "n": 1000,
        "per_seed": [metrics | {"mcc": mcc - 0.003}, metrics | {"mcc": mcc + 0.003}],
        "intervals": {"mcc": [mcc - 0.02, mcc + 0.02]},
        "without_leaked": metrics
        | {"n": 994, "mcc": mcc - 0.004, "intervals": {"mcc": [mcc - 0.025, mcc + 0.015]}},
        "confusion": [[right, 500 - right], [500 - right, right]],
        "calibration": {
            "bins": [
                {"confidence": 0.6, "accuracy": 0.55, "count": 500},
                {"confidence": 0.9, "accuracy": accuracy, "count": 500},
            ],
            "ece": 0.03,
        },
    }


CONFIG = """seed: 0
model:
  arch_layout: [m3t1, [T5], m4]
  d_model: [128, 128]
  vocab_size: 8
data:
  sources:
  - path: my shards/ecoli
  context: 8192
  batch_tokens: 16384
train:
  steps: 600
"""

PROVENANCE = {
    "command": ["hnet-seq", "pretrain", "dna_small", "--data", "my shards/ecoli", "--out", "run"],
    "seed": 0,
    "device": "cpu",
    "machine": "x86_64, 2 threads",
    "versions": {"python": "3.12.3", "torch": "2.13.0+cpu"},
}

MakeRun = Callable[..., Path]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Writes a complete run folder; ``targets=[]`` makes an isotropic one."""

    def make(name: str = "run", targets: tuple[float, ...] = (3.0,), level: float = 1.91) -> Path:
        folder = tmp_path / name
        write_run(folder, list(targets), level)
        return folder

    return make


def write_run(folder: Path, targets: list[float], level: float) -> None:
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(CONFIG)
    lines = metrics_lines(targets, level=level)
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    write_json(folder / "run.json", PROVENANCE)
    write_json(folder / "markov.json", markov_scores())
    write_json(folder / "boundaries.json", boundary_rates())
    write_json(folder / "region.json", gene_region())
    write_json(folder / "classification.json", classification_scores())


@pytest.fixture
def make_byte_run(tmp_path: Path) -> MakeRun:
    """Writes a complete folder of a run on ``SOURCES``; ``several=False`` tells of no sources."""

    def make(
        name: str = "run",
        *,
        several: bool = True,
        unit: str = "byte",
        modalities: tuple[str, ...] = ("code", "text"),
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.yaml").write_text(BYTE_CONFIG)
        lines = metrics_lines([4.0], level=2.19)
        for line in lines:
            if line["event"] == "train":
                line |= {"epochs": {"code": 0.0351, "chinese": 3.5}} if several else {}
                continue
            line["scored_tokens"] = 235_267
            if several:
                line["sources"] = [
                    {
                        "source": source,
                        "label": label,
                        "bits_per_token": bits,
                        "scored_tokens": scored,
                        "stages": [line["stages"][0] | {"tokens_per_chunk": length}],
                    }
                    for source, label, bits, scored, length in SOURCES
                ]
        (folder / "metrics.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
        write_json(folder / "run.json", {"unit": unit, "modalities": list(modalities)} | PROVENANCE)
        write_json(folder / "markov.json", byte_markov())
        write_json(folder / "text_boundaries.json", text_boundaries())
        return folder

    return make
