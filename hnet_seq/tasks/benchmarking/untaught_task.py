"""Zero-shot tests as a task of a suite: what a YAML says of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from hnet_seq.tasks.choices import ZERO_SHOT_TESTS, SplitRule

_NEEDS = {"variants": "measured", "synonymous": "annotation", "triplet_expansion": "annotation"}

_FORMS = ("last", "records", "region")


@dataclass(frozen=True)
class Measured:
    """Sequences with a measured number, which likelihoods rank; keys as of a labelled task.

    Attributes:
        rows: of the test split that are asked, and of the others that baselines see, at most.
    """

    path: str
    sequence: str = "sequence"
    label: str = "label"
    split_column: str = "split"
    counts: list[str] = field(default_factory=list)
    split: SplitRule | None = None
    group_by: str | None = None
    where: list[str] = field(default_factory=list)
    rows: int = 400

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError("path is empty")
        if self.rows < 3:
            raise ValueError("rows is below 3")


@dataclass(frozen=True)
class Untaught:
    """A genome, what of it is held out, and what is asked of a model that nobody taught a task.

    Attributes:
        genome, annotation: files below the data folder; without genes there are no codons.
        held_out: what the baselines do not read, and the model should not have, as
            ``shard --validation`` takes it, but for groups of similar records.
        tests: their names (``docs/zero_shot.md``); none: all that the data allow.
        windows, window_bases, distances, trials, genetic_code, mixing: as the arguments of
            :func:`hnet_seq.zero_shot`.
        measured: for ``variants``.
    """

    genome: str
    annotation: str = ""
    held_out: str = "last:0.1"
    tests: list[str] = field(default_factory=list)
    windows: int = 100
    window_bases: int = 1024
    distances: list[int] = field(default_factory=lambda: [64, 256, 1024])
    trials: int = 50
    genetic_code: int = 1
    mixing: bool = False
    measured: Measured | None = None

    def __post_init__(self) -> None:
        if not self.genome:
            raise ValueError("genome is empty")
        if self.held_out.partition(":")[0] not in _FORMS:
            forms = "last:FRACTION, records:NAME,NAME or region:NAME:START-END"
            raise ValueError(f"held_out is {self.held_out!r}, and not {forms}")
        for name in self.tests:
            if name not in ZERO_SHOT_TESTS:
                raise ValueError(f"tests: {name!r} is none of {', '.join(ZERO_SHOT_TESTS)}")
            if name in _NEEDS and not getattr(self, _NEEDS[name]):
                raise ValueError(f"tests: {name} needs {_NEEDS[name]}")
        if len(set(self.tests)) < len(self.tests):
            raise ValueError("tests: one is there twice")

    @property
    def files(self) -> list[str]:
        """What must lie in the data folder."""
        measured = self.measured.path if self.measured is not None else ""
        return [name for name in (self.genome, self.annotation, measured) if name]
