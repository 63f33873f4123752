"""``audit.json``: what ``hnet-seq audit`` found in labelled data, and what ``--clean`` changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NotRequired, TypedDict

from hnet_seq.results.audit import Audit, Finding, Labelled
from hnet_seq.results.record import Result


class Relative(TypedDict):
    """Two sequences by name, and how they align.

    ``identity`` is the share of equal columns, gaps among them; ``cover`` the share of the shorter
    one that is aligned; ``bases`` so many of ``second``; ``reverse``: on the other strand.
    """

    first: str
    second: str
    identity: float
    cover: float
    bases: int
    reverse: bool


class Relatives(TypedDict):
    """Sequences of ``second`` with a relative in ``first`` by local alignment.

    ``looked_at`` of the ``n``: those that are no copy and no near duplicate. ``close`` of the
    ``found`` have 80% identity over half of the shorter sequence; ``identities`` counts them by
    the lower end of a range, in percent; ``reverse`` on the other strand.
    """

    first: str
    second: str
    n: int
    looked_at: int
    found: int
    close: int
    reverse: int
    identities: dict[str, int]
    example: Relative | None


class Loci(TypedDict):
    """Where sequences of ``second`` lie beside those of ``first``, by coordinates.

    ``rule`` says where the coordinates are from. So many of ``n`` overlap one by a base or more;
    lie within ``near`` bases of one, the overlapping among them; are on a chromosome that ``first``
    has too. ``pair`` is the largest overlap, of ``overlap`` bases.
    """

    rule: str
    first: str
    second: str
    n: int
    overlapping: int
    near: int
    within: int
    chromosomes: int
    overlap: int
    pair: list[str] | None


class Twins(TypedDict):
    """Pairs of sequences of which one may have been made from the other.

    ``kind``: equal ``dinucleotides``, ``letters`` alone, or ``segments`` in place. ``opposite`` of
    the ``pairs`` have two labels, where ``expected`` would by chance; ``sequences`` have a twin
    under another label, so many of them in ``test``; ``over``: test sequences with a twin in
    another split, whatever its label.
    """

    kind: Literal["dinucleotides", "letters", "segments"]
    pairs: int
    opposite: int
    expected: float
    sequences: int
    test: int
    over: int
    example: list[Labelled]


class Generated(TypedDict):
    """Whether the sequences of a class look drawn by a machine.

    ``order``: letters depend on no more than so many before them; None: on more, as in nature.
    ``excess`` by order: how far words are from what that order gives, against 1 by chance.
    """

    label: str
    n: int
    order: int | None
    excess: dict[str, float]


class Membership(TypedDict):
    """Words of 21 bases of each sequence, up to 32, looked for in a genome.

    ``members``: of each class the share of sequences of which nine words of ten are there. The MCC
    are those of a rule on the share alone; None where labels are no classes.
    """

    where: str
    looked_at: int
    members: dict[str, float]
    train_mcc: float | None
    test_mcc: float | None


class Pretrained(TypedDict):
    """Sequences of a split of which half of the words stand in what a model was pretrained on.

    ``documents``: of ``shards``, in their split ``part``, that were read; ``classes`` counts the
    found sequences of each class; ``example`` is a sequence, and the document that holds it.
    """

    shards: str
    part: str
    documents: int
    split: str
    n: int
    found: int
    classes: dict[str, int]
    example: list[str] | None


class WordAtPlace(TypedDict):
    """A word at one place: how often a class has it there, and the other classes."""

    word: str
    place: str
    label: str
    share: float
    others: float


class WordsAtPlaces(TypedDict):
    """Letters at fixed places as a rule for the label.

    ``anchor`` says from where places are counted. ``site`` is a word that 95% of a class have where
    the others lack it, with the share of other test sequences without it, ``lacking``.
    """

    anchor: str
    train_mcc: float
    test_mcc: float
    words: list[WordAtPlace]
    site: NotRequired[WordAtPlace | None]
    lacking: NotRequired[float]


class Segments(TypedDict):
    """Stretches of 16 bases or more that 5% of the sequences or more have at one place."""

    anchor: str
    segments: list[WordAtPlace]
    train_mcc: float
    test_mcc: float


class Signal(TypedDict):
    """Whether sequences tell anything about labels.

    ``rules``: MCC inside train and on test of what is simple. ``chance``: what a rule that knows
    nothing reaches now and then. Of ``pairs`` of relatives over two splits so many are of the
    ``same`` label, ``expected`` by chance. ``lookup`` is the MCC of the closest one's label.
    """

    rules: dict[str, list[float | None]]
    chance: float
    pairs: int
    same: int
    expected: float
    lookup: float | None


class Change(TypedDict):
    """What ``--clean`` did: rows kept, dropped and moved, by split and by reason."""

    folder: str
    mode: str
    by: str
    before: dict[str, int]
    after: dict[str, int]
    dropped: dict[str, int]
    moved: int
    findings: list[Finding]


class AuditedTask(TypedDict):
    """One data set: how many of which class in which split, and everything that was found.

    ``audit`` is what ``classify`` finds too; ``findings`` has its findings and the others, the
    worst first.
    """

    task: str
    problem: str
    split: str
    classes: list[str]
    findings: list[Finding]
    audit: Audit
    relatives: list[Relatives]
    loci: list[Loci]
    twins: list[Twins]
    generated: list[Generated]
    places: WordsAtPlaces | None
    segments: Segments | None
    signal: Signal | None
    genome: Membership | None
    pretrained: list[Pretrained]
    seconds: dict[str, float]
    clean: Change | None


@dataclass(frozen=True)
class Audited(Result):
    """The file.

    Attributes:
        tasks: in the order that they were given.
        between: copies among data sets.
        details: what it was made with.
    """

    KIND: ClassVar[str] = "audit"
    tasks: list[AuditedTask]
    between: list[Finding] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def findings(self) -> list[Finding]:
        """Of all data sets, and among them."""
        return [*self.between, *(each for task in self.tasks for each in task["findings"])]
