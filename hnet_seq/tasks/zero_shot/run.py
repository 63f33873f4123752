"""Zero-shot tests of a model as a function: the model, its twin and what counts, in one record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch

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
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.results.zero_shot import ZeroShot, ZeroShotTest
from hnet_seq.tasks.scoring.measured_table import MeasuredTable
from hnet_seq.tasks.zero_shot.hnet_reader import HNetReader
from hnet_seq.tasks.zero_shot.sources import draw_windows, longest_known
from hnet_seq.tasks.zero_shot.variants import measured_variants
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError, UsageError
from modalities.given import Given, named_sequences

Model: TypeAlias = HNetLanguageModel | Reader

TESTS = (
    "next_base",
    "sequence_recovery",
    "synonymous",
    "triplet_expansion",
    "needle",
    "variants",
    "memorisation",
)
"""In the order of a record."""

_CODON_ORDER = 2  # of a Markov model that sees a codon
_MEMORY_BASES = 512  # of a window of training data


def zero_shot(
    model: Model,
    *,
    train: Given,
    held_out: Given,
    genes: Given | None = None,
    measured: MeasuredTable | None = None,
    twin: Model | None = None,
    name: str | None = None,
    tests: Sequence[str] | None = None,
    windows: int = 100,
    window_bases: int = 1024,
    distances: Sequence[int] = DISTANCES,
    trials: int = 50,
    genetic_code: int = 1,
    mixing: bool = False,
    seed: int = 0,
    batch_tokens: int | None = None,
    device: str | torch.device | None = None,
) -> ZeroShot:
    """What a model knows without being taught a task; ``docs/zero_shot.md`` says how to read it.

    Beside the model stand its untrained twin, where it is given, and Markov models of ``train`` on
    both strands: of order 2, which sees a codon, and of the order that ``train`` has words for.

    Args:
        model: a language model of DNA, or anything that is a
            :class:`hnet_seq.evidence.zero_shot.reader.Reader`, such as a model of
            ``hnet_seq.peers``.
        train: the documents that the model was trained on, or as much of them as there is; the
            baselines know these alone, and ``memorisation`` asks whether they are known by heart.
        held_out: documents that neither was trained on. Windows of both are drawn that have no
            unknown base and do not overlap.
        genes: coding sequences in frame that are held out, for ``synonymous`` and
            ``triplet_expansion``; ``windows`` of them are drawn. Codon usage is that of all
            of them.
        measured: sequences with a measured number, for ``variants``.
        twin: the same model untrained.
        name: of the model in the record; None is what the reader calls itself.
        tests: of :data:`TESTS`; None takes those that model and data allow, and the record says
            why others are left out, or parts of one, such as a distance of ``needle``.
        windows: of ``next_base`` and ``sequence_recovery``, genes, and half of ``memorisation``.
        window_bases: of the first two of these; ``memorisation`` has 512 or fewer.
        distances, trials: of ``needle``, see :func:`hnet_seq.evidence.zero_shot.needle.needle`.
        genetic_code: of ``genes``, by NCBI's number.
        mixing: have context mixing too, in ``next_base``; it takes a minute for five million bases.
        seed: of all that is drawn.
        batch_tokens: of a forward call; None is the model's own way.
        device: for models of this package.

    Raises:
        UsageError: an unknown test, one whose data were not given, or numbers below 1.
        InputError: sequences that are no DNA or too short, or a model of something else.
    """
    for option, value, least in (
        ("windows", windows, 1),
        ("trials", trials, 1),
        ("seed", seed, 0),
        ("window_bases", window_bases, 64),
    ):
        if not isinstance(value, int | np.integer) or value < least:
            raise UsageError(option, f"is {value}; expected {least} or more, a whole number")
    check_distances(distances)
    tested = _reader(model, name or "model", batch_tokens, device)
    own: list[tuple[Kind, Reader]] = [("model", tested)]
    if twin is not None:
        untrained = f"{name or 'model'}, untrained twin"
        own.append(("twin", _reader(twin, untrained, batch_tokens, device)))
    seen, unseen = _tokens(train, "train"), _tokens(held_out, "held_out")
    coding = _coding(genes)
    wanted = _chosen(tests, coding is not None, measured is not None)
    counted = _counted(seen)
    readers: Readers = [*own, *counted]

    def held_out_windows(bases: int, count: int) -> list[Tokens]:
        return draw_windows(unseen, bases, count, seed=seed, where="held_out")

    def of_next_base() -> Iterator[ZeroShotTest]:
        others: list[tuple[Kind, Reader]] = [*readers]
        if mixing:
            learned = ContextMixing()
            for document in seen:
                learned.read(document)
            others.append(("baseline", MixingReader(learned)))
        yield next_base(others, held_out_windows(window_bases, windows))

    def of_recovery() -> Iterator[ZeroShotTest]:
        yield sequence_recovery(readers, held_out_windows(window_bases, windows))

    def of_needle(distance: int) -> Iterator[ZeroShotTest]:
        longest = max(d for d in distances if LEAD + d <= most or d == distance)
        hay = held_out_windows(LEAD + longest, trials)
        copying: list[tuple[Kind, Reader]] = [*readers, ("baseline", CopyReader())]
        yield from needle(copying, hay, distances=(distance,), seed=seed)

    def of_memorisation() -> Iterator[ZeroShotTest]:
        bases = min(window_bases, _MEMORY_BASES)
        read = draw_windows(seen, bases, windows, seed=seed, where="train")
        yield memorisation(readers, read, held_out_windows(bases, windows), seed=seed)

    def of_variants() -> Iterator[ZeroShotTest]:
        assert measured is not None
        yield measured_variants(readers, measured)

    most = longest_known(unseen)
    drawn = _drawn(coding or [], windows, seed)
    about_genes: dict[str, Any] = {
        "usage": codon_usage(coding or []),
        "seed": seed,
        "genetic_code": genetic_code,
    }
    run: dict[str, Callable[[], Iterable[ZeroShotTest]]] = {
        "next_base": of_next_base,
        "sequence_recovery": of_recovery,
        "synonymous": lambda: synonymous(readers, drawn, **about_genes),
        "triplet_expansion": lambda: [triplet_expansion(readers, drawn, **about_genes)],
        **{f"needle_{each}": partial(of_needle, each) for each in sorted(distances)},
        "variants": of_variants,
        "memorisation": of_memorisation,
    }
    done: list[ZeroShotTest] = []
    refused: dict[str, InputError] = {}
    if coding is None and tests is None and genes is not None:
        lacking = InputError(None, "has none", where="genes")
        refused = dict.fromkeys(("synonymous", "triplet_expansion"), lacking)
    for each in wanted:
        parts = [part for part in run if part == each or part.startswith(f"{each}_")]
        wrong = {}
        for part in parts:
            try:
                done += run[part]()
            except UsageError:
                raise
            except InputError as error:
                wrong[part] = error
        if len(wrong) == len(parts):
            if tests is not None:
                raise wrong[parts[0]]
            wrong = {each: wrong[parts[0]]}
        refused |= wrong
    if not done:
        raise next(iter(refused.values()))
    why = {each: f"{error}" for each, error in refused.items()}
    return ZeroShot(
        model=tested.name if name is None else name,
        fingerprint=getattr(tested, "fingerprint", None),
        seed=seed,
        tests=done,
        left_out=why,
    )


def _reader(
    model: Model, name: str, batch_tokens: int | None, device: str | torch.device | None
) -> Reader:
    if not isinstance(model, HNetLanguageModel):
        return model
    options = {} if batch_tokens is None else {"batch_tokens": batch_tokens}
    return HNetReader(model, name, device=device, **options)


def _tokens(given: Given, parameter: str) -> list[Tokens]:
    return [own for _, own in named_sequences(given, dna.DNA, parameter=parameter)]


def _coding(genes: Given | None) -> list[Tokens] | None:
    """None where there are none: an annotation may have no gene in what is held out."""
    empty = genes is None or (isinstance(genes, Sequence) and not len(genes))
    return None if empty or genes is None else _tokens(genes, "genes")


def _chosen(tests: Sequence[str] | None, genes: bool, measured: bool) -> list[str]:
    """Tests in the order of a record."""
    lacking = {} if measured else {"variants": "measured"}
    if not genes:
        lacking |= {"synonymous": "genes", "triplet_expansion": "genes"}
    if tests is not None and not tests:
        raise UsageError("tests", f"has none; there is {', '.join(TESTS)}")
    for name in tests or ():
        if name not in TESTS:
            raise UsageError("tests", f"has {name!r}; there is {', '.join(TESTS)}")
        if name in lacking:
            raise UsageError("tests", f"has {name}, which needs `{lacking[name]}`")
    return [name for name in TESTS if (name not in lacking if tests is None else name in tests)]


def _counted(train: Sequence[Tokens]) -> list[tuple[Kind, Reader]]:
    bases = sum(int((own < dna.UNKNOWN).sum()) for own in train)
    if not bases:
        raise InputError(None, "has no known base", where="train")
    orders = sorted({_CODON_ORDER, order_for(bases)})
    return [("baseline", MarkovReader(MarkovModel(train, order))) for order in orders]


def _drawn(genes: list[Tokens], count: int, seed: int) -> list[Tokens]:
    order = np.random.default_rng(seed).permutation(len(genes))[:count]
    return [genes[index] for index in order]
