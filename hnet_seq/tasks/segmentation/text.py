"""``segment`` for models of bytes: at what they cut text and code, by language, with examples."""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

import modalities
from hnet_seq.analysis.cutting import Stretch, cut
from hnet_seq.analysis.record_boundaries import RecordBoundaries
from hnet_seq.analysis.text_boundaries import TextBoundaries
from hnet_seq.analysis.text_examples import Examples
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.streaming import CACHE_LIMIT, CacheLimitError, attention_window
from hnet_seq.results import boundaries as records
from hnet_seq.tasks.byte_documents import (
    MarkedDocument,
    from_files,
    from_shards,
    is_byte_modality,
)
from hnet_seq.tasks.peak_memory import peak_memory_mb
from hnet_seq.tasks.ranked.ranks import Ranks
from hnet_seq.tasks.ranked.shared_run import goes_on_ranks
from hnet_seq.tasks.segmentation.common import check_stage, check_stages
from hnet_seq.tasks.segmentation.on_ranks import Lazy, boundaries_on_ranks
from hnet_seq.tasks.segmentation.text_tables import shown, tables
from hnet_seq.tasks.twin_results import about_twin, result_name
from modalities.errors import InputError, UsageError
from pipelines.files import check_folder
from pipelines.open_shards import open_shards
from pipelines.progress import progress_bar

BATCH_TOKENS = 8192  # bytes
OUTPUT = "text_boundaries.json"
ALONE = Ranks()

Cut: TypeAlias = tuple[MarkedDocument, RecordBoundaries]


def segment_text(
    model: HNetForCausalLM,
    documents: Iterable[MarkedDocument],
    *,
    batch_tokens: int = BATCH_TOKENS,
    window: int | None = None,
    cache_limit: int = CACHE_LIMIT,
    progress: bool = False,
) -> Iterator[tuple[MarkedDocument, RecordBoundaries]]:
    """Cut documents, each in one pass, on the model's device; in their order.

    Args:
        batch_tokens: bytes of one forward call.
        window: positions that global attention sees, instead of all.
        cache_limit: bytes that global attention may cache; a document that needs more is an error.

    Raises:
        InputError: a model without boundaries, or a document over ``cache_limit``.
    """
    check_stages(model)
    waiting: dict[str, MarkedDocument] = {}

    def stretches() -> Iterator[Stretch]:
        for number, document in enumerate(documents):
            if len(document.tokens):
                waiting[str(number)] = document  # names need not be unique
                yield _stretch(document, str(number))

    bar = progress_bar("segment", None, unit="B", progress=progress)
    with bar, attention_window(model, window):
        try:
            for boundaries in cut(model, stretches(), batch_tokens, cache_limit, bar.update):
                yield waiting.pop(boundaries.name), boundaries
        except CacheLimitError as error:
            document = waiting[str(error.key)]
            said = str(error).removeprefix(f"{error.key}: ")
            raise InputError(document.name, f"{said} (`window`, `cache_limit`)") from None


def run(args: argparse.Namespace, model: HNetForCausalLM, ranks: Ranks = ALONE) -> int:
    """Run the verb for a model of bytes."""
    modality = model.metadata["modality"]
    if args.show < 0:
        raise UsageError("show", f"is {args.show}; expected 0 or more")
    if args.out:
        check_folder(args.out)
    check_stages(model, args.checkpoint)
    check_stage(model, args.stage, args.checkpoint)
    began = time.monotonic()
    dropped: Counter[str] = Counter()
    statistics, examples, size = TextBoundaries(), Examples(args.show), 0
    with _cut(args, model, modality, dropped, ranks) as documents:
        if documents is None:  # the rank that is done last writes
            return 0
        for document, boundaries in documents:
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
    model: HNetForCausalLM,
    statistics: TextBoundaries,
    examples: Examples,
    dropped: Counter[str],
) -> int:
    """Write and print what was found; the number of documents."""
    found = records.TextBoundaries(
        **about_twin(model),
        stage=args.stage,
        inputs=[Path(path).name for path in args.inputs or args.shards],
        split="validation" if args.shards else None,
        attention_window=args.attention_window,
        **statistics.summary(),
    )
    if not found.all.bytes:
        raise InputError(", ".join(args.shards or args.inputs), "has no text to cut")
    if args.out:
        found.write(Path(args.out) / result_name(OUTPUT, model))
    print("\n\n".join([*tables(found), *map(shown, examples.drawn())]))
    if dropped:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(dropped.items()))
        print(f"left out: {reasons}", file=sys.stderr)
    return found.all.documents


def _cut(
    args: argparse.Namespace,
    model: HNetForCausalLM,
    modality: str,
    dropped: Counter[str],
    ranks: Ranks,
) -> AbstractContextManager[Iterator[Cut] | None]:
    """Documents and boundaries in order, computed here or by several ranks; see ``segment``."""
    sizes = {
        "batch_tokens": args.batch_tokens,
        "window": args.attention_window,
        "cache_limit": args.cache_limit,
    }
    out = Path(args.out) / result_name(OUTPUT, model) if args.out else None
    if out is None and ranks.world > 1:
        raise UsageError("out", "ranks meet beside it; give --out DIR")
    if out is None or not goes_on_ranks(out, ranks):
        documents = _documents(args, modality, dropped)
        return nullcontext(segment_text(model, documents, progress=True, **sizes))
    return _cut_on_ranks(
        model,
        out,
        lambda counts: (own for own in _documents(args, modality, counts) if len(own.tokens)),
        dropped,
        ranks,
        **sizes,
    )


@contextmanager
def _cut_on_ranks(
    model: HNetForCausalLM,
    out: Path,
    documents: Callable[[Counter[str]], Iterator[MarkedDocument]],
    dropped: Counter[str],
    ranks: Ranks,
    *,
    batch_tokens: int,
    window: int | None,
    cache_limit: int,
) -> Iterator[Iterator[Cut] | None]:
    digest = hashlib.sha256()
    lengths = []
    for document in documents(Counter()):
        lengths.append(len(document.tokens))
        digest.update(f"{document.name}\n{document.label}\n{lengths[-1]}\n".encode())
        digest.update(np.ascontiguousarray(document.tokens).data)

    def read() -> Iterator[Lazy]:
        for number, document in enumerate(documents(Counter())):
            yield partial(_stretch, document, str(number))

    with boundaries_on_ranks(
        model,
        [out],
        {"documents": digest.hexdigest()},
        read,
        lengths,
        ranks,
        path=out,
        batch_tokens=batch_tokens,
        window=window,
        cache_limit=cache_limit,
    ) as records:
        yield None if records is None else zip(documents(dropped), records, strict=True)


def _stretch(document: MarkedDocument, name: str) -> Stretch:
    # Those from shards lie in a file and cannot be written to, which torch minds.
    return Stretch(name, 0, 0, np.array(document.tokens))


def _documents(
    args: argparse.Namespace, modality: str, dropped: Counter[str]
) -> Iterator[MarkedDocument]:
    if bool(args.inputs) == bool(args.shards):
        raise UsageError("INPUT", "give files or folders of text, or --shards DIR")
    if args.inputs:
        if modalities.get(modality).complement_table is not None:
            raise UsageError("INPUT", f"a model of {modality} reads shards; give --shards DIR")
        return from_files(args.inputs, modality, dropped)
    for location in args.shards:
        _, manifest = open_shards(location)
        if not is_byte_modality(manifest.modality):
            raise InputError(
                location, f"holds {manifest.modality}; {args.checkpoint} reads bytes: text or code"
            )
        if not manifest.tokens("validation"):
            raise InputError(location, "has no validation split; shard again with --validation")
    return _of_folders(args.shards)


def _of_folders(locations: Sequence[str]) -> Iterator[MarkedDocument]:
    """Their validation documents; of several folders, those without a label get the folder's."""
    for location in locations:
        folder = location.rstrip("/").split("/")[-1] if len(locations) > 1 else ""
        for document in from_shards(location, "validation"):
            yield replace(document, label=document.label or folder)
