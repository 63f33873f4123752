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
from hnet_seq.evidence.zero_shot.genes import synonymous, triplet_expansion
from hnet_seq.evidence.zero_shot.memorisation import memorisation
from hnet_seq.evidence.zero_shot.needle import DISTANCES, LEAD, check_distances, needle
from hnet_seq.evidence.zero_shot.reader import Reader
from hnet_seq.evidence.zero_shot.recovery import next_base, sequence_recovery
from hnet_seq.results.zero_shot import ZeroShotTest
from hnet_seq.tasks.choices import ZERO_SHOT_TESTS
from hnet_seq.tasks.scoring.measured_table import MeasuredTable
from hnet_seq.tasks.zero_shot.sources import draw_windows, longest_known
from hnet_seq.tasks.zero_shot.variants import measured_variants
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError, UsageError

NEEDLE = "needle"
_CODON_ORDER = 2  # of a Markov model that sees a codon
_MEMORY_BASES = 512  # of a window of training data


@dataclass(frozen=True)
class Asked:
    """What is asked, and on what; attributes as the arguments of :func:`hnet_seq.zero_shot`.

    ``genes`` is None where there are none.

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
            bases = min(asked.window_bases, _MEMORY_BASES)
            read, others = (
                asked.windows_of(where, bases, asked.windows) for where in ("train", "held_out")
            )
            return [memorisation(readers, read, others, seed=asked.seed)]
        if part == "variants":
            assert asked.measured is not None
            return [measured_variants(readers, asked.measured)]
        return self._genes(part)

    @cached_property
    def _readers(self) -> Readers:
        train = self.asked.train
        bases = sum(int((own < dna.UNKNOWN).sum()) for own in train)
        if not bases:
            raise InputError(None, "has no known base", where="train")
        orders = sorted({_CODON_ORDER, order_for(bases)})
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
        most = longest_known(asked.held_out)
        longest = max(d for d in asked.distances if LEAD + d <= most or d == distance)
        hay = asked.windows_of("held_out", LEAD + longest, asked.trials)
        copying: list[tuple[Kind, Reader]] = [*self._readers, ("baseline", CopyReader())]
        return needle(copying, hay, distances=(distance,), seed=asked.seed)

    def _genes(self, part: str) -> list[ZeroShotTest]:
        asked = self.asked
        genes = asked.genes or []
        order = np.random.default_rng(asked.seed).permutation(len(genes))[: asked.windows]
        drawn = [genes[index] for index in order]
        usage = codon_usage(genes)
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
