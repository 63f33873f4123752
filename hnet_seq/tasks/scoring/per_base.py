"""Bits of each base of sequences, kept beside their scores, and written as tracks of a genome.

A base's bits are -log2 of its probability given those before it. The difference track holds them
less the bits that a baseline needs for the same base: below 0 the model knows more. Baselines read
the same records: a Markov model counts them on both strands, and leaves a base's own word out; the
mixture of contexts learns as it goes, so that it knows what came before.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hnet_seq.evidence.baselines.context_mixing import ContextMixing
from hnet_seq.evidence.baselines.markov import MarkovModel, order_for
from hnet_seq.jobs.job import Tell
from hnet_seq.jobs.spool import Columns
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.tasks.choices import Strands
from hnet_seq.tasks.scoring.outputs import TRACKS
from hnet_seq.tasks.scoring.sequences import Score, score_call
from hnet_seq.tasks.segmentation.bigwig import import_bigwig, open_track
from hnet_seq.tasks.sequences.inputs import Named, SequenceSource
from modalities.base import Tokens
from modalities.errors import InputError, UsageError
from pipelines.storage.files import check_file

OF_RECORDS = ("fasta", "records")
KINDS = {"per_base": "<f4"}
_LAST_BASE = 3  # T; what is above is unknown
_SCORE = 6  # rows of four bytes that hold the three numbers of a score, after the bases

Bits = NDArray[np.float32]


def height(item: Named) -> int:
    """Rows of a sequence."""
    return len(item[1]) + _SCORE


def per_base_rows(
    model: HNetForCausalLM,
    strands: Strands,
    batch_tokens: int,
    cache_limit: int,
    call: Sequence[Named],
    done: int,
    tell: Tell,
) -> Iterator[tuple[Columns, int]]:
    """The bits of all bases of a call, and the scores, as a job wants them."""
    by_base: list[Bits] = []
    scores = score_call(model, call, strands, batch_tokens, cache_limit, by_base)
    for score, bits in zip(scores, by_base, strict=True):
        numbers = np.array([score.scored, score.log_likelihood, score.composition_bits], "<f8")
        # They complete nothing: as a call is computed, what is kept of it is all or nothing.
        yield {"per_base": bits}, 0
        yield {"per_base": numbers.view("<f4")}, 0


def bits_and_score(item: Named, rows: Bits) -> tuple[Bits, Score]:
    """What :func:`per_base_rows` kept of a sequence: (L,) bits, NaN where a base has none."""
    name, tokens = item
    scored, *numbers = rows[len(tokens) :].view("<f8").tolist()
    return rows[: len(tokens)], Score(name, len(tokens), int(scored), *numbers)


def track_files(args: argparse.Namespace) -> list[Path]:
    """The tracks that are asked for; UsageError where they cannot be written."""
    files = [check_file(path, name) for name in TRACKS if (path := getattr(args, name))]
    if files:
        import_bigwig("per_base" if args.per_base else "difference")
    return files


def check_records(args: argparse.Namespace, source: SequenceSource) -> None:
    """Raise UsageError where there are no records of a genome for a track to lie on.

    Raises:
        InputError: two have one name, or no base of any has a value.
    """
    asked = [name for name in TRACKS if getattr(args, name)]
    if asked and source.kind not in OF_RECORDS:
        raise UsageError(
            asked[0], "is a track of a genome's records; give their FASTA, GenBank or 2bit"
        )
    if not asked:
        return
    _lengths(source)
    # Read from behind, a first base has a predecessor; baselines read forward.
    first = 0 if args.strands == "average" and not args.difference else 1
    if not any(
        len(tokens) > 1 and (tokens[first:] <= _LAST_BASE).any()
        for _, tokens in source.names_and_tokens()
    ):
        raise InputError(
            source.path,
            "has no base for a track: those that are known and have another before them get a "
            f"value; leave --{asked[0].replace('_', '-')} out",
        )


def _lengths(source: SequenceSource) -> dict[str, int]:
    """Bases of each record.

    Raises:
        InputError: two have one name, or a name has blanks, which a track cannot tell apart.
    """
    found: dict[str, int] = {}
    for name, tokens in source.names_and_tokens():
        if name in found or len(name.split()) != 1:
            raise InputError(
                source.path, "in a track each record needs its own name; rename it", where=name
            )
        found[name] = len(tokens)
    return found


@contextmanager
def open_tracks(
    args: argparse.Namespace, source: SequenceSource
) -> Iterator[Callable[[str, Tokens, Bits], object]]:
    """Takes the bits of each record, all in their order; files appear when the block ends well."""
    with ExitStack() as stack:
        lengths = _lengths(source)
        tracks = [
            stack.enter_context(open_track(Path(path), lengths)) if path else None
            for path in (args.per_base, args.difference)
        ]
        own, other = tracks
        baseline = _Baseline(args.baseline, source, lengths) if other else None

        def take(name: str, tokens: Tokens, bits: Bits) -> None:
            if own is not None:
                own(name, 0, bits)
            if other is not None and baseline is not None:
                other(name, 0, baseline.difference(tokens, bits))

        yield take
        if baseline is not None:
            baseline.tell()


class _Baseline:
    """Bits of bases under a baseline, and what they come to beside the model's."""

    def __init__(self, kind: str | None, source: SequenceSource, lengths: dict[str, int]) -> None:
        self._sums = np.zeros(2)
        self._bases = 0
        if kind == "mixing":
            self.name = "context mixing"
            self._bits: Callable[[Tokens], NDArray[np.float64]] = ContextMixing().read
            return
        order = order_for(sum(lengths.values()))
        self.name = f"Markov order {order}"
        markov = MarkovModel((tokens for _, tokens in source.names_and_tokens()), order)

        def of_markov(tokens: Tokens) -> NDArray[np.float64]:
            found = markov.log_likelihoods(tokens, leave_own_out=True)
            found /= -math.log(2)
            return found

        self._bits = of_markov

    def difference(self, tokens: Tokens, bits: Bits) -> Bits:
        """(L,) the model's bits less the baseline's, NaN where one of them has none.

        Baselines read forward: they have none at the first base, nor where the base is unknown.
        """
        of_baseline = self._bits(tokens)
        of_baseline[:1] = np.nan
        of_baseline[tokens > _LAST_BASE] = np.nan
        known = ~(np.isnan(bits) | np.isnan(of_baseline))
        self._sums += [np.sum(own, where=known, dtype=np.float64) for own in (bits, of_baseline)]
        self._bases += int(known.sum())
        np.subtract(bits, of_baseline, out=of_baseline)
        return of_baseline.astype(np.float32)

    def tell(self) -> None:
        """Print both, in bits per base."""
        if self._bases:
            model, other = self._sums / self._bases
            print(
                f"{self._bases:,} bases: {model:.4f} bits per base, {self.name} {other:.4f}",
                file=sys.stderr,
            )
