"""The documents of a unit."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from modalities import code
from modalities.errors import printable
from pipelines.documents.filters import choose
from pipelines.documents.options import DocumentOptions
from pipelines.documents.records import Document, Dropped, RawDocument
from pipelines.documents.unit import Unit
from pipelines.storage.compression import read_chunks, stem_of

_NONE: Mapping[int, str] = {}
_BYTE_ORDER_MARK = 3  # bytes


def read_unit(
    unit: Unit, options: DocumentOptions, duplicates: Mapping[int, str] = _NONE
) -> Iterator[Document | Dropped]:
    """The documents of a unit in their order, and a word on each that is left out.

    Memory holds one document, and what is read of a file at once.

    Args:
        duplicates: what to drop besides, by its index among all that the unit yields, with the
            reason, as `find_duplicates` gives them.

    Raises:
        InputError: something that cannot be read, is broken or is not UTF-8, where the options make
            that an error; with the file and the place in it.
    """
    for index, item in enumerate(chosen(unit, options)):
        if isinstance(item, Dropped):
            yield item
            continue
        document, path = item
        if index in duplicates:
            yield Dropped(document.name, duplicates[index])
        elif options.header:
            first = code.header(path, document.label)
            yield Document(document.name, first + document.data, document.label)
        else:
            yield document


def chosen(unit: Unit, options: DocumentOptions) -> Iterator[tuple[Document, str] | Dropped]:
    """Documents before a header and before duplicates are dropped, each with its path."""
    for raw in _raw(unit, options):
        yield raw if isinstance(raw, Dropped) else choose(raw, options)


def _raw(unit: Unit, options: DocumentOptions) -> Iterator[RawDocument | Dropped]:
    # Formats are imported when they occur: pyarrow and tarfile take their time.
    if unit.kind == "files":
        return _files(unit, options)
    if unit.kind == "jsonl":
        from pipelines.documents.jsonl import read_jsonl

        return read_jsonl(unit, options)
    if unit.kind == "json":
        from pipelines.documents.jsonl import read_json

        return read_json(unit, options)
    if unit.kind == "parquet":
        from pipelines.documents.parquet import read_parquet

        return read_parquet(unit, options)
    assert unit.kind == "webdataset", unit.kind
    from pipelines.documents.webdataset import read_webdataset

    return read_webdataset(unit, options)


def _files(unit: Unit, options: DocumentOptions) -> Iterator[RawDocument | Dropped]:
    for path in unit.paths:
        name = unit.name_of(path)
        stem = stem_of(name)
        if not os.path.isfile(path):
            yield Dropped(name, "not_a_file")
        elif options.modality == "code" and _no_source(stem):
            yield Dropped(name, "language")
        else:
            yield RawDocument(
                name=name,
                file=printable(path),
                where=lambda: None,
                text=_read(path, options.max_bytes),
                path=stem,
            )


def _no_source(name: str) -> bool:
    """Whether the extension alone tells that a file is no code, so that it need not be read."""
    has_extension = "." in os.path.basename(name)[1:]
    return has_extension and not code.language_of(name)


def _read(path: str, max_bytes: int | None) -> bytes:
    """A file, or the beginning of one that is too large anyway."""
    chunks, length = [], 0
    for chunk in read_chunks(path, foreign=True):
        chunks.append(chunk)
        length += len(chunk)
        if max_bytes is not None and length > max_bytes + _BYTE_ORDER_MARK:
            break
    return b"".join(chunks)
