"""Suites and models of a few lines, for the tests of benchmarks."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from hnet_seq.jobs.spool import Spool
from hnet_seq.results.benchmark import Benchmark
from hnet_seq.tasks import benchmark as verb
from hnet_seq.tasks.benchmarking import written
from hnet_seq.tasks.benchmarking.suites import Suite, SuiteTask
from tests.few_penalties import few_penalties


def secret(letters: str) -> int:
    """What no counting tells."""
    return int(hashlib.sha256(letters.encode()).hexdigest(), 16)


@dataclass(frozen=True)
class Oracle:
    """Knows the class, but of some sequences; its untrained twin knows nothing.

    Attributes:
        deaf: of a hundred sequences, of which it guesses.
        known: classes of sequences; it guesses the others.
    """

    name: str = "oracle"
    deaf: int = 0
    known: Mapping[str, int] = field(default_factory=dict)
    twin: Oracle | None = None

    @property
    def fingerprint(self) -> str:
        return f"{self.name} {self.deaf} {len(self.known)}"

    @property
    def about(self) -> dict[str, Any]:
        return {"kind": "a test's"}

    def embed(self, sequences: Sequence[str]) -> NDArray[np.float32]:
        vectors = []
        for letters in sequences:
            generator = np.random.default_rng(secret(letters))
            guess = int(generator.integers(0, 2))
            told = secret(letters) % 2 if generator.integers(0, 100) >= self.deaf else guess
            if self.known:
                told = self.known.get(letters, guess)
            vectors.append([float(told), *generator.normal(size=3)])
        return np.array(vectors, np.float32)


GUESSES = Oracle("oracle, untrained twin", 100)
KNOWS = Oracle(twin=GUESSES)


def rows(count: int, seed: int) -> list[tuple[str, str]]:
    """Letters and a class, which follows from all of them together."""
    generator = np.random.default_rng(seed)
    drawn = ("".join(generator.choice(list("ACGT"), 40)) for _ in range(count))
    return [(letters, "ab"[secret(letters) % 2]) for letters in drawn]


def write(path: Path, train: Sequence[tuple[str, str]], test: Sequence[tuple[str, str]]) -> None:
    """A table with a split."""
    lines = [f"{s},{label},train" for s, label in train]
    lines += [f"{s},{label},test" for s, label in test]
    path.write_text("\n".join(["sequence,label,split", *lines]) + "\n")


def suite_of(*tasks: SuiteTask) -> Suite:
    return Suite("made", "made up", "", "a test", True, list(tasks))


def run(
    model: Oracle, folder: Path, tasks: Sequence[SuiteTask], out: Path, **options: Any
) -> Benchmark | None:
    """A benchmark with one penalty and few draws."""
    given = {"shots": (2,), "seeds": 2, **options}
    out.mkdir(parents=True, exist_ok=True)
    with few_penalties():
        return verb.benchmark(model, suite_of(*tasks), tasks, folder, out, **given)


def killed_run(moment: int | str, folder: Path, tasks: Sequence[SuiteTask], out: Path) -> int:
    """The same, ended without warning as a cell is kept, or while files are written."""
    append, begun = Spool.append, 0

    def appending(self: Spool, *columns: Any) -> None:
        nonlocal begun
        begun += 1
        append(self, *columns)
        if begun == moment:
            for file in self._files.values():  # the system has some of it
                file.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    def writing(_: Any) -> list[Any]:
        os.kill(os.getpid(), signal.SIGKILL)
        return []

    with patch.object(Spool, "append", appending):
        if moment == "writing":
            with patch.object(written, "submission", writing):
                run(KNOWS, folder, tasks, out)
        else:
            run(KNOWS, folder, tasks, out)
    return 0
