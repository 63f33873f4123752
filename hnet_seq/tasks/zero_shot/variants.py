"""Variants against measured effects: how a likelihood ranks what was measured.

Spearman's rank correlation of the log-likelihood of each sequence with its measurement, as
ProteinGym and the DNA benchmarks after it have it (Notin et al. 2023; Nguyen et al. 2024, "Evo";
Brixi et al. 2026, "Evo 2"). Nothing is fitted: the other rankings of ``score --measured`` are.
"""

from __future__ import annotations

import numpy as np

from hnet_seq.evidence.measures.spearman import spearman
from hnet_seq.evidence.zero_shot.figures import Readers, figure, rows_of
from hnet_seq.evidence.zero_shot.reader import Reader
from hnet_seq.results.zero_shot import Figure, ZeroShotRow, ZeroShotTest
from hnet_seq.tasks.scoring.measured_effects import unfitted_baselines, with_flanks
from hnet_seq.tasks.scoring.measured_table import MeasuredTable
from modalities.base import Tokens


def measured_variants(
    readers: Readers, table: MeasuredTable, *, flanks: tuple[Tokens, Tokens] | None = None
) -> ZeroShotTest:
    """The test ``variants`` on the test rows of a table, see this module.

    Args:
        flanks: bases on the left and on the right, which readers see.
    """
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
        said = reader.log_likelihoods(with_flanks(own, flanks))
        return ranked(np.array([each.nats for each in said]))

    rows = rows_of(readers, measure)
    fitted_on = [table.sequences[index] for index in np.flatnonzero(~test)]
    for name, values in unfitted_baselines(fitted_on, own).items():
        rows.append(ZeroShotRow(name=name, kind="baseline", figures=ranked(values)))
    return ZeroShotTest(
        test="variants",
        metric="spearman",
        chance=0.0,
        settings={
            "rows": len(own),
            "split": table.about,
            "flanks": None if flanks is None else [len(side) for side in flanks],
        },
        rows=rows,
    )
