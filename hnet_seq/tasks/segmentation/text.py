"""``segment`` for models of bytes: at what they cut text and code, by language, with examples."""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from hnet_seq.analysis.cutting import Stretch
from hnet_seq.analysis.text_boundaries import TextBoundaries
from hnet_seq.analysis.text_examples import Examples
from hnet_seq.commands.documents import check_shards
from hnet_seq.jobs.job import Job
from hnet_seq.jobs.ranks import Ranks, check_meeting
from hnet_seq.model.language_model import HNetLanguageModel
from hnet_seq.model.streaming import CacheLimitError, attention_window
from hnet_seq.results import boundaries as results
from hnet_seq.tasks.byte_documents import (
    MarkedDocument,
    from_files,
    from_shards,
)
from hnet_seq.tasks.peak_memory import peak_memory_mb
from hnet_seq.tasks.run_identity import about_twin, result_name
from hnet_seq.tasks.segmentation.compute import boundary_job, records
from hnet_seq.tasks.segmentation.records import check_stage, check_stages
from hnet_seq.tasks.segmentation.tables import shown, tables
from modalities.errors import InputError
from pipelines.shards.open_shards import open_shards
from pipelines.storage.files import check_folder

BATCH_TOKENS = 8192  # bytes
OUTPUT = "text_boundaries.json"
ALONE = Ranks()


@dataclass(frozen=True)
class TextStretch(Stretch):
    """A document that is cut, all of it; its name is its number."""

    document: MarkedDocument


def run(args: argparse.Namespace, model: HNetLanguageModel, ranks: Ranks = ALONE) -> int:
    """Run the verb for a model of bytes."""
    modality = model.metadata["modality"]
    if args.out:
        check_folder(args.out)
    check_stages(model, args.checkpoint)
    check_stage(model, args.stage, args.checkpoint)
    began = time.monotonic()
    dropped: Counter[str] = Counter()
    statistics, examples, size = TextBoundaries(), Examples(args.show), 0
    outputs = [Path(args.out) / result_name(OUTPUT, model)] if args.out else []
    check_meeting(None, outputs, ranks)

    job = given_job(args, model, modality, dropped, outputs, progress=ranks.rank == 0)
    job = replace(job, made_with={"stage": args.stage})
    if outputs and not any(unit.items for unit in job.units):  # before there is what waits for rows
        raise _nothing(args)
    with attention_window(model, args.attention_window), job.run(ranks) as computed:
        if computed is None:  # the rank that is done last writes
            return 0
        for own, boundaries in records(computed):
            document = own.document
            mask = boundaries.mask(args.stage)
            statistics.add(document.label, document.tokens, mask)
            if args.show:
                examples.add(document.name, document.label, document.tokens, mask)
            size += len(document.tokens)
        count = _tell(args, model, statistics, examples, dropped)
    seconds = time.monotonic() - began
    print(
        f"{size:,} bytes in {count:,} documents, "
        f"{seconds:.1f} s, {size / max(seconds, 1e-9):,.0f} bytes/s, "
        f"peak memory {peak_memory_mb():,.0f} MB",
        file=sys.stderr,
    )
    return 0


def _tell(
    args: argparse.Namespace,
    model: HNetLanguageModel,
    statistics: TextBoundaries,
    examples: Examples,
    dropped: Counter[str],
) -> int:
    """Write and print what was found; the number of documents."""
    found = results.TextBoundaries(
        **about_twin(model),
        stage=args.stage,
        inputs=[Path(path).name for path in args.inputs or args.shards],
        split="validation" if args.shards else None,
        attention_window=args.attention_window,
        **statistics.summary(),
    )
    if not found.all.bytes:
        raise _nothing(args)
    if args.out:
        found.write(Path(args.out) / result_name(OUTPUT, model))
    print("\n\n".join([*tables(found), *map(shown, examples.drawn())]))
    if dropped:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(dropped.items()))
        print(f"left out: {reasons}", file=sys.stderr)
    return found.all.documents


def _nothing(args: argparse.Namespace) -> InputError:
    return InputError(", ".join(args.shards or args.inputs), "has no text to cut")


def text_job(
    model: HNetLanguageModel,
    read: Callable[[], Iterator[MarkedDocument]],
    outputs: Sequence[Path],
    *,
    batch_tokens: int,
    window: int | None,
    cache_limit: int,
    progress: bool = False,
) -> Job[TextStretch]:
    """The boundaries of documents, each in one pass, by their numbers.

    Args:
        read: all documents, in the same order at each call; empty ones are left out.
        outputs: what is written; without one, nothing is kept.
        batch_tokens: bytes of one forward call.
        window: positions that global attention sees, which the caller has set.
        cache_limit: bytes that global attention may cache; a document that needs more is an
            InputError.
    """
    digest = hashlib.sha256()

    def documents() -> Iterator[TextStretch]:
        nonlocal digest
        digest = hashlib.sha256()
        for number, own in enumerate(document for document in read() if len(document.tokens)):
            digest.update(f"{own.name}\n{own.label}\n{len(own.tokens)}\n".encode())
            digest.update(np.ascontiguousarray(own.tokens).data)
            # Names need not be unique. Tokens from shards cannot be written to, which torch minds.
            copy = partial(np.array, own.tokens)
            yield TextStretch(f"{number}", 0, 0, len(own.tokens), copy, own)

    def refuse(own: TextStretch, error: CacheLimitError) -> InputError:
        said = str(error).removeprefix(f"{error.key}: ")
        return InputError(own.document.name, f"{said} (`window`, `cache_limit`)")

    return boundary_job(
        model,
        outputs,
        lambda: {"documents": digest.hexdigest()},
        documents,
        refuse,
        noun="documents",
        batch_tokens=batch_tokens,
        window=window,
        cache_limit=cache_limit,
        progress=progress,
    )


def given_job(
    args: argparse.Namespace,
    model: HNetLanguageModel,
    modality: str,
    dropped: Counter[str],
    outputs: Sequence[Path],
    *,
    progress: bool = False,
) -> Job[TextStretch]:
    """Of the inputs, or of the validation split of shards; what is no document is counted."""

    def read() -> Iterator[MarkedDocument]:
        dropped.clear()  # each pass over the input counts them
        if args.inputs:
            return from_files(args.inputs, modality, dropped)
        for location in args.shards:
            check_shards(location, open_shards(location)[1], args.checkpoint)
        return _of_folders(args.shards)

    return text_job(
        model,
        read,
        outputs,
        batch_tokens=args.batch_tokens,
        window=args.attention_window,
        cache_limit=args.cache_limit,
        progress=progress,
    )


def _of_folders(locations: Sequence[str]) -> Iterator[MarkedDocument]:
    """Their validation documents; of several folders, those without a label get the folder's."""
    for location in locations:
        folder = location.rstrip("/").split("/")[-1] if len(locations) > 1 else ""
        for document in from_shards(location, "validation"):
            yield replace(document, label=document.label or folder)
