"""What makes a score mean less than it says: leaks between splits, shortcuts to the label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.audit.duplicates import find_duplicates
from hnet_seq.evidence.audit.examples import Examples, Splits
from hnet_seq.evidence.audit.findings import SplitFacts, find
from hnet_seq.evidence.audit.names import (
    repeated_ids,
    shared_groups,
)
from hnet_seq.evidence.audit.remedies import Origin
from hnet_seq.evidence.audit.shortcuts import find_shortcuts
from hnet_seq.results.audit import Audit, Finding

__all__ = ["Audit", "Examples", "Origin", "audit", "describe_audit"]

ALL_CLEAR = (
    "audit: nothing found: no sequence stands in two splits (exactly, as reverse complement or "
    "nearly) or under two labels, no id or group repeats, and neither length nor letter case, N or "
    "composition gives the label away"
)
_MARKS = {"high": "!!", "medium": "! ", "low": "  "}


def audit(
    train: Examples,
    test: Examples,
    classes: Sequence[str],
    *,
    validation: Examples | None = None,
    origin: Origin | None = None,
    seed: int = 0,
) -> tuple[Audit, NDArray[np.bool_]]:
    """Look for leaks and shortcuts.

    Args:
        classes: names of the class numbers.
        origin: of the splits, for the remedies; None says that they were drawn, from a table with
            a column ``id``.
        seed: of the folds and trees that look for shortcuts.

    Returns:
        the audit; and (n_test,) False for test sequences that stand in train or validation, as they
        are, as their reverse complement, or nearly (see
        :func:`hnet_seq.evidence.similarity.near_duplicates.near_duplicates`).
    """
    splits: Splits = {"train": train}
    if validation is not None and len(validation.labels):
        splits["validation"] = validation
    splits["test"] = test
    duplicates, leaked = find_duplicates(splits, classes)
    facts = {name: _facts(split, classes) for name, split in splits.items()}
    ids, groups = repeated_ids(splits), shared_groups(splits)
    shortcuts = find_shortcuts(splits, classes, seed=seed)
    found = Audit(
        findings=find(facts, duplicates, ids, groups, shortcuts, origin or Origin()),
        splits=facts,
        overlaps=duplicates["overlaps"],
        copies=duplicates["copies"],
        conflicts=duplicates["conflicts"],
        ids=ids,
        groups=groups,
        shortcuts=shortcuts,
    )
    return found, ~leaked


def _facts(split: Examples, classes: Sequence[str]) -> SplitFacts:
    counts = np.bincount(split.labels, minlength=len(classes)).tolist()
    lengths = [len(sequence) for sequence in split.sequences]
    return SplitFacts(
        n=len(split.labels),
        classes=dict(zip(classes, counts, strict=True)),
        shortest=min(lengths, default=0),
        longest=max(lengths, default=0),
        with_unknown=int(np.count_nonzero(split.unknown)),
        with_ambiguous=int(np.count_nonzero(split.ambiguous)),
    )


def describe_audit(audit: Audit) -> str:
    """For above the scores: one line for each finding with its remedy, the worst first."""
    return describe_findings(audit["findings"]) or ALL_CLEAR


def describe_findings(findings: Sequence[Finding]) -> str:
    """A line for each; empty where there is none."""
    return "\n".join(
        f"{_MARKS[each['severity']]} {each['kind']}: {each['text']} -> {each['remedy']}"
        for each in findings
    )
