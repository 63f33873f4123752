"""Sequence recovery: how much of held-out DNA a model gets right.

Two tests. ``next_base`` asks for each base given the true ones before it (all others, of a masked
model): accuracy, and bits a base. ``sequence_recovery`` is GENERator's (Wu et al. 2025, arXiv
2502.07272; Carbon's evaluation takes it over): from a context of real DNA the model goes on by
itself for 30 bases, each time with the likeliest; the share of bases that are those of the genome.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from hnet_seq.evidence.zero_shot.figures import Readers, of_windows, rows_of
from hnet_seq.evidence.zero_shot.reader import Reader, said_of
from hnet_seq.results.zero_shot import Figure, ZeroShotTest
from modalities import dna
from modalities.base import Tokens

GENERATED = 30  # bases, as in GENERator


def next_base(readers: Readers, windows: Sequence[Tokens]) -> ZeroShotTest:
    """Accuracy and bits of each base of held-out windows, see this module.

    A model of a larger vocabulary pays for what it gives to other tokens: bits can exceed 2.

    Args:
        windows: (L,) each, from places far apart.
    """

    def measure(reader: Reader) -> dict[str, Figure]:
        right, nats, bases = [], [], []
        for tokens, rows in zip(windows, reader.base_log_probabilities(windows), strict=True):
            known, said = said_of(rows, tokens)
            own = said[np.arange(len(known)), tokens[known]]
            right.append(int((said.argmax(1) == tokens[known]).sum()))
            nats.append(-float(own.sum(dtype=np.float64)))
            bases.append(len(known))
        below = np.array(bases)
        return {
            "accuracy": of_windows(np.array(right), below, "share"),
            "bits_per_base": of_windows(np.array(nats) / math.log(2), below, "ratio"),
        }

    settings = {"windows": len(windows), "window_bases": max(map(len, windows))}
    rows = rows_of(readers, measure)
    return ZeroShotTest(
        test="next_base", metric="accuracy", chance=0.25, settings=settings, rows=rows
    )


def sequence_recovery(
    readers: Readers, windows: Sequence[Tokens], *, generated: int = GENERATED
) -> ZeroShotTest:
    """Share of right bases among those that a model goes on with, see this module.

    Args:
        windows: (L,) each: a context and the ``generated`` bases after it, which are the answer.
    """
    prompts = [tokens[:-generated] for tokens in windows]

    def measure(reader: Reader) -> dict[str, Figure]:
        given = reader.continued(prompts, generated)
        known = [tokens[-generated:] < dna.UNKNOWN for tokens in windows]
        right = [
            int(((own == tokens[-generated:]) & asked).sum())
            for own, tokens, asked in zip(given, windows, known, strict=True)
        ]
        below = np.array([asked.sum() for asked in known])
        return {"accuracy": of_windows(np.array(right), below, "share")}

    settings = {
        "windows": len(windows),
        "context_bases": max(map(len, prompts)),
        "generated": generated,
    }
    rows = rows_of(readers, measure)
    return ZeroShotTest(
        test="sequence_recovery", metric="accuracy", chance=0.25, settings=settings, rows=rows
    )
