"""A coding sequence before the habits of its file are known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hnet_seq.analysis.genes.coding import Ends, Group
from hnet_seq.analysis.genes.model import Chain


class StopPlace(Enum):
    """Where the stop codon of a complete CDS is."""

    INSIDE = "its last three bases"
    BEHIND = "the three bases after it"
    MIXED = "its last three bases, or the three after it where these alone are a stop codon"
    MARKED = "where a line of the file says"
    UNKNOWN = "not to be told"


@dataclass(frozen=True)
class Draft:
    """A coding sequence before the habits of its file are known.

    Attributes:
        chain: of its rows.
        marked: with the stop_codon lines of its transcript; None without one.
        after: the three bases behind it.
        stops_inside, stops_behind: whether its last three bases, or the next three, are a stop
            codon; both False where nobody can look.
        starts: whether a start_codon line marks its first base.
    """

    rows: Group
    chain: Chain
    ends: Ends
    marked: Chain | None
    after: tuple[tuple[int, int], ...]
    stops_inside: bool
    stops_behind: bool
    starts: bool

    @property
    def phase(self) -> int:
        return self.chain.parts[0].phase or 0

    @property
    def may_stop(self) -> bool:
        """Whether it holds whole codons and is not marked as open at its 3' end."""
        return not self.ends.open3 and (self.chain.bases() - self.phase) % 3 == 0
