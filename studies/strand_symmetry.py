"""Strand symmetry by construction beside augmentation and averaging, for the same training work.

Four ways to treat the two strands of DNA with one shape of network: ``plain`` reads one strand;
``augment`` is trained on windows of either; ``average`` is that model with the vectors of both
strands averaged; ``symmetric`` is strand-symmetric. All are trained with one number of operations,
so the symmetric one for fewer steps, and their frozen vectors go through one kind of probe. The
table of docs/bidirectional.md: a row for each way, with bits per masked base of the held-out bases,
how far the vectors of a sequence and its reverse complement are apart, operations per base of a
vector, and for each labelled set MCC with its 95% interval over the seeds. Below it, for each set,
MCC of ``symmetric`` minus that of each other way, on the same test sequences.

    python studies/strand_symmetry.py shards uci_splice.tsv.gz ienhancer2l.tsv.gz yeast_h3.tsv.gz \\
        promoters_tata.tsv.gz --flops 3e13 --seeds 3 --out strands
    python studies/strand_symmetry.py shards exons_introns.tsv.gz --flops 3e13 --seeds 3 \\
        --group-by 'id:^([^.]+\\.[0-9]+)' --out strands

Runs that are there are taken as they are, so the second line trains nothing; one that was begun
with other settings is refused.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hnet_seq import ExperimentConfig, Task, embed, load_experiment, load_pretrained, pretrain
from hnet_seq.commands.classify_data import add_task_arguments
from hnet_seq.evidence.measures.score_rows import compare, score_row
from hnet_seq.evidence.probes.logistic import fit_logistic
from hnet_seq.model.flops import TRAINING_FACTOR, flops_per_token
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.tasks.choices import Strands
from hnet_seq.tasks.classification.arguments import task_from_arguments
from modalities.base import Tokens
from modalities.dna import reverse_complement


@dataclass(frozen=True)
class Way:
    """How both strands are treated.

    Attributes:
        run: the name of the training.
        experiment, read: what is trained, and ``data.strands``.
        strands: of the vectors.
    """

    run: str
    experiment: str
    read: str
    strands: Strands


WAYS = {
    "plain": Way("plain", "ecoli_masked", "none", "none"),
    "augment": Way("augment", "ecoli_masked", "augment", "none"),
    "average": Way("augment", "ecoli_masked", "augment", "average"),
    "symmetric": Way("symmetric", "ecoli_strands", "none", "none"),
}
_MODEL: Literal["model"] = "model"
_LOOKED_AT = 200  # test sequences whose vectors on both strands are compared


def configured(
    way: Way, shards: str, given: Sequence[str], seed: int, flops: float
) -> tuple[ExperimentConfig, float]:
    """The experiment, with as many steps as the work allows; and operations per base."""
    own = (f"data.strands={way.read}", f"data.sources=[{{path: '{shards}'}}]", f"seed={seed}")
    config = load_experiment(way.experiment, [*own, *given])
    rates = config.train.ratio_loss.targets
    forward = flops_per_token(config.model, config.data.context, rates)
    of_step = TRAINING_FACTOR * forward * config.data.batch_tokens
    config.train.steps = max(1, round(flops / of_step))
    config.train.validate_every = 0
    config.train.checkpoint_every = 0
    config.validate()
    return config, forward


def trained(config: ExperimentConfig, out: Path) -> tuple[HNetLanguageModel, float]:
    """The model of a run, and its bits per masked base; trained where it is not there.

    Raises:
        SystemExit: the folder holds a run of other settings.
    """
    written = out / "config.yaml"
    if written.exists() and load_experiment(written) != config:
        raise SystemExit(f"{written} has other settings than are asked for; give another --out")
    if not (out / "done").exists():
        pretrain(config, out, device="cpu", resume=(out / "checkpoints").exists())
        (out / "done").touch()
    records = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    bits = [own["bits_per_token"] for own in records if own["event"] == "validation"]
    return load_pretrained(out, "cpu"), bits[-1]


def tested(task: Task, limit: int | None, seed: int) -> tuple[list[Tokens], NDArray[np.integer]]:
    """Test sequences and their classes; ``limit`` of them that are drawn, in their order."""
    order = np.random.default_rng(seed).permutation(len(task.test.labels))
    drawn = np.sort(order[:limit])
    return [task.test.sequences[i] for i in drawn], task.test.labels[drawn]


def probed(
    model: HNetLanguageModel, task: Task, sequences: Sequence[Tokens], strands: Strands, seed: int
) -> tuple[NDArray[np.floating], float]:
    """Probabilities of test sequences, and how far apart both strands' vectors are."""
    fit = embed(model, task.train.sequences, strands=strands)
    test = embed(model, sequences, strands=strands)
    probe = fit_logistic(
        fit,
        task.train.labels,
        num_classes=len(task.classes),
        groups=task.train.together,
        seed=seed,
    )
    own = test[:_LOOKED_AT]
    turned = [reverse_complement(tokens) for tokens in sequences[:_LOOKED_AT]]
    other = embed(model, turned, strands=strands)
    apart = np.linalg.norm(own - other, axis=1) / np.linalg.norm(own - own.mean(0), axis=1)
    return probe.predict_proba(test), float(apart.mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shards")
    parser.add_argument("tables", nargs="+", metavar="PATH", help="as --data of classify train")
    parser.add_argument("--flops", type=float, default=3e13, help="of a training (%(default)g)")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="trainings of each way")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="of all runs")
    parser.add_argument("--out", required=True, metavar="DIR", help="the runs")
    parser.add_argument("--limit-test", type=int, metavar="N", help="test sequences at most (all)")
    add_task_arguments(parser)
    args = parser.parse_args()
    args.action = "train"
    tasks = {}
    for path in args.tables:
        args.data = path
        tasks[path] = task_from_arguments(args)
    tests = {path: tested(task, args.limit_test, args.seed) for path, task in tasks.items()}
    every: dict[str, dict[str, list[NDArray[np.floating]]]] = {path: {} for path in tasks}
    for name, way in WAYS.items():
        bits: list[float] = []
        apart: list[float] = []
        for of_set in every.values():
            of_set[name] = []
        for seed in range(args.seeds):
            config, forward = configured(way, args.shards, args.set, seed, args.flops)
            model, own_bits = trained(config, Path(args.out) / f"{way.run}-{seed}")
            bits.append(own_bits)
            for path, task in tasks.items():
                sequences, _ = tests[path]
                probabilities, distance = probed(model, task, sequences, way.strands, seed)
                every[path][name].append(probabilities)
                apart.append(distance)
        # Of a model that reads one strand at a time: averaged over both it was not measured.
        said = f"{np.mean(bits):.3f}" if way.strands == "none" else ""
        cells = [said, f"{config.train.steps:,}", f"{np.mean(apart):.1e}"]
        cells.append(f"{forward * (1 + (way.strands == 'average')) / 1e6:.2f}")
        for path, (_, labels) in tests.items():
            row = score_row(name, "model", every[path][name], labels)
            cells.append(_shown(row["mcc"], row["intervals"]["mcc"]))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print("\nsymmetric minus")
    for path, (_, labels) in tests.items():
        first, *others = reversed(every[path].items())
        beside = [(name, _MODEL, found) for name, found in reversed(others)]
        cells = [_shown(own["mcc"], own["interval"]) for own in compare(*first, beside, labels)]
        print(f"| {Path(path).name}, {len(labels):,} | {' | '.join(cells)} |", flush=True)


def _shown(value: float, ends: Sequence[float] | None) -> str:
    return f"{value:.3f}" + (f" ({ends[0]:.3f} to {ends[1]:.3f})" if ends else "")


if __name__ == "__main__":
    main()
