"""Zero-shot tests of a model as a function: the model, its twin and what counts, in one record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch

from hnet_seq.evidence.zero_shot.figures import Kind
from hnet_seq.evidence.zero_shot.needle import DISTANCES
from hnet_seq.evidence.zero_shot.reader import Reader
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.results.zero_shot import ZeroShot, ZeroShotTest
from hnet_seq.tasks.scoring.measured_table import MeasuredTable
from hnet_seq.tasks.zero_shot.examination import Asked, Examination
from hnet_seq.tasks.zero_shot.hnet_reader import HNetReader
from modalities import dna
from modalities.base import Tokens
from modalities.errors import InputError, UsageError
from modalities.given import Given, named_sequences

Model: TypeAlias = HNetLanguageModel | Reader


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
        tests: of :data:`hnet_seq.tasks.choices.ZERO_SHOT_TESTS`; None takes those that model and
            data allow, and the record says why others are left out, or parts of one, such as a
            distance of ``needle``.
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
    coding = _coding(genes)
    asked = Asked(
        train=_tokens(train, "train"),
        held_out=_tokens(held_out, "held_out"),
        genes=coding,
        measured=measured,
        windows=windows,
        window_bases=window_bases,
        distances=distances,
        trials=trials,
        genetic_code=genetic_code,
        mixing=mixing,
        seed=seed,
    )
    wanted = asked.parts(tests)
    tested = _reader(model, name or "model", batch_tokens, device)
    own: list[tuple[Kind, Reader]] = [("model", tested)]
    if twin is not None:
        untrained = f"{name or 'model'}, untrained twin"
        own.append(("twin", _reader(twin, untrained, batch_tokens, device)))
    examination = Examination(own, asked)
    done: list[ZeroShotTest] = []
    refused: dict[str, InputError] = {}
    for each, parts in wanted.items():
        wrong = {}
        for part in parts:
            try:
                done += examination.run(part)
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
    """None where none are given; an annotation may have no gene in what is held out."""
    if genes is None or (isinstance(genes, Sequence) and not len(genes)):
        return None if genes is None else []
    return _tokens(genes, "genes")
