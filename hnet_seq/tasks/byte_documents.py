"""Documents of the byte vocabulary, from shards or files, for verbs that read text and code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modalities import MODALITIES, text
from modalities.base import Tokens
from pipelines.batches.shard_documents import read_documents
from pipelines.documents import DocumentOptions, Dropped, plan_units, read_unit


@dataclass(frozen=True)
class MarkedDocument:
    """A document as models read it.

    Attributes:
        name: where it comes from.
        label: its language, or "".
        tokens: (L,) uint8: the begin marker, its bytes and the end marker.
    """

    name: str
    label: str
    tokens: Tokens


def is_byte_modality(name: str | None) -> bool:
    """Whether a modality of that name is known, and has the vocabulary of ``modalities.text``."""
    modality = MODALITIES.get(name or "")
    return modality is not None and modality.vocabulary == text.VOCABULARY


def from_shards(location: str | Path, split: str) -> Iterator[MarkedDocument]:
    """Whole documents of a split, in the order of the shards.

    Raises:
        InputError: the manifest is wrong, or a shard missing or damaged.
    """
    for document in read_documents(location, split):
        yield MarkedDocument(document.name, document.label, document.tokens)


def from_files(
    inputs: Sequence[str | Path], modality: str, dropped: Counter[str]
) -> Iterator[MarkedDocument]:
    """The documents of files and folders, duplicates and generated code too.

    Args:
        modality: ``text`` or ``code``.
        dropped: counts by reason what is no document: empty, binary, for code of no language.

    Raises:
        InputError: an input that is missing, unreadable, or not UTF-8.
    """
    options = DocumentOptions(
        modality=modality, duplicates="keep", keep_generated=True, keep_minified=True
    )
    for unit in plan_units(inputs, modality=modality):
        for document in read_unit(unit, options):
            if isinstance(document, Dropped):
                dropped[document.reason] += 1
            else:
                tokens = text.with_markers(document.data)
                yield MarkedDocument(document.name, document.label, tokens)
