"""Zero-shot tasks of a benchmark for tests: models that know a chain, its genome, and runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.baselines.markov import MarkovModel
from hnet_seq.evidence.zero_shot.counting import MarkovReader
from hnet_seq.results.benchmark import Benchmark, BenchmarkUntaught
from hnet_seq.tasks import benchmark as verb
from hnet_seq.tasks.benchmarking.suites import SuiteTask
from hnet_seq.tasks.benchmarking.untaught_task import Measured, Untaught
from modalities import dna
from tests.evidence.zero_shot.chains import Chain, KnowsNothing, random_bases
from tests.few_penalties import few_penalties
from tests.tasks.benchmarks import GUESSES, rows, suite_of, write

HEAD = "name: s\ntitle: t\nabout: a\nsource: b\nmet: true\ntasks:\n"
TASK = Untaught(
    "genome.fa",
    held_out="last:0.4",
    tests=["next_base", "needle", "variants", "memorisation"],
    windows=12,
    window_bases=100,
    distances=[8, 16],
    trials=6,
    measured=Measured("measured.csv", label="value"),
)
OWN = SuiteTask("chain", zero_shot=TASK)


class Nothing(KnowsNothing):
    """A twin, as a benchmark takes it."""

    name, fingerprint, about, twin = "nothing", "nothing", {"kind": "a test's"}, None

    def embed(self, sequences: Sequence[str]) -> NDArray[np.float32]:
        return GUESSES.embed(sequences)


class Knows(Chain):
    """Knows the chain that wrote the genome."""

    name, fingerprint, about, twin = "knows", "knows", {"kind": "a test's"}, Nothing()

    def embed(self, sequences: Sequence[str]) -> NDArray[np.float32]:
        return GUESSES.embed(sequences)


class ByHeart(MarkovReader):
    """Counted the training half of a genome at an order that leaves nothing to guess."""

    fingerprint, about, twin = "by heart", {"kind": "a test's"}, Nothing()

    def __init__(self, train: NDArray[np.uint8]) -> None:
        super().__init__(MarkovModel([train], 12))
        self.name = "by heart"

    def embed(self, sequences: Sequence[str]) -> NDArray[np.float32]:
        return GUESSES.embed(sequences)


def write_data(folder: Path) -> None:
    """A genome that a chain wrote, one that nobody did, measured sequences, labelled ones."""
    chain = Chain()
    (folder / "genome.fa").write_text(f">g\n{dna.decode(chain.writes(9000, 1))}\n")
    (folder / "random.fa").write_text(f">g\n{dna.decode(random_bases(9000, 1))}\n")
    measured = [chain.writes(30, seed) for seed in range(60)]
    values = [own.nats for own in chain.log_likelihoods(measured)]
    lines = [
        f"{dna.decode(own)},{value:.3f},{'test' if at % 2 else 'train'}"
        for at, (own, value) in enumerate(zip(measured, values, strict=True))
    ]
    (folder / "measured.csv").write_text("\n".join(["sequence,value,split", *lines]) + "\n")
    write(folder / "plain.csv", rows(20, 0), rows(12, 1))


def run(model: Any, folder: Path, out: Path, *tasks: SuiteTask) -> Benchmark:
    out.mkdir(parents=True, exist_ok=True)
    with few_penalties():
        found = verb.benchmark(model, suite_of(*tasks), tasks, folder, out, shots=(), seeds=1)
    assert found is not None
    return found


def only(found: Benchmark) -> BenchmarkUntaught:
    assert found.zero_shot is not None
    (own,) = found.zero_shot
    return own
