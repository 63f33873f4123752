"""What ``score`` leaves beside its tables: of sequences, variants, measurements, a stretch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, NotRequired, TypedDict

from hnet_seq.results.record import Result
from pipelines.storage.json_records import Later

_LETTERS = frozenset("ACGTN")
_Row = Annotated[list[float | None], 4]


class Correlation(TypedDict):
    """Spearman's rho, None where one side is constant; a 95% interval; and of how many rows.

    ``no_interval`` says why there is none.
    """

    rho: float | None
    low: float | None
    high: float | None
    n: int
    no_interval: NotRequired[str | None]


class EffectRow(TypedDict):
    """One ranking of the test rows.

    Attributes:
        kind: ``model`` or ``baseline``.
        fitted: on the training rows; else it has seen no measurement.
        spearman: with what was measured.
    """

    name: str
    kind: Literal["model", "baseline"]
    fitted: bool
    spearman: Correlation


@dataclass(frozen=True, kw_only=True)
class Scores(Result):
    """What scores were made with: files by name, sha256 of the weights, strands."""

    checkpoint: Later[str]
    weights: Later[str]
    twin: str | None = None
    input: Later[str]
    genome: Later[str]
    strands: Later[str]


@dataclass(frozen=True, kw_only=True)
class SequenceScores(Scores):
    """Log-likelihoods of sequences; ``scored`` bases are those with one before them."""

    KIND: ClassVar[str] = "sequences"
    sequences: Later[int]
    bases: Later[int]
    scored: int
    bits_per_base: float | None


@dataclass(frozen=True)
class KindScores:
    """Log-likelihood ratios of one kind of variant, nats; quantiles 5, 25, 50, 75, 95%."""

    kind: str
    count: int
    mean: float
    sd: float | None
    quantiles: Annotated[list[float], 5]


@dataclass(frozen=True)
class Agreement:
    """Spearman of the two strands' scores, and some of the pairs."""

    rho: float | None
    n: int
    points: list[Annotated[list[float], 2]]


@dataclass(frozen=True)
class BaselineScores:
    """Spearman of the scores with what takes no model to know."""

    name: str
    rho: float | None
    n: Later[int]


@dataclass(frozen=True, kw_only=True)
class OnHaplotypesScores:
    """Rows of alleles on the haplotypes of samples.

    Attributes:
        file: the phased calls.
        carried, with_neighbours, unphased, missing: scored rows whose haplotype has the allele; has
            others in the window; has one among these whose phase is not known; has genotypes in the
            window that are not known.
        told: alleles of the calls that were not taken as they stand, by kind.
        change: quantiles (5, 25, 50, 75, 95%) of the score less that on the genome, of rows with
            other alleles; ``rho`` is Spearman of the two.
    """

    file: str
    samples: int
    haplotypes: int
    rows: int
    scored: int
    skipped: dict[str, int]
    carried: int
    with_neighbours: int
    unphased: int
    missing: int
    told: dict[str, int]
    change: Annotated[list[float], 5] | None
    rho: float | None


@dataclass(frozen=True, kw_only=True)
class VariantScores(Scores):
    """Log-likelihood ratios of variants; those without a score are ``skipped``, by reason.

    All is of the genome itself, but ``haplotypes``; and of the variants of ``region``, if that is
    not None.
    """

    KIND: ClassVar[str] = "variants"
    window: Later[int]
    markov_order: Later[int]
    on_mismatch: Later[str]
    alleles: Later[int]
    scored: int
    skipped: dict[str, int]
    by_kind: list[KindScores]
    strand_agreement: Agreement | None
    baselines: list[BaselineScores]
    haplotypes: OnHaplotypesScores | None = None
    region: str | None = None


@dataclass(frozen=True, kw_only=True)
class Measured(Scores):
    """Rank correlations with the column ``measured``, all on the same ``n_test`` rows.

    Attributes:
        flanks: bases that the model sees on the left and on the right.
        shared_with_train: test rows that have a copy or their group in training.
    """

    KIND: ClassVar[str] = "measured"
    measured: str
    split: Later[str]
    split_made: Later[str]
    group: Later[str]
    flanks: Later[list[int]]
    n_train: int
    n_test: int
    shared_with_train: int
    max_rows: Later[int]
    seed: int
    rows: list[EffectRow]


@dataclass(frozen=True, kw_only=True)
class Mutagenesis(Scores):
    """Every single-base change of the record ``name``, 1-based and inclusive.

    Attributes:
        window, context_start, context_end: bases that the model reads, and where they lie.
        llr, markov_llr: (L, 4) nats of a change to A, C, G, T; None where the base is unknown.
    """

    KIND: ClassVar[str] = "mutagenesis"
    window: int
    markov_order: int
    name: str
    start: int
    end: int
    context_start: Later[int]
    context_end: Later[int]
    reference: str
    llr: list[_Row]
    markov_llr: list[_Row]

    def __post_init__(self) -> None:
        length = len(self.reference)
        if not length or length != self.end - self.start + 1 or set(self.reference) - _LETTERS:
            raise ValueError(f"'reference' is not the letters of {self.start} to {self.end}")
        for name in ("llr", "markov_llr"):
            if (rows := len(getattr(self, name))) != length:
                raise ValueError(f"{name!r} has {rows} rows for {length} letters")
