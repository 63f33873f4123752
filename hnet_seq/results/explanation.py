"""What ``explain`` leaves: a dependency map, attributions by base, effects of chunks, controls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from hnet_seq.results.dependency_map import LETTERS, DependencyMap, check_packed, unpacked
from hnet_seq.results.record import Result
from hnet_seq.results.tables import to_pandas

if TYPE_CHECKING:
    import numpy as np
    import pandas
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

MODEL, TWIN, SHUFFLED, MARKOV = "model", "twin", "shuffled", "markov"


@dataclass(frozen=True, kw_only=True)
class Control:
    """A map beside which another stands; ``values`` as of :class:`DependencyMap`.

    Attributes:
        of: ``twin``, ``shuffled`` or ``markov``.
        order: of the Markov model.
        counted_without: it was counted on the window too, whose own words were taken off; None of
            another control.
    """

    of: str
    values: str
    order: int | None = None
    counted_without: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Above:
    """How far the map is above a control, over pairs that are ``least_distance`` bases apart or
    more.

    Attributes:
        share: of the pairs, those beyond what all but one in a thousand of the control's pairs as
            far apart have. Of several controls each is left out once, the mean.
        by_chance: what the control that is left out has beyond the same others.
        ratio: of the mean dependencies; with its 95% interval, None under ten blocks of ten bases.
    """

    control: str
    least_distance: int
    pairs: int
    share: float | None
    by_chance: float | None
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None


@dataclass(frozen=True, kw_only=True)
class PairedArms:
    """Two stretches that pair, 1-based and inclusive; ``stem``: end to end, else each with each."""

    name: str
    first: Annotated[list[int], 2]
    second: Annotated[list[int], 2]
    stem: bool


@dataclass(frozen=True, kw_only=True)
class OfPairs:
    """Annotated pairs in one of the maps.

    Attributes:
        name: of the annotation.
        of: ``model``, or the control.
        pairs: that are known, of no unknown base.
        mean: dependency of the pairs, of both directions; None where none is known.
        in_element, in_region: the mean at equal distance, in other places within the element and
            anywhere in the region; None where they have no other place.
        p_element, p_region: how often chance has as much, one-sided; all places of the arms, where
            they do lie among them, are alike in it.
        least_p_element, least_p_region: the least that these can be, one in so many ways to place
            the arms or draws.
    """

    name: str
    of: str
    pairs: int
    mean: float | None
    in_element: float | None
    p_element: float | None
    least_p_element: float | None
    in_region: float | None
    p_region: float | None
    least_p_region: float | None


@dataclass(frozen=True, kw_only=True)
class BaseTracks:
    """By base, nats, the mean of both strands; None of an unknown base.

    Attributes:
        own: log-probability of the letter less the mean of the other three; the first base that is
            read on a strand has none there, so that it is the other strand's.
        gradient, integrated, mutagenesis: what the letter adds to the log-likelihood of the
            stretch: gradient times input, integrated gradients, and the mean of its three
            substitutions. ``own`` is part of the first and the last.
        integrated_own: the part of the base's own probability in ``integrated``.
    """

    own: list[float | None]
    gradient: list[float | None]
    integrated: list[float | None]
    integrated_own: list[float | None]
    mutagenesis: list[float | None]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the tracks."""
        return ("own", "gradient", "integrated", "integrated_own", "mutagenesis")


@dataclass(frozen=True, kw_only=True)
class ChunkEffect:
    """A chunk: 0-based and half-open in the record, as it was cut on ``strand``.

    Attributes:
        deleted, shuffled: nats by which the bases behind it, on its strand, are less likely
            without it, and with its letters in another order.
        kept: what the other order keeps: ``dinucleotides``, ``letters``, or nothing.
        gradient, integrated, mutagenesis: of its bases together, without their own probability.
    """

    stage: int
    strand: str
    start: int
    end: int
    deleted: float | None
    shuffled: float | None
    kept: str
    gradient: float | None
    integrated: float | None
    mutagenesis: float | None


@dataclass(frozen=True, kw_only=True)
class Agrees:
    """Spearman's rank correlation of two ways to say what a base or a chunk does.

    Attributes:
        items: ``bases``, ``bases, of those behind``, or ``chunks of stage 0``.
    """

    items: str
    one: str
    other: str
    rho: float | None
    n: int


@dataclass(frozen=True, kw_only=True)
class Explanation(Result):
    """``explanation.json``: places are 1-based and inclusive.

    Attributes:
        genome: the file, or None of letters that were given.
        context_start, context_end: what the model read around the stretch.
        shuffles, baselines, steps, seed: of the controls, of integrated gradients, of all draws.
        change, missed: nats that integrated gradients are to add up to, the mean over baselines
            and strands, and the mean size of what they lack of it.
        dependencies: the map; ``controls`` are beside it.
    """

    KIND: ClassVar[str] = "explanation"
    checkpoint: str | None = None
    weights: str | None = None
    genome: str | None = None
    name: str
    start: int
    end: int
    context_start: int
    context_end: int
    reference: str
    seed: int
    shuffles: int
    baselines: int
    steps: int
    change: float | None
    missed: float | None
    dependencies: DependencyMap
    arms: list[PairedArms]
    controls: list[Control]
    above: list[Above]
    of_pairs: list[OfPairs]
    bases: BaseTracks | None
    chunks: list[ChunkEffect]
    agreement: list[Agrees]

    def __post_init__(self) -> None:
        length = len(self.reference)
        if not length or length != self.end - self.start + 1 or set(self.reference) - LETTERS:
            raise ValueError(f"'reference' is not the letters of {self.start} to {self.end}")
        if self.dependencies.reference != self.reference:
            raise ValueError("'dependencies' is of other letters")
        for control in self.controls:
            check_packed(f"controls, {control.of}", control.values, length)
        for name in self.bases.names if self.bases else ():
            if len(getattr(self.bases, name)) != length:
                raise ValueError(f"{name!r} has not {length} values")

    def control(self, of: str) -> list[NDArray[np.float64]]:
        """The maps (L, L) of one control: ``twin``, ``shuffled`` or ``markov``."""
        found = [own.values for own in self.controls if own.of == of]
        return [unpacked(values, len(self.reference)) for values in found]

    def base_rows(self) -> list[dict[str, Any]]:
        """The tracks as a row a base, by column."""
        tracks = self.bases
        names = tracks.names if tracks else ()
        return [
            {
                "name": self.name,
                "pos": self.start + index,
                "ref": letter,
                **{name: getattr(tracks, name)[index] for name in names},
            }
            for index, letter in enumerate(self.reference)
        ]

    def to_pandas(self) -> pandas.DataFrame:
        """A row a base with what each attribution gives it; needs pandas.

        ``dependencies.to_pandas()`` has the map.
        """
        rows = self.base_rows()
        return to_pandas(rows, list(rows[0]))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the dependency map; needs matplotlib."""
        return self.dependencies.plot(ax)
