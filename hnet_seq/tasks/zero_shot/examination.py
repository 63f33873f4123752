"""Zero-shot tests one by one: what is asked and on what, and who is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hnet_seq.evidence.baselines.context_mixing import ContextMixing
from hnet_seq.evidence.baselines.markov import MarkovModel, order_for
from hnet_seq.evidence.zero_shot.codons import codon_usage
from hnet_seq.evidence.zero_shot.counting import CopyReader, MarkovReader, MixingReader
from hnet_seq.evidence.zero_shot.figures import Kind, Readers
from hnet_seq.evidence.zero_shot.genes import synonymous, triplet_expansion, usable_genes
from hnet_seq.evidence.zero_shot.memorisation import check_apart, memorisation
from hnet_seq.evidence.zero_shot.needle import DISTANCES, LEAD, check_distances, needle
from hnet_seq.evidence.zero_shot.reader import Reader
from hnet_seq.evidence.zero_shot.recovery import next_base, sequence_recovery
from hnet_seq.results.zero_shot import ZeroShotTest
from hnet_seq.tasks.choices import ZERO_SHOT_TESTS
from hnet_seq.tasks.scoring.measured_table import MeasuredTable
from hnet_seq.tasks.zero_shot.sources import draw_windows, known_bases, longest_known
from hnet_seq.tasks.zero_shot.variants import measured_variants
from modalities.base import Tokens
from modalities.errors import InputError, UsageError

NEEDLE = "needle"
_CODON_ORDER = 2  # of a Markov model that sees a codon
_MEMORY_BASES = 512  # of a window of training data


@dataclass(frozen=True)
class Asked:
    """What is asked, and on what; attributes as the arguments of :func:`hnet_seq.zero_shot`.

    ``genes`` is None where none were given, and empty where what is held out has none.

    Raises:
        UsageError: numbers that cannot be meant.
    """

    train: Sequence[Tokens]
    held_out: Sequence[Tokens]
    genes: Sequence[Tokens] | None = None
    measured: MeasuredTable | None = None
    windows: int = 100
    window_bases: int = 1024
    distances: Sequence[int] = DISTANCES
    trials: int = 50
    genetic_code: int = 1
    mixing: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        for option, least in (("windows", 1), ("trials", 1), ("seed", 0), ("window_bases", 64)):
            value = getattr(self, option)
            if not isinstance(value, int | np.integer) or value < least:
                raise UsageError(option, f"is {value}; expected {least} or more, a whole number")
        check_distances(self.distances)

    def parts(self, tests: Sequence[str] | None = None) -> dict[str, list[str]]:
        """Each test with its parts, which are run one by one, in the order of a record.

        Args:
            tests: their names; None for those that the data allow.

        Raises:
            UsageError: an unknown test, or one whose data were not given.
        """
        lacking = {} if self.measured is not None else {"variants": "measured"}
        if self.genes is None:
            lacking |= {"synonymous": "genes", "triplet_expansion": "genes"}
        known = ", ".join(ZERO_SHOT_TESTS)
        if tests is not None and not tests:
            raise UsageError("tests", f"has none; there is {known}")
        for name in tests or ():
            if name not in ZERO_SHOT_TESTS:
                raise UsageError("tests", f"has {name!r}; there is {known}")
            if name in lacking:
                raise UsageError("tests", f"has {name}, which needs `{lacking[name]}`")
        needles = [f"{NEEDLE}_{each}" for each in sorted(self.distances)]
        return {
            name: needles if name == NEEDLE else [name]
            for name in ZERO_SHOT_TESTS
            if (name not in lacking if tests is None else name in tests)
        }

    def check(self, part: str) -> None:
        """Raise InputError where the data do not allow a part, whoever is asked."""
        self.known_train()
        if part in ("next_base", "sequence_recovery"):
            self.windows_of("held_out", self.window_bases, self.windows)
        elif part.startswith(NEEDLE):
            self.haystacks(int(part.removeprefix(f"{NEEDLE}_")))
        elif part == "memorisation":
            check_apart(*self.memory_windows())
        elif part != "variants":
            usable_genes(self.drawn_genes())

    def known_train(self) -> int:
        """Known bases of ``train``; InputError where there are none."""
        bases = known_bases(self.train)
        if not bases:
            raise InputError(None, "has no known base", where="train")
        return bases

    def haystacks(self, distance: int) -> list[Tokens]:
        """Of ``needle``: the same at all distances that the data have room for."""
        most = longest_known(self.held_out)
        longest = max(d for d in self.distances if LEAD + d <= most or d == distance)
        return self.windows_of("held_out", LEAD + longest, self.trials)

    def memory_windows(self) -> tuple[list[Tokens], list[Tokens]]:
        """Of ``memorisation``: of what is trained on, and held out."""
        bases = min(self.window_bases, _MEMORY_BASES)
        read, others = (self.windows_of(p, bases, self.windows) for p in ("train", "held_out"))
        return read, others

    def drawn_genes(self) -> list[Tokens]:
        """Those that are asked; InputError where there are none."""
        if not self.genes:
            raise InputError(None, "has none", where="genes")
        order = np.random.default_rng(self.seed).permutation(len(self.genes))[: self.windows]
        return [self.genes[index] for index in order]

    def windows_of(self, part: str, bases: int, count: int) -> list[Tokens]:
        """Drawn from ``train`` or ``held_out``."""
        return draw_windows(getattr(self, part), bases, count, seed=self.seed, where=part)


@dataclass(frozen=True)
class Examination:
    """Who is asked, the model first, and what.

    Attributes:
        tested: the model, and its untrained twin where there is one.
    """

    tested: Sequence[tuple[Kind, Reader]]
    asked: Asked

    def run(self, part: str) -> list[ZeroShotTest]:
        """A part of :meth:`Asked.parts`.

        Raises:
            InputError: the data do not allow it, or the model does not.
        """
        asked, readers = self.asked, self._readers
        if part == "next_base":
            own = asked.windows_of("held_out", asked.window_bases, asked.windows)
            return [next_base([*readers, *self._mixing()], own)]
        if part == "sequence_recovery":
            own = asked.windows_of("held_out", asked.window_bases, asked.windows)
            return [sequence_recovery(readers, own)]
        if part.startswith(NEEDLE):
            return self._needle(int(part.removeprefix(f"{NEEDLE}_")))
        if part == "memorisation":
            return [memorisation(readers, *asked.memory_windows(), seed=asked.seed)]
        if part == "variants":
            assert asked.measured is not None
            return [measured_variants(readers, asked.measured)]
        return self._genes(part)

    @cached_property
    def _readers(self) -> Readers:
        train = self.asked.train
        orders = sorted({_CODON_ORDER, order_for(self.asked.known_train())})
        counted = [MarkovReader(MarkovModel(train, order)) for order in orders]
        return [*self.tested, *(("baseline", own) for own in counted)]

    def _mixing(self) -> list[tuple[Kind, Reader]]:
        if not self.asked.mixing:
            return []
        learned = ContextMixing()
        for document in self.asked.train:
            learned.read(document)
        return [("baseline", MixingReader(learned))]

    def _needle(self, distance: int) -> list[ZeroShotTest]:
        asked = self.asked
        hay = asked.haystacks(distance)
        copying: list[tuple[Kind, Reader]] = [*self._readers, ("baseline", CopyReader())]
        return needle(copying, hay, distances=(distance,), seed=asked.seed)

    def _genes(self, part: str) -> list[ZeroShotTest]:
        asked = self.asked
        drawn = asked.drawn_genes()
        usage = codon_usage(asked.genes or ())
        if part == "synonymous":
            return synonymous(
                *(self._readers, drawn),
                usage=usage,
                seed=asked.seed,
                genetic_code=asked.genetic_code,
            )
        found = triplet_expansion(
            *(self._readers, drawn),
            usage=usage,
            seed=asked.seed,
            genetic_code=asked.genetic_code,
        )
        return [found]
