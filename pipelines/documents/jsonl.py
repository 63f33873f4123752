"""JSON lines, from any byte of a file on, and other JSON; one record in memory at a time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import partial

from modalities.errors import InputError, printable
from pipelines.documents.fields import Broken, broken, raw_document
from pipelines.documents.json_layout import NotJson, json_values
from pipelines.documents.options import DocumentOptions
from pipelines.documents.records import Dropped, RawDocument
from pipelines.documents.unit import Unit
from pipelines.storage.compression import read_chunks, sniff

LONGEST_LINE = 1 << 30  # bytes; a file without lines is not read whole
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_RECORD_MARK = "\x1e"  # before each record of a JSON text sequence, RFC 7464


def read_jsonl(unit: Unit, options: DocumentOptions) -> Iterator[RawDocument | Dropped]:
    """The records of the lines that begin in the unit; blank lines are skipped.

    Raises:
        InputError: the file cannot be read; a line is broken or not UTF-8 where that is an error.
    """
    path = unit.paths[0]
    file, stem = printable(path), unit.name_of(path)
    for offset, line in _unit_lines(unit):
        if not line or line.isspace() or (not offset and line == _BYTE_ORDER_MARK):
            continue
        where = partial(_place, path, offset)
        name = f"{stem}@{offset}"
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            if options.invalid_utf8 == "error":
                byte = f"byte 0x{error.object[error.start]:02x}"
                raise InputError(
                    file,
                    f"{byte} is not UTF-8; convert it, or give --invalid-utf8 replace or drop",
                    where=f"{where()}, byte {offset + error.start + 1}",
                ) from None
            if options.invalid_utf8 == "drop":
                yield Dropped(name, "not_utf8")
                continue
            text = line.decode(errors="replace")
        try:
            yield raw_document(_parse(text, offset), options, file=file, name=name, where=where)
        except Broken as error:
            # The place is looked for only where it is told.
            place = where() if options.broken_lines == "error" else None
            yield broken(error, options, reason="broken_line", file=file, name=name, where=place)


def read_json(unit: Unit, options: DocumentOptions) -> Iterator[RawDocument | Dropped]:
    """The records of a file of JSON that may span lines: of an array, or one after another.

    Raises:
        InputError: the file cannot be read; a record is broken where that is an error.
    """
    path = unit.paths[0]
    file, stem = printable(path), unit.name_of(path)
    number = 0
    errors = "replace" if options.invalid_utf8 == "replace" else "strict"
    try:
        for number, value in json_values(path, errors=errors):
            name, where = f"{stem}@{number}", f"record {number}"
            try:
                yield raw_document(value, options, file=file, name=name, where=partial(str, where))
            except Broken as error:
                yield broken(
                    error, options, reason="broken_line", file=file, name=name, where=where
                )
    except NotJson as error:
        place = f"after record {number}, character {error.offset + 1}"
        wrong = Broken(f"no JSON ({error})")
        name = f"{stem}@{number + 1}"
        yield broken(wrong, options, reason="broken_line", file=file, name=name, where=place)


def _parse(line: str, offset: int) -> object:
    try:
        line = line if offset else line.removeprefix("\ufeff")
        return json.loads(line.removeprefix(_RECORD_MARK))
    except json.JSONDecodeError as error:
        raise Broken(f"no JSON object ({error.msg} at character {error.colno})") from None
    except RecursionError:
        raise Broken("JSON nested too deeply") from None
    except ValueError as error:  # a number with thousands of digits
        raise Broken(f"JSON that cannot be read ({error})") from None


def _unit_lines(unit: Unit) -> Iterator[tuple[int, bytes]]:
    path = unit.paths[0]
    if sniff(path, foreign=True) != "plain":
        yield from lines(read_chunks(path, foreign=True), file=path)
        return
    if unit.start == unit.stop:
        return
    # From one byte earlier: a line that begins at start is told by the line end before it.
    begin = max(0, unit.start - 1)
    found = lines(read_chunks(path, start=begin, foreign=True), start=begin, file=path)
    if unit.start:
        next(found, None)
    for offset, line in found:
        if offset >= unit.stop:
            return
        yield offset, line


def lines(chunks: Iterable[bytes], *, file: str, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """Lines without their ends, each with the offset in bytes of its first, ``start`` the first.

    Raises:
        InputError: a line of more than ``LONGEST_LINE`` bytes.
    """
    offset = start
    pending: list[bytes] = []
    length = 0  # of what is pending
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        pending.append(first)
        length += len(first)
        if length > LONGEST_LINE:
            raise InputError(
                printable(file),
                f"a line of more than {LONGEST_LINE >> 20} MiB; are these JSON lines?",
                where=f"byte {offset + 1}",
            )
        if others:
            yield offset, b"".join(pending)
            offset += length + 1
            rest = others.pop()
            for line in others:
                yield offset, line
                offset += len(line) + 1
            pending, length = [rest], len(rest)
    if length:
        yield offset, b"".join(pending)


def _place(path: str, offset: int) -> str:
    line, position = 1, 0
    for chunk in read_chunks(path, foreign=True):
        line += chunk.count(b"\n", 0, max(0, offset - position))
        position += len(chunk)
        if position >= offset:
            break
    return f"line {line}"
