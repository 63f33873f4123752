"""What zero-shot tasks of a suite are asked on: a genome, its genes, measured sequences."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.zero_shot.codons import amino_acids
from hnet_seq.evidence.zero_shot.needle import KEY, LEAD, VALUE
from hnet_seq.tasks.benchmarking.suite_data import in_words_of_a_suite, read_task
from hnet_seq.tasks.benchmarking.suites import SuiteTask
from hnet_seq.tasks.benchmarking.untaught_task import Measured, Untaught
from hnet_seq.tasks.classification.targets import targets_of
from hnet_seq.tasks.scoring.measured_table import MeasuredTable
from hnet_seq.tasks.zero_shot.examination import NEEDLE, Asked
from hnet_seq.tasks.zero_shot.sources import zero_shot_data
from modalities.base import Tokens
from modalities.errors import InputError, UsageError

_NUMBERS: dict[str, tuple[str, ...]] = {
    "next_base": ("windows", "window_bases"),
    "sequence_recovery": ("windows", "window_bases"),
    "memorisation": ("windows", "window_bases"),
    NEEDLE: ("distances", "trials"),
    "synonymous": ("windows", "genetic_code"),
    "triplet_expansion": ("windows", "genetic_code"),
}
"""What figures of a test depend on beside its sequences and the seed; mixing is a row more."""
_READ = {"synonymous": "genes", "triplet_expansion": "genes", "variants": "measured"}
"""What a test reads beside the genome."""


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

    def cost(self, part: str) -> int:
        """Bases of a part that model and twin read, roughly."""
        asked = self.asked
        test = _test_of(part)
        if test == NEEDLE:
            return 2 * asked.trials * (LEAD + int(part.removeprefix(f"{NEEDLE}_")) + KEY + VALUE)
        if test == "variants":
            return 2 * sum(map(len, asked.measured.sequences)) if asked.measured else 1
        return 2 * asked.windows * asked.window_bases

    def asked_of(self, part: str) -> dict[str, Any]:
        """The sha256 of all sequences that figures of a part depend on, and its numbers."""
        test = _test_of(part)
        numbers = {name: getattr(self.asked, name) for name in _NUMBERS.get(test, ())}
        return {"data": self._data[_READ.get(test, "")], **numbers, "seed": self.asked.seed}

    def fingerprint(self) -> str:
        """sha256 over all that figures depend on but the model."""
        said = {"parts": [[part, self.asked_of(part)] for part in self.parts]}
        known = json.dumps({**said, "mixing": self.asked.mixing}, sort_keys=True)
        return hashlib.sha256(known.encode()).hexdigest()

    @cached_property
    def _data(self) -> dict[str, str]:
        """Hashes of the genome, and of it with genes or with what was measured."""
        asked = self.asked
        genome = hashlib.sha256()
        _add(genome, "train", asked.train)
        _add(genome, "held_out", asked.held_out)
        genes, measured = genome.copy(), genome.copy()
        _add(genes, "genes", asked.genes or ())
        if (table := asked.measured) is not None:
            _add(measured, "measured", table.sequences)
            for values in (table.values, table.is_test, table.groups):
                measured.update(values.tobytes())
        found = {"": genome, "genes": genes, "measured": measured}
        return {name: own.hexdigest() for name, own in found.items()}


def _test_of(part: str) -> str:
    """The test of a part of one."""
    return NEEDLE if part.startswith(NEEDLE) else part


def _add(digest: Any, name: str, sequences: Sequence[Tokens]) -> None:
    digest.update(f"{name} {len(sequences)}".encode())
    for tokens in sequences:
        digest.update(f"{len(tokens)}\n".encode() + tokens.tobytes())


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
            data.genes,
            None if own.measured is None else _measured(own.measured, task, folder, seed),
            windows=own.windows,
            window_bases=own.window_bases,
            distances=own.distances,
            trials=own.trials,
            genetic_code=own.genetic_code,
            mixing=own.mixing,
            seed=seed,
        )
        found = UntaughtTask(task, asked, asked.parts(own.tests or None))
    except UsageError as error:  # nobody gave such an option: it is the suite that has it
        said = in_words_of_a_suite(f"{error}")
        raise InputError(folder / own.genome, f"{task.name} of the suite: {said}") from None
    _check_some(found, folder)
    return found


def _check_some(task: UntaughtTask, folder: Path) -> None:
    """Raise InputError where the data allow no part: all that a run would say is that."""
    own = _spec(task.own)
    wrong: dict[str, str] = {}
    for part in task.parts:
        try:
            task.asked.check(part)
            return
        except InputError as error:
            wrong.setdefault(f"{error}", part)
    first = next(iter(wrong.values()))
    file = own.annotation if _READ.get(first) == "genes" and not task.asked.genes else own.genome
    said = "; ".join(f"{part}: {why}" for why, part in wrong.items())
    raise InputError(
        folder / file,
        f"{task.own.name} of the suite: no test can be made where {own.held_out} of "
        f"{Path(own.genome).name} is held out ({said}); hold out something else, or leave the task "
        "out with --tasks",
    )


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
