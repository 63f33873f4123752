"""What reading gives: documents, and a word on each that was left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Document:
    """One text.

    Attributes:
        name: where it comes from: a path below the input, or a file and a place in it. One line of
            printable UTF-8, not always unique.
        data: UTF-8 bytes, without markers; at least one.
        label: its language, or "".
    """

    name: str
    data: bytes
    label: str = ""


@dataclass(frozen=True)
class Dropped:
    """A text that was left out.

    Attributes:
        name: as of a `Document`.
        reason: one of ``REASONS``.
    """

    name: str
    reason: str


#: Why a document is left out; the order is that in which the reasons are asked for.
REASONS = {
    "not_a_file": "a broken link, a pipe or a device in a folder",
    "broken_line": "a line of JSON lines that is no object with the text field",
    "broken_sample": "a sample of a tar, or a row of a table, without a usable text",
    "language": "its language is not wanted, or a file's name tells no language (code)",
    "license": "its licence is not among those allowed, or not given",
    "too_large": "more bytes than allowed",
    "empty": "nothing, or only white space",
    "binary": "NUL bytes",
    "not_utf8": "bytes that are not UTF-8, or half a surrogate pair",
    "too_small": "fewer bytes than asked for",
    "generated": "its first lines say that a program wrote it",
    "minified": "lines too long to have been written by hand",
    "duplicate": "the same bytes as an earlier document",
    "near_duplicate": "nearly the same as an earlier document",
}


@dataclass(frozen=True)
class RawDocument:
    """What a file format holds, before any choice is made about it.

    Attributes:
        name: as of a `Document`.
        file: the file that it stands in, for an error message.
        where: gives the place in that file, such as ``line 3``; None for the whole of it. Asked for
            only when there is an error, as lines have to be counted.
        text: bytes as stored, or a string where the format has decoded them already.
        path: the path that the format gives, or "".
        language: the language that the format gives, or "".
        license: the licence that the format gives, or "".
    """

    name: str
    file: str
    where: Callable[[], str | None]
    text: bytes | str
    path: str = ""
    language: str = ""
    license: str = ""
