"""Stretches of text with a mark before each chunk, whole characters only."""

from __future__ import annotations

import heapq
import unicodedata
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

MARK = "\u2502"  # a vertical line of box drawing: hardly ever in the text itself
STRETCH = 400  # bytes
_MARKERS = 254  # from here on bytes are no text
_LONGEST = 4  # bytes of a character


@dataclass(frozen=True, order=True)
class Example:
    """A stretch of a document.

    Attributes:
        name, label: of the document.
        start, end: bytes of the document, 0-based and half-open, without its begin marker.
        text: with ``MARK`` before each chunk.
    """

    name: str
    label: str
    start: int
    end: int
    text: str


class Examples:
    """Stretches drawn from all documents with the same probability, whatever their number.

    Each stretch gets a random number, and those with the smallest are kept (reservoir sampling).
    """

    def __init__(self, number: int, seed: int = 0) -> None:
        self._number = number
        self._generator = np.random.default_rng(seed)
        self._kept: list[tuple[float, int, Example]] = []  # a heap, the largest number first
        self._drawn = 0

    def add(
        self, name: str, label: str, tokens: NDArray[np.uint8], mask: NDArray[np.bool_]
    ) -> None:
        """Consider the stretches of a document.

        Args:
            tokens: (n,) UTF-8, with or without markers.
            mask: (n,) True where a chunk begins.
        """
        text = tokens < _MARKERS
        tokens, mask = tokens[text], mask[text]
        numbers = self._generator.random(-(-len(tokens) // STRETCH))
        for stretch in np.argsort(numbers)[: self._number].tolist():
            if len(self._kept) == self._number and numbers[stretch] >= -self._kept[0][0]:
                break
            start = _character_start(tokens, stretch * STRETCH)
            end = _character_start(tokens, (stretch + 1) * STRETCH)
            shown = marked(tokens[start:end], mask[start:end])
            self._drawn += 1
            entry = (-numbers[stretch], self._drawn, Example(name, label, start, end, shown))
            if len(self._kept) == self._number:
                heapq.heapreplace(self._kept, entry)
            else:
                heapq.heappush(self._kept, entry)

    def drawn(self) -> list[Example]:
        """By label, name and place."""
        found = [example for _, _, example in self._kept]
        return sorted(found, key=lambda example: (example.label, example.name, example.start))


def marked(tokens: NDArray[np.uint8], mask: NDArray[np.bool_]) -> str:
    """Text with ``MARK`` before each byte that begins a chunk.

    A character that is cut inside stands as the hexadecimal digits of its bytes in angle
    brackets, with ``MARK`` among them, and so do bytes that are no character. Control
    characters other than tab and newline stand as such digits too.

    Args:
        tokens: (n,) UTF-8 without markers.
        mask: (n,) True where a chunk begins.
    """
    parts = []
    starts = np.flatnonzero(tokens >> 6 != 0b10)
    bounds = [0, *starts[starts > 0].tolist(), len(tokens)]
    for start, stop in pairwise(bounds):
        data = tokens[start:stop].tobytes()
        if start < stop and mask[start]:
            parts.append(MARK)
        parts.append(_shown(data, mask[start + 1 : stop].tolist()))
    return "".join(parts)


def _shown(data: bytes, cuts: list[bool]) -> str:
    """One character; ``cuts`` says of each byte but the first whether a chunk begins there."""
    text = data.decode("utf-8", "replace")
    printable = text in "\t\n" or unicodedata.category(text[0])[0] != "C"
    if printable and "\ufffd" not in text and not any(cuts):
        return text
    digits = [f"{byte:02x}" for byte in data]
    later = [MARK * cut + digit for cut, digit in zip(cuts, digits[1:], strict=True)]
    return f"\u27e8{''.join([*digits[:1], *later])}\u27e9"


def _character_start(tokens: NDArray[np.uint8], place: int) -> int:
    """The first place from ``place`` on that is not inside a character, the end at most."""
    rest = tokens[place : place + _LONGEST] >> 6 != 0b10
    return place + int(rest.argmax()) if rest.any() else len(tokens)
