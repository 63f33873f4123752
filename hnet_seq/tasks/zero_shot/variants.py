"""Variants against measured effects: how a likelihood ranks what was measured.

Spearman's rank correlation of the log-likelihood of each sequence with its measurement, as
ProteinGym and the DNA benchmarks after it have it (Notin et al. 2023; Nguyen et al. 2024, "Evo";
Brixi et al. 2026, "Evo 2"). Nothing is fitted: the other rankings of ``score --measured`` are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hnet_seq.evidence.measures.spearman import spearman
from hnet_seq.evidence.zero_shot.figures import Readers, figure, rows_of
from hnet_seq.evidence.zero_shot.reader import Likelihood, Reader, likelihoods
from hnet_seq.results.zero_shot import Figure, ZeroShotRow, ZeroShotTest
from hnet_seq.tasks.scoring.measured_effects import unfitted_baselines
from hnet_seq.tasks.scoring.measured_table import MeasuredTable
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError


def measured_variants(readers: Readers, table: MeasuredTable) -> ZeroShotTest:
    """The test ``variants`` on the test rows of a table, see this module."""
    test = table.is_test
    own = [table.sequences[index] for index in np.flatnonzero(test)]
    measured, groups = table.values[test], table.groups[test]

    def ranked(values: np.ndarray) -> dict[str, Figure]:
        found = spearman(values, measured, groups=groups)
        low, high = found["low"], found["high"]
        ends = None if low is None or high is None else (low, high)
        why = found.get("no_interval")
        return {"spearman": figure(found["rho"], found["n"], ends, why)}

    def measure(reader: Reader) -> dict[str, Figure]:
        said = likelihoods(reader, own)
        _check_alike(reader, own, said)
        return ranked(np.array([each.nats for each in said]))

    rows = rows_of(readers, measure)
    fitted_on = [table.sequences[index] for index in np.flatnonzero(~test)]
    for name, values in unfitted_baselines(fitted_on, own).items():
        rows.append(ZeroShotRow(name=name, kind="baseline", figures=ranked(values)))
    return ZeroShotTest(
        test="variants",
        metric="spearman",
        chance=0.0,
        settings={"rows": len(own), "split": table.about},
        rows=rows,
    )


def _check_alike(reader: Reader, sequences: Sequence[Tokens], said: Sequence[Likelihood]) -> None:
    """Raise InputError where sums leave out more bases of one sequence than of another.

    A first base may be left out of all; one that is unknown has no place in a sum anyway.
    """
    left_out = {
        int((tokens < dna.UNKNOWN).sum()) - own.bases
        for tokens, own in zip(sequences, said, strict=True)
        if tokens[0] < dna.UNKNOWN
    }
    if len(left_out) > 1:
        raise InputError(
            None,
            f"leaves out {min(left_out)} bases of one sequence and {max(left_out)} of another, as "
            "nothing predicts its first word: their likelihoods cannot be ranked",
            where=reader.name,
        )
