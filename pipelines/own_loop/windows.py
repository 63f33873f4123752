"""From the samples of a tar to windows of documents, on either strand, with targets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

import numpy as np

from modalities.base import Modality, Tokens
from pipelines.batches.token_stream import IGNORED
from pipelines.own_loop.tar_slices import Item
from pipelines.shards.spans import Spans
from pipelines.shards.writer import SOFT_MASK_BIT


@dataclass
class _Document:
    """What a slice has of one document: tokens of ``name`` from ``start`` on."""

    key: str
    url: str
    name: str
    start: int
    label: str
    parts: list[Tokens] = field(default_factory=list)


def cut_windows(
    samples: Iterator[Item], random: Random, *, context: int, shuffle: bool, source: str
) -> Iterator[Item]:
    """A stage: windows of at most ``context`` tokens, each with the token after it where there is.

    Blocks of one document that follow each other in a slice are read as one. With ``shuffle`` the
    first window of what is longer than ``context`` has a length that is drawn.
    """
    for document in _documents(samples):
        tokens = np.concatenate(document.parts)
        length = len(tokens)
        phase = random.randrange(context) if shuffle and length > context else 0
        for nominal in range(-phase, length, context):
            begin, end = max(nominal, 0), min(nominal + context, length)
            if begin == end:
                continue
            yield {
                "__key__": f"{document.key}/{document.name}/{begin}",
                "__url__": document.url,
                # A copy: a view would keep its block in memory while it waits in a buffer.
                "tokens": tokens[begin : end + 1].copy(),
                "size": end - begin,
                "name": document.name,
                "start": document.start + begin,
                "strand": "+",
                "label": document.label,
                "source": source,
            }


def _documents(samples: Iterator[Item]) -> Iterator[_Document]:
    open_document: _Document | None = None
    for sample in samples:
        spans = Spans.from_json(sample["json"])
        data = np.frombuffer(sample["bin"], np.uint8)
        offset = 0
        for name, start, count in zip(spans.names, spans.starts, spans.tokens, strict=True):
            position = 0 if offset else spans.position
            goes_on = position and open_document and open_document.url == sample["__url__"]
            if open_document and not goes_on:
                yield open_document
                open_document = None
            if open_document is None:
                open_document = _Document(
                    sample["__key__"], sample["__url__"], name, start + position, spans.label
                )
            open_document.parts.append(data[offset : offset + count])
            offset += count
        if spans.ends and open_document:
            yield open_document
            open_document = None
    if open_document:
        yield open_document


def turn_windows(windows: Iterator[Item], random: Random, *, complement: Tokens) -> Iterator[Item]:
    """A stage: each window on the other strand with probability one half.

    A window that is turned is the reverse complement of its tokens and the one after them.
    """
    for window in windows:
        if random.random() < 0.5:
            after = len(window["tokens"]) - window["size"]
            window["tokens"] = complement[window["tokens"][::-1]]
            window["start"] += after
            window["strand"] = "-"
        yield window


def give_targets(windows: Iterator[Item], *, modality: Modality, soft_mask: bool) -> Iterator[Item]:
    """A stage: ``input_ids`` (n,) uint8 and ``targets`` (n,) int16 in place of tokens.

    A target is the next token; -100 after the last one and where the token is not scored. Windows
    in which nothing is scored are left out: the mean of no loss is NaN, and one would end a run.
    """
    scored = np.zeros(256, bool)
    scored[list(modality.scored_tokens)] = True
    for window in windows:
        tokens, size = window.pop("tokens"), window.pop("size")
        if soft_mask:
            tokens = tokens & np.uint8(0xFF ^ SOFT_MASK_BIT)
        following = tokens[1:]
        if not scored[following].any():
            continue
        targets = np.full(size, IGNORED, np.int16)
        targets[: len(following)] = np.where(scored[following], following, IGNORED)
        yield window | {"input_ids": tokens[:size], "targets": targets}
