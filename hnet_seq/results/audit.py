"""What may make a score mean less than it says: the audit of splits in ``classification.json``.

What only ``hnet-seq audit`` looks for stands in :mod:`hnet_seq.results.audited`.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

_OfSplits = Literal["leak", "shortcut", "labels", "groups", "copies", "ids", "classes", "letters"]
_OfSequences = Literal["memory", "homology", "windows", "negatives", "twins", "unknown", "between"]
_OfRules = Literal["genome", "places", "segments", "pretraining", "signal", "words"]
FindingKind = Literal[_OfSplits, _OfSequences, _OfRules]
"""The first are what ``classify`` finds too, the others of ``hnet-seq audit`` alone."""


class Finding(TypedDict):
    """One thing that is wrong: how bad, of which kind, what was found, and what to do."""

    severity: Literal["high", "medium", "low"]
    kind: FindingKind
    text: str
    remedy: str


class SplitFacts(TypedDict):
    """Sequences of a split: how many, of each class, lengths (bases), and how many hold letters
    beyond A, C, G, T: N, and other IUPAC codes."""

    n: int
    classes: dict[str, int]
    shortest: int
    longest: int
    with_unknown: int
    with_ambiguous: int


class Pair(TypedDict):
    """Two sequences by name, and the share of words that they have in common."""

    first: str
    second: str
    share: float


class Overlap(TypedDict):
    """How many of the ``n`` sequences of ``second`` stand in ``first``.

    As they are; if not, as their reverse complement; if not, nearly. ``closest`` is the first copy,
    or else the closest near duplicate.
    """

    first: str
    second: str
    n: int
    exact: int
    reverse_complement: int
    near: int
    closest: Pair | None


class Copies(TypedDict):
    """Sequences of one split (or of all, for ``split`` = "all") that an earlier one equals.

    ``near`` counts the different sequences that have a near duplicate among the others; None where
    nobody looked.
    """

    split: str
    n: int
    exact: int
    reverse_complement: int
    near: int | None


class Labelled(TypedDict):
    """A sequence by name, and its class."""

    name: str
    label: str


class Conflicts(TypedDict):
    """Different sequences, of all splits together, that carry more than one label.

    ``sequences`` as they are written; ``either_strand`` with a sequence and its reverse complement
    taken as one.
    """

    sequences: int
    either_strand: int
    example: list[Labelled]


class RepeatedIds(TypedDict):
    """How many of the sequences of ``second`` have an id of ``first``; inside, if they are one."""

    first: str
    second: str
    n: int
    repeated: int
    example: str | None


class SharedGroups(TypedDict):
    """How many of the ``n`` sequences of ``second`` are of a group that stands in ``first`` too.

    ``rule`` says what a group is, ``pattern`` is a regular expression whose group 1 is the group of
    an id (None where the groups were given); ``groups`` of them are in all splits together.
    """

    rule: str
    pattern: str | None
    groups: int
    first: str
    second: str
    n: int
    shared: int
    example: str | None


class Shortcut(TypedDict):
    """How well one property alone predicts the label.

    ``train_mcc`` is cross-validated inside train; None where a class has a single member.
    ``means`` of the property, by split and class; None for base composition, which is several.
    """

    property: str
    train_mcc: float | None
    test_mcc: float
    means: dict[str, dict[str, float]] | None


class Audit(TypedDict):
    """The whole audit; ``findings`` come worst first."""

    findings: list[Finding]
    splits: NotRequired[dict[str, SplitFacts]]
    overlaps: NotRequired[list[Overlap]]
    copies: NotRequired[list[Copies]]
    conflicts: NotRequired[Conflicts]
    ids: NotRequired[list[RepeatedIds]]
    groups: NotRequired[list[SharedGroups]]
    shortcuts: NotRequired[list[Shortcut]]
