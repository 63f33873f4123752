"""What zero-shot tasks of a suite are asked on: a genome, its genes, measured sequences."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.zero_shot.codons import amino_acids
from hnet_seq.tasks.benchmarking.suite_data import read_task
from hnet_seq.tasks.benchmarking.suites import SuiteTask
from hnet_seq.tasks.benchmarking.untaught_task import Measured, Untaught
from hnet_seq.tasks.classification.targets import targets_of
from hnet_seq.tasks.scoring.measured_table import MeasuredTable
from hnet_seq.tasks.zero_shot.examination import Asked
from hnet_seq.tasks.zero_shot.sources import zero_shot_data
from modalities.errors import InputError, UsageError


@dataclass(frozen=True)
class UntaughtTask:
    """A task whose data are read.

    Attributes:
        tests: each with its parts, which are computed one by one.
    """

    own: SuiteTask
    asked: Asked
    tests: dict[str, list[str]]

    @property
    def parts(self) -> list[str]:
        """All of them, in the order of a record."""
        return [part for parts in self.tests.values() for part in parts]

    @property
    def cost(self) -> int:
        """Bases of a part that a model reads, roughly."""
        return 2 * self.asked.windows * self.asked.window_bases

    def fingerprint(self) -> str:
        """sha256 over all that figures depend on but the model."""
        asked = self.asked
        said = {"settings": asdict(_spec(self.own)), "seed": asked.seed}
        digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
        kinds = {"train": asked.train, "held_out": asked.held_out, "genes": asked.genes or ()}
        for name, sequences in kinds.items():
            digest.update(f"{name} {len(sequences)}".encode())
            for tokens in sequences:
                digest.update(f"{len(tokens)}\n".encode() + tokens.tobytes())
        if (measured := asked.measured) is not None:
            for tokens in measured.sequences:
                digest.update(f"{len(tokens)}\n".encode() + tokens.tobytes())
            for values in (measured.values, measured.is_test, measured.groups):
                digest.update(values.tobytes())
        return digest.hexdigest()


def read_untaught(task: SuiteTask, folder: Path, *, seed: int) -> UntaughtTask:
    """Genome, genes and measured sequences of a zero-shot task.

    Args:
        seed: of all that is drawn.

    Raises:
        InputError: a file that cannot be read, or settings that cannot be meant; names the task.
    """
    own = _spec(task)
    try:
        amino_acids(own.genetic_code)
        data = zero_shot_data(
            folder / own.genome,
            own.held_out,
            folder / own.annotation if own.annotation else None,
        )
        asked = Asked(
            data.train,
            data.held_out,
            data.genes or None,
            None if own.measured is None else _measured(own.measured, task, folder, seed),
            windows=own.windows,
            window_bases=own.window_bases,
            distances=own.distances,
            trials=own.trials,
            genetic_code=own.genetic_code,
            mixing=own.mixing,
            seed=seed,
        )
        return UntaughtTask(task, asked, asked.parts(own.tests or None))
    except UsageError as error:  # nobody gave such an option: it is the suite that has it
        raise InputError(folder / own.genome, f"{task.name} of the suite: {error}") from None


def _spec(task: SuiteTask) -> Untaught:
    assert task.zero_shot is not None, task.name
    return task.zero_shot


def _measured(own: Measured, task: SuiteTask, folder: Path, seed: int) -> MeasuredTable:
    labelled = SuiteTask(
        task.name,
        own.path,
        "regression",
        "spearman",
        sequence=own.sequence,
        label=own.label,
        split_column=own.split_column,
        counts=own.counts,
        split=own.split,
        group_by=own.group_by,
        where=own.where,
    )
    read = read_task(labelled, folder, seed=seed)
    generator = np.random.default_rng(seed)
    kept = {
        split: np.sort(generator.permutation(len(read.splits[split].labels))[: own.rows])
        for split in ("train", "test")
    }
    sequences = [read.splits[split].sequences[at] for split, rows in kept.items() for at in rows]
    values = np.concatenate([targets_of(read, split)[rows, 0] for split, rows in kept.items()])
    groups = [_groups(read.splits[split].together, split, rows) for split, rows in kept.items()]
    return MeasuredTable(
        sequences,
        values,
        np.arange(len(values)),
        np.repeat([False, True], [len(rows) for rows in kept.values()]),
        np.unique(np.concatenate(groups), return_inverse=True)[1],
        f"{read.about.get('split', '')}",
    )


def _groups(together: list[str] | None, split: str, rows: NDArray[np.int64]) -> NDArray[np.str_]:
    """Names of the groups of rows, which a split keeps on one side."""
    return np.array([together[at] if together else f"{split} {at}" for at in rows], np.str_)
