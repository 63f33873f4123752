"""``segment`` for models of bytes: at what they cut text and code, by language, with examples."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import modalities
from hnet_seq.analysis.cutting import Stretch, cut
from hnet_seq.analysis.record_boundaries import RecordBoundaries
from hnet_seq.analysis.text_boundaries import TextBoundaries
from hnet_seq.analysis.text_examples import MARK, Example, Examples
from hnet_seq.model.causal_lm import HNetForCausalLM
from hnet_seq.model.streaming import CACHE_LIMIT, CacheLimitError, attention_window
from hnet_seq.tasks.byte_documents import (
    MarkedDocument,
    from_files,
    from_shards,
    is_byte_modality,
)
from hnet_seq.tasks.peak_memory import peak_memory_mb
from hnet_seq.tasks.segmentation.common import check_stage, check_stages, write_json
from modalities.errors import InputError, UsageError
from pipelines.files import check_folder
from pipelines.open_shards import open_shards
from pipelines.progress import progress_bar

BATCH_TOKENS = 8192  # bytes
_DNA_ONLY = ("bed", "bigwig", "chunks", "region", "annotation")


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
                # Those from shards lie in a file and cannot be written to, which torch minds.
                yield Stretch(str(number), 0, 0, np.array(document.tokens))

    bar = progress_bar("segment", None, unit="B", progress=progress)
    with bar, attention_window(model, window):
        try:
            for boundaries in cut(model, stretches(), batch_tokens, cache_limit, bar.update):
                yield waiting.pop(boundaries.name), boundaries
        except CacheLimitError as error:
            document = waiting[str(error.key)]
            said = str(error).removeprefix(f"{error.key}: ")
            raise InputError(document.name, f"{said} (--attention-window, --cache-limit)") from None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments that only models of bytes have."""
    parser.add_argument(
        "--shards",
        metavar="DIR",
        action="append",
        default=[],
        help="text and code: the validation split of shards; may be repeated",
    )
    parser.add_argument(
        "--show", type=int, default=0, metavar="N", help="text and code: print N stretches, cut"
    )


def run(args: argparse.Namespace, model: HNetForCausalLM) -> int:
    """Run the verb for a model of bytes."""
    modality = model.metadata["modality"]
    for name in _DNA_ONLY:
        if getattr(args, name):
            raise UsageError(
                f"--{name}", f"is for DNA; {args.checkpoint} was trained on {modality}"
            )
    if args.show < 0:
        raise UsageError("--show", f"is {args.show}; expected 0 or more")
    if args.out:
        check_folder(args.out)
    check_stages(model, args.checkpoint)
    check_stage(model, args.stage, args.checkpoint)
    began = time.monotonic()
    dropped: Counter[str] = Counter()
    documents = segment_text(
        model,
        _documents(args, modality, dropped),
        batch_tokens=args.batch_tokens,
        window=args.attention_window,
        cache_limit=args.cache_limit,
        progress=True,
    )
    statistics, examples, size = TextBoundaries(), Examples(args.show), 0
    for document, boundaries in documents:
        mask = boundaries.mask(args.stage)
        statistics.add(document.label, document.tokens, mask)
        if args.show:
            examples.add(document.name, document.label, document.tokens, mask)
        size += len(document.tokens)
    found = statistics.summary()
    if not found["all"]["bytes"]:
        raise InputError(", ".join(args.shards or args.inputs), "has no text to cut")
    if args.out:
        head = {
            "stage": args.stage,
            "inputs": [Path(path).name for path in args.inputs or args.shards],
            "split": "validation" if args.shards else None,
            "attention_window": args.attention_window,
        }
        write_json(Path(args.out) / "text_boundaries.json", head | found)
    print("\n\n".join([*tables(found), *map(_shown, examples.drawn())]))
    if dropped:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(dropped.items()))
        print(f"left out: {reasons}", file=sys.stderr)
    seconds = time.monotonic() - began
    print(
        f"{size:,} bytes in {found['all']['documents']:,} documents, {seconds:.1f} s, "
        f"{size / max(seconds, 1e-9):,.0f} bytes/s, peak memory {peak_memory_mb():,.0f} MB",
        file=sys.stderr,
    )
    return 0


def _documents(
    args: argparse.Namespace, modality: str, dropped: Counter[str]
) -> Iterator[MarkedDocument]:
    if bool(args.inputs) == bool(args.shards):
        raise UsageError("segment", "give files or folders of text, or --shards DIR")
    if args.inputs:
        if modalities.get(modality).complement_table is not None:
            raise UsageError("segment", f"a model of {modality} reads shards; give --shards DIR")
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


def tables(found: dict[str, Any]) -> Iterator[str]:
    """Lines of text about each label, and about all where there are several.

    Args:
        found: what :meth:`hnet_seq.analysis.text_boundaries.TextBoundaries.summary` gives.
    """
    labels = found["labels"]
    for label in labels:
        yield _table(label["label"] or ("all" if len(labels) == 1 else "(no label)"), label)
    if len(labels) > 1:
        yield _table("all", found["all"])


def _table(name: str, found: dict[str, Any]) -> str:
    lines = [
        f"{name}: {found['documents']:,} documents, {found['bytes']:,} bytes, "
        f"{found['boundaries']:,} boundaries, one in {_number(found['bytes_per_boundary'], 6, 2)} "
        f"bytes; intervals over {found['units']:,} {found['resampled']}",
        f"{'':32s}{'boundaries':>10s}{'bytes':>9s}{'ratio':>8s}  95% interval",
    ]
    for section in ("kinds", "places", "multi_byte"):
        for row in found[section]:
            interval = ""
            if row["ratio_low"] is not None:
                interval = f"  {row['ratio_low']:.2f} to {row['ratio_high']:.2f}"
            lines.append(
                f"  {row['class']:32s}{_number(row['share'], 8, 3)}"
                f"{_number(row['expected'], 9, 3)}{_number(row['ratio'], 8, 2)}{interval}"
            )
    return "\n".join(lines)


def _number(value: float | None, width: int, digits: int) -> str:
    return f"{'-':>{width}s}" if value is None else f"{value:{width}.{digits}f}"


def _shown(example: Example) -> str:
    label = f" ({example.label})" if example.label else ""
    place = f"bytes {example.start:,} to {example.end:,}"
    return f"{example.name}{label}, {place}, {MARK} before each chunk:\n{example.text}"
