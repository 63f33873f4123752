"""What each byte of UTF-8 is: white space, part of a word, punctuation; first or later byte.

A word is a run of letters, digits, marks and connectors such as ``_``: the ``\\w`` of most regular
expressions, and an identifier or a number in most programming languages.
"""

from __future__ import annotations

import functools
import sys
import unicodedata

import numpy as np
from numpy.typing import NDArray

#: Every counted byte is one of these.
KINDS = ("whitespace", "word start", "number start", "inside a word", "punctuation or operator")
#: A counted byte may be any of these too. The last two are of characters of several bytes.
PLACES = (
    "after whitespace",
    "line start",
    "character start",
    "continuation byte",
    "start of a multi-byte character",
    "inside a multi-byte character",
)
CLASSES = KINDS + PLACES
WHITESPACE, WORD_START, NUMBER_START, INSIDE_WORD, PUNCTUATION = range(len(KINDS))

_MARKERS = 254  # from here on bytes are no text
_LETTER, _DIGIT, _SPACE, _OTHER = range(4)
_STRAY = range(0xDC80, 0xDD00)  # what surrogateescape makes of bytes that are not UTF-8
_LONGER = (0x80, 0x800, 0x10000)  # the code points from which UTF-8 takes one more byte
_NEWLINE = ord("\n")


def classify(tokens: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Classes of the bytes of one document.

    Args:
        tokens: (n,) UTF-8, with or without the markers 254 and 255, perhaps cut inside a
            character.

    Returns:
        (n, len(CLASSES)) which classes a byte is in; (n,) whether it is text at all: neither a
        marker nor a byte that belongs to no character. What is not is in no class.
    """
    classes = np.zeros((len(tokens), len(CLASSES)), bool)
    counted = np.zeros(len(tokens), bool)
    places = np.flatnonzero(tokens < _MARKERS)
    text = tokens[places].tobytes().decode("utf-8", "surrogateescape")
    characters = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    if not len(characters):
        return classes, counted
    stray = (characters >= _STRAY.start) & (characters < _STRAY.stop)
    lengths = np.searchsorted(_LONGER, characters, side="right") + 1
    lengths[stray] = 1
    starts = np.cumsum(lengths) - lengths
    first = np.zeros(len(places), bool)
    first[starts] = True
    several = np.repeat(lengths > 1, lengths)

    kind = _kinds()[characters]
    after_space = np.concatenate([[False], kind[:-1] == _SPACE])
    in_word = kind <= _DIGIT
    begins = in_word & ~np.concatenate([[False], in_word[:-1]])
    of_character = np.select(
        [kind == _SPACE, begins & (kind == _LETTER), begins, in_word],
        [WHITESPACE, WORD_START, NUMBER_START, INSIDE_WORD],
        PUNCTUATION,
    )
    of_byte = np.repeat(of_character, lengths)
    of_byte[~first & (of_byte <= NUMBER_START) & (of_byte >= WORD_START)] = INSIDE_WORD
    line_start = np.concatenate([[True], characters[:-1] == _NEWLINE])

    columns = [of_byte == kind for kind in range(len(KINDS))]
    columns.append(first & np.repeat(after_space & (kind != _SPACE), lengths))
    columns.append(first & np.repeat(line_start, lengths))
    columns += [first, ~first, first & several, ~first & several]
    counted[places] = ~np.repeat(stray, lengths)
    classes[places] = np.stack(columns, axis=1)
    classes[~counted] = False
    return classes, counted


@functools.cache
def _kinds() -> NDArray[np.uint8]:
    """(0x110000,) of every code point whether it is letter, digit, space or else; 0.3 s once."""
    kinds = np.full(sys.maxunicode + 1, _OTHER, np.uint8)
    for point in range(sys.maxunicode + 1):
        character = chr(point)
        category = unicodedata.category(character)
        if category[0] in "LM" or category == "Pc":
            kinds[point] = _LETTER
        elif category[0] == "N":
            kinds[point] = _DIGIT
        elif character.isspace():
            kinds[point] = _SPACE
    return kinds
