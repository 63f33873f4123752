"""``hnet-seq score``: what INPUT holds decides; its arguments are in ``commands``."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import astuple
from pathlib import Path
from typing import Any, TextIO

from hnet_seq.commands.score import use_of
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.streaming import attention_window
from hnet_seq.tasks.embedding.plan import model_hash
from hnet_seq.tasks.embedding.vectors import Strands
from hnet_seq.tasks.ranked.digests import computed_by
from hnet_seq.tasks.ranked.ranks import (
    Ranks,
    check_ranks_input,
    find_ranks,
    rank_device,
    refuse_ranks,
)
from hnet_seq.tasks.ranked.units import Part, sequence_cost
from hnet_seq.tasks.scoring.kept_rows import check_meeting, is_kept, kept_rows
from hnet_seq.tasks.scoring.sequences import (
    Score,
    check_scoring,
    score,
    score_part,
    sequence_parts,
    stream_scores,
)
from hnet_seq.tasks.sequences.inputs import SequenceSource, open_sequences
from hnet_seq.tasks.sequences.parts import Named, named_length
from pipelines.files import check_file, replaced_file
from pipelines.progress import progress_bar
from pipelines.table_rows import RowFilter

__all__ = ["Score", "main", "score"]


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    use = use_of(args)
    out = check_file(args.out) if args.out else None
    if out is not None:
        from hnet_seq.tasks.scoring.summary import check_places

        check_places(out, args.input)
    if use == "sequences":
        return _sequences(args, out)
    # What only one use needs is imported for it: scikit-learn and pyarrow take a second.
    if use == "measured":
        refuse_ranks("score --measured")
        from hnet_seq.tasks.scoring.measured_verb import run as measured

        return measured(args, out)
    from hnet_seq.tasks.scoring.variant_verb import run as variants

    return variants(args, out)


def _sequences(args: argparse.Namespace, out: Path | None) -> int:
    ranks = find_ranks()
    check_meeting(out, ranks)
    check_ranks_input(args.input, ranks)
    device = rank_device(args.device, ranks)
    model = HNetForCausalLM.from_pretrained(args.checkpoint, device, twin=args.twin)
    strands: Strands = args.strands or "none"
    check_scoring(model, strands, args.batch_tokens)
    source = open_sequences(
        args.input, genome=args.genome, where=RowFilter.parse(args.where), blocks=args.blocks
    )
    # The first pass finds what is wrong with the input before anything is computed.
    cost = sequence_cost(model.config, args.attention_window)
    parts = [
        Part(len(part), sum(map(named_length, part)), sum(cost(len(own)) for _, own in part))
        for part in sequence_parts(source.names_and_tokens())
    ]
    bases = scored = 0
    nats = 0.0
    with (
        attention_window(model, args.attention_window),
        _scores(args, out, model, source, strands, parts, ranks) as scores,
    ):
        if scores is None:  # the rank that is done last writes
            return 0
        bar = progress_bar("write" if out else "score", source.total_bases, unit="base")
        with replaced_file(out) if out else nullcontext(sys.stdout) as file, bar:
            file.write("name\tbases\tscored\tlog_likelihood\tbits_per_base\tcomposition_bits\n")
            for row in scores:
                _write(file, row)
                bases, scored = bases + row.bases, scored + row.scored
                nats += row.log_likelihood
                bar.update(row.bases)
        if out:
            from hnet_seq.results.scores import SequenceScores
            from hnet_seq.tasks.scoring.summary import described, summary_path

            found = SequenceScores(
                **described(args, model, strands),
                sequences=source.count,
                bases=bases,
                scored=scored,
                bits_per_base=-nats / math.log(2) / scored if scored else None,
            )
            found.write(summary_path(out))
    return 0


@contextmanager
def _scores(
    args: argparse.Namespace,
    out: Path | None,
    model: HNetForCausalLM,
    source: SequenceSource,
    strands: Strands,
    parts: list[Part],
    ranks: Ranks,
) -> Iterator[Iterator[Score] | None]:
    """The scores in order; None for a rank of several that is not the last."""
    how: dict[str, Any] = {
        "strands": strands,
        "batch_tokens": args.batch_tokens,
        "cache_limit": args.cache_limit,
    }
    if not is_kept(out):
        yield stream_scores(model, source.names_and_tokens(), **how)
        return
    from hnet_seq.tasks.scoring.summary import summary_path

    identity = {
        "model": model_hash(model),
        **computed_by(model.embeddings.weight.device),
        "sequences": source.digest,
        **how,
        "attention_window": args.attention_window,
    }

    def read() -> Iterator[list[Named]]:
        return sequence_parts(source.names_and_tokens())

    def rows(part: list[Named], done: int) -> Iterator[tuple[Any, ...]]:
        return (astuple(row) for row in score_part(model, part, **how, done=done))

    outputs = [out, summary_path(out)]
    with kept_rows(outputs, identity, parts, read, rows, ranks, noun="sequences") as found:
        yield None if found is None else (Score(*row) for row in found)


def _write(file: TextIO, row: Score) -> None:
    values = (row.log_likelihood, row.bits_per_base, row.composition_bits)
    numbers = "\t".join("" if math.isnan(value) else f"{value:.6f}" for value in values)
    file.write(f"{row.name}\t{row.bases}\t{row.scored}\t{numbers}\n")
