"""What to do about leaks and relatives on both sides: it depends on how the split was made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Origin:
    """Where the sequences of a task come from, as far as a remedy can name it.

    Attributes:
        split: ``given`` in the data, ``drawn`` at random or by groups, drawn by ``similarity``, or
            ``windows`` of two parts of a genome.
        id_column: of the table, that the ids were read from; None where files differ.
    """

    split: Literal["given", "drawn", "similarity", "windows"] = "drawn"
    id_column: str | None = "id"


def leak_remedy(second: str, origin: Origin) -> str:
    """For sequences of ``second``, test or validation, that stand in another split."""
    if second != "test":
        stopped = "early stopping sees what was learned by heart"
        return stopped if origin.split == "similarity" else f"{stopped}; split by similarity"
    if origin.split == "windows":
        return "the genome repeats itself there: read the scores without them"
    if origin.split == "similarity":
        return "chains of near duplicates were not all followed: read the scores without them"
    return "read the scores without them, or split by similarity (--split similarity)"


def groups_remedy(pattern: str | None, origin: Origin) -> str:
    """For groups on both sides.

    Args:
        pattern: whose group 1 is the group of an id; None where the user named the groups.
    """
    if pattern is None:
        how = "--group-by as you have it"
    elif origin.id_column is None:
        how = "--group-by COLUMN: give all files one column that names it"
    else:
        how = f"--group-by '{origin.id_column}:{pattern}'"
    if origin.split == "given":
        # Beside a given split --group-by only says what folds inside train keep together.
        return (
            "the split is the one that was given: draw one by gene, transcript or chromosome "
            f"(--split random {how})"
        )
    return f"split by gene, transcript or chromosome ({how})"
