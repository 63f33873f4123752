"""Zero-shot tests of a model as a function: the model, its twin and what counts, in one record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from hnet_seq.evidence.zero_shot.needle import DISTANCES, LEAD, needle
from hnet_seq.evidence.zero_shot.reader import Reader
from hnet_seq.evidence.zero_shot.recovery import next_base, sequence_recovery
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.results.zero_shot import ZeroShot, ZeroShotTest
from hnet_seq.tasks.scoring.measured_table import MeasuredTable
from hnet_seq.tasks.zero_shot.hnet_reader import HNetReader
from hnet_seq.tasks.zero_shot.sources import draw_windows
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
    name: str = "model",
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
            ``triplet_expansion``; ``windows`` of them are drawn. Codon usage is that of all.
        measured: sequences with a measured number, for ``variants``.
        twin: the same model untrained.
        name: of the model in the record.
        tests: of :data:`TESTS`; None takes those that model and data allow, and the record says
            why others are left out.
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
    for option, value in (("windows", windows), ("trials", trials)):
        if value < 1:
            raise UsageError(option, f"is {value}; expected 1 or more")
    if seed < 0:
        raise UsageError("seed", f"is {seed}; expected 0 or more")
    if window_bases < 64:
        raise UsageError("window_bases", f"is {window_bases}; expected 64 or more")
    own: list[tuple[Kind, Reader]] = [("model", _reader(model, name, batch_tokens, device))]
    if twin is not None:
        own.append(("twin", _reader(twin, f"{name}, untrained twin", batch_tokens, device)))
    seen, unseen = _tokens(train, "train"), _tokens(held_out, "held_out")
    coding = [] if genes is None else _tokens(genes, "genes")
    wanted = _chosen(tests, bool(coding), measured is not None)
    counted = _counted(seen)
    readers: Readers = [*own, *counted]

    def held_out_windows(bases: int, count: int) -> list[Tokens]:
        return draw_windows(unseen, bases, count, seed=seed, where="held_out")

    def of_next_base() -> list[ZeroShotTest]:
        others: list[tuple[Kind, Reader]] = [*readers]
        if mixing:
            learned = ContextMixing()
            for document in seen:
                learned.read(document)
            others.append(("baseline", MixingReader(learned)))
        return [next_base(others, held_out_windows(window_bases, windows))]

    def of_needle() -> list[ZeroShotTest]:
        hay = held_out_windows(LEAD + max(distances, default=0), trials)
        copying: list[tuple[Kind, Reader]] = [*readers, ("baseline", CopyReader())]
        return needle(copying, hay, distances=distances, seed=seed)

    def of_memorisation() -> list[ZeroShotTest]:
        bases = min(window_bases, _MEMORY_BASES)
        read = draw_windows(seen, bases, windows, seed=seed, where="train")
        return [memorisation(readers, read, held_out_windows(bases, windows), seed=seed)]

    def of_variants() -> list[ZeroShotTest]:
        assert measured is not None
        return [measured_variants(readers, measured)]

    drawn = _drawn(coding, windows, seed)
    about_genes: dict[str, Any] = {
        "usage": codon_usage(coding),
        "seed": seed,
        "genetic_code": genetic_code,
    }
    run: dict[str, Callable[[], list[ZeroShotTest]]] = {
        "next_base": of_next_base,
        "sequence_recovery": lambda: [
            sequence_recovery(readers, held_out_windows(window_bases, windows))
        ],
        "synonymous": lambda: synonymous(readers, drawn, **about_genes),
        "triplet_expansion": lambda: [triplet_expansion(readers, drawn, **about_genes)],
        "needle": of_needle,
        "variants": of_variants,
        "memorisation": of_memorisation,
    }
    done: list[ZeroShotTest] = []
    refused: dict[str, InputError] = {}
    for each in wanted:
        try:
            done += run[each]()
        except InputError as error:
            if tests is not None or isinstance(error, UsageError):
                raise
            refused[each] = error
    if not done:
        raise next(iter(refused.values()))
    why = {each: f"{error}" for each, error in refused.items()}
    return ZeroShot(model=name, seed=seed, tests=done, left_out=why)


def _reader(
    model: Model, name: str, batch_tokens: int | None, device: str | torch.device | None
) -> Reader:
    if not isinstance(model, HNetLanguageModel):
        return model
    options = {} if batch_tokens is None else {"batch_tokens": batch_tokens}
    return HNetReader(model, name, device=device, **options)


def _tokens(given: Given, parameter: str) -> list[Tokens]:
    return [own for _, own in named_sequences(given, dna.DNA, parameter=parameter)]


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
