"""Whether a file holds JSON, and how its records lie in it: its content tells, not its name."""

from __future__ import annotations

import ast
import codecs
import json
import re
import warnings
from collections.abc import Iterator
from typing import Any, Literal

from modalities.errors import InputError
from pipelines.storage.compression import read_chunks

JsonLayout = Literal["lines", "values"]
"""A record a line; or values that may span lines: arrays of records, records one after another."""

LONGEST_VALUE = 1 << 30  # characters; a file without an end to its first value is not read whole
_PEEK = 1 << 16  # bytes: enough to see that a file does not begin as JSON does
_HEAD = 1 << 20  # bytes: enough to tell one layout from the other
_NEAR_THE_END = 12  # characters: a word, a number or an escape that is cut in two begins there
_WHITE = " \t\r\n\x1e"  # with the mark before each record of a JSON text sequence, RFC 7464
# An object begins with a key: prose in braces does not. Python writes it between single quotes,
# which is no JSON, and is told so where it is read.
_KEY = r"""\{\s*(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\s*:"""
_OBJECT, _RECORDS = re.compile(_KEY, re.DOTALL), re.compile(r"\[\s*" + _KEY, re.DOTALL)
_DECODER = json.JSONDecoder()


class NotJson(ValueError):
    """What stands where a value should begin; with its offset in characters."""

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(reason)
        self.offset = offset


def json_layout(path: str, *, prose: str | None = None) -> JsonLayout | None:
    """How the JSON of a plain, gzip or zstd file is laid out; None where it holds none.

    A file that begins as JSON and is broken further on counts as JSON: its reader says where. So
    does one with records on lines that are the greater part of its first 64 KB, below a title
    for one. Numbers, words and strings alone are text, and so are brackets around prose.

    Args:
        prose: the field with the text, where the name of the file says prose, which may quote JSON
            or begin with it: JSON has then to be all of its first MB, or records with that field
            the greater part.

    Raises:
        InputError: the file is unreadable.
    """
    peek = _head(path, _PEEK).lstrip(_WHITE)
    begins = peek.startswith(("{", "["))
    if not begins and not _mostly_objects(peek):
        return None
    if not begins and prose is None:
        return "lines"
    head = _head(path, _HEAD)
    cut = len(head.encode()) >= _HEAD - 3  # there is more: an end of the head says nothing
    head = head.lstrip(_WHITE)
    layout = _layout(head, cut) if begins else "lines"
    if prose is None or layout is None or _is_all_json(head, cut):
        return layout
    if layout == "values":
        return layout if prose in _first_record(head) else None
    return layout if _are_records(head, cut, prose) else None


def _layout(head: str, cut: bool) -> JsonLayout | None:
    line, end, _ = head.partition("\n")
    if isinstance(_parsed(line), dict):
        return "lines"
    if _OBJECT.match(head):
        # A line that is broken, or longer than the head, is one of lines all the same.
        spans = _is_whole(head, cut) if end else not cut
        return "values" if spans else "lines"
    return "values" if _RECORDS.match(head) or _is_whole(head, cut) else None


def is_json_lines(path: str, *, field: str | None = None) -> bool:
    """Whether two objects stand on the first two lines that are not blank: no JSON document does.

    Args:
        field: that the first of them has to have; None asks for none.

    Raises:
        InputError: the file is unreadable.
    """
    if not _head(path, _PEEK).lstrip(_WHITE).startswith("{"):
        return False
    lines = [line for line in _head(path, _HEAD).splitlines() if line.strip()]
    first = _parsed(lines[0])
    return (
        len(lines) > 1
        and isinstance(first, dict)
        and (field is None or field in first)
        and _OBJECT.match(lines[1].lstrip(_WHITE)) is not None
    )


def json_values(path: str, *, errors: str = "strict") -> Iterator[tuple[int, Any]]:
    """The values of a file in their order, those of an outermost array one by one.

    Each comes with its number, from 1. Memory holds a value, and what is read at once.

    Args:
        errors: what becomes of bytes that are not UTF-8, as :func:`codecs.decode` takes it.

    Raises:
        NotJson: what stands there is no value, or ends too early.
        InputError: the file is unreadable, not UTF-8, or a value is beyond ``LONGEST_VALUE``.
    """
    text = _Text(path, errors)
    number = 0
    while text.next_character():
        if text.next_character() != "[":
            number += 1
            yield number, text.value()
            continue
        text.skip()
        closed = text.next_character() == "]"
        while not closed:
            number += 1
            yield number, text.value()
            mark = text.next_character()
            if mark not in (",", "]"):
                raise NotJson("expected , or ] after a value", text.offset)
            closed = mark == "]"
            if not closed:
                text.skip()
        text.skip()


class _Text:
    """Decoded characters of a file from a place on."""

    def __init__(self, path: str, errors: str) -> None:
        self._path = path
        self._chunks = _decoded(path, errors)
        self._held = ""
        self._at = 0
        self._before = 0  # characters that are let go

    @property
    def offset(self) -> int:
        return self._before + self._at

    def next_character(self) -> str:
        """The first that is not white, or "" at the end."""
        while True:
            while self._at < len(self._held) and self._held[self._at] in _WHITE:
                self._at += 1
            if self._at < len(self._held) or not self._more():
                return self._held[self._at : self._at + 1]

    def skip(self) -> None:
        """Go past the next character."""
        self.next_character()
        self._at += 1

    def value(self) -> Any:
        """The value that begins at the next character."""
        self.next_character()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._held, self._at)
            except RecursionError:
                raise NotJson("JSON nested too deeply", self.offset) from None
            except json.JSONDecodeError as error:
                if _cut_off(error, self._held) and self._more(double=True):
                    continue
                raise NotJson(error.msg, self._before + error.pos) from None
            except ValueError as error:  # a number with thousands of digits
                raise NotJson(str(error), self.offset) from None
            # A number may go on in what is not read yet.
            if end < len(self._held) or not self._more():
                self._at = end
                return value

    def _more(self, *, double: bool = False) -> bool:
        """Read on; with ``double`` as much again as is held, so that a long value costs little."""
        length = len(self._held) - self._at
        if length > LONGEST_VALUE:
            raise InputError(
                self._path, f"a value of more than {LONGEST_VALUE >> 20} Mi characters; is it JSON?"
            )
        got: list[str] = []
        wanted = max(1, length if double else 1)
        while sum(map(len, got)) < wanted:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            got.append(chunk)
        if got:
            self._held = "".join([self._held[self._at :], *got])
            self._before, self._at = self._before + self._at, 0
        return bool(got)


def _decoded(path: str, errors: str) -> Iterator[str]:

    decoder = codecs.getincrementaldecoder("utf-8-sig")(errors)
    position = 0
    for chunk in read_chunks(path, foreign=True):
        try:
            text = decoder.decode(chunk)
        except UnicodeDecodeError as error:
            raise InputError(
                path,
                f"byte 0x{error.object[error.start]:02x} is not UTF-8; convert the file's encoding",
                where=f"after character {position}",
            ) from None
        position += len(text)
        if text:
            yield text
    if decoder.getstate()[0]:
        raise InputError(path, "ends inside a character of UTF-8; fetch it again")


def _head(path: str, size: int) -> str:
    held = b""
    for chunk in read_chunks(path, chunk=size, foreign=True):
        held += chunk
        if len(held) >= size:
            break
    return held[:size].decode("utf-8-sig", "ignore")


def _mostly_objects(text: str) -> bool:
    lines = [line.strip(_WHITE) for line in text.split("\n")]
    return 2 * sum(len(line) for line in lines if _OBJECT.match(line)) > sum(map(len, lines))


def _are_records(head: str, cut: bool, field: str) -> bool:
    """Whether several lines are objects, and those with the field the greater part of all."""
    lines = [line.strip(_WHITE) for line in head.split("\n")]
    lines = lines[:-1] if cut else lines
    objects = [line for line in lines if _OBJECT.match(line)]
    records = [line for line in objects if field in _fields(line)]
    return len(objects) > 1 and 2 * sum(map(len, records)) > sum(map(len, lines))


def _first_record(head: str) -> dict[str, Any]:
    try:
        value, _ = _DECODER.raw_decode(head.lstrip(_WHITE + "["))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _fields(line: str) -> dict[str, Any]:
    """The object of a line, as JSON or as Python writes it, which its reader refuses."""
    value = _parsed(line)
    if value is None:
        try:
            with warnings.catch_warnings(action="ignore"):  # of odd escapes
                value = ast.literal_eval(line)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


def _parsed(line: str) -> Any:
    try:
        return json.loads(line.strip(_WHITE))
    except (ValueError, RecursionError):
        return None


def _is_whole(text: str, cut: bool) -> bool:
    """Whether values alone stand there, or what is there of the first breaks off at the end."""
    try:
        _, end = _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        return cut and _cut_off(error, text)
    except (ValueError, RecursionError):
        return True
    follows = text[end:].lstrip(_WHITE)
    return not follows or follows[0] in "[{"


def _is_all_json(text: str, cut: bool) -> bool:
    """Whether values alone stand there, down to the end."""
    at = 0
    while at < len(text):
        try:
            _, at = _DECODER.raw_decode(text, at)
        except json.JSONDecodeError as error:
            return cut and _cut_off(error, text)
        except (ValueError, RecursionError):
            return True
        while at < len(text) and text[at] in _WHITE:
            at += 1
    return True


def _cut_off(error: json.JSONDecodeError, text: str) -> bool:
    return error.msg.startswith("Unterminated") or error.pos >= len(text) - _NEAR_THE_END
