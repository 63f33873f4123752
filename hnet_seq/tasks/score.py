"""``hnet-seq score``: what INPUT holds decides; its arguments are in ``commands``."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from hnet_seq.jobs.job import Computed, Job, one_row
from hnet_seq.jobs.ranks import check_meeting, find_ranks, rank_device
from hnet_seq.jobs.units import units_of
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.streaming import attention_window
from hnet_seq.tasks.choices import Strands
from hnet_seq.tasks.costs import sequence_cost
from hnet_seq.tasks.run_identity import computed_by
from hnet_seq.tasks.scoring.outputs import files_of, summary_path
from hnet_seq.tasks.scoring.per_base import KINDS as PER_BASE
from hnet_seq.tasks.scoring.per_base import (
    Bits,
    bits_and_score,
    check_records,
    open_tracks,
    per_base_rows,
    track_files,
)
from hnet_seq.tasks.scoring.per_base import height as height_of
from hnet_seq.tasks.scoring.sequences import (
    KINDS,
    Score,
    check_scoring,
    score,
    score_rows,
    sequence_calls,
)
from hnet_seq.tasks.sequences.inputs import Named, named_length, open_sequences
from hnet_seq.tasks.sequences.reading import Reading
from modalities.base import Tokens
from pipelines.storage.files import check_file, replaced_file

__all__ = ["Score", "main", "score"]


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    out = check_file(args.out) if args.out else None
    if args.use == "sequences":
        return _sequences(args, out)
    # What only one use needs is imported for it: scikit-learn and pyarrow take a second.
    if args.use == "measured":
        from hnet_seq.tasks.scoring.measured_verb import run as measured

        return measured(args, out)
    if args.use == "genes":
        from hnet_seq.tasks.scoring.gene_verb import run as genes

        return genes(args, out)
    from hnet_seq.tasks.scoring.variant_verb import run as variants

    return variants(args, out)


def _sequences(args: argparse.Namespace, out: Path | None) -> int:
    ranks = find_ranks()
    tracks = track_files(args)
    outputs = [*files_of(out), *tracks]
    check_meeting(args.input, outputs, ranks)
    device = rank_device(args.device, ranks)
    model = HNetForCausalLM.from_pretrained(args.checkpoint, device, twin=args.twin)
    strands: Strands = args.strands or "none"
    check_scoring(model, strands, args.batch_tokens)
    source = open_sequences(args.input, Reading.of(args))
    check_records(args, source)

    def read() -> Iterator[list[Named]]:
        return sequence_calls(source.names_and_tokens(), args.batch_tokens)

    cost = sequence_cost(model.config, args.attention_window)
    units = units_of(read(), named_length, cost, progress=ranks.rank == 0)
    identity = {
        **computed_by(model),
        "sequences": source.digest,
        "strands": strands,
        "batch_tokens": args.batch_tokens,
        "cache_limit": args.cache_limit,
        "attention_window": args.attention_window,
    }
    rows, kinds, height = (
        (per_base_rows, PER_BASE, height_of) if tracks else (score_rows, KINDS, one_row)
    )
    compute = partial(rows, model, strands, args.batch_tokens, args.cache_limit)
    job = Job(
        "score",
        "sequences",
        outputs,
        identity,
        units,
        read,
        compute,
        kinds,
        named_length,
        height,
        {"baseline": args.baseline or "markov"} if args.difference else {},
    )
    with attention_window(model, args.attention_window), job.run(ranks) as computed:
        if computed is None:  # the rank that is done last writes
            return 0
        with ExitStack() as stack:
            found = _scores(computed)
            if tracks:
                found = _drawn(computed, stack.enter_context(open_tracks(args, source)))
            file = stack.enter_context(replaced_file(out) if out else nullcontext(sys.stdout))
            content = _write(file, found)
        if out and (summary := summary_path(out)):
            from hnet_seq.results.scores import SequenceScores
            from hnet_seq.tasks.scoring.summary import described

            about = described(args, model, strands)
            SequenceScores(**about, sequences=source.count, **content).write(summary)
    return 0


def _scores(computed: Computed[Named]) -> Iterator[Score]:
    for call, columns in computed.parts():
        for (name, tokens), (known, *numbers) in zip(call, columns["score"], strict=True):
            yield Score(name, len(tokens), int(known), *map(float, numbers))


def _drawn(
    computed: Computed[Named], take: Callable[[str, Tokens, Bits], object]
) -> Iterator[Score]:
    """The scores, once each one's bases are in the tracks."""
    for call, columns in computed.parts():
        first, rows = 0, np.asarray(columns["per_base"])
        for item in call:
            bits, row = bits_and_score(item, rows[first : first + height_of(item)])
            take(*item, bits)
            first += height_of(item)
            yield row


def _write(file: TextIO, rows: Iterable[Score]) -> dict[str, Any]:
    """Write all rows; what the summary says of them."""
    bases = scored = 0
    nats = 0.0
    file.write("name\tbases\tscored\tlog_likelihood\tbits_per_base\tcomposition_bits\n")
    for row in rows:
        values = (row.log_likelihood, row.bits_per_base, row.composition_bits)
        shown = "\t".join("" if math.isnan(value) else f"{value:.6f}" for value in values)
        file.write(f"{row.name}\t{row.bases}\t{row.scored}\t{shown}\n")
        bases, scored = bases + row.bases, scored + row.scored
        nats += row.log_likelihood
    bits = -nats / math.log(2) / scored if scored else None
    return {"bases": bases, "scored": scored, "bits_per_base": bits}
