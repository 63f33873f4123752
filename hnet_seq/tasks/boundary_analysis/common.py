"""What every action of ``boundaries`` reads, and how it cuts a genome."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hnet_seq.analysis.cutting import Stretch
from hnet_seq.analysis.enrichment import CutRecord
from hnet_seq.analysis.shuffle import shuffle_record
from hnet_seq.model.auto import load_pretrained
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.results.analyses import Control, Distance
from hnet_seq.tasks.run_identity import about_twin
from hnet_seq.tasks.segmentation.records import (
    check_model,
    check_stage,
    segment_stretches,
    stretch_of,
)
from pipelines.formats.genome import Genome
from pipelines.formats.regions import Span


def open_model(args: argparse.Namespace) -> HNetLanguageModel:
    """The model, once it is known to have the stage and to cut DNA.

    Raises:
        UsageError: it has no such stage.
        InputError: a model without boundaries, or not of DNA.
    """
    model = load_pretrained(args.checkpoint, args.device, twin=args.twin)
    check_model(model, args.checkpoint)
    check_stage(model, args.stage, args.checkpoint)
    return model


def cut_genome(
    model: HNetLanguageModel,
    genome: Genome,
    spans: list[Span],
    args: argparse.Namespace,
    *,
    shuffles: int = 0,
) -> list[CutRecord]:
    """Every span and where the chosen stage cuts it; and its shuffled sequences.

    Kept are the bases and one byte a base for each mask.

    Args:
        shuffles: how many shuffled sequences of each span the model also cuts; their left context
            is shuffled too.
    """

    def run(shuffle: int | None) -> list[tuple[str, int, Any, Any]]:
        if shuffles:
            which = "the sequence" if shuffle is None else f"shuffled sequence {shuffle + 1}"
            print(f"cutting {which}", file=sys.stderr)
        records = segment_stretches(
            model,
            _stretches(genome, spans, args, model.bidirectional, shuffle),
            path=genome.path,
            total=sum(end - start for _, start, end in spans),
            batch_tokens=args.batch_tokens,
            window=args.attention_window,
            cache_limit=args.cache_limit,
            progress=True,
        )
        return [(r.name, r.start, r.tokens, r.mask(args.stage)) for r in records]

    found = run(None)
    masks = [[mask for *_, mask in run(shuffle)] for shuffle in range(shuffles)]
    return [
        CutRecord(
            *record,
            shuffled=tuple(repeat[index] for repeat in masks),
            origin=max(record[1] - args.left_context, 0),
        )
        for index, record in enumerate(found)
    ]


def _stretches(
    genome: Genome,
    spans: Iterable[Span],
    args: argparse.Namespace,
    both_sides: bool,
    shuffle: int | None,
) -> Iterator[Stretch]:
    for index, span in enumerate(spans):
        stretch = stretch_of(genome, span, args.left_context, both_sides)
        if shuffle is not None:
            random = np.random.default_rng([args.seed, shuffle, index])
            read = partial(np.asarray, shuffle_record(stretch.read(), random))
            stretch = replace(stretch, read=read, read_part=None)
        yield stretch


def facts(
    args: argparse.Namespace, model: HNetLanguageModel, records: list[CutRecord]
) -> dict[str, Any]:
    """What every JSON file says first: what was measured."""
    bases = sum(len(record.tokens) for record in records)
    boundaries = sum(int(record.mask.sum()) for record in records)
    return {
        **about_twin(model),
        "stage": args.stage,
        "genome": Path(args.genome).name,
        "region": args.region or "whole genome",
        "attention_window": args.attention_window,
        "seed": args.seed,
        "bases": bases,
        "boundaries": boundaries,
    }


def shown(value: float | None, digits: int = 3, width: int = 8) -> str:
    """A number of a table, or a dash."""
    return f"{'-':>{width}s}" if value is None else f"{value:{width}.{digits}f}"


def shown_interval(row: Control | Distance, digits: int = 2) -> str:
    """``low to high``, or blanks."""
    if row.low is None or row.high is None:
        return " " * (10 + 2 * digits - 4)
    return f"{row.low:.{digits}f} to {row.high:.{digits}f}".rjust(8 + 2 * digits)
