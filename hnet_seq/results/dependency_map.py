"""A dependency map, as it is kept: how much each base of a stretch depends on each other one."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from hnet_seq.results.record import Result
from hnet_seq.results.tables import to_pandas

if TYPE_CHECKING:
    import numpy as np
    import pandas
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

LETTERS = frozenset("ACGTN")
_STEPS, _NONE = 1000, 65535  # of a unit of log2 odds; what stands where there is no value
_COLUMNS = ("name", "substituted", "read", "strand", "dependency")


def packed(values: NDArray[np.floating]) -> str:
    """A map (L, L) as the text of :attr:`DependencyMap.values`."""
    import numpy as np

    whole = np.where(np.isnan(values), _NONE, np.clip(np.round(values * _STEPS), 0, _NONE - 1))
    return base64.b64encode(whole.astype("<u2").tobytes()).decode()


@dataclass(frozen=True, kw_only=True)
class DependencyMap(Result):
    """How much each base of a stretch depends on each other one, log2 odds.

    Attributes:
        name, start: of the record, and the 1-based place of the first base.
        reference: (L,) its letters.
        reads: ``strands`` is of a causal model: what a base does to those behind it was read on
            the sequence, what it does to those before it on the reverse complement; ``forward``
            has the first half only; ``both sides`` is of a masked model.
        values: (L, L) row by row, of the base that is substituted, by the one that is read; in
            thousandths, little-endian, two bytes each, base64. 65,535 is none.
    """

    KIND: ClassVar[str] = "dependencies"
    name: str
    start: int
    reference: str
    reads: Literal["strands", "forward", "both sides"]
    values: str

    def __post_init__(self) -> None:
        length = len(self.reference)
        if not length or set(self.reference) - LETTERS:
            raise ValueError("'reference' is no letters")
        check_packed("values", self.values, length)

    def matrix(self) -> NDArray[np.float64]:
        """(L, L): substituted, read; NaN where there is no value."""
        return unpacked(self.values, len(self.reference))

    def to_pandas(self) -> pandas.DataFrame:
        """A row a pair: name, substituted and read (1-based), strand, dependency; needs pandas."""
        return to_pandas([tuple(row.values()) for row in self.rows()], _COLUMNS)

    def rows(self) -> Iterator[dict[str, Any]]:
        """The pairs as values by column, one at a time: of 1,000 bases they are a million."""
        for i, row in enumerate(self.matrix()):
            for j, value in enumerate(row.tolist()):
                if value == value:
                    places = (self.start + i, self.start + j)
                    cells = (self.name, *places, self.strand(i, j), value)
                    yield dict(zip(_COLUMNS, cells, strict=True))

    def strand(self, substituted: int, read: int) -> str:
        """The strand on which it was read that one place depends on another."""
        if self.reads == "both sides":
            return "."
        return "+" if read > substituted else "-"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the map, as bright as the 99.5% of its values; needs matplotlib."""
        from hnet_seq.results.plot import plot_map

        title = f"{self.name}:{self.start:,}-{self.start + len(self.reference) - 1:,}"
        return plot_map(self.matrix(), self.start, title=title, ax=ax)


def unpacked(values: str, length: int) -> NDArray[np.float64]:
    """(L, L) of :func:`packed`."""
    import numpy as np

    whole = np.frombuffer(base64.b64decode(values), "<u2").reshape(length, length)
    return np.where(whole == _NONE, np.nan, whole / _STEPS)


def check_packed(name: str, values: str, length: int) -> None:
    """Raise ValueError where a map is not of ``length`` bases."""
    try:
        held = len(base64.b64decode(values, validate=True))
    except ValueError:
        held = -1
    if held != 2 * length**2:
        raise ValueError(f"{name!r} is no map of {length} by {length} values")
