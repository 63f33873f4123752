"""What zero-shot tests leave: a table a test, the model beside its twin and what counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NotRequired, TypedDict

from hnet_seq.results.record import Result


class Figure(TypedDict):
    """A value with its 95% interval, of ``n`` windows, pairs or rows.

    ``value`` is None where nothing could be measured, ``no_interval`` says why there is none.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    no_interval: NotRequired[str | None]


class ZeroShotRow(TypedDict):
    """One reader in one test.

    Attributes:
        figures: by the name of the metric; the test says which is its own.
        refused: why the reader could not be tested.
    """

    name: str
    kind: Literal["model", "twin", "baseline"]
    figures: dict[str, Figure]
    refused: NotRequired[str | None]


@dataclass(frozen=True, kw_only=True)
class ZeroShotTest:
    """One test.

    Attributes:
        metric: the name of the figure that the field reports.
        chance: what it is where nothing is known; None where that is not one number.
        settings: all that the test depends on but the sequences.
        verdict: what is said of the model, where the test calls it something.
    """

    test: str
    metric: str
    chance: float | None
    settings: dict[str, Any]
    rows: list[ZeroShotRow]
    verdict: str | None = None

    def row(self, name: str) -> ZeroShotRow:
        """Of a reader."""
        return next(row for row in self.rows if row["name"] == name)


@dataclass(frozen=True, kw_only=True)
class ZeroShot(Result):
    """``zero_shot.json``.

    Attributes:
        model: its name.
        fingerprint: of its weights and all that its figures depend on; None where it has none.
        left_out: why model or data do not allow a test, or a part such as ``needle_1024``, by name.
    """

    KIND: ClassVar[str] = "zero_shot"
    model: str
    seed: int
    tests: list[ZeroShotTest]
    left_out: dict[str, str]
    fingerprint: str | None = None

    def test(self, name: str) -> ZeroShotTest:
        """By its name."""
        return next(test for test in self.tests if test.test == name)
